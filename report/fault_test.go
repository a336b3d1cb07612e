package report_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
	"github.com/radnode/radnode/dicom/sr"
	"github.com/radnode/radnode/report"
)

func check(ds *dicom.Dataset) []iod.Violation {
	if m := ds.Text(dicom.Modality); m == "SR" || m == "KO" || ds.Has(dicom.ContentSequence) {
		return sr.Check(ds)
	}
	return iod.Check(ds)
}

// every makes one object of each class that is written.
func every(t *testing.T) map[string]*dicom.Dataset {
	t.Helper()
	out := map[string]*dicom.Dataset{}
	for _, class := range report.Ladder {
		in := signed(t)
		in.Class = class
		for _, o := range documents(t, in, report.Options{Pictures: pictures()[:1]}) {
			name := strings.ToUpper(o.Kind)
			if sop, ok := dicom.LookupSOPClass(o.SOPClassUID); ok && o.Role == report.Root {
				name = sop.Name
			}
			if o.Dataset.Text(dicom.SegmentationType) == "FRACTIONAL" {
				name = "fractional SEG"
			}
			out[name] = o.Dataset
		}
	}
	pm, err := report.ParametricMap(slice(input()), "1.2.3.4.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	out["PM"] = pm
	return out
}

// faults are things that go wrong in objects of one class, and the rule that
// must be named.
var faults = []struct {
	object, name, rule string
	do                 func(d *dicom.Dataset)
}{
	{"SEG", "pixels are missing", "PS3.5 8.1.1", func(d *dicom.Dataset) { d.SetBytes(dicom.PixelDataTag, dicom.OB, make([]byte, 100)) }},
	{"SEG", "a frame of no segment", "C.8.20.3.1", func(d *dicom.Dataset) {
		d.Item(dicom.PerFrameFunctionalGroupsSequence).Item(dicom.SegmentIdentificationSequence).SetInts(dicom.ReferencedSegmentNumber, 9)
	}},
	{"SEG", "segments that do not count from 1", "C.8.20.4", func(d *dicom.Dataset) { d.Item(dicom.SegmentSequence).SetInts(dicom.SegmentNumber, 2) }},
	{"SEG", "a tracking UID without identifier", "C.8.20.4", func(d *dicom.Dataset) { d.Item(dicom.SegmentSequence).Remove(dicom.TrackingID) }},
	{"SEG", "an algorithm without name", "C.8.20.4", func(d *dicom.Dataset) { d.Item(dicom.SegmentSequence).Remove(dicom.SegmentAlgorithmName) }},
	{"SEG", "an algorithm that is no contributing equipment", "IHE AIR", func(d *dicom.Dataset) {
		d.Item(dicom.SegmentSequence).Item(dicom.SegmentationAlgorithmIdentificationSequence).SetText(dicom.AlgorithmVersion, "9")
	}},
	{"SEG", "a fractional type", "C.8.20.2", func(d *dicom.Dataset) { d.SetText(dicom.SegmentationFractionalType, "OCCUPANCY") }},
	{"SEG", "a source that is not referenced", "C.12.2", func(d *dicom.Dataset) {
		d.Item(dicom.ReferencedSeriesSequence).Item(dicom.ReferencedInstanceSequence).SetUID(dicom.ReferencedSOPInstanceUID, "1.9")
	}},
	{"SEG", "more frames than groups", "C.7.6.16", func(d *dicom.Dataset) { d.SetInts(dicom.NumberOfFrames, 2) }},
	{"SEG", "index values of other dimensions", "C.7.6.17.1", func(d *dicom.Dataset) {
		d.Item(dicom.PerFrameFunctionalGroupsSequence).Item(dicom.FrameContentSequence).SetInts(dicom.DimensionIndexValues, 1, 1)
	}},
	{"SEG", "bits that do not fit the type", "C.8.20.2", func(d *dicom.Dataset) { d.SetInts(dicom.BitsAllocated, 8) }},
	{"fractional SEG", "values over the maximum", "C.8.20.2", func(d *dicom.Dataset) { d.SetInts(dicom.MaximumFractionalValue, 100) }},
	{"PM", "a slope of nothing", "C.7.6.16.2.11", func(d *dicom.Dataset) {
		d.Item(dicom.PerFrameFunctionalGroupsSequence).Item(dicom.RealWorldValueMappingSequence).SetFloats(dicom.RealWorldValueSlope, 0)
	}},
	{"PM", "no place in the patient", "C.7.6.16.2.3", func(d *dicom.Dataset) {
		d.Item(dicom.SharedFunctionalGroupsSequence).Remove(dicom.PlanePositionSequence)
	}},
	{"PM", "no frame of reference", "C.7.4.1", func(d *dicom.Dataset) { d.Remove(dicom.FrameOfReferenceUID) }},
	{"SC", "colour in one sample", "C.7.6.3.1.2", func(d *dicom.Dataset) { d.SetInts(dicom.SamplesPerPixel, 1) }},
	{"SC", "no planar configuration", "C.7.6.3", func(d *dicom.Dataset) { d.Remove(dicom.PlanarConfiguration) }},
	{"SC", "a legend that is denied", "C.7.6.1", func(d *dicom.Dataset) { d.SetText(dicom.BurnedInAnnotation, "NO") }},
	{"SC", "an original", "C.7.6.1.1.2", func(d *dicom.Dataset) { d.SetText(dicom.ImageType, "ORIGINAL", "PRIMARY") }},
	{"SC", "no source", "C.7.6.1.1.4", func(d *dicom.Dataset) { d.Remove(dicom.SourceImageSequence) }},
	{"SC", "a lossy source that is denied", "C.7.6.1", func(d *dicom.Dataset) { d.Remove(dicom.LossyImageCompression) }},
	{"SC", "a high bit beyond the value", "PS3.5 8.1.1", func(d *dicom.Dataset) { d.SetInts(dicom.HighBit, 8) }},
	{"PDF", "another kind of document", "C.24.2", func(d *dicom.Dataset) { d.SetText(dicom.MIMETypeOfEncapsulatedDocument, "text/html") }},
	{"PDF", "half a document", "C.24.2", func(d *dicom.Dataset) {
		e, _ := d.Get(dicom.EncapsulatedDocument)
		d.SetBytes(dicom.EncapsulatedDocument, dicom.OB, e.Value[:len(e.Value)/2])
	}},
	{"PDF", "another length", "C.24.2", func(d *dicom.Dataset) { d.SetInts(dicom.EncapsulatedDocumentLength, 10) }},
	{"PDF", "no source", "C.24.2", func(d *dicom.Dataset) { d.Remove(dicom.SourceInstanceSequence) }},
	{"PDF", "no word about its verification", "C.24.2", func(d *dicom.Dataset) { d.Remove(dicom.VerificationFlag) }},
	{"PR", "a layer that is not defined", "C.10.7", func(d *dicom.Dataset) { d.Item(dicom.GraphicAnnotationSequence).SetText(dicom.GraphicLayer, "OTHER") }},
	{"PR", "fewer points than told", "C.10.5.1.2", func(d *dicom.Dataset) {
		d.Item(dicom.GraphicAnnotationSequence).Item(dicom.GraphicObjectSequence).SetInts(dicom.NumberOfGraphicPoints, 99)
	}},
	{"PR", "an image the state is not for", "C.12.2", func(d *dicom.Dataset) {
		d.Item(dicom.GraphicAnnotationSequence).Item(dicom.ReferencedImageSequence).SetUID(dicom.ReferencedSOPInstanceUID, "1.9")
	}},
	{"PR", "an area inside out", "C.10.4", func(d *dicom.Dataset) {
		d.Item(dicom.DisplayedAreaSelectionSequence).SetInts(dicom.DisplayedAreaBottomRightHandCorner, 0, 0)
	}},
	{"PR", "text without place", "C.10.5", func(d *dicom.Dataset) {
		d.Item(dicom.GraphicAnnotationSequence).Item(dicom.TextObjectSequence).Remove(dicom.AnchorPoint)
	}},
	{"PR", "half a rescale", "C.11.1", func(d *dicom.Dataset) { d.SetFloats(dicom.RescaleSlope, 1) }},
	{"PR", "no shape of the output", "C.11.6", func(d *dicom.Dataset) { d.Remove(dicom.PresentationLUTShape) }},
	{"KO", "no evidence", "C.17.6.2", func(d *dicom.Dataset) { d.Remove(dicom.CurrentRequestedProcedureEvidenceSequence) }},
	{"KO", "a title of another list", "TID 2010", func(d *dicom.Dataset) { d.Item(dicom.ConceptNameCodeSequence).SetText(dicom.CodeValue, "126000") }},
	{"KO", "another template", "A.35.4", func(d *dicom.Dataset) { d.Item(dicom.ContentTemplateSequence).SetText(dicom.TemplateIdentifier, "99") }},
	{"KO", "a verification", "C.17.6.2", func(d *dicom.Dataset) { d.SetText(dicom.VerificationFlag, "VERIFIED") }},
	{"KO", "nothing selected", "TID 2010", func(d *dicom.Dataset) { d.SetItems(dicom.ContentSequence, d.Items(dicom.ContentSequence)[:2]...) }},
	{"Basic Text SR Storage", "a number", "A.35", func(d *dicom.Dataset) { d.Item(dicom.ContentSequence).SetText(dicom.ValueType, "NUM") }},
	{"Basic Text SR Storage", "an empty section", "TID 2000", func(d *dicom.Dataset) {
		for _, it := range d.Items(dicom.ContentSequence) {
			if it.Text(dicom.ValueType) == "CONTAINER" {
				it.Remove(dicom.ContentSequence)
			}
		}
	}},
	{"Enhanced SR Storage", "an observer of a statement", "A.35", func(d *dicom.Dataset) {
		it := dicom.NewDataset()
		it.SetText(dicom.RelationshipType, "HAS OBS CONTEXT")
		it.SetText(dicom.ValueType, "TEXT")
		it.SetText(dicom.TextValue, "x")
		sr.SetConcept(it, dicom.ConceptNameCodeSequence, sr.PersonLogin)
		last := d.Items(dicom.ContentSequence)
		last[len(last)-2].Item(dicom.ContentSequence).SetItems(dicom.ContentSequence, it)
	}},
}

func TestFaultsInEveryClassAreFoundAndNamed(t *testing.T) {
	all := every(t)
	for name, ds := range all {
		if v := check(ds); len(v) > 0 {
			t.Errorf("%s: a good object: %v", name, v)
		}
	}
	for _, f := range faults {
		t.Run(f.object+" "+f.name, func(t *testing.T) {
			ds := all[f.object]
			if ds == nil {
				t.Fatal("no such object")
			}
			ds = ds.Clone()
			f.do(ds)
			v := check(ds)
			if !slices.ContainsFunc(v, func(v iod.Violation) bool { return strings.Contains(v.Rule, f.rule) }) {
				t.Errorf("rule %s is not among %v", f.rule, v)
			}
		})
	}
	// What every class shares.
	for name, do := range map[string]func(d *dicom.Dataset){
		"no patient name":              func(d *dicom.Dataset) { d.Remove(dicom.PatientName) },
		"no study":                     func(d *dicom.Dataset) { d.SetText(dicom.StudyInstanceUID) },
		"a sex that is none":           func(d *dicom.Dataset) { d.SetText(dicom.PatientSex, "X") },
		"a date that is none":          func(d *dicom.Dataset) { d.SetText(dicom.StudyDate, "20261332") },
		"a UID that is none":           func(d *dicom.Dataset) { d.SetText(dicom.SOPInstanceUID, "1.02.3") },
		"another modality":             func(d *dicom.Dataset) { d.SetText(dicom.Modality, "XA") },
		"text without a character set": func(d *dicom.Dataset) { d.SetText(dicom.SpecificCharacterSet, "ISO_IR 100") },
		"a scheme nobody described": func(d *dicom.Dataset) {
			d.Item(dicom.ContributingEquipmentSequence).Item(dicom.PurposeOfReferenceCodeSequence).SetText(dicom.CodingSchemeDesignator, "99X")
		},
		"equipment without device UID": func(d *dicom.Dataset) { d.Item(dicom.ContributingEquipmentSequence).Remove(dicom.DeviceUID) },
		"an instance that is its series": func(d *dicom.Dataset) {
			d.SetUID(dicom.SeriesInstanceUID, d.UID(dicom.SOPInstanceUID))
		},
	} {
		for object, ds := range all {
			ds = ds.Clone()
			do(ds)
			if len(check(ds)) == 0 {
				t.Errorf("%s: %s is not noticed", object, name)
			}
		}
	}
}

// TestNothingLessStrictThanTheValidator removes and empties elements of every
// class: what dciodvfy calls an error our checker must notice too.
func TestNothingLessStrictThanTheValidator(t *testing.T) {
	if _, err := exec.LookPath("dciodvfy"); err != nil {
		t.Skip("dciodvfy is not installed (Debian: dicom3tools)")
	}
	step := 31
	if os.Getenv("RADNODE_TEST_ALL") != "" {
		step = 1
	}
	for name, ds := range every(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			places := elements(ds, nil)
			for i := 0; i < len(places); i += step {
				for _, empty := range []bool{false, true} {
					d := ds.Clone()
					at := places[i].in(d)
					if empty {
						e, _ := at.Get(places[i].tag)
						at.Set(&dicom.Element{Tag: e.Tag, VR: e.VR})
					} else {
						at.Remove(places[i].tag)
					}
					if len(check(d)) > 0 {
						continue
					}
					if out := errorsOf(t, filepath.Join(dir, "x.dcm"), d); out != "" {
						t.Errorf("%s, emptied %t: the checker finds nothing, dciodvfy:\n%s", places[i], empty, out)
					}
				}
			}
		})
	}
}

