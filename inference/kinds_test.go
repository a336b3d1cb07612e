package inference_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/models"
)

// findings are those of the first image.
func findings(tb testing.TB, m *inference.Model, out *inference.Output, place inference.Placement) []radnode.Finding {
	tb.Helper()
	all, err := m.Findings(out, 0, place)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

const kindsManifest = `schema: 1
id: kinds-test
version: 1.0.0
name: Kinds test
licence: Apache-2.0
onnx: kinds.onnx
digest: %s
intended_use: Tests of the inference engine.
not_for: [people]
calibrated: false
evaluation: none
gate: {modality: [CR]}
input: {name: image, layout: NCHW, type: float32, channels: 1, rows: 32, columns: 32}
pipeline: [{step: grey}]
`

// mustLoadKind loads the graph that has outputs of every kind as one of them.
func mustLoadKind(t *testing.T, kind string) *inference.Model {
	t.Helper()
	graph, err := os.ReadFile("testdata/kinds.onnx")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{
		"kinds-test/1.0.0/kinds.onnx":    {Data: graph},
		"kinds-test/1.0.0/manifest.yaml": {Data: []byte(fmt.Sprintf(kindsManifest, digest(graph)) + kind)},
	}
	p, err := models.Load(fsys, "kinds-test/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := mustOpen(t).Load(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustRun(t *testing.T, m *inference.Model, image []float32) *inference.Output {
	t.Helper()
	out, err := m.Run(context.Background(), 1, image)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const detector = `kind: detection
outputs: {boxes: boxes, scores: scores}
detection: {overlap: 0.3, most: 5}
labels:
  - {name: bright, threshold: 0.5, code: {value: "233604007", scheme: SCT, meaning: Pneumonia}}
  - {name: dark, threshold: 0.99}
`

// upsideDown is a placement whose rows run the other way.
func upsideDown(rows, columns int, v []float32) (int, int, []float32) {
	out := make([]float32, 0, len(v))
	for r := rows - 1; r >= 0; r-- {
		out = append(out, v[r*columns:(r+1)*columns]...)
	}
	return rows, columns, out
}

func quarterTurn(rows, columns int, v []float32) (int, int, []float32) {
	out := make([]float32, len(v))
	for r := range rows {
		for c := range columns {
			out[c*rows+rows-1-r] = v[r*columns+c]
		}
	}
	return columns, rows, out
}

func TestADetectorsBoxLiesWhereTheLesionLiesInTheSource(t *testing.T) {
	m := mustLoadKind(t, detector)
	out := mustRun(t, m, corner())
	tests := map[string]struct {
		upright func(int, int, []float32) (int, int, []float32)
		want    []float64 // left, top, right, bottom in the source
	}{
		"as it is":     {nil, []float64{10, 20, 60, 45}},
		"upside down":  {upsideDown, []float64{10, 95, 60, 120}},
		"quarter turn": {quarterTurn, []float64{160, 20, 210, 45}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			all := findings(t, m, out, inference.Placement{Left: 10, Top: 20, Width: 200, Height: 100, Upright: tt.upright})
			f := all[0]
			if f.Label != "bright" || !f.Present || f.Probability < 0.99 || f.Code == nil || f.Region == nil {
				t.Fatalf("first finding %+v", f)
			}
			p := f.Region.Points
			got := []float64{min(p[0], p[4]), min(p[1], p[5]), max(p[0], p[4]), max(p[1], p[5])}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOverlappingBoxesAreOneFindingAndTheirNumberIsBounded(t *testing.T) {
	m := mustLoadKind(t, detector)
	var got []string
	for _, f := range findings(t, m, mustRun(t, m, corner()), inference.Placement{Width: 32, Height: 32}) {
		got = append(got, fmt.Sprintf("%s %v", f.Label, f.Present))
	}
	// Each of the 15 dark squares is boxed twice; five are kept in all.
	if diff := cmp.Diff([]string{"bright true", "dark true", "dark_2 true", "dark_3 true", "dark_4 true"}, got); diff != "" {
		t.Error(diff)
	}
	none := findings(t, m, mustRun(t, m, make([]float32, 32*32)), inference.Placement{Width: 32, Height: 32})
	if none[0].Label != "bright" || none[0].Present || none[0].Region != nil || none[0].Probability > 0.01 {
		t.Errorf("a dark image: %+v", none[0])
	}
}

func TestASegmentationGivesMaskAndArea(t *testing.T) {
	m := mustLoadKind(t, "kind: segmentation\noutputs: {masks: masks}\nlabels: [{name: spot, threshold: 0.5, min_area: 0.01}]\n")
	out := mustRun(t, m, corner()) // 1..6 of each side: two cells of four
	f := findings(t, m, out, inference.Placement{Width: 320, Height: 160, PixelArea: 0.25})[0]
	want := &radnode.Measurement{Name: "area", Value: 4.0 / 64 * 320 * 160 * 0.25, Unit: "mm2"}
	if diff := cmp.Diff(want, f.Measurement); diff != "" || !f.Present {
		t.Error(f.Present, diff)
	}
	if h := f.Heatmap; h == nil || h.Method != "segmentation" || h.Rows != 8 || h.Values[0] != 255 || h.Values[2] != 0 || h.Width != 320 {
		t.Errorf("mask %+v", h)
	}
	f = findings(t, m, mustRun(t, m, make([]float32, 32*32)), inference.Placement{Width: 32, Height: 32})[0]
	if f.Present || f.Measurement.Value != 0 || f.Measurement.Unit != "{pixels}" {
		t.Errorf("an empty image: %+v, %+v", f, f.Measurement)
	}
}

func TestARegressionGivesANumberAndRefusesOneThatCannotBe(t *testing.T) {
	m := mustLoadKind(t, "kind: regression\noutputs: {values: values}\nlabels: [{name: bone_age, unit: mo, plausible: {min: 0, max: 60}}]\n")
	grey := slices.Repeat([]float32{0.5}, 32*32)
	f := findings(t, m, mustRun(t, m, grey), inference.Placement{})[0]
	if diff := cmp.Diff(&radnode.Measurement{Name: "bone_age", Value: 50, Unit: "mo"}, f.Measurement, cmpopts.EquateApprox(0, 1e-4)); diff != "" {
		t.Error(diff)
	}
	white := slices.Repeat([]float32{1}, 32*32)
	_, err := m.Findings(mustRun(t, m, white), 0, inference.Placement{})
	if radnode.CodeOf(err) != radnode.Unsupported || !strings.Contains(err.Error(), "bone_age is 100 mo, outside of 0 to 60") {
		t.Errorf("got %v", err)
	}
}

func TestAnEmbeddingGivesItsFeatures(t *testing.T) {
	m := mustLoadKind(t, "kind: embedding\noutputs: {features: features}\nembedding: {size: 16}\n")
	out := mustRun(t, m, corner())
	got, _ := out.Of(models.Features, 0)
	if len(got) != 16 || math.Abs(float64(got[0])-36.0/64) > 1e-6 || got[15] != 0 {
		t.Errorf("features %v", got)
	}
	if all := findings(t, m, out, inference.Placement{}); len(all) != 0 {
		t.Errorf("%d findings", len(all))
	}
}

func TestABoxEndsAtTheEdgesOfTheFrame(t *testing.T) {
	m := mustLoadKind(t, detector)
	out := mustRun(t, m, corner()) // a box over the first quarter of each side
	// Columns -25..75 were padded: half of the box lies beside the frame.
	f := findings(t, m, out, inference.Placement{Left: -25, Top: 0, Width: 200, Height: 100, Rows: 100, Columns: 150})[0]
	if f.Region == nil || !slices.Equal(f.Region.Points, []float64{0, 0, 25, 0, 25, 25, 0, 25, 0, 0}) {
		t.Errorf("region %+v", f.Region)
	}
	f = findings(t, m, out, inference.Placement{Left: -60, Top: 0, Width: 200, Height: 100, Rows: 100, Columns: 80})[0]
	if f.Region != nil || f.Present {
		t.Errorf("a box in the padding: %+v", f)
	}
}

func TestReferenceCasesProveBoxesAndMasks(t *testing.T) {
	var proof []float64
	t.Run("the boxes", func(t *testing.T) {
		m := mustLoadKind(t, detector)
		for _, f := range findings(t, m, mustRun(t, m, corner()), inference.Placement{Width: 1, Height: 1})[:2] {
			p := f.Region.Points
			proof = append(proof, f.Probability, p[0], p[1], p[4], p[5])
		}
	})
	const segmentation = "kind: segmentation\noutputs: {masks: masks}\nlabels: [{name: spot, threshold: 0.5}]\n"
	for name, tt := range map[string]struct {
		kind  string
		proof []float64
		moved int // the value that a broken runtime would change
	}{
		"boxes": {detector, proof, 3},
		"masks": {segmentation, []float64{1, 4.0 / 64, 0.125, 0.125}, 2}, // four cells of 8 x 8 in the corner
	} {
		t.Run(name, func(t *testing.T) {
			r := mustOpen(t)
			if err := loadWithReference(t, r, tt.kind, tt.proof); err != nil {
				t.Error(err)
			}
			tt.proof[tt.moved] += 0.1
			if err := loadWithReference(t, r, tt.kind, tt.proof); err == nil || !strings.Contains(err.Error(), "is off by 0.1") {
				t.Errorf("a moved one: %v", err)
			}
		})
	}
}

func loadWithReference(t *testing.T, r *inference.Runtime, kind string, proof []float64) error {
	t.Helper()
	graph, err := os.ReadFile("testdata/kinds.onnx")
	if err != nil {
		t.Fatal(err)
	}
	output, err := json.Marshal(proof)
	if err != nil {
		t.Fatal(err)
	}
	tensor := typicalFile(corner())
	manifest := fmt.Sprintf(kindsManifest, digest(graph)) + kind +
		fmt.Sprintf("references: [{name: corner, tensor: corner.f32, digest: %q, output: %s, tolerance: 0.01}]\n", digest(tensor), output)
	p, err := models.Load(fstest.MapFS{
		"kinds-test/1.0.0/kinds.onnx": {Data: graph}, "kinds-test/1.0.0/corner.f32": {Data: tensor},
		"kinds-test/1.0.0/manifest.yaml": {Data: []byte(manifest)},
	}, "kinds-test/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Load(context.Background(), p)
	return err
}
