package acceptance

import (
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode"
)

// TestThePublishedNetworksTwinIsPreparedAsItsAuthorsDo packages a network of
// the published architecture with random weights and compares what the built
// program says of a real film with the authors' preparation in Python.
func TestThePublishedNetworksTwinIsPreparedAsItsAuthorsDo(t *testing.T) {
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import torch, torchvision, onnx, cv2, yaml, pydicom").Run(); err != nil {
		t.Skip("python3-torch, torchvision, onnx, opencv, yaml or pydicom is not installed (scripts/packages train)")
	}
	films, err := filepath.Glob(filepath.Join(shared(t, "cxr"), "nih14", "*"))
	if err != nil || len(films) == 0 {
		films, _ = filepath.Glob(filepath.Join(shared(t, "cxr"), "*", "*", "*")) // the pattern is sound
	}
	if len(films) == 0 {
		t.Skip("../shared/cxr holds no films")
	}
	folder := t.TempDir()
	place := filepath.Join(folder, "models", "torchxrayvision-densenet", "1.0.0")
	if status, out := command(t, python, filepath.Join(root(), "models", "training", "export_torchxrayvision.py"), "--random", place); status != 0 {
		t.Fatal(out)
	}
	file := filepath.Join(folder, "film.dcm")
	printed, err := exec.Command(python, filepath.Join("testdata", "twin.py"), root(), films[0], place, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	if err := json.Unmarshal(printed, &want); err != nil {
		t.Fatal(err)
	}
	status, text := command(t, program(t), "analyze", "--json", "--models", filepath.Join(folder, "models"), "--model", "torchxrayvision-densenet", file)
	var got radnode.Analysis
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != 0 {
		t.Fatalf("exit %d: %s (%v)", status, text, err)
	}
	if !got.Gate.Accepted || len(got.Findings) != len(want) || len(want) != 17 {
		t.Fatalf("%+v with %d findings, want %d", got.Gate, len(got.Findings), len(want))
	}
	for i, f := range got.Findings {
		if d := math.Abs(f.Probability - want[i]); d > 1e-4 {
			t.Errorf("%s: %.6f, the authors' way gives %.6f", f.Label, f.Probability, want[i])
		}
	}
}