// place is an element somewhere in an object.
type place struct {
	items []step
	tag   dicom.Tag
}

type step struct {
	tag dicom.Tag
	n   int
}

func (p place) in(d *dicom.Dataset) *dicom.Dataset {
	for _, s := range p.items {
		d = d.Items(s.tag)[s.n]
	}
	return d
}

func (p place) String() string {
	out := ""
	for _, s := range p.items {
		out += fmt.Sprintf("%s[%d].", s.tag.Keyword(), s.n+1)
	}
	return out + p.tag.Keyword()
}

// elements lists the elements of an object, of equal content items those of the
// first.
func elements(d *dicom.Dataset, at []step) []place {
	var out []place
	for _, e := range d.Elements() {
		out = append(out, place{slices.Clone(at), e.Tag})
		seen := map[string]bool{}
		for n, it := range e.Items {
			key := it.Text(dicom.ValueType) + it.Text(dicom.RelationshipType)
			if seen[key] && len(at) < 3 || len(at) > 6 {
				continue
			}
			seen[key] = true
			out = append(out, elements(it, append(slices.Clone(at), step{e.Tag, n}))...)
		}
	}
	return out
}

func errorsOf(t *testing.T, path string, d *dicom.Dataset) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := dicom.WriteFile(f, d, dicom.ExplicitVRLittleEndian); err != nil {
		_ = f.Close()
		return "" // it cannot even be written
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("dciodvfy", path).CombinedOutput()
	if err == nil {
		return ""
	}
	var lines []string
	for l := range strings.SplitSeq(string(out), "\n") {
		if strings.HasPrefix(l, "Error") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}
