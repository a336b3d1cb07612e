package sr_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

var image1 = sr.Reference{StudyInstanceUID: "1.2.3", SeriesInstanceUID: "1.2.3.1", SOPClassUID: dicom.DigitalXRayImageStorageForPresentation, SOPInstanceUID: "1.2.3.1.1"}
var segmentation = sr.Reference{StudyInstanceUID: "1.2.3", SeriesInstanceUID: "1.2.3.2", SOPClassUID: dicom.SegmentationStorage, SOPInstanceUID: "1.2.3.2.1"}

// bare is a reference as the content tree holds it.
func bare(r sr.Reference) sr.Reference {
	r.StudyInstanceUID, r.SeriesInstanceUID = "", ""
	return r
}

// everyRow is a measurement report that uses every row of its templates.
func everyRow() *sr.MeasurementReport {
	family, left, order := sr.ArtificialIntelligence, radnode.Concept{Value: "7771000", Scheme: "SCT", Meaning: "Left"}, 2
	spacing := 0.143
	lung := sr.Site{Site: radnode.Concept{Value: "39607008", Scheme: "SCT", Meaning: "Lung"}, Laterality: &left}
	finding := radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"}
	algorithm := &sr.Algorithm{Name: "model", Version: "1", Manufacturer: "radnode", Parameters: []string{"a=1", "b=2"}, Family: &family}
	normal := radnode.Concept{Value: "17621005", Scheme: "SCT", Meaning: "Normal"}
	rows := func(n string) sr.Group {
		return sr.Group{Session: "1", TrackingID: "finding " + n, TrackingUID: radnode.UID("1.2.9." + n), Category: &finding, Finding: &finding,
			TimePoint: &sr.TimePoint{TimePoint: "baseline", Order: &order, SubjectID: "s", ProtocolID: "p"}, Method: &normal, Sites: []sr.Site{lung}, Algorithm: algorithm,
			Measurements: []sr.Measurement{{Name: sr.CertaintyOfFinding, Number: sr.Number{Value: 87.5, Unit: sr.Percent}, Method: &normal, Derivation: &normal,
				Normality: &normal, Significance: &normal, Selection: &normal, Sources: []sr.Reference{bare(image1)},
				Up: &sr.Number{Value: 2, Unit: sr.Percent}, Down: &sr.Number{Value: 3, Unit: sr.Percent}, Equation: &normal,
				Properties: []sr.Property{{Name: sr.ZScore, Number: &sr.Number{Value: 1.5, Unit: sr.NoUnits}}, {Name: sr.NormalRange, Text: "0 to 50"}, {Name: sr.Population, Code: &normal}},
				Regions:    []sr.Region{{Graphic: sr.Graphic{Type: "POLYLINE", Points: []float64{1, 1, 5, 5}}, Image: bare(image1)}}}},
			Evaluations: []sr.Evaluation{{Name: finding, Code: &sr.Yes}, {Name: sr.Comment, Text: "text 文本"}}}
	}
	return &sr.MeasurementReport{
		Title:    sr.ImagingMeasurementReport,
		Language: sr.Language{Language: sr.LanguageOf("zh"), Country: &radnode.Concept{Value: "CN", Scheme: "ISO3166_1", Meaning: "China"}},
		Observers: []sr.Observer{{Device: &sr.DeviceObserver{UID: "1.2.8", Name: "n", Manufacturer: "radnode", Model: "model", Serial: "s", Location: "l", Station: "AE1", Roles: []radnode.Concept{normal}}},
			{Person: &sr.PersonObserver{Name: "Li^Ming", Login: "li", Organization: "o", RoleInProcedure: &normal}}},
		Procedures: []radnode.Concept{sr.PlainChestXRay},
		Procedure: &sr.ProcedureContext{StudyInstanceUID: "1.2.3", ComponentUID: "1.2.3.8", Placer: sr.Identifier{Value: "P1", Issuer: "h"}, Filler: sr.Identifier{Value: "F1"},
			Accession: sr.Identifier{Value: "A1", Issuer: "ris"}, Codes: []radnode.Concept{sr.PlainChestXRay}},
		Subject: &sr.SubjectContext{Class: sr.FetusSubject, Fetus: &sr.SubjectFetus{Mother: "Wang^XiaoDong", UID: "1.2.6", ID: "f", Number: "1", Count: &order}},
		Library: &sr.ImageLibrary{Groups: []sr.LibraryGroup{{Common: sr.Descriptors{StudyDate: "20260304", StudyTime: "101500"},
			Images: []sr.LibraryImage{{Image: bare(image1), Descriptors: sr.Descriptors{Rows: 10, Columns: 20, FrameOfReference: "1.2.7", ContentDate: "20260304", ContentTime: "1015",
				HorizontalSpacing: &spacing, VerticalSpacing: &spacing, RowDirection: "L", ColumnDirection: "F", PrimaryAngle: &spacing, SecondaryAngle: &spacing}}}}}},
		Algorithm: algorithm,
		Groups: []sr.MeasurementItem{
			&sr.PlanarROI{Group: rows("1"), Region: &sr.Region{Graphic: sr.Graphic{Type: "POLYLINE", Points: []float64{1, 1, 5, 1, 5, 5, 1, 1}}, Image: bare(image1)}},
			&sr.PlanarROI{Group: rows("2"), Segment: &sr.Segment{Segmentation: segment(1), Images: []sr.Reference{bare(image1)}}},
			&sr.VolumetricROI{Group: rows("3"), Regions: []sr.Region{{Graphic: sr.Graphic{Type: "POINT", Points: []float64{1, 1}}, Image: bare(image1)}, {Graphic: sr.Graphic{Type: "CIRCLE", Points: []float64{1, 1, 2, 2}}, Image: bare(image1)}}},
			&sr.MeasurementGroup{Group: rows("4"), Sources: []sr.Reference{bare(image1)}},
		},
		Derived: []sr.DerivedMeasurement{{Measurement: sr.Measurement{Name: sr.CertaintyOfFinding, Number: sr.Number{Value: 50, Unit: sr.Percent}}, From: []int{0, 3}}},
		Evaluations: []sr.Evaluation{{Name: sr.Impression, Text: "impression", By: &sr.Observer{Person: &sr.PersonObserver{Name: "Li^Ming"}},
			Language: &sr.Language{Language: sr.LanguageOf("en")}}},
	}
}

