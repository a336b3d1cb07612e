package inference

import (
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/radnode/radnode/models"
)

func TestAGraphThatGivesMoreBoxesThanScoresIsRefused(t *testing.T) {
	m := detector(t)
	for scores, want := range map[int64]string{3: "", 2: "3 boxes and scores of 2"} {
		_, err := m.collect(1, []ort.Value{tensor(t, 1, 3, 4), tensor(t, 1, scores, 1)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d scores: %v", scores, err)
		}
	}
}

// detector has one label; its outputs are given by the test.
func detector(t *testing.T) *Model {
	t.Helper()
	mustLoadWeak(t, 1) // opens the runtime
	return &Model{manifest: &models.Manifest{
		Kind: models.KindDetection, Outputs: models.Outputs{Boxes: "boxes", Scores: "scores"},
		Input:     models.Input{Channels: 1, Rows: 8, Columns: 8},
		Detection: &models.Detection{Most: 3}, Labels: []models.Label{{Name: "nodule", Threshold: 0.5}},
	}}
}

func TestADetectorMayFindNothing(t *testing.T) {
	m := detector(t)
	out, err := m.collect(1, []ort.Value{tensor(t, 1, 0, 4), tensor(t, 1, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Findings(out, 0, Placement{Width: 8, Height: 8})
	if err != nil || len(all) != 1 || all[0].Present || all[0].Region != nil {
		t.Errorf("got %+v, %v", all, err)
	}
	if proof := m.proof(out); len(proof) != m.manifest.ProofSize() {
		t.Errorf("a reference case compares %v", proof)
	}
}

func tensor(t *testing.T, shape ...int64) ort.Value {
	t.Helper()
	v, err := ort.NewEmptyTensor[float32](ort.NewShape(shape...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Destroy() })
	return v
}

func TestAMapIsFiledNoFinerThanAReaderSees(t *testing.T) {
	values := make([]float32, 1024*300)
	for i := range values {
		if i/300 < 512 && i%300 < 150 {
			values[i] = 2
		}
	}
	h := heatmap(1024, 300, values, Placement{Width: 300, Height: 1024})
	if h.Rows != 256 || h.Columns != 256 || len(h.Values) != 256*256 || h.Max != 2 || h.Width != 300 {
		t.Fatalf("%d x %d, largest %v over %v", h.Rows, h.Columns, h.Max, h.Width)
	}
	for i, v := range h.Values {
		if row, column := i/256, i%256; (row < 127 && column < 127) != (v == 255) && row != 127 && row != 128 && column != 127 && column != 128 {
			t.Fatalf("row %d, column %d has %d", row, column, v)
		}
	}
}

func TestLargeInputsAreRunFewAtOnce(t *testing.T) {
	for side, want := range map[int]int{224: 32, 1024: 5, 4096: 1} {
		if got := together(models.Input{Channels: 3, Rows: side, Columns: side}, 2048); got != want {
			t.Errorf("side %d: %d at once, want %d", side, got, want)
		}
	}
}
