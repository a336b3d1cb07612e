package preprocess_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"syscall"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// The radiograph of the speed tests: a real film of 8 bits brought to the
// size and depth of a CR (2500 x 2048, 12 of 16 bits, 10 MB) by Python.
const crRows, crColumns = 2500, 2048

const crScript = `
import time, pydicom
f = sys.argv[1]
a = pydicom.dcmread(f).pixel_array
rng = np.random.default_rng(1)
cr = cv2.resize(a, (2048, 2500), interpolation=cv2.INTER_CUBIC).astype(np.float32) * 16 + rng.normal(0, 6, (2500, 2048))
cr = np.clip(cr, 0, 4095).astype(np.uint16)
cv2.setNumThreads(1)
def best(fn, n=7):
    fn(); d = []
    for _ in range(n):
        t = time.process_time(); fn(); d.append(time.process_time() - t)
    return float(np.min(d) * 1000)
`

// windowedScript is what a Python user writes for the window of PS3.3
// C.11.2.1.2.1: a table over all stored values, looked up with the bits above
// those stored masked off; and the shortest form for values known to fit.
const windowedScript = `
def window(a, c=2048., w=4096.):
    v = np.arange(4096, dtype=np.float32)
    lut = np.clip(((v - (c - .5)) / (w - 1) + .5) * 255 + .5, 0, 255).astype(np.uint8)
    lo = 0
    return lut[(a.astype(np.int32) - lo) & 4095]
def terse(a, c=2048., w=4096.):
    v = np.arange(4096, dtype=np.float32)
    return np.clip(((v - (c - .5)) / (w - 1) + .5) * 255 + .5, 0, 255).astype(np.uint8)[a]
def classifier(window=window):
    e = cv2.createCLAHE(2.0, (8, 8)).apply(window(cr))
    return cv2.resize(e, (224, 224), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
`

