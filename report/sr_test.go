package report_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
	"github.com/radnode/radnode/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 3, 4, 10, 20, 30, 123456000, time.FixedZone("", 8*3600))

// film returns the header of a synthetic chest film.
func film(instance radnode.UID, patient string) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.DigitalXRayImageStorageForPresentation)
	d.SetUID(dicom.SOPInstanceUID, instance)
	d.SetUID(dicom.StudyInstanceUID, "1.2.826.0.1.3680043.8.498.1")
	d.SetUID(dicom.SeriesInstanceUID, "1.2.826.0.1.3680043.8.498.1.1")
	d.SetText(dicom.PatientName, patient)
	d.SetText(dicom.PatientID, "ID-1")
	d.SetText(dicom.PatientSex, "F")
	d.SetText(dicom.StudyDate, "20260304")
	d.SetText(dicom.StudyTime, "101500")
	d.SetText(dicom.AccessionNumber, "ACC1")
	d.SetText(dicom.Modality, "DX")
	d.SetText(dicom.BodyPartExamined, "CHEST")
	d.SetInts(dicom.Rows, 1000)
	d.SetInts(dicom.Columns, 800)
	return d
}

var pneumonia = radnode.ModelRef{ID: "paediatric-pneumonia", Version: "1.0.0", Digest: "sha256:aa"}
var quality = radnode.ModelRef{ID: "chest-film-quality", Version: "1.0.0", Digest: "sha256:bb"}

func input() report.Input {
	heat := &radnode.Heatmap{Rows: 4, Columns: 4, Width: 800, Height: 1000, Max: 3, Values: []byte{0, 0, 0, 0, 0, 255, 200, 0, 0, 130, 90, 0, 0, 0, 0, 0}}
	reason := "the image could not be decoded"
	return report.Input{
		Source: []*dicom.Dataset{film("1.2.3.4.1", "Wang^XiaoDong=王^小東"), film("1.2.3.4.2", "Wang^XiaoDong=王^小東")},
		Analyses: []radnode.Analysis{
			{SOPInstanceUID: "1.2.3.4.1", Model: pneumonia, Gate: radnode.Gate{Accepted: true}, Device: "cpu",
				Provenance: &radnode.Provenance{Evaluation: "test split, n=624, AUC 0.93 [0.91, 0.95]", PipelineDigest: "sha256:cc", Runtime: "1.30.0"},
				Findings: []radnode.Finding{{Label: "pneumonia", Code: &radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"},
					Probability: 0.8712, Threshold: 0.5, Present: true, Heatmap: heat}},
				Features: map[string]float64{"cardiothoracic_ratio": 0.52, "glcm.contrast": 3}},
			{SOPInstanceUID: "1.2.3.4.1", Model: quality, Gate: radnode.Gate{Accepted: true},
				Findings: []radnode.Finding{{Label: "chest_film", Probability: 0.99, Threshold: 0.5, Present: true}, {Label: "inverted", Probability: 0.01, Threshold: 0.5}}},
			{SOPInstanceUID: "1.2.3.4.2", Model: quality, Error: &reason},
		},
		SOPInstanceUID: "1.2.3.9.1", SeriesInstanceUID: "1.2.3.9", Now: now, Software: "1.0.0", Station: "RADNODE",
	}
}

// measuredInput is a draft with a cardiothoracic ratio and its three lines.
func measuredInput() report.Input {
	in := input()
	line := func(name string, points ...float64) radnode.NamedRegion {
		return radnode.NamedRegion{Name: name, Region: radnode.Region{Graphic: radnode.Polyline, Points: points}}
	}
	in.Analyses[0].Measured = []radnode.Measured{{
		Measurement: radnode.Measurement{Name: "cardiothoracic_ratio", Value: 0.52, Unit: "1"}, Pipeline: "sha256:dd",
		Regions: []radnode.NamedRegion{
			line("thoracic_width", 100, 640, 700, 640), line("heart_right", 300, 560, 400, 560), line("heart_left", 400, 600, 612, 600),
			line("lung_right", 110, 200, 300, 180, 320, 640, 100, 640), // an outline, no line: not in the report
		},
	}}
	return in
}

