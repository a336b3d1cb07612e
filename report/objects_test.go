package report_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
)

func pictures() []report.Picture {
	return []report.Picture{{Image: grey(), SOPInstanceUID: "1.2.3.4.1"}, {Image: grey(), SOPInstanceUID: "1.2.3.4.2"}}
}

func documents(t *testing.T, in report.Input, o report.Options) []report.Object {
	t.Helper()
	list, err := report.Documents(in, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, obj := range list {
		if obj.Err != nil {
			t.Fatalf("%s: %v", obj.Kind, obj.Err)
		}
	}
	return list
}

func content(t *testing.T, o report.Object) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := o.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func kinds(list []report.Object) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.Kind)
	}
	return out
}

func TestEveryObjectOfAReportPassesTheValidatorsAndTheRootRefersToAll(t *testing.T) {
	for name, in := range map[string]report.Input{"draft": input(), "signed": signed(t)} {
		for _, class := range report.Ladder {
			in.Class = class
			t.Run(name+" "+string(class), func(t *testing.T) {
				list := documents(t, in, report.Options{Pictures: pictures()})
				root := list[len(list)-1]
				if root.Role != report.Root || !root.Required || root.SOPClassUID != class || root.SOPInstanceUID != report.InstanceUID(in.SOPInstanceUID, class) {
					t.Fatalf("the last object is no root of the class: %+v", root)
				}
				validate(t, mustFile(t, root.Dataset))
				text := tree(t, root.Dataset)
				for _, o := range list[:len(list)-1] {
					if o.Role != report.Companion || o.Required {
						t.Errorf("%s: %s, required %t", o.Kind, o.Role, o.Required)
					}
					if !strings.Contains(text, string(o.SOPInstanceUID)) {
						t.Errorf("the root does not refer to the %s", o.Kind)
					}
					if class == report.Ladder[0] {
						validateObject(t, mustFile(t, o.Dataset))
					}
				}
			})
		}
	}
}

func TestObjectsMadeAgainAreTheSame(t *testing.T) {
	in := signed(t)
	first := documents(t, in, report.Options{Pictures: pictures()})
	in.Class = report.Ladder[1]
	again := documents(t, signed(t), report.Options{Pictures: pictures()})
	lower := documents(t, in, report.Options{Pictures: pictures()})
	seen := map[radnode.UID]bool{}
	for i, o := range first {
		if seen[o.SOPInstanceUID] {
			t.Errorf("%s: the UID is used twice", o.Kind)
		}
		seen[o.SOPInstanceUID] = true
		if !bytes.Equal(content(t, o), content(t, again[i])) {
			t.Errorf("%s: the bytes differ", o.Kind)
		}
		if same := bytes.Equal(content(t, o), content(t, lower[i])); same != (o.Role == report.Companion) {
			t.Errorf("%s: in the next class of the ladder: equal %t", o.Kind, same)
		}
	}
	if last := len(first) - 1; first[last].SOPInstanceUID == lower[last].SOPInstanceUID {
		t.Error("two classes share an instance UID")
	}
}

func TestKindsAreChosen(t *testing.T) {
	for _, tt := range []struct {
		options report.Options
		want    []string
	}{
		{report.Options{Kinds: []string{}}, []string{"sr"}},
		{report.Options{Kinds: []string{"seg", "pdf"}}, []string{"seg", "seg", "pdf", "sr"}}, // regions and heat maps
		{report.Options{Kinds: []string{"pr", "ko"}}, []string{"pr", "ko", "sr"}},
		{report.Options{Kinds: []string{"sc"}}, []string{"sr"}}, // no picture, no capture
	} {
		if got := kinds(documents(t, input(), tt.options)); !slices.Equal(got, tt.want) {
			t.Errorf("%v: got %v", tt.options, got)
		}
	}
}

