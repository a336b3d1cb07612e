package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
	"github.com/radnode/radnode/report"
)

var names = []string{"Smith^Anna", "Wang^XiaoDong=王^小東", "Yamada^Tarou=山田^太郎=やまだ^たろう", "قباني^لنزار", "Люкceмбypг", "", "Müller^Jörg^^Dr.", "Hong^Gildong=洪^吉洞=홍^길동"}

// randomInput makes any report a study can lead to: patients of all scripts,
// missing data, several series, frames and models.
func randomInput(r *rand.Rand, n int) report.Input {
	in := input()
	in.Class = report.Ladder[r.IntN(len(report.Ladder))]
	in.SOPInstanceUID = radnode.UID(fmt.Sprintf("1.2.3.9.%d", n+1))
	in.Source, in.Analyses = nil, nil
	name := names[r.IntN(len(names))]
	for i := range 1 + r.IntN(4) {
		f := film(radnode.UID(fmt.Sprintf("1.2.3.%d.%d", n+1, i+1)), name)
		f.SetUID(dicom.SeriesInstanceUID, radnode.UID(fmt.Sprintf("1.2.3.4.%d", 1+r.IntN(2))))
		if r.IntN(3) == 0 {
			f.SetInts(dicom.NumberOfFrames, 3)
			f.SetUID(dicom.SOPClassUID, []radnode.UID{dicom.UltrasoundMultiFrameImageStorage, dicom.CTImageStorage}[r.IntN(2)])
		}
		for _, t := range []dicom.Tag{dicom.PatientID, dicom.PatientSex, dicom.StudyDate, dicom.StudyTime, dicom.AccessionNumber, dicom.Modality, dicom.BodyPartExamined, dicom.Rows} {
			if r.IntN(5) == 0 {
				f.Remove(t)
			}
		}
		in.Source = append(in.Source, f)
		in.Analyses = append(in.Analyses, randomAnalysis(r, f.UID(dicom.SOPInstanceUID)))
	}
	// Patient and study of one study are the same in each of its images.
	for _, f := range in.Source[1:] {
		for _, t := range []dicom.Tag{dicom.PatientID, dicom.PatientSex, dicom.StudyDate, dicom.StudyTime, dicom.AccessionNumber} {
			f.Remove(t)
			f.Copy(in.Source[0], t)
		}
	}
	if r.IntN(2) == 0 {
		in.Findings = report.Undecided(in.Analyses)
		for i := range in.Findings {
			in.Findings[i].Decision = []radnode.Decision{radnode.Accepted, radnode.Rejected}[r.IntN(2)]
			in.Findings[i].Reason = []string{"", "artefact", "伪影"}[r.IntN(3)]
			if r.IntN(4) == 0 {
				in.Findings[i].Reading, in.Findings[i].Decision = randomReading(r), radnode.Accepted
			}
		}
		for range r.IntN(3) {
			f := radnode.ReportFinding{SOPInstanceUID: in.Source[r.IntN(len(in.Source))].UID(dicom.SOPInstanceUID), Decision: radnode.Accepted, Reading: randomReading(r)}
			f.Finding = radnode.Finding{Label: f.Reading.Label, Code: f.Reading.Code, Present: true}
			in.Findings = append(in.Findings, f)
		}
		in.Observer = &report.Person{Name: names[r.IntN(5)]}
		in.Observer.Name += "^Reader"
		in.Language = []string{"", "en", "zh"}[r.IntN(3)]
		in.FindingsText = []string{"", "右下叶斑片影。", "line 1\nline 2 & <3>"}[r.IntN(3)]
		in.Impression = []string{"", "No acute findings.", "右下肺炎。\nFollow-up."}[r.IntN(3)]
	}
	return in
}