func signed(t *testing.T) report.Input {
	in := input()
	in.Findings = report.Undecided(in.Analyses)
	for i := range in.Findings {
		in.Findings[i].Decision = radnode.Accepted
		in.Findings[i].DecidedBy = "Li Ming"
	}
	in.Findings[2].Decision = radnode.Rejected
	in.Impression = "右下肺炎。 Right lower lobe pneumonia."
	in.Observer = &report.Person{Name: "Li^Ming=李^明", Organization: "Radiology", Login: "li"}
	in.Predecessors = []sr.Reference{{StudyInstanceUID: "1.2.826.0.1.3680043.8.498.1", SeriesInstanceUID: "1.2.3.9", SOPClassUID: dicom.Comprehensive3DSRStorage, SOPInstanceUID: "1.2.3.9.0"}}
	return in
}

func mustSR(t *testing.T, in report.Input) *dicom.Dataset {
	t.Helper()
	ds, err := report.SR(in)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func mustFile(t *testing.T, ds *dicom.Dataset) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sr.dcm")
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds, dicom.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReportsKeepTheirContentTree(t *testing.T) {
	for name, in := range map[string]report.Input{"draft": input(), "measured": measuredInput(), "signed": signed(t)} {
		t.Run(name, func(t *testing.T) {
			doc, err := sr.Parse(mustSR(t, in))
			if err != nil {
				t.Fatal(err)
			}
			got := doc.Root.Tree()
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("content tree (-want +got):\n%s", d)
			}
		})
	}
}

func TestReportsPassTheValidators(t *testing.T) {
	for name, in := range map[string]report.Input{"draft": input(), "measured": measuredInput(), "signed": signed(t)} {
		t.Run(name, func(t *testing.T) { validate(t, mustFile(t, mustSR(t, in))) })
	}
}

// validate runs dciodvfy and dsrdump over the file at path.
func validate(t *testing.T, path string) {
	t.Helper()
	validateObject(t, path)
	if _, err := exec.LookPath("dsrdump"); err != nil {
		t.Skip("dsrdump is not installed (Debian: dcmtk)")
	}
	out, err := exec.Command("dsrdump", "+Pt", "+Pc", path).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("\nE: ")) || bytes.HasPrefix(out, []byte("E: ")) {
		t.Errorf("dsrdump: %v\n%s", err, out)
	}
	for _, l := range strings.Split(string(out), "\n") {
		if strings.HasPrefix(l, "W:") && !strings.Contains(l, "VR checker does not support") && !strings.Contains(l, "template constraints not yet supported") {
			t.Errorf("dsrdump: %s", l)
		}
	}
}

// validateObject runs dciodvfy over the file at path.
func validateObject(t *testing.T, path string) {
	t.Helper()
	if _, err := exec.LookPath("dciodvfy"); err != nil {
		t.Skip("dciodvfy is not installed (Debian: dicom3tools)")
	}
	out, err := exec.Command("dciodvfy", path).CombinedOutput()
	if err != nil || strings.Contains("\n"+string(out), "\nError") {
		t.Errorf("dciodvfy: %v\n%s", err, out)
	}
}

// shared returns the files of a folder of the shared samples.
func shared(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "shared", "dicom", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the shared sample files are not here")
	}
	return files
}

func TestReportsOnRealImagesPassTheValidators(t *testing.T) {
	pattern := "ch*/*.dcm" // chest, charset
	if os.Getenv("RADNODE_TEST_ALL") != "" {
		pattern = "*/*.dcm"
	}
	for _, path := range shared(t, pattern) {
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil || f.PixelData == nil {
			continue
		}
		if root := string(f.Dataset.UID(dicom.StudyInstanceUID)); !strings.HasPrefix(root, "1.") && !strings.HasPrefix(root, "2.") {
			continue // dciodvfy refuses the UIDs of the image itself
		}
		if m := f.Dataset.Text(dicom.Modality); m == "RTDOSE" || m == "SEG" {
			continue // dsrdump does not know them as images
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			in := input()
			in.Source = []*dicom.Dataset{f.Dataset}
			for i := range in.Analyses {
				in.Analyses[i].SOPInstanceUID = f.Dataset.UID(dicom.SOPInstanceUID)
			}
			ds, err := report.SR(in)
			if radnode.CodeOf(err) == radnode.Invalid {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range []dicom.Tag{dicom.PatientName, dicom.PatientID, dicom.StudyInstanceUID, dicom.AccessionNumber} {
				if got, want := ds.Text(tag), f.Dataset.Text(tag); got != want {
					t.Errorf("%s: got %q, want %q", tag.Keyword(), got, want)
				}
			}
			validate(t, mustFile(t, ds))
		})
	}
}

