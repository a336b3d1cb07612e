package pixel_test

import (
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
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