func floatsOf(raw []byte) []float64 {
	out := make([]float64, len(raw)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return out
}

// crImage returns the radiograph and what the rest of script printed.
func crImage(tb testing.TB, script string) (preprocess.Image, []float64) {
	tb.Helper()
	out := runPython(tb, crScript+windowedScript+"sys.stdout.buffer.write(cr.tobytes())\n"+script, nil, shared(tb, "dicom", "chest", "dx_nih_00000002_pa.dcm"))
	stored := make([]uint16, crRows*crColumns)
	for i := range stored {
		stored[i] = binary.LittleEndian.Uint16(out[2*i:])
	}
	return preprocess.Image{
		Rows: crRows, Columns: crColumns, Channels: 1, Stored: stored, Slope: 1,
		Window: &preprocess.Window{Center: 2048, Width: 4096},
	}, floatsOf(out[2*len(stored):])
}

var classifierSteps = steps{{"step": "window"}, {"step": "clahe"}, {"step": "resize", "rows": 224, "columns": 224}, {"step": "normalise"}}

// cpuMillis is the processor time of this process: other programs on the
// machine do not count.
func cpuMillis(tb testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

func bestOf(tb testing.TB, n int, f func()) float64 {
	f()
	times := make([]float64, n)
	for i := range times {
		start := cpuMillis(tb)
		f()
		times[i] = cpuMillis(tb) - start
	}
	return slices.Min(times)
}

func singleThread(tb testing.TB) {
	before := preprocess.Threads()
	preprocess.SetThreads(1)
	tb.Cleanup(func() { preprocess.SetThreads(before) })
}

func TestTheChestPipelineOfA10MBRadiographEqualsPython(t *testing.T) {
	singleThread(t)
	img, python := crImage(t, "sys.stdout.buffer.write(classifier().astype(np.float64).tobytes())")
	dst := make([]float32, 224*224)
	mustRun(t, mustCompile(t, classifierSteps), img, dst, preprocess.RunOptions{})
	for i, v := range dst {
		if float64(v) != python[i] {
			t.Fatalf("value %d is %g, Python has %g", i, v, python[i])
		}
	}
}

// BenchmarkBesidePython times pipelines and their Python equivalents on one
// image in one run, one thread each, processor time, best of several, and reports
// the ratio.
func BenchmarkBesidePython(b *testing.B) {
	singleThread(b)
	img, python := crImage(b, `
from skimage.feature import local_binary_pattern, graycomatrix, graycoprops
g = window(cr)
def texture():
    h, _ = np.histogram(local_binary_pattern(g, 8, 1, "uniform"), bins=10, range=(0, 10))
    m = graycomatrix(g >> 3, [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], levels=32, symmetric=True, normed=True)
    f = [graycoprops(m, p).mean() for p in ("contrast", "homogeneity", "energy", "correlation", "dissimilarity")]
    return h, f
def first():
    x = g.astype(np.float64)
    return x.mean(), x.var(), np.percentile(g, (10, 25, 50, 75, 90)), g.min(), g.max(), (x ** 2).sum()
sys.stdout.buffer.write(np.array([best(classifier), best(texture, 3), best(first, 3), best(lambda: classifier(terse))]).tobytes())`)
	shown := make([]float32, crRows*crColumns)
	mustRun(b, mustCompile(b, steps{{"step": "window"}}), img, shown, preprocess.RunOptions{})
	grey := preprocess.Image{Rows: crRows, Columns: crColumns, Channels: 1, Pix8: make([]byte, len(shown))}
	for i, v := range shown {
		grey.Pix8[i] = byte(v)
	}
	all := []any{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm", "lbp", "gabor", "hog", "wavelet", "edges"}
	for _, c := range []struct {
		name   string
		img    preprocess.Image
		steps  steps
		tensor int
		python float64
	}{
		{"chest classifier", img, classifierSteps, 224 * 224, python[0]},
		{"chest classifier against terse Python", img, classifierSteps, 224 * 224, python[3]},
		{"first order, GLCM and LBP", grey, steps{{"step": "features"}}, 0, python[1] + python[2]},
		{"every family at 1024", grey, steps{{"step": "resize", "longest": 1024}, {"step": "features", "families": all}}, 0, python[1]},
		{"every family at full size", grey, steps{{"step": "features", "families": all}}, 0, python[1]},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := mustCompile(b, c.steps)
			var dst []float32
			if c.tensor > 0 {
				dst = make([]float32, c.tensor)
			}
			run := func() { mustRun(b, p, c.img, dst, preprocess.RunOptions{}) }
			ours := bestOf(b, 7, run)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			b.ReportMetric(c.python, "python-ms")
			b.ReportMetric(ours, "ours-ms")
			b.ReportMetric(c.python/ours, "times-faster")
		})
	}
}

func BenchmarkEachStepOfTheChestPipeline(b *testing.B) {
	singleThread(b)
	img, _ := crImage(b, "")
	p := mustCompile(b, steps{{"step": "window"}, {"step": "clahe"}, {"step": "resize", "rows": 224, "columns": 224}, {"step": "normalise"}})
	least := map[string]float64{}
	for b.Loop() {
		for _, s := range mustRun(b, p, img, nil, preprocess.RunOptions{}).Stages {
			if old, ok := least[s.Step]; !ok || s.Millis < old {
				least[s.Step] = s.Millis
			}
		}
	}
	for step, ms := range least {
		b.ReportMetric(ms, fmt.Sprintf("%s-ms", step))
	}
}

// BenchmarkEachFamilyOfFeatures times the families on a 10 MB radiograph, each
// with the discretisation it needs.
func BenchmarkEachFamilyOfFeatures(b *testing.B) {
	singleThread(b)
	img, _ := crImage(b, "")
	shown := make([]float32, crRows*crColumns)
	mustRun(b, mustCompile(b, steps{{"step": "window"}}), img, shown, preprocess.RunOptions{})
	grey := preprocess.Image{Rows: crRows, Columns: crColumns, Channels: 1, Pix8: make([]byte, len(shown))}
	for i, v := range shown {
		grey.Pix8[i] = byte(v)
	}
	for _, f := range []string{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "lbp", "gabor", "hog", "wavelet", "edges"} {
		b.Run(f, func(b *testing.B) {
			p := mustCompile(b, steps{{"step": "features", "families": []any{f}}})
			run := func() { mustRun(b, p, grey, nil, preprocess.RunOptions{}) }
			best := bestOf(b, 7, run)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			b.ReportMetric(best, "ms")
		})
	}
}

// BenchmarkPicturesOfStages times the book-keeping of one step when no pictures
// are asked for, and the chest pipeline without and with pictures.
func BenchmarkPicturesOfStages(b *testing.B) {
	singleThread(b)
	dot := preprocess.Image{Rows: 1, Columns: 1, Channels: 1, Pix8: []byte{1}}
	list := steps{}
	for range 60 {
		list = append(list, map[string]any{"step": "grey"}) // nothing to do for a grey image
	}
	p := mustCompile(b, list)
	b.Run("one step that does nothing", func(b *testing.B) {
		for b.Loop() {
			mustRun(b, p, dot, nil, preprocess.RunOptions{})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/step")
	})
	img, _ := crImage(b, "")
	chest := mustCompile(b, classifierSteps)
	for name, opts := range map[string]preprocess.RunOptions{"without": {}, "with": {KeepStages: func(preprocess.Stage) {}}} {
		b.Run("chest pipeline "+name+" pictures", func(b *testing.B) {
			run := func() { mustRun(b, chest, img, nil, opts) }
			least := bestOf(b, 9, run)
			for b.Loop() {
				run()
			}
			b.ReportMetric(least, "ms")
		})
	}
}
