package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
)

// written makes the SR of an input and returns its bytes as text.
func written(t *testing.T, in report.Input) string {
	t.Helper()
	ds, err := report.SR(in)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLabelsOfFilmQualityAreNotToldOfWhatIsNoChestFilm(t *testing.T) {
	quality := radnode.ModelRef{ID: "chest-film-quality", Version: "1.0.0", Digest: "sha256:00"}
	image := input().Source[0].UID(dicom.SOPInstanceUID)
	label := func(name string, present bool, d radnode.Decision) radnode.ReportFinding {
		return radnode.ReportFinding{SOPInstanceUID: image, Model: quality, Decision: d,
			Finding: radnode.Finding{Label: name, Probability: 0.7, Threshold: 0.5, Present: present}}
	}
	cases := []struct {
		name    string
		film    radnode.ReportFinding
		telling bool
	}{
		{"a chest film", label("chest_film", true, radnode.Undecided), true},
		{"no chest film", label("chest_film", false, radnode.Undecided), false},
		{"no chest film, as the reader agrees", label("chest_film", false, radnode.Accepted), false},
		{"a chest film, as the reader says against the model", label("chest_film", false, radnode.Rejected), true},
		{"no chest film, as the reader says against the model", label("chest_film", true, radnode.Rejected), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := input()
			in.Findings = slices.DeleteFunc(slices.Clone(in.Findings), func(f radnode.ReportFinding) bool { return f.Finding.Code == nil })
			in.Analyses = nil
			in.Findings = append(in.Findings, c.film, label("view_ap", true, radnode.Undecided), label("inverted", false, radnode.Undecided))
			in.Observer = &report.Person{Name: "Kim^Ann"}
			for i := range in.Findings {
				if in.Findings[i].Finding.Code != nil && in.Findings[i].Decision == radnode.Undecided {
					in.Findings[i].Decision = radnode.Accepted
				}
			}
			text := written(t, in)
			if got := strings.Contains(text, "view ap") && strings.Contains(text, "inverted"); got != c.telling {
				t.Errorf("labels told: %t", got)
			}
			if got := strings.Contains(text, "ot a chest film"); got == c.telling {
				t.Errorf("said that it is none: %t", got)
			}
		})
	}
}

func TestAFrameThatTwoFindingsNameDifferentlyIsWantedOnce(t *testing.T) {
	in := input()
	for _, f := range in.Findings {
		if f.Finding.Code != nil && f.Decision != radnode.Rejected {
			other := f
			other.Frame = 1 - min(f.Frame, 1)
			in.Findings = append(slices.Clone(in.Findings), other)
			break
		}
	}
	frames, err := report.Wanted(in)
	seen := map[radnode.UID]int{}
	for _, f := range frames {
		seen[f.SOPInstanceUID]++
	}
	for uid, n := range seen {
		if n != 1 || err != nil {
			t.Errorf("%s is wanted %d times (%v)", uid, n, err)
		}
	}
}
