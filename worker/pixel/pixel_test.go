package pixel_test

import (
	"context"
	"fmt"
	"image"
	_ "image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
	"github.com/radnode/radnode/worker/pixel"
)

// TestMain turns the test program into the worker when it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "radnode-pixel" {
		os.Exit(pixel.Run(os.Args[2:], "radnode test"))
	}
	code := m.Run()
	if started.pool != nil {
		if err := started.pool.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// started is the one worker of the tests that only ask it things.
var started struct {
	sync.Once
	pool *worker.Pool
	err  error
}

// library finds the ONNX Runtime of the build.
func library(tb testing.TB) string {
	tb.Helper()
	for _, path := range []string{os.Getenv(pixel.LibraryVariable), "../../build/onnxruntime/libonnxruntime.so.1"} {
		if _, err := os.Stat(path); path != "" && err == nil {
			path, err := filepath.Abs(path)
			if err != nil {
				tb.Fatal(err)
			}
			return path
		}
	}
	tb.Skip("ONNX Runtime is not there: run make build, or set " + pixel.LibraryVariable + " to libonnxruntime.so.1")
	return ""
}

// mustStart gives a worker with the bundled models and the test model.
func mustStart(tb testing.TB) *worker.Pool {
	tb.Helper()
	path := library(tb)
	started.Do(func() {
		started.pool, started.err = worker.Start(context.Background(), worker.Config{
			Command: []string{os.Args[0], "radnode-pixel"}, ModelsDir: "../../inference/testdata/models", Library: path, Threads: 1,
		})
	})
	if started.err != nil {
		tb.Fatal(started.err)
	}
	return started.pool
}

// film is the demonstration film: an adult chest radiograph that a module of
// ours carries.
func film(tb testing.TB) string {
	tb.Helper()
	return upstream(tb, "4.dcm")
}

// upstreamFolder is asked for once: each time starts the go command.
var upstreamFolder = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output()
	return strings.TrimSpace(string(out)), err
})

func upstream(tb testing.TB, name string) string {
	tb.Helper()
	folder, err := upstreamFolder()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(folder, "testdata", name)
}

// shared is a file of the collection beside the repository.
func shared(tb testing.TB, name string) string {
	tb.Helper()
	path, err := filepath.Abs(filepath.Join("../../../shared/dicom", name))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("the sample files are not there: %v", err)
	}
	return path
}

func analyze(tb testing.TB, p *worker.Pool, path string) radnode.Analysis {
	tb.Helper()
	all, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: path, Models: []string{"lung-test"}})
	if err != nil {
		tb.Fatal(err)
	}
	if len(all) != 1 {
		tb.Fatalf("got %d answers: %+v", len(all), all)
	}
	return all[0]
}

func TestTheDemonstrationFilmIsAnalysed(t *testing.T) {
	p := mustStart(t)
	out := t.TempDir()
	all, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: film(t), OutDir: out, Models: []string{"lung-test"}, Stages: true})
	if err != nil {
		t.Fatal(err)
	}
	a := all[0]
	if a.Error != nil || !a.Gate.Accepted || len(a.Findings) != 4 || a.Device != "cpu" || a.Frame != 0 || a.SOPInstanceUID == "" {
		t.Fatalf("got %+v", a)
	}
	if len(a.Stages) != 3 {
		t.Fatalf("stages: %+v", a.Stages)
	}
	for _, s := range a.Stages {
		f, err := os.Open(filepath.Join(out, s.File))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.DecodeConfig(f); err != nil {
			t.Errorf("stage %s: %v", s.Name, err)
		}
		f.Close()
	}
	v := a.Provenance
	for name, digest := range map[string]string{"input": v.InputDigest, "pipeline": v.PipelineDigest, "tensor": v.TensorDigest, "model": a.Model.Digest} {
		if len(digest) != 71 || !strings.HasPrefix(digest, "sha256:") {
			t.Errorf("digest of the %s: %q", name, digest)
		}
	}
	if v.Software != "radnode test" || !strings.HasPrefix(v.Runtime, "onnxruntime 1.") || a.Timings.Decode <= 0 {
		t.Errorf("provenance %+v, timings %+v", v, a.Timings)
	}
	if h := a.Findings[0].Heatmap; h == nil || h.Width != 1760 || h.Height != 2140 {
		t.Errorf("the heat map does not cover the film: %+v", h)
	}
	again := analyze(t, p, film(t))
	if again.Provenance.TensorDigest != v.TensorDigest || again.Findings[0].Probability != a.Findings[0].Probability {
		t.Error("the second run differs from the first")
	}
	t.Logf("%+v", a.Timings)
}

