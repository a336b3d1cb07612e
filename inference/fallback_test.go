package inference

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/radnode/radnode/models"
)

// weak is a device whose memory holds most images at once; 0: none.
type weak struct {
	session
	most int
	runs *[]int
}

func (w weak) Run(in, out []ort.Value) error { return w.RunWithOptions(in, out, nil) }

func (w weak) RunWithOptions(in, out []ort.Value, opts *ort.RunOptions) error {
	n := int(in[0].GetShape()[0])
	*w.runs = append(*w.runs, n)
	if n > w.most {
		return errors.New("Failed to allocate memory for requested buffer of size 1048576")
	}
	return w.session.RunWithOptions(in, out, opts)
}

func mustLoadWeak(t *testing.T, most int) (*Model, *[]int) {
	t.Helper()
	library := os.Getenv("RADNODE_ONNXRUNTIME")
	if library == "" {
		library = "../build/onnxruntime/libonnxruntime.so.1"
	}
	if _, err := os.Stat(library); err != nil {
		t.Skip("ONNX Runtime is not there: run make build, or set RADNODE_ONNXRUNTIME to libonnxruntime.so.1")
	}
	r, err := Open(Config{Library: library, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := models.Load(os.DirFS("testdata/models"), "lung-test/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Load(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	runs := &[]int{}
	m.session, m.device = weak{m.session, most, runs}, "cuda"
	return m, runs
}

func images(n int) []float32 {
	out := make([]float32, n*1024)
	for i := range out {
		out[i] = float32(i%977) / 977
	}
	return out
}

func TestABatchThatExceedsTheDeviceIsRunInHalves(t *testing.T) {
	m, runs := mustLoadWeak(t, 2)
	got, err := m.Run(context.Background(), 5, images(5))
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{5, 2, 3, 1, 2}; !slices.Equal(*runs, want) {
		t.Errorf("ran %v, want %v", *runs, want)
	}
	if m.Device() != "cuda" || len(m.Fallbacks()) != 0 {
		t.Errorf("moved to %s: %q", m.Device(), m.Fallbacks())
	}
	m.session = m.session.(weak).session
	want, err := m.Run(context.Background(), 5, images(5))
	if err != nil || !slices.Equal(want.Summary, got.Summary) || !slices.Equal(want.Heat, got.Heat) {
		t.Errorf("halves differ from the whole: %v", err)
	}
}

func TestADeviceThatCannotRunOneImageIsLeftForTheCPU(t *testing.T) {
	m, _ := mustLoadWeak(t, 0)
	got, err := m.Run(context.Background(), 3, images(3))
	if err != nil || len(got.Summary) != 12 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if m.Device() != "cpu" || len(m.Fallbacks()) != 1 || m.Fallbacks()[0] != "cuda: failed while it ran: run model lung-test: cuda: Failed to allocate memory for requested buffer of size 1048576" {
		t.Errorf("on %s: %q", m.Device(), m.Fallbacks())
	}
}