func TestACompanionThatCannotBeMadeDoesNotStopTheReport(t *testing.T) {
	in := input()
	for _, s := range in.Source {
		s.SetInts(dicom.SamplesPerPixel, 3)
	}
	list, err := report.Documents(in, report.Options{Kinds: []string{"seg", "pr"}})
	if err != nil {
		t.Fatal(err)
	}
	pr := list[slices.Index(kinds(list), "pr")]
	if pr.Err == nil || pr.Dataset != nil || !errors.Is(pr.Write(nil), pr.Err) {
		t.Errorf("got %+v", pr)
	}
	validate(t, mustFile(t, list[len(list)-1].Dataset))
}

func TestWantedFramesAreThoseOfTheFindings(t *testing.T) {
	got, err := report.Wanted(input())
	if err != nil || !slices.Equal(got, []report.Frame{{SOPInstanceUID: "1.2.3.4.1"}}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// slice is film as a tomographic image, which knows its place in the patient.
func slice(in report.Input) report.Input {
	s := in.Source[0]
	s.SetUID(dicom.SOPClassUID, dicom.CTImageStorage)
	s.SetText(dicom.Modality, "CT")
	s.SetUID(dicom.FrameOfReferenceUID, "1.2.3.7")
	s.SetFloats(dicom.ImagePositionPatient, -100, -120, 30)
	s.SetFloats(dicom.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
	s.SetFloats(dicom.PixelSpacing, 0.5, 0.5)
	s.SetFloats(dicom.SliceThickness, 1)
	return in
}

func TestAHeatMapOfASliceIsAParametricMapInUnitsOfTheModel(t *testing.T) {
	ds, err := report.ParametricMap(slice(input()), "1.2.3.4.1", 0)
	if err != nil || ds.UID(dicom.SOPClassUID) != dicom.ParametricMapStorage {
		t.Fatalf("%v, %v", ds, err)
	}
	validateObject(t, mustFile(t, ds))
	m := ds.Item(dicom.PerFrameFunctionalGroupsSequence).Item(dicom.RealWorldValueMappingSequence)
	slope, _ := m.Float(dicom.RealWorldValueSlope)
	e, _ := ds.Get(dicom.PixelDataTag)
	at := func(x, y int) float64 {
		i := 2 * (y*800 + x)
		return float64(int(e.Value[i])|int(e.Value[i+1])<<8) * slope
	}
	if got := at(300, 375); got < 2.98 || got > 3 { // the map says 3 at its maximum
		t.Errorf("the maximum reads %g, want 3", got)
	}
	if got := at(10, 10); got != 0 {
		t.Errorf("outside reads %g", got)
	}
	film, err := report.ParametricMap(input(), "1.2.3.4.1", 0)
	if err != nil || film.Text(dicom.SegmentationType) != "FRACTIONAL" {
		t.Errorf("a radiograph: %v, %v", film.Text(dicom.SegmentationType), err)
	}
}

func TestABinarySegmentIsTheRegionOfTheReport(t *testing.T) {
	ds, err := report.Segmentation(input(), "1.2.3.4.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := ds.Get(dicom.PixelDataTag)
	at := func(x, y int) byte { i := y*800 + x; return e.Value[i/8] >> (i % 8) & 1 }
	// The outline of the report: 200 250, 600 250, 600 500, 400 500, 400 750, 200 750.
	for _, p := range []struct {
		x, y int
		want byte
	}{{200, 250, 1}, {199, 250, 0}, {200, 249, 0}, {599, 499, 1}, {600, 499, 0}, {399, 749, 1}, {400, 749, 0}, {500, 600, 0}, {300, 750, 0}} {
		if got := at(p.x, p.y); got != p.want {
			t.Errorf("%d, %d: %d, want %d", p.x, p.y, got, p.want)
		}
	}
	n := 0
	for _, b := range e.Value {
		for ; b != 0; b &= b - 1 {
			n++
		}
	}
	if want := 400*250 + 200*250; n != want || len(e.Value) != 800*1000/8 {
		t.Errorf("%d pixels in %d bytes, want %d", n, len(e.Value), want)
	}
}
