package pixel_test

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/worker"
)

func TestAPipelineIsShownAndRunWithAPictureOfEachStage(t *testing.T) {
	pool, out := mustStart(t), t.TempDir()
	shown, err := pool.Pipeline(t.Context(), worker.PipelineRequest{Name: "chest-lungs"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(shown.Diagram, "3 lung_fields  -> mask lungs") || !strings.HasPrefix(shown.Mermaid, "flowchart TD\n") || !strings.Contains(shown.Mermaid, "s6 --> s6_1") || shown.TensorDigest != "" {
		t.Errorf("shown: %+v", shown)
	}
	run := func(dir string) *worker.PipelineResult {
		r, err := pool.Pipeline(t.Context(), worker.PipelineRequest{Name: "chest-lungs", Paths: []string{film(t)}, OutDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first, second := run(out), run("")
	if first.TensorDigest != second.TensorDigest || first.Digest != shown.Digest || len(first.Stages) != 7 || first.Features["cardiothoracic_ratio"] == 0 {
		t.Errorf("run: %+v and %+v", first, second)
	}
	for _, s := range first.Stages {
		f, err := os.Open(filepath.Join(out, s.File))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := png.Decode(f); err != nil {
			t.Errorf("stage %s: %v", s.Name, err)
		}
	}
}

func TestThePipelineOfAModelCanBeShown(t *testing.T) {
	r, err := mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Name: "paediatric-pneumonia"})
	if err != nil || !strings.Contains(r.Diagram, "resize") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWrongPipelinesAreRefusedWithTheStepAndWhatIsAllowed(t *testing.T) {
	head := "schema: 1\nname: x\nversion: 1.0.0\npurpose: test\nsteps:\n"
	for text, want := range map[string]string{
		head + "  - {step: clahe, clip: 1000}\n": `step 1 (clahe): parameter "clip" is 1000: give a number from 0.1 to 100`,
		"no pipeline":                            "not a pipeline",
	} {
		_, err := mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Text: text})
		if err == nil || !strings.Contains(err.Error(), want) || radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%v", err)
		}
	}
	if _, err := mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Name: "nobody"}); radnode.CodeOf(err) != radnode.NotFound {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Name: "ct-head", Paths: []string{film(t), film(t)}}); err == nil || !strings.Contains(err.Error(), "one image") {
		t.Errorf("two files for one image: %v", err)
	}
}

// A real CT series, its files in any order and one of them twice.
func TestASeriesIsOrderedByPlaceAndMadeAVolume(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "series/ct_liver"), "*.dcm"))
	if err != nil || len(files) < 3 {
		t.Skipf("%d files of the series, %v", len(files), err)
	}
	run := func(paths []string) *worker.PipelineResult {
		r, err := mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Name: "ct-liver-volume", Paths: paths})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := run(files)
	turned := slices.Clone(files)
	slices.Reverse(turned)
	again := run(append(turned, files[0]))
	if !slices.Equal(first.Series.Order, again.Series.Order) || first.Features["glcm.contrast"] != again.Features["glcm.contrast"] || first.Features["glcm.contrast"] <= 0 {
		t.Errorf("the order of the files counts: %+v, %+v", first.Series, again.Series)
	}
	if len(first.Series.Order) != len(files) || first.Series.Volume[2] < 2 || !strings.Contains(strings.Join(again.Series.Notes, ";"), "1 slices lie where another one is") {
		t.Errorf("series %+v, notes of the double %v", first.Series, again.Series.Notes)
	}
	if len(files) > 4 {
		gap := run(slices.Delete(slices.Clone(files), 1, 3))
		t.Logf("with two files left out: %v", gap.Series.Notes)
	}
}

// changed is a copy of a file with one text in place of another as long.
func changed(t *testing.T, file, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(from) != len(to) || !bytes.Contains(data, []byte(from)) {
		t.Fatalf("%q cannot become %q", from, to)
	}
	out := filepath.Join(t.TempDir(), "changed.dcm")
	if err := os.WriteFile(out, bytes.ReplaceAll(data, []byte(from), []byte(to)), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// textOf is the value of an attribute of a file, as it stands there.
func textOf(t *testing.T, file string, tag dicom.Tag) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	object, err := dicom.Read(f, st.Size(), dicom.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(object.Dataset.Texts(tag), `\`)
}

// What would give a wrong volume is refused or reported, never measured.
func TestFilesThatAreNoOneSeriesAreNotMeasuredAsOne(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "series/ct_liver"), "*.dcm"))
	if err != nil || len(files) < 3 {
		t.Skipf("%d files of the series, %v", len(files), err)
	}
	run := func(paths ...string) (*worker.PipelineResult, error) {
		return mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Name: "ct-liver-volume", Paths: paths})
	}
	other := func(file string, tag dicom.Tag, last string) string {
		text := textOf(t, file, tag)
		return changed(t, file, text, text[:len(text)-len(last)]+last)
	}
	for name, c := range map[string]struct {
		file string
		want string
	}{
		"another series":             {other(files[2], dicom.SeriesInstanceUID, "77"), "2 series"},
		"another frame of reference": {other(files[2], dicom.FrameOfReferenceUID, "77"), "2 frames of reference"},
		"several frames":             {filepath.Join(shared(t, "image"), "enhmr_knee_19frames.dcm"), "file 3 of 3"},
		"colour":                     {filepath.Join(shared(t, "image"), "us1_rgb_explicit_le.dcm"), "colour image"},
		"no DICOM":                   {shared(t, "README.md"), "file 3 of 3"},
	} {
		if _, err := run(files[0], files[1], c.file); err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "run pipeline") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	spacing := textOf(t, files[2], dicom.PixelSpacing)
	for name, c := range map[string]struct{ file, want string }{
		"a report":         {filepath.Join(shared(t, "nonimage"), "sr_basic_text.dcm"), "files left out that are no images: 1"},
		"no pixel spacing": {changed(t, files[2], spacing, regexp.MustCompile(`[1-9]`).ReplaceAllString(spacing, "0")), "its size or pixel spacing is missing"},
	} {
		r, err := run(files[0], files[1], c.file)
		if err != nil || len(r.Series.Order) != 2 || !strings.Contains(strings.Join(r.Series.Notes, ";"), c.want) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestAFrameOfSeveralCanBeChosen(t *testing.T) {
	file := filepath.Join(shared(t, "image"), "us_echo_8frames_rgb_implicit_le.dcm")
	digests := map[string]bool{}
	for _, frame := range []int{0, 1, 8} {
		r, err := mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Name: "ultrasound", Paths: []string{file}, Frame: frame})
		if err != nil {
			t.Fatal(err)
		}
		digests[r.TensorDigest] = true
	}
	if len(digests) != 2 {
		t.Errorf("%d different tensors of frames 1 and 8", len(digests))
	}
	if _, err := mustStart(t).Pipeline(t.Context(), worker.PipelineRequest{Name: "ultrasound", Paths: []string{file}, Frame: 9}); err == nil || !strings.Contains(err.Error(), "frames 1 to 8") {
		t.Errorf("frame 9: %v", err)
	}
}
