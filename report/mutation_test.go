package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
)

// mutations change one element in a way that may break a rule.
var mutations = []struct {
	name string
	do   func(d *dicom.Dataset, e *dicom.Element) bool
}{
	{"another word", func(d *dicom.Dataset, e *dicom.Element) bool { d.SetText(e.Tag, "BOGUS"); return e.VR == dicom.CS }},
	{"another UID", func(d *dicom.Dataset, e *dicom.Element) bool {
		d.SetText(e.Tag, "1.2.3.99.98")
		return e.VR == dicom.UI
	}},
	{"no UID", func(d *dicom.Dataset, e *dicom.Element) bool { d.SetText(e.Tag, "1.02.3"); return e.VR == dicom.UI }},
	{"no date", func(d *dicom.Dataset, e *dicom.Element) bool {
		d.SetText(e.Tag, "99")
		return e.VR == dicom.DA || e.VR == dicom.TM || e.VR == dicom.DT
	}},
	{"another number", func(d *dicom.Dataset, e *dicom.Element) bool {
		if !slices.Contains([]dicom.VR{dicom.US, dicom.UL, dicom.IS, dicom.FD, dicom.FL, dicom.DS, dicom.SS}, e.VR) {
			return false
		}
		d.SetInts(e.Tag, 77)
		return true
	}},
	{"zero", func(d *dicom.Dataset, e *dicom.Element) bool {
		if !slices.Contains([]dicom.VR{dicom.US, dicom.UL, dicom.IS, dicom.FD, dicom.FL, dicom.DS, dicom.SS}, e.VR) {
			return false
		}
		d.SetInts(e.Tag, 0)
		return true
	}},
	{"two values", func(d *dicom.Dataset, e *dicom.Element) bool {
		if e.VR == dicom.SQ || e.VR == dicom.OB || e.VR == dicom.OW || e.VR == dicom.UT || e.VR == dicom.LT || e.VR == dicom.ST {
			return false
		}
		v := d.Texts(e.Tag)
		if len(v) == 0 {
			return false
		}
		d.SetText(e.Tag, append(slices.Clone(v), v...)...)
		return true
	}},
	{"too long", func(d *dicom.Dataset, e *dicom.Element) bool {
		d.SetText(e.Tag, strings.Repeat("x", 70))
		return e.VR == dicom.LO || e.VR == dicom.SH || e.VR == dicom.CS
	}},
	{"an item twice", func(d *dicom.Dataset, e *dicom.Element) bool {
		if e.VR != dicom.SQ || len(e.Items) == 0 {
			return false
		}
		d.SetItems(e.Tag, append(slices.Clone(e.Items), e.Items[0].Clone())...)
		return true
	}},
	{"an item less", func(d *dicom.Dataset, e *dicom.Element) bool {
		if e.VR != dicom.SQ || len(e.Items) < 2 {
			return false
		}
		d.SetItems(e.Tag, e.Items[1:]...)
		return true
	}},
	{"an empty item", func(d *dicom.Dataset, e *dicom.Element) bool {
		if e.VR != dicom.SQ || len(e.Items) == 0 {
			return false
		}
		d.SetItems(e.Tag, dicom.NewDataset())
		return true
	}},
	{"another VR", func(d *dicom.Dataset, e *dicom.Element) bool {
		to := map[dicom.VR]dicom.VR{dicom.CS: dicom.LO, dicom.LO: dicom.UT, dicom.SH: dicom.LO, dicom.PN: dicom.LO, dicom.UI: dicom.LO, dicom.DA: dicom.LO, dicom.TM: dicom.SH,
			dicom.IS: dicom.DS, dicom.DS: dicom.LO, dicom.US: dicom.SS, dicom.UT: dicom.LT, dicom.FL: dicom.UL, dicom.UL: dicom.SL, dicom.FD: dicom.UN, dicom.LT: dicom.UT, dicom.ST: dicom.LT, dicom.UC: dicom.LO, dicom.DT: dicom.LO}[e.VR]
		if to == "" {
			return false
		}
		d.Set(&dicom.Element{Tag: e.Tag, VR: to, Value: e.Value})
		return true
	}},
	{"a relation", func(d *dicom.Dataset, e *dicom.Element) bool {
		d.SetText(e.Tag, map[string]string{"CONTAINS": "INFERRED FROM", "HAS OBS CONTEXT": "SELECTED FROM", "HAS CONCEPT MOD": "CONTAINS", "SELECTED FROM": "CONTAINS", "HAS ACQ CONTEXT": "HAS PROPERTIES", "INFERRED FROM": "SELECTED FROM"}[d.Text(e.Tag)])
		return e.Tag == dicom.RelationshipType
	}},
}

// judge is what the validators of others say of an object: "" where they find
// no error.
func judge(t *testing.T, path string, d *dicom.Dataset) string {
	t.Helper()
	if out := errorsOf(t, path, d); out != "" {
		return "dciodvfy: " + out
	}
	if m := d.Text(dicom.Modality); m != "SR" && m != "KO" {
		return ""
	}
	if out, err := exec.Command("dsrdump", "-q", path).CombinedOutput(); err != nil {
		return "dsrdump: " + string(out)
	}
	return ""
}

// TestNothingLessStrictThanTheValidatorsOnWrongValues changes every element of
// every class in many ways: what dciodvfy or dsrdump call an error our checker
// must notice too. The identity of patient and study stays as it came.
func TestNothingLessStrictThanTheValidatorsOnWrongValues(t *testing.T) {
	for _, tool := range []string{"dciodvfy", "dsrdump"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed (Debian: dicom3tools, dcmtk)")
		}
	}
	step := 7
	if os.Getenv("RADNODE_TEST_ALL") != "" {
		step = 1
	}
	for name, ds := range every(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, n := filepath.Join(t.TempDir(), "x.dcm"), 0
			for _, p := range elements(ds, nil) {
				if slices.Contains(iod.Identity, p.tag) {
					continue
				}
				for _, m := range mutations {
					if n++; n%step != 0 {
						continue
					}
					d := ds.Clone()
					at := p.in(d)
					e, _ := at.Get(p.tag)
					if !m.do(at, e) || len(check(d)) > 0 {
						continue
					}
					if out := judge(t, path, d); out != "" {
						t.Errorf("%s, %s: the checker finds nothing, %s", p, m.name, out)
					}
				}
			}
		})
	}
}