func TestEverySubjectIsReadBack(t *testing.T) {
	normal := radnode.Concept{Value: "F", Scheme: "DCM", Meaning: "Female"}
	for _, s := range []*sr.SubjectContext{
		{Class: sr.PatientSubject, Patient: &sr.SubjectPatient{UID: "1.2", Name: "Wang^XiaoDong=王^小東", ID: "7", BirthDate: "20200101", Sex: &normal,
			Age: &sr.Number{Value: 6, Unit: radnode.Concept{Value: "a", Scheme: "UCUM", Meaning: "year"}}, Species: &normal, Breed: &normal}},
		{Class: sr.FetusSubject, Fetus: &sr.SubjectFetus{ID: "A"}},
		{Class: sr.SpecimenSubject, Specimen: &sr.SubjectSpecimen{UID: "1.2", ID: "s", Issuer: "lab^1.2^ISO", Container: "c"}},
		{Class: sr.DeviceSubject, Device: &sr.SubjectDevice{Name: "phantom", UID: "1.3", Manufacturer: "m", Model: "o", Serial: "1", Location: "l"}},
	} {
		r := everyRow()
		r.Subject = s
		path := filepath.Join(t.TempDir(), "s.dcm")
		ds := mustDataset(t, r)
		writeFile(t, path, ds)
		mustPass(t, path)
		doc, err := sr.Parse(ds)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sr.ParseMeasurementReport(doc.Root)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got.Subject); d != "" {
			t.Errorf("%s (-want +got)\n%s", s.Class.Meaning, d)
		}
		r.Subject = &sr.SubjectContext{Class: s.Class}
		if _, err := r.Content(); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s without identity: %v", s.Class.Meaning, err)
		}
	}
}

func segment(n int) sr.Reference {
	r := bare(segmentation)
	r.Segments = []int{n}
	return r
}