func randomReading(r *rand.Rand) *radnode.Reading {
	term := report.Vocabulary[r.IntN(len(report.Vocabulary))]
	rd := &radnode.Reading{Label: term.Label, Code: term.Code, Text: []string{"", "左下叶", "small | old ^ thing"}[r.IntN(3)], TrackingUID: radnode.DeriveUID(fmt.Sprint(r.Int())),
		By: "Li^Ming=李^明", Reason: []string{"", "other side"}[r.IntN(2)], At: now}
	if term.Code == nil {
		c := report.PrivateConcept(term.Label)
		rd.Code = &c
	}
	x, y := 600*r.Float64(), 700*r.Float64()
	rd.Region = []*radnode.Region{nil, {Graphic: radnode.Point, Points: []float64{x, y}}, {Graphic: radnode.Polyline, Points: []float64{x, y, x + 90, y + 40}},
		{Graphic: radnode.Polyline, Points: []float64{x, y, x + 90, y, x + 90, y + 70, x, y}}, {Graphic: radnode.Circle, Points: []float64{x, y, x + 30, y}},
		{Graphic: radnode.Ellipse, Points: []float64{x - 50, y, x + 50, y, x, y - 20, x, y + 20}}}[r.IntN(6)]
	if r.IntN(2) == 0 {
		rd.Measurement = []*radnode.Measurement{{Name: "length", Value: 12.345678901234567, Unit: "mm"}, {Name: "area", Value: 1e-7, Unit: "mm2"}, {Name: "cardiothoracic_ratio", Value: 0.5, Unit: "1"}, {Name: "angle", Value: 361, Unit: "deg"}}[r.IntN(4)]
	}
	return rd
}

func randomAnalysis(r *rand.Rand, image radnode.UID) radnode.Analysis {
	a := radnode.Analysis{SOPInstanceUID: image, Model: []radnode.ModelRef{pneumonia, quality}[r.IntN(2)], Gate: radnode.Gate{Accepted: true}}
	switch r.IntN(6) {
	case 0:
		return radnode.Analysis{SOPInstanceUID: image, Model: a.Model, Gate: radnode.Gate{Reasons: []string{"the patient is 45 years old", "not a frontal film"}}}
	case 1:
		s := "transfer syntax is not supported"
		return radnode.Analysis{SOPInstanceUID: image, Error: &s}
	}
	for i := range r.IntN(4) {
		p := r.Float64()
		f := radnode.Finding{Label: fmt.Sprintf("label_%d", i), Probability: p, Threshold: 0.5, Present: p >= 0.5, Undecided: p > 0.4 && p < 0.6}
		if r.IntN(3) == 0 {
			f.Interval = &radnode.Interval{Low: p / 2, High: min(1, p*1.5), Runs: 8}
		}
		if i%2 == 0 {
			f.Code = &radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"}
		}
		if r.IntN(2) == 0 {
			h := &radnode.Heatmap{Rows: 7, Columns: 7, Left: -30, Top: 10, Width: 900, Height: 800, Max: 1, Values: make([]byte, 49)}
			for k := range h.Values {
				h.Values[k] = byte(r.IntN(256))
			}
			f.Heatmap = h
		}
		a.Findings = append(a.Findings, f)
	}
	if r.IntN(2) == 0 {
		a.Features = map[string]float64{"cardiothoracic_ratio": r.Float64()}
		a.Frame = 1
	}
	return a
}

// reports is how many random reports are made; the validators take 60 ms for
// each of their objects.
func reports() int {
	if os.Getenv("RADNODE_TEST_ALL") != "" {
		return 200
	}
	return 15
}

// small are pictures of all images of a report, at a small scale.
func small(in report.Input) []report.Picture {
	var out []report.Picture
	for _, s := range in.Source {
		for frame := range 4 {
			out = append(out, report.Picture{Image: image.NewGray(image.Rect(0, 0, 160, 200)), SOPInstanceUID: s.UID(dicom.SOPInstanceUID), Frame: frame})
		}
	}
	return out
}

func TestRandomReportsPassTheValidatorsAndReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	want := map[string]string{}
	dir := t.TempDir()
	made := map[string]int{}
	t.Run("objects", func(t *testing.T) {
		for n := range reports() {
			in := randomInput(r, n)
			list := documents(t, in, report.Options{Pictures: small(in)})
			for i, o := range list {
				made[o.Kind]++
				path := filepath.Join(dir, fmt.Sprintf("%d-%d.dcm", n, i))
				if err := os.WriteFile(path, content(t, o), 0o600); err != nil {
					t.Fatal(err)
				}
				want[path] = readable(t, o)
				t.Run(fmt.Sprintf("%d %s", n, o.Kind), func(t *testing.T) {
					t.Parallel()
					sameWhenRead(t, path, o)
				})
			}
		}
	})
	t.Logf("%d reports: %v", reports(), made)
	readByPydicom(t, dir, want)
}

// sameWhenRead validates a file and compares it with the object that was
// written.
func sameWhenRead(t *testing.T, path string, o report.Object) {
	again, err := dicom.ReadFile(path, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Check(again.Dataset); err != nil {
		t.Error(err)
	}
	if o.Kind != "sr" && o.Kind != "ko" {
		validateObject(t, path)
		return
	}
	validate(t, path)
	if d := cmp.Diff(tree(t, o.Dataset), tree(t, again.Dataset)); d != "" {
		t.Errorf("(-written +read)\n%s", d)
	}
	doc, err := sr.Parse(again.Dataset)
	if err != nil || doc.Root.Template != "1500" {
		return
	}
	m, err := sr.ParseMeasurementReport(doc.Root)
	if err != nil {
		t.Fatal(err)
	}
	root, err := m.Content()
	if err != nil {
		t.Fatalf("what was read cannot be written: %v", err)
	}
	if d := cmp.Diff(doc.Root.Tree(), root.Tree()); d != "" {
		t.Errorf("the templates lose something (-read +written again)\n%s", d)
	}
}

// readable is what pydicom must read from an object: the patient, and all text,
// or the number of pixels that are not 0, or the length of the document.
func readable(t *testing.T, o report.Object) string {
	t.Helper()
	out := o.Dataset.Text(dicom.PatientName) + "|"
	switch o.Kind {
	case "sr", "ko":
		return out + texts(t, o.Dataset)
	case "pr":
		for _, a := range o.Dataset.Items(dicom.GraphicAnnotationSequence) {
			out += a.Item(dicom.TextObjectSequence).Text(dicom.UnformattedTextValue) + "|"
		}
		return out
	case "pdf":
		n, _ := o.Dataset.Int(dicom.EncapsulatedDocumentLength)
		return out + fmt.Sprint(n)
	}
	e, _ := o.Dataset.Get(dicom.PixelDataTag)
	bits, _ := o.Dataset.Int(dicom.BitsAllocated)
	n := 0
	for _, b := range e.Value {
		switch {
		case bits == 1:
			for ; b != 0; b &= b - 1 {
				n++
			}
		case b != 0:
			n++
		}
	}
	return out + fmt.Sprint(n)
}

func tree(t *testing.T, ds *dicom.Dataset) string {
	t.Helper()
	doc, err := sr.Parse(ds)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root.Tree()
}

// texts joins all TEXT values of the tree.
func texts(t *testing.T, ds *dicom.Dataset) string {
	t.Helper()
	doc, err := sr.Parse(ds)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	doc.Root.Walk(func(i *sr.Item, _ int) bool {
		if i.Type == sr.Text || i.Type == sr.PName {
			out = append(out, i.Text)
		}
		return true
	})
	return strings.Join(out, "|")
}

const readTexts = `
import sys, json, glob, pydicom
def walk(ds, out):
    for c in ds.get("ContentSequence", []):
        if c.ValueType == "TEXT": out.append(c.TextValue)
        if c.ValueType == "PNAME": out.append(str(c.PersonName))
        walk(c, out)
r = {}
for f in glob.glob(sys.argv[1] + "/*.dcm"):
    ds = pydicom.dcmread(f); out = [str(ds.PatientName)]
    if ds.Modality in ("SR", "KO"):
        walk(ds, out)
        if len(out) == 1: out.append("")
    elif ds.Modality == "PR": out += [a.TextObjectSequence[0].UnformattedTextValue for a in ds.GraphicAnnotationSequence] + [""]
    elif ds.Modality == "DOC": out.append(str(ds.EncapsulatedDocumentLength))
    else: out.append(str(int((ds.pixel_array != 0).sum())))
    r[f] = "|".join(out)
json.dump(r, sys.stdout)
`

func readByPydicom(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if exec.Command("/usr/bin/python3", "-c", "import pydicom").Run() != nil {
		t.Skip("pydicom is not installed (Debian: python3-pydicom)")
	}
	cmd := exec.Command("/usr/bin/python3", "-c", readTexts, dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("pydicom reads other text (-want +got)\n%s", d)
	}
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	write := func() []byte {
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, mustSR(t, signed(t)), dicom.ExplicitVRLittleEndian); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if !bytes.Equal(write(), write()) {
		t.Error("two runs differ")
	}
}

func TestSigningNeedsADecisionOnEveryPositiveFinding(t *testing.T) {
	in := signed(t)
	in.Findings[0].Decision = radnode.Undecided
	if _, err := report.SR(in); radnode.CodeOf(err) != radnode.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestSignedReportsHoldNoRejectedFinding(t *testing.T) {
	in := signed(t)
	in.Findings[0].Decision = radnode.Rejected
	if got := tree(t, mustSR(t, in)); strings.Contains(got, `"Pneumonia"`) {
		t.Errorf("the rejected finding is in the report:\n%s", got)
	}
}

func TestIncompleteInputIsRefused(t *testing.T) {
	tests := map[string]func(in *report.Input){
		"no image":                     func(in *report.Input) { in.Source = nil },
		"no instance UID":              func(in *report.Input) { in.SOPInstanceUID = "" },
		"no time":                      func(in *report.Input) { in.Now = in.Now.AddDate(-3000, 0, 0).Truncate(1) },
		"an image without study":       func(in *report.Input) { in.Source[0].Remove(dicom.StudyInstanceUID) },
		"a finding on a foreign image": func(in *report.Input) { in.Analyses[0].SOPInstanceUID = "1.9" },
	}
	for name, do := range tests {
		in := input()
		do(&in)
		if _, err := report.SR(in); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOutlines(t *testing.T) {
	tests := []struct {
		name string
		rows []string
		want []float64
	}{
		{"one cell", []string{"000", "0F0", "000"}, []float64{1, 1, 2, 1, 2, 2, 1, 2, 1, 1}},
		{"an L", []string{"F00", "F00", "FF0"}, []float64{0, 0, 1, 0, 1, 2, 2, 2, 2, 3, 0, 3, 0, 0}},
		{"two parts, the larger", []string{"F00", "00F", "00F"}, []float64{2, 1, 3, 1, 3, 3, 2, 3, 2, 1}},
		{"a ring by its outer border", []string{"FFF", "F0F", "FFF"}, []float64{0, 0, 3, 0, 3, 3, 0, 3, 0, 0}},
		{"parts that touch at a corner", []string{"F00", "0FF", "0F0"}, []float64{1, 1, 3, 1, 3, 2, 2, 2, 2, 3, 1, 3, 1, 1}},
		{"nothing", []string{"000", "000"}, nil},
		{"everything", []string{"FF", "FF"}, nil},
	}
	for _, tt := range tests {
		h := &radnode.Heatmap{Rows: len(tt.rows), Columns: len(tt.rows[0]), Width: float64(len(tt.rows[0])), Height: float64(len(tt.rows))}
		for _, r := range tt.rows {
			for _, c := range r {
				h.Values = append(h.Values, map[rune]byte{'0': 0, 'F': 255}[c])
			}
		}
		if d := cmp.Diff(tt.want, report.Outline(h, len(tt.rows), len(tt.rows[0]))); d != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, d)
		}
	}
}
