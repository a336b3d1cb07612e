package inference_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/models"
)

// library finds the ONNX Runtime of the build.
func library(tb testing.TB) string {
	tb.Helper()
	for _, path := range []string{os.Getenv("RADNODE_ONNXRUNTIME"), "../build/onnxruntime/libonnxruntime.so.1"} {
		if _, err := os.Stat(path); path != "" && err == nil {
			full, err := filepath.Abs(path)
			if err != nil {
				tb.Fatal(err)
			}
			return full
		}
	}
	tb.Skip("ONNX Runtime is not there: run make build, or set RADNODE_ONNXRUNTIME to libonnxruntime.so.1")
	return ""
}

func mustOpen(tb testing.TB, providers ...string) *inference.Runtime {
	tb.Helper()
	r, err := inference.Open(inference.Config{Library: library(tb), Providers: providers, Threads: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

func testPackage(tb testing.TB) *models.Package {
	tb.Helper()
	p, err := models.Load(os.DirFS("testdata/models"), "lung-test/1.0.0")
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func mustLoad(tb testing.TB, providers ...string) *inference.Model {
	tb.Helper()
	m, err := mustOpen(tb, providers...).Load(context.Background(), testPackage(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// corner is a dark image with a bright spot in the upper left eighth.
func corner() []float32 {
	image := make([]float32, 32*32)
	for r := 1; r < 7; r++ {
		for c := 1; c < 7; c++ {
			image[r*32+c] = 1
		}
	}
	return image
}

func noise(values int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	image := make([]float32, values)
	for i := range image {
		image[i] = r.Float32()
	}
	return image
}

func TestALesionInTheCornerIsFoundAndHotThere(t *testing.T) {
	m := mustLoad(t)
	out, err := m.Run(context.Background(), 1, corner())
	if err != nil {
		t.Fatal(err)
	}
	findings := findings(t, m, out, inference.Placement{Left: -10, Top: 5, Width: 640, Height: 320})
	var present []string
	for _, f := range findings {
		if f.Present {
			present = append(present, f.Label)
		}
	}
	if diff := cmp.Diff([]string{"upper", "corner"}, present); diff != "" {
		t.Error(diff)
	}
	h := findings[3].Heatmap
	if h == nil || h.Rows != 4 || h.Columns != 4 || h.Left != -10 || h.Height != 320 || h.Max < 7 {
		t.Fatalf("heat map: %+v", h)
	}
	if h.Values[0] != 255 || slices.Max(h.Values[1:]) != 0 {
		t.Errorf("the lesion lies in the first cell, the map says %v", h.Values)
	}
	if diff := cmp.Diff(&radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"}, findings[3].Code); diff != "" {
		t.Error(diff)
	}
	if findings[1].Heatmap != nil {
		t.Error("a label without heatmap: true has a map")
	}
}

func TestAFlippedPipelineIsTurnedBack(t *testing.T) {
	m := mustLoad(t)
	out, err := m.Run(context.Background(), 1, corner())
	if err != nil {
		t.Fatal(err)
	}
	mirror := func(rows, columns int, v []float32) (int, int, []float32) {
		flipped := make([]float32, len(v))
		for i := range v {
			flipped[i/columns*columns+columns-1-i%columns] = v[i]
		}
		return rows, columns, flipped
	}
	h := findings(t, m, out, inference.Placement{Width: 32, Height: 32, Upright: mirror})[3].Heatmap
	if h.Values[3] != 255 || h.Values[0] != 0 {
		t.Errorf("map %v", h.Values)
	}
}

func TestABatchGivesWhatItsImagesGiveAlone(t *testing.T) {
	m := mustLoad(t)
	images := noise(7 * 1024)
	batch, err := m.Run(context.Background(), 7, images)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		one, err := m.Run(context.Background(), 1, images[i*1024:(i+1)*1024])
		if err != nil {
			t.Fatal(err)
		}
		for j, p := range one.Summary {
			if d := math.Abs(float64(p - batch.Summary[i*batch.Labels+j])); d > 1e-6 {
				t.Errorf("image %d, label %d: off by %g", i, j, d)
			}
		}
	}
}

func TestConcurrentRunsDoNotDisturbEachOther(t *testing.T) {
	m := mustLoad(t)
	want, err := m.Run(context.Background(), 1, corner())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				got, err := m.Run(context.Background(), 1, corner())
				if err != nil || !slices.Equal(got.Summary, want.Summary) {
					t.Errorf("got %v, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestWrongInputIsRefused(t *testing.T) {
	m := mustLoad(t)
	for name, n := range map[string]int{"no image": 0, "two images": 2, "too many images": inference.MaxBatch + 1} {
		if _, err := m.Run(context.Background(), n, corner()); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	nan := corner()
	nan[40] = float32(math.NaN())
	if _, err := m.Run(context.Background(), 1, nan); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("NaN in the tensor: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Run(ctx, 1, corner()); radnode.CodeOf(err) != radnode.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestARetiredModelSaysSo(t *testing.T) {
	m := mustLoad(t)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(context.Background(), 1, corner()); radnode.CodeOf(err) != radnode.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestTheReasonOfEachRefusedProviderIsKept(t *testing.T) {
	m := mustLoad(t, "tensorrt", "cuda", "openvino", "coreml")
	if m.Device() != "cpu" {
		t.Skipf("this machine has %s", m.Device())
	}
	if len(m.Fallbacks()) != 4 {
		t.Fatalf("got %q", m.Fallbacks())
	}
	for i, name := range []string{"tensorrt: ", "cuda: ", "openvino: ", "coreml: "} {
		if f := m.Fallbacks()[i]; !strings.HasPrefix(f, name) || len(f) < len(name)+10 || strings.Contains(f, "/") {
			t.Errorf("got %q", f)
		}
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	if _, err := inference.Open(inference.Config{Library: "/nowhere/lib.so"}); radnode.CodeOf(err) != radnode.Unavailable || !strings.Contains(err.Error(), "run make") {
		t.Errorf("got %v", err)
	}
	if _, err := inference.Open(inference.Config{Providers: []string{"abacus"}}); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("got %v", err)
	}
	mustOpen(t)
	if _, err := inference.Open(inference.Config{Library: library(t)}); radnode.CodeOf(err) != radnode.Conflict {
		t.Errorf("second runtime: %v", err)
	}
}

// changed loads the test package with its manifest or graph changed.
func changed(t *testing.T, r *inference.Runtime, from, to string, graph []byte) error {
	t.Helper()
	_, err := altered(t, r, map[string]string{from: to}, graph, nil)
	return err
}

// altered loads the test package with texts of its manifest replaced, perhaps
// another graph and further files.
func altered(t *testing.T, r *inference.Runtime, texts map[string]string, graph []byte, more map[string][]byte) (*inference.Model, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, name := range []string{"manifest.yaml", "model.onnx", "noise.f32", "top-bright.f32"} {
		data, err := os.ReadFile(filepath.Join("testdata/models/lung-test/1.0.0", name))
		if err != nil {
			t.Fatal(err)
		}
		fsys["lung-test/1.0.0/"+name] = &fstest.MapFile{Data: data}
	}
	for name, data := range more {
		fsys["lung-test/1.0.0/"+name] = &fstest.MapFile{Data: data}
	}
	file := fsys["lung-test/1.0.0/manifest.yaml"]
	text := string(file.Data)
	if graph != nil {
		at := strings.Index(text, "digest: sha256:") + len("digest: ")
		text = strings.Replace(text, text[at:at+71], digest(graph), 1)
		fsys["lung-test/1.0.0/model.onnx"].Data = graph
	}
	for from, to := range texts {
		if from != "" && !strings.Contains(text, from) {
			t.Fatalf("%q is not in the manifest", from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	file.Data = []byte(text)
	p, err := models.Load(fsys, "lung-test/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	return r.Load(context.Background(), p)
}

func TestAMislabelledOrBrokenPackageIsRefusedWithASentence(t *testing.T) {
	r := mustOpen(t)
	tests := map[string]struct {
		from, to string
		graph    []byte
		want     string
	}{
		"another input name":     {"name: image", "name: picture", nil, `the graph has no input "picture"; it has image`},
		"another output":         {"heatmap: cam", "heatmap: map", nil, `the graph has no output "map"; it has probabilities, cam, features`},
		"probabilities as a map": {"probabilities: probabilities", "probabilities: logits", nil, `no output "logits"`},
		"a random file":          {"", "", []byte("not a graph at all"), "is no sound ONNX file"},
		"a reference that fails": {"output: [0.49", "output: [0.59", nil, "is off by 0.1, more than its tolerance 1e-05"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := changed(t, r, tt.from, tt.to, tt.graph)
			if radnode.CodeOf(err) != radnode.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestEveryProvidersNameIsAccepted(t *testing.T) {
	mustOpen(t, inference.Providers()...)
}

// TestTheEngineEqualsTheNodeBinding compares with another binding of the same
// runtime on the same tensors, for the test model and every bundled one.
func TestTheEngineEqualsTheNodeBinding(t *testing.T) {
	binding := filepath.Join(filepath.Dir(library(t)), "onnxruntime_binding.node")
	if _, err := os.Stat(binding); err != nil {
		t.Skip("onnxruntime_binding.node of the npm package is not beside ONNX Runtime")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	r := mustOpen(t)
	bundled, errs := models.LoadAll(models.Bundled)
	for _, err := range errs {
		t.Error(err)
	}
	for _, p := range append(bundled, testPackage(t)) {
		t.Run(p.Manifest.ID, func(t *testing.T) { compareWithNode(t, r, p, binding) })
	}
}

func compareWithNode(t *testing.T, r *inference.Runtime, p *models.Package, binding string) {
	m, err := r.Load(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	const images = 3
	man := p.Manifest
	input := noise(images * man.Input.Size())
	out, err := m.Run(context.Background(), images, input)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 0, 4*len(input))
	for _, v := range input {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	graph, err := p.Model()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"tensor.f32": raw, "model.onnx": graph} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(man.Input.Shape(images)), " ", ","), "[]")
	args := []string{"testdata/run.js", binding, filepath.Join(dir, "model.onnx"), filepath.Join(dir, "tensor.f32"), man.Input.Name, shape}
	args = append(args, man.OutputNames()...)
	printed, err := exec.Command("node", args...).Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var other [][]float64
	if err := json.Unmarshal(printed, &other); err != nil {
		t.Fatal(err)
	}
	compare(t, "probabilities", out.Summary, other[0])
	rest := other[1:]
	if man.Outputs.Heatmap != "" {
		compare(t, "heat maps", out.Heat, rest[0])
		rest = rest[1:]
	}
	if man.Outputs.Features != "" {
		got, _ := out.Of(models.Features, 0)
		compare(t, "features of the first image", got, rest[0][:len(got)])
	}
}

func compare(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, the other binding has %d", what, len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i])-want[i]))
	}
	if worst > 1e-5 {
		t.Errorf("%s: off by %g", what, worst)
	}
	t.Logf("%s: largest deviation %g", what, worst)
}

func BenchmarkRunOneImage(b *testing.B) {
	m := mustLoad(b)
	image := corner()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Run(context.Background(), 1, image); err != nil {
			b.Fatal(err)
		}
	}
}