func document(t *testing.T, root *sr.Item) *sr.Document {
	t.Helper()
	subject := dicom.NewDataset()
	subject.SetText(dicom.PatientName, "Wang^XiaoDong=王^小東")
	subject.SetText(dicom.PatientID, "1")
	subject.SetUID(dicom.StudyInstanceUID, "1.2.3")
	subject.SetText(dicom.AccessionNumber, "A1")
	e := sr.Equipment{Manufacturer: "radnode", Model: "model", Versions: []string{"1"}, UID: "1.2.8"}
	return &sr.Document{SOPClassUID: dicom.Comprehensive3DSRStorage, SOPInstanceUID: "1.2.3.9.1", SeriesInstanceUID: "1.2.3.9", SeriesNumber: 1, InstanceNumber: 1,
		Subject: subject, Device: e, Equipment: []sr.Equipment{e}, Complete: true, Final: true,
		Verifications: []sr.Verification{{Name: "Li^Ming", Organization: "o", At: at}},
		Predecessors:  []sr.Reference{{StudyInstanceUID: "1.2.3", SeriesInstanceUID: "1.2.3.9", SOPClassUID: dicom.Comprehensive3DSRStorage, SOPInstanceUID: "1.2.3.9.0"}},
		Evidence:      []sr.Reference{image1, segmentation}, Now: at, Root: root}
}

var at = time.Date(2026, 3, 4, 10, 20, 30, 0, time.FixedZone("", 3600))