func TestWhatIsNoFilmIsRefusedOrAnErrorAndNeverACrash(t *testing.T) {
	p := mustStart(t)
	text := filepath.Join(t.TempDir(), "readme.txt")
	if err := os.WriteFile(text, []byte("This is no image, only a text of some length.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(film(t))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.dcm")
	if err := os.WriteFile(cut, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ path, refused, failed string }{
		"a text file":            {text, "", "DICOM"},
		"a truncated film":       {cut, "", "pixel data hold 3765014 bytes"},
		"an empty file":          {os.DevNull, "", "not a file"},
		"a PET slice":            {upstream(t, "1.dcm"), "not applicable: modality is PT, model is for CR, DX, PX", ""},
		"a structured report":    {shared(t, "nonimage/sr_basic_text.dcm"), "not analysed: the object holds no pixel data", ""},
		"a CT with a film in it": {shared(t, "chest/ct_mislabelled_nih_00000002.dcm"), "not applicable: modality is CT", ""},
		"a strip of ten rows":    {shared(t, "chest/cr_strip_10rows_explicit_le.dcm"), "not applicable: image has 10 × 2265 pixels, model needs at least 32 × 32", ""},
		"a dog":                  {shared(t, "chest/dx_dog_thorax_mono1_8bit.dcm"), "not applicable: the patient is no human (Acquisition Device Processing Description)", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := analyzeAny(t, p, tt.path)
			if a.Gate.Accepted || len(a.Findings) != 0 {
				t.Fatalf("it was read: %+v", a)
			}
			if tt.failed != "" && (a.Error == nil || !strings.Contains(*a.Error, tt.failed)) {
				t.Errorf("error %v, want %q", said(a.Error), tt.failed)
			}
			if tt.refused != "" && (a.Error != nil || !strings.Contains(strings.Join(a.Gate.Reasons, "; "), tt.refused)) {
				t.Errorf("reasons %q, error %v, want %q", a.Gate.Reasons, said(a.Error), tt.refused)
			}
		})
	}
	if s := p.Stats(); s.Deaths != 0 {
		t.Errorf("workers died: %+v", s)
	}
}

func said(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func analyzeAny(t *testing.T, p *worker.Pool, path string) radnode.Analysis {
	t.Helper()
	all, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: path, Models: []string{"lung-test"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no answer")
	}
	return all[0]
}

func TestAMissingFileIsNotFound(t *testing.T) {
	p := mustStart(t)
	_, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: "/nowhere.dcm"})
	if radnode.CodeOf(err) != radnode.NotFound {
		t.Errorf("got %v", err)
	}
	_, err = p.Analyze(context.Background(), worker.AnalyzeRequest{Path: film(t), Models: []string{"nobody"}})
	if radnode.CodeOf(err) != radnode.NotFound || !strings.Contains(err.Error(), `there is no model "nobody"`) {
		t.Errorf("got %v", err)
	}
}

func TestAPictureWithoutHeaderIsRead(t *testing.T) {
	p := mustStart(t)
	path := filepath.Join(t.TempDir(), "picture.png")
	img := image.NewGray(image.Rect(0, 0, 300, 200))
	for y := range 20 {
		for x := range 30 {
			img.Pix[y*img.Stride+x] = 255
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a := analyze(t, p, path)
	if !a.Gate.Accepted || a.Error != nil || !strings.Contains(strings.Join(a.Gate.Reasons, " "), "has no header") {
		t.Fatalf("got %+v", a)
	}
	corner := a.Findings[3]
	if !corner.Present || corner.Heatmap.Values[0] != 255 || corner.Heatmap.Width != 300 || corner.Heatmap.Height != 200 {
		t.Errorf("the lesion in the corner: %+v, map %+v", corner, corner.Heatmap)
	}
}

func TestABlankPictureIsNotRead(t *testing.T) {
	p := mustStart(t)
	path := filepath.Join(t.TempDir(), "blank.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 300, 200))); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if a := analyze(t, p, path); a.Gate.Accepted || a.Error != nil || !strings.Contains(a.Gate.Reasons[0], "the image is blank") {
		t.Errorf("got %+v", a)
	}
}

func TestAFrameIsWrittenAsStored(t *testing.T) {
	p := mustStart(t)
	out := filepath.Join(t.TempDir(), "frame.raw")
	info, err := p.Frame(context.Background(), worker.FrameRequest{Path: film(t), Frame: 1, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(out)
	if err != nil || st.Size() != info.Size || info.Size != 2140*1760*2 || info.BitsAllocated != 16 {
		t.Errorf("got %+v, %v", info, err)
	}
	for _, n := range []int{0, 2} {
		if _, err := p.Frame(context.Background(), worker.FrameRequest{Path: film(t), Frame: n, Out: out}); radnode.CodeOf(err) != radnode.NotFound {
			t.Errorf("frame %d: %v", n, err)
		}
	}
}

func TestAPreviewIsRendered(t *testing.T) {
	p := mustStart(t)
	for _, format := range []string{"jpeg", "png"} {
		out := filepath.Join(t.TempDir(), "preview")
		info, err := p.Render(context.Background(), worker.RenderRequest{Path: film(t), Frame: 1, Out: out, MaxSize: 256, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		img, kind, err := image.Decode(f)
		f.Close()
		if err != nil || kind != format || img.Bounds().Dy() != 256 || img.Bounds().Dx() != info.Columns {
			t.Errorf("%s: %v, %v, %+v", kind, img.Bounds(), err, info)
		}
	}
	_, err := p.Render(context.Background(), worker.RenderRequest{Path: film(t), Frame: 1, Out: "x", Format: "gif"})
	if radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestModelsAreListedWithTheirState(t *testing.T) {
	p := mustStart(t)
	all, err := p.Models(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.ID == "lung-test" {
			if m.State != worker.ModelReady || m.Device != "cpu" || m.Manifest == nil || len(m.Manifest.Labels) != 4 {
				t.Errorf("got %+v", m)
			}
			return
		}
	}
	t.Errorf("the test model is not listed: %+v", all)
}