func TestASignedReportMarksWhatNobodyDecidedAbout(t *testing.T) {
	in := signed(t)
	for i := range in.Findings {
		if in.Findings[i].Finding.Code == nil {
			in.Findings[i].Decision, in.Findings[i].DecidedBy = radnode.Undecided, ""
		}
	}
	for _, class := range report.Ladder {
		in.Class = class
		got := tree(t, mustSR(t, in))
		want := 3 // two technical labels and the measurement
		if n := strings.Count(got, "AI output, not decided on by the reader"); n != want {
			t.Errorf("%s: %d marks, want %d:\n%s", class, n, want, got)
		}
		validate(t, mustFile(t, mustSR(t, in)))
	}
	draft := input()
	if got := tree(t, mustSR(t, draft)); strings.Contains(got, "not decided on") {
		t.Errorf("a draft as a whole is not decided on:\n%s", got)
	}
}

func TestACertaintyIsNotRoundedToCertain(t *testing.T) {
	cases := []struct {
		p     float64
		fine  string
		whole int
	}{
		{0, " = 0 %", 0}, {0.0004, " = 0.1 %", 1}, {0.29, " = 29 %", 29}, {0.996, " = 99.6 %", 99}, {0.9996, " = 99.9 %", 99}, {1, " = 100 %", 100},
	}
	for _, c := range cases {
		in := input()
		in.Analyses = in.Analyses[:1]
		in.Analyses[0].Findings[0].Probability = c.p
		if got := tree(t, mustSR(t, in)); !strings.Contains(got, `"Certainty of Finding")`+c.fine) {
			t.Errorf("%g: no %q in\n%s", c.p, c.fine, got)
		}
		if got := report.Percent(c.p); got != c.whole {
			t.Errorf("%g is %d %%, want %d", c.p, got, c.whole)
		}
	}
}

func TestALabelOfAnExclusiveGroupHasNoThreshold(t *testing.T) {
	in := input()
	in.Analyses[1].Findings[0].Threshold = 0
	got := tree(t, mustSR(t, in))
	if strings.Contains(got, `"threshold=0"`) || !strings.Contains(got, `"largest of its group"`) {
		t.Error(got)
	}
}

func TestAReasonIsIntroducedOnce(t *testing.T) {
	broken := "image: not analysed: image: the file is cut off"
	got := report.NotAnalysed([]radnode.Analysis{
		{Error: &broken},
		{Model: quality, Gate: radnode.Gate{Reasons: []string{"not analysed: not applicable: this is CT", "not applicable: 3 frames"}}},
	})
	want := []string{"all models: not analysed: the file is cut off", "chest-film-quality: not analysed: this is CT; 3 frames"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAReportIsAboutOnePatient(t *testing.T) {
	in := input()
	in.Source[1].SetText(dicom.IssuerOfPatientID, "elsewhere")
	mustSR(t, in)
	in.Source[1].SetText(dicom.PatientID, "ID-2")
	if _, err := report.SR(in); radnode.CodeOf(err) != radnode.Conflict || strings.Contains(err.Error(), "ID-2") {
		t.Errorf("got %v", err)
	}
}

func TestPatientsAreComparedAsDevicesWriteThem(t *testing.T) {
	cases := []struct {
		a, b string
		want bool
	}{
		{"Doe^Jane", "DOE^JANE^^", true}, {"Wang^XiaoDong=王^小東", "Wang^XiaoDong", true}, {"", "^^", true},
		{"Doe^Jane", "Roe^Jane", false}, {"Wang^XiaoDong=王^小東", "Wang^XiaoDong=汪^小東", false}, {"Doe^Jane", "", false},
	}
	for _, c := range cases {
		if got := report.SamePatient(film("1.2.3", c.a), film("1.2.4", c.b)); got != c.want {
			t.Errorf("%q and %q: %t", c.a, c.b, got)
		}
	}
}

func TestAReadersTextHasItsOwnLanguage(t *testing.T) {
	in := signed(t)
	in.Language = "zh"
	for _, class := range report.Ladder {
		in.Class = class
		ds := mustSR(t, in)
		got := tree(t, ds)
		if n := strings.Count(got, "(zh, RFC5646"); n != 1 || !strings.Contains(got, "(en, RFC5646") {
			t.Errorf("%s: %d texts in Chinese:\n%s", class, n, got)
		}
		validate(t, mustFile(t, ds))
	}
}