func mustDataset(t *testing.T, r *sr.MeasurementReport) *dicom.Dataset {
	t.Helper()
	root, err := r.Content()
	if err != nil {
		t.Fatal(err)
	}
	ds, err := document(t, root).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func TestWhatTheTemplatesWriteTheyReadBack(t *testing.T) {
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, mustDataset(t, everyRow()), dicom.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := sr.Parse(f.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sr.ParseMeasurementReport(doc.Root)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(everyRow(), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(doc.Verifications) != 1 || !doc.Verifications[0].At.Equal(at) || !doc.Final || !doc.Now.Equal(at) || len(doc.Evidence) != 2 {
		t.Errorf("document: %+v", doc)
	}
}

// TestFaultsAreFound injects faults into a good document.
func TestFaultsAreFound(t *testing.T) {
	item := func(d *dicom.Dataset, path ...int) *dicom.Dataset {
		for _, n := range path {
			d = d.Items(dicom.ContentSequence)[n-1]
		}
		return d
	}
	find := func(t *testing.T, d *dicom.Dataset, code string) *dicom.Dataset {
		t.Helper()
		var hit *dicom.Dataset
		var walk func(*dicom.Dataset)
		walk = func(x *dicom.Dataset) {
			for _, c := range x.Items(dicom.ContentSequence) {
				if name, _ := sr.ConceptOf(c, dicom.ConceptNameCodeSequence); name.Value == code && hit == nil {
					hit = c
				}
				walk(c)
			}
		}
		walk(d)
		if hit == nil {
			t.Fatalf("no item %s", code)
		}
		return hit
	}
	tests := []struct {
		name string
		rule string
		do   func(t *testing.T, d *dicom.Dataset)
	}{
		{"content date is missing", "C.17.2", func(t *testing.T, d *dicom.Dataset) { d.Remove(dicom.ContentDate) }},
		{"content time is empty", "C.17.2", func(t *testing.T, d *dicom.Dataset) { d.SetText(dicom.ContentTime) }},
		{"a referenced image is not in the evidence", "C.17.2.3", func(t *testing.T, d *dicom.Dataset) {
			d.Remove(dicom.CurrentRequestedProcedureEvidenceSequence)
		}},
		{"verified without observer", "C.17.2", func(t *testing.T, d *dicom.Dataset) { d.Remove(dicom.VerifyingObserverSequence) }},
		{"observer without verification", "C.17.2", func(t *testing.T, d *dicom.Dataset) { d.SetText(dicom.VerificationFlag, "UNVERIFIED") }},
		{"observer without organisation", "C.17.2", func(t *testing.T, d *dicom.Dataset) {
			d.Item(dicom.VerifyingObserverSequence).SetText(dicom.VerifyingOrganization)
		}},
		{"inferred from below a container", "A.35.13", func(t *testing.T, d *dicom.Dataset) {
			find(t, d, "121071").SetText(dicom.RelationshipType, "INFERRED FROM")
		}},
		{"tracking identifiers are removed", "TID 1410", func(t *testing.T, d *dicom.Dataset) {
			g := find(t, d, "125007")
			var keep []*dicom.Dataset
			for _, c := range g.Items(dicom.ContentSequence) {
				if n, _ := sr.ConceptOf(c, dicom.ConceptNameCodeSequence); !strings.HasPrefix(n.Value, "1120") {
					keep = append(keep, c)
				}
			}
			g.SetItems(dicom.ContentSequence, keep...)
		}},
		{"an unknown coding scheme", "C.12.1.1.8", func(t *testing.T, d *dicom.Dataset) {
			find(t, d, "121071").Item(dicom.ConceptCodeSequence).SetText(dicom.CodingSchemeDesignator, "99X")
		}},
		{"a code without meaning", "8.8", func(t *testing.T, d *dicom.Dataset) {
			find(t, d, "121071").Item(dicom.ConceptCodeSequence).Remove(dicom.CodeMeaning)
		}},
		{"a number without unit", "C.18.1", func(t *testing.T, d *dicom.Dataset) {
			find(t, d, "111012").Item(dicom.MeasuredValueSequence).Remove(dicom.MeasurementUnitsCodeSequence)
		}},
		{"a number that is missing without reason", "C.18.1", func(t *testing.T, d *dicom.Dataset) {
			find(t, d, "111012").SetItems(dicom.MeasuredValueSequence)
		}},
		{"an open outline", "TID 1410", func(t *testing.T, d *dicom.Dataset) {
			find(t, d, "111030").SetFloats(dicom.GraphicData, 1, 1, 5, 1, 5, 5)
		}},
		{"an odd number of coordinates", "C.18.6", func(t *testing.T, d *dicom.Dataset) {
			find(t, d, "111030").SetFloats(dicom.GraphicData, 1, 1, 5)
		}},
		{"a region without image", "C.18.6", func(t *testing.T, d *dicom.Dataset) { find(t, d, "111030").Remove(dicom.ContentSequence) }},
		{"no procedure reported", "TID 1500", func(t *testing.T, d *dicom.Dataset) {
			p := find(t, d, "121058")
			sr.SetConcept(p, dicom.ConceptNameCodeSequence, sr.Comment)
		}},
		{"no device UID of the algorithm", "IHE AIR", func(t *testing.T, d *dicom.Dataset) {
			d.Item(dicom.ContributingEquipmentSequence).Remove(dicom.DeviceUID)
		}},
		{"no contributing equipment", "IHE AIR", func(t *testing.T, d *dicom.Dataset) { d.Remove(dicom.ContributingEquipmentSequence) }},
		{"another model in the equipment", "IHE AIR", func(t *testing.T, d *dicom.Dataset) {
			d.Item(dicom.ContributingEquipmentSequence).SetText(dicom.ManufacturerModelName, "other")
		}},
		{"the wrong modality", "C.17.1", func(t *testing.T, d *dicom.Dataset) { d.SetText(dicom.Modality, "OT") }},
		{"a malformed date", "6.2", func(t *testing.T, d *dicom.Dataset) { d.SetText(dicom.StudyDate, "2026.03.04") }},
		{"a target that is not there", "C.17.3.2.5", func(t *testing.T, d *dicom.Dataset) {
			for i, c := range d.Items(dicom.ContentSequence) {
				if n, _ := sr.ConceptOf(c, dicom.ConceptNameCodeSequence); n.Value == "126011" {
					item(d, i+1, 1, 1).SetInts(dicom.ReferencedContentItemIdentifier, 1, 99, 1)
				}
			}
		}},
		{"a text without value", "C.17.3", func(t *testing.T, d *dicom.Dataset) { find(t, d, "121106").SetText(dicom.TextValue) }},
		{"evidence of another study", "C.17.2.3", func(t *testing.T, d *dicom.Dataset) {
			d.Item(dicom.CurrentRequestedProcedureEvidenceSequence).SetUID(dicom.StudyInstanceUID, "1.9.9")
		}},
		{"no predecessor but itself", "C.17.2", func(t *testing.T, d *dicom.Dataset) { d.SetUID(dicom.SOPInstanceUID, "1.2.3.9.0") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustDataset(t, everyRow())
			if v := sr.Check(d); v != nil {
				t.Fatalf("the good document: %v", v)
			}
			tt.do(t, d)
			found := sr.Check(d)
			for _, v := range found {
				if strings.Contains(v.Rule, tt.rule) {
					return
				}
			}
			t.Errorf("rule %s is not among %v", tt.rule, found)
		})
	}
}

func TestTemplatesRefuseWhatTheyDoNotAllow(t *testing.T) {
	tests := map[string]func(r *sr.MeasurementReport){
		"no observer":                   func(r *sr.MeasurementReport) { r.Observers = nil },
		"a device without UID":          func(r *sr.MeasurementReport) { r.Observers[0].Device.UID = "" },
		"a group without tracking":      func(r *sr.MeasurementReport) { r.Groups[0].Rows().TrackingUID = "x" },
		"a group without values":        func(r *sr.MeasurementReport) { g := r.Groups[3].Rows(); g.Measurements, g.Evaluations = nil, nil },
		"a planar group with no region": func(r *sr.MeasurementReport) { r.Groups[0].(*sr.PlanarROI).Region = nil },
		"an algorithm without version":  func(r *sr.MeasurementReport) { r.Groups[0].Rows().Algorithm = &sr.Algorithm{Name: "x"} },
		"a number without unit":         func(r *sr.MeasurementReport) { r.Groups[0].Rows().Measurements[0].Number.Unit = radnode.Concept{} },
		"a derived value from nowhere":  func(r *sr.MeasurementReport) { r.Derived[0].From = []int{7} },
		"nothing at all":                func(r *sr.MeasurementReport) { r.Groups, r.Derived, r.Evaluations = nil, nil, nil },
	}
	for name, do := range tests {
		r := everyRow()
		do(r)
		if _, err := r.Content(); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestReceivedDocumentsAreRead(t *testing.T) {
	files, err := filepath.Glob("../../../shared/dicom/nonimage/[sk][ro]_*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("the shared sample files are not here")
	}
	for _, path := range files {
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := sr.Parse(f.Dataset)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		n := 0
		doc.Root.Walk(func(*sr.Item, int) bool { n++; return true })
		t.Logf("%s: %s, %d items, own checker finds %d", filepath.Base(path), doc.Root.Name.Meaning, n, len(sr.Check(f.Dataset)))
		if doc.Root.Template != "1500" {
			continue
		}
		r, err := sr.ParseMeasurementReport(doc.Root)
		if err != nil || len(r.Groups) == 0 || r.Groups[0].Rows().TrackingUID == "" {
			t.Errorf("%s: measurement report: %v, %+v", path, err, r)
		}
	}
}

func TestEveryRowPassesTheValidators(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sr.dcm")
	writeFile(t, path, mustDataset(t, everyRow()))
	mustPass(t, path)
}

func TestKeyObjectsPassTheValidatorsAndReadBack(t *testing.T) {
	want := &sr.KeyObjects{Title: sr.OfInterest, Language: sr.Language{Language: sr.LanguageOf("en")}, Description: "key images 关键图像",
		Observer: &sr.Observer{Device: &sr.DeviceObserver{UID: "1.2.8", Name: "n"}},
		Objects:  []sr.KeyObject{{Type: sr.Image, Reference: bare(image1)}}}
	root, err := want.Content()
	if err != nil {
		t.Fatal(err)
	}
	doc := document(t, root)
	doc.SOPClassUID, doc.Verifications, doc.Predecessors = dicom.KeyObjectSelectionDocumentStorage, nil, nil
	ds, err := doc.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	read, err := sr.Parse(ds)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sr.ParseKeyObjects(read.Root)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	path := filepath.Join(t.TempDir(), "ko.dcm")
	writeFile(t, path, ds)
	mustPass(t, path)
}

func mustPass(t *testing.T, path string) {
	t.Helper()
	for _, tool := range []string{"dciodvfy", "dsrdump"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
		out, err := exec.Command(tool, path).CombinedOutput()
		if err != nil || strings.Contains("\n"+string(out), "\nError") || strings.Contains("\n"+string(out), "\nE: ") {
			t.Errorf("%s: %v\n%s", tool, err, out)
		}
	}
}
