package preprocess_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/radnode/radnode/internal/pythontest"
	"github.com/radnode/radnode/preprocess"
)

// realFrame is one decoded frame of a real file, as display values.
type realFrame struct {
	name string
	img  preprocess.Image
}

// realFrames decodes files of the shared folder with pydicom: 8-bit grey and
// colour, and 12 to 16 bits windowed to 8 by their range.
func realFrames(tb testing.TB) []realFrame {
	tb.Helper()
	names := []string{
		"chest/dx_nih_00000002_pa.dcm", "chest/cr_rsna_normal_a_jpeg.dcm", "chest/dx_dog_thorax_mono1_8bit.dcm",
		"series/ct_liver/", "image/mr_", "image/us_", "image/sc_rgb", "image/mg_",
	}
	out := runPython(tb, `
import os, pydicom, struct
root, wanted = sys.argv[1], sys.argv[2:]
files = sorted(os.path.join(d, f)[len(root)+1:] for d, _, fs in os.walk(root) for f in fs if f.endswith(".dcm"))
for w in wanted:
    n = 0
    for f in files:
        if not f.startswith(w) or n == 1: continue
        try:
            ds = pydicom.dcmread(os.path.join(root, f)); a = ds.pixel_array
        except Exception: continue
        if a.ndim == 4 or (a.ndim == 3 and a.shape[-1] != 3): a = a[0]
        if a.dtype != np.uint8:
            a = a.astype(np.float64); a = ((a - a.min()) / max(1, a.max() - a.min()) * 255).astype(np.uint8)
        if min(a.shape[:2]) < 16: continue
        a = a[:400, :400]
        n += 1
        c = 1 if a.ndim == 2 else 3
        name = f.encode()
        sys.stdout.buffer.write(struct.pack("<4I", len(name), a.shape[0], a.shape[1], c) + name + np.ascontiguousarray(a).tobytes())
`, nil, append([]string{shared(tb, "dicom")}, names...)...)
	var frames []realFrame
	for len(out) > 16 {
		n, rows, columns, channels := int(binary.LittleEndian.Uint32(out)), int(binary.LittleEndian.Uint32(out[4:])), int(binary.LittleEndian.Uint32(out[8:])), int(binary.LittleEndian.Uint32(out[12:]))
		name := string(out[16 : 16+n])
		size := rows * columns * channels
		frames = append(frames, realFrame{name, preprocess.Image{Rows: rows, Columns: columns, Channels: channels, Pix8: out[16+n : 16+n+size]}})
		out = out[16+n+size:]
	}
	return frames
}

func runPython(tb testing.TB, script string, stdin []byte, arguments ...string) []byte {
	tb.Helper()
	return pythontest.Run(tb, script, stdin, arguments...)
}

// opencvCases are the steps beside what a Python user writes; g is the grey
// 8-bit image. Each result is compared sample by sample, exactly.
var opencvCases = []struct {
	name   string
	steps  steps
	python string
}{
	{"equalise", steps{{"step": "equalise"}}, "cv2.equalizeHist(g)"},
	{"clahe", steps{{"step": "clahe", "clip": 2, "tiles": 8}}, "cv2.createCLAHE(2.0, (8, 8)).apply(g)"},
	{"nearest", steps{{"step": "resize", "rows": 200, "columns": 160, "interpolation": "nearest"}}, "cv2.resize(g, (160, 200), interpolation=cv2.INTER_NEAREST)"},
	{"linear", steps{{"step": "resize", "rows": 200, "columns": 160, "interpolation": "linear"}}, "cv2.resize(g, (160, 200), interpolation=cv2.INTER_LINEAR)"},
	{"area", steps{{"step": "resize", "rows": 224, "columns": 224}}, "cv2.resize(g, (224, 224), interpolation=cv2.INTER_AREA)"},
	{"cubic", steps{{"step": "resize", "rows": 331, "columns": 160, "interpolation": "cubic"}}, "cv2.resize(g, (160, 331), interpolation=cv2.INTER_CUBIC)"},
	{"lanczos", steps{{"step": "resize", "rows": 200, "columns": 260, "interpolation": "lanczos"}}, "cv2.resize(g, (260, 200), interpolation=cv2.INTER_LANCZOS4)"},
	{"chest classifier", steps{{"step": "clahe"}, {"step": "resize", "rows": 224, "columns": 224}, {"step": "normalise"}}, "cv2.resize(cv2.createCLAHE(2.0, (8, 8)).apply(g), (224, 224), interpolation=cv2.INTER_AREA).astype(np.float32) / 255"},
	{"rotate", steps{{"step": "rotate", "angle": 90}}, "cv2.rotate(g, cv2.ROTATE_90_CLOCKWISE)"},
	{"flip", steps{{"step": "flip"}}, "cv2.flip(g, 1)"},
	{"gaussian", steps{{"step": "denoise", "size": 5}}, "cv2.GaussianBlur(g, (5, 5), 0)"},
	{"median", steps{{"step": "denoise", "method": "median", "size": 7}}, "cv2.medianBlur(g, 7)"},
	{"bilateral", steps{{"step": "denoise", "method": "bilateral", "size": 5}}, "cv2.bilateralFilter(g, 5, 50, 50)"},
	{"nlmeans", steps{{"step": "resize", "longest": 128}, {"step": "denoise", "method": "nlmeans"}}, "cv2.fastNlMeansDenoising(longest(g, 128), h=3, templateWindowSize=7, searchWindowSize=21)"},
	{"open", steps{{"step": "morphology", "op": "open"}}, "cv2.morphologyEx(g, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))"},
	{"tophat", steps{{"step": "morphology", "op": "tophat", "shape": "rectangle", "rows": 9, "columns": 5, "iterations": 2}}, "cv2.morphologyEx(g, cv2.MORPH_TOPHAT, cv2.getStructuringElement(cv2.MORPH_RECT, (5, 9)), iterations=2)"},
	{"gradient of masks", steps{{"step": "morphology", "op": "gradient", "shape": "cross", "rows": 3, "columns": 3}}, "cv2.morphologyEx(g, cv2.MORPH_GRADIENT, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))"},
	{"erode", steps{{"step": "morphology", "op": "erode", "shape": "cross", "rows": 7, "columns": 3}}, "cv2.erode(g, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 7)))"},
	{"dilate", steps{{"step": "morphology", "op": "dilate", "iterations": 3}}, "cv2.dilate(g, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)), iterations=3)"},
	{"close", steps{{"step": "morphology", "op": "close", "shape": "rectangle"}}, "cv2.morphologyEx(g, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5)))"},
	{"blackhat", steps{{"step": "morphology", "op": "blackhat"}}, "cv2.morphologyEx(g, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))"},
	{"invert", steps{{"step": "invert"}}, "cv2.bitwise_not(g)"},
	{"gamma", steps{{"step": "gamma", "gamma": 0.6}}, "cv2.LUT(g, np.rint(255 * (np.arange(256) / 255) ** .6).astype(np.uint8))"},
	{"adaptive mean", steps{{"step": "threshold", "mode": "adaptive_mean", "block": 21}}, "cv2.adaptiveThreshold(g, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 21, 0)"},
	{"largest", steps{{"step": "threshold"}, {"step": "largest"}}, "largest(cv2.threshold(g, 0, 255, cv2.THRESH_OTSU)[1])"},
	{"body mask", steps{{"step": "body_mask"}}, "filled(largest(cv2.threshold(cv2.GaussianBlur(g, (5, 5), 0), 0, 255, cv2.THRESH_OTSU)[1]))"},
	{"blank", steps{{"step": "threshold", "mode": "fixed", "value": 90, "as": "m"}, {"step": "blank", "mask": "m", "value": 7}}, "np.where(g > 90, g, 7).astype(np.uint8)"},
	{"watershed", steps{{"step": "threshold", "as": "m"}, {"step": "watershed", "mask": "m"}}, "watershed(g)"},
	{"otsu", steps{{"step": "threshold"}}, "cv2.threshold(g, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]"},
	{"fixed", steps{{"step": "threshold", "mode": "fixed", "value": 90, "invert": true}}, "cv2.threshold(g, 90, 255, cv2.THRESH_BINARY_INV)[1]"},
	{"adaptive", steps{{"step": "threshold", "mode": "adaptive_gaussian", "block": 31, "offset": 3}}, "cv2.adaptiveThreshold(g, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 31, 3)"},
	{"canny", steps{{"step": "canny"}}, "cv2.Canny(g, 50, 150)"},
	{"sobel", steps{{"step": "gradient"}}, "cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(g, cv2.CV_32F, 0, 1, ksize=3))"},
	{"scharr", steps{{"step": "gradient", "method": "scharr"}}, "cv2.magnitude(cv2.Scharr(g, cv2.CV_32F, 1, 0), cv2.Scharr(g, cv2.CV_32F, 0, 1))"},
	{"laplacian", steps{{"step": "gradient", "method": "laplacian"}}, "np.abs(cv2.Laplacian(g, cv2.CV_32F, ksize=3))"},
	{"sharpen", steps{{"step": "sharpen"}}, "cv2.addWeighted(g, 2, cv2.GaussianBlur(g, (0, 0), 2), -1, 0)"},
	{"kmeans", steps{{"step": "resize", "longest": 128}, {"step": "kmeans", "clusters": 3, "keep": []float64{2}}}, "kmeans(longest(g, 128))"},
	{"grabcut", steps{{"step": "resize", "longest": 96}, {"step": "grabcut"}}, "grabcut(longest(g, 96))"},
}

const opencvHelpers = `
def largest(m):
    n, ids, stats, _ = cv2.connectedComponentsWithStats(m, connectivity=8)
    return ((ids == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()) * 255).astype(np.uint8) if n > 1 else m

def filled(m):
    around = cv2.copyMakeBorder(m, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(around, None, (0, 0), 77)
    return ((around[1:-1, 1:-1] != 77) * 255).astype(np.uint8)

def watershed(g):
    m = cv2.threshold(g, 0, 255, cv2.THRESH_OTSU)[1]
    d = cv2.distanceTransform(m, cv2.DIST_L2, 5)
    _, ids = cv2.connectedComponents((d > np.float32(.5 * d.max())).astype(np.uint8), connectivity=8)
    ids = np.where(m == 0, 1, np.where(ids > 0, ids + 1, 0)).astype(np.int32)
    cv2.watershed(cv2.cvtColor(g, cv2.COLOR_GRAY2BGR), ids)
    return ((ids > 1) * 255).astype(np.uint8)

def longest(g, n):
    h, w = g.shape
    if max(h, w) <= n: return g
    f = min(n / h, n / w)
    return cv2.resize(g, (max(1, min(n, int(w * f + .5))), max(1, min(n, int(h * f + .5)))), interpolation=cv2.INTER_AREA)

def kmeans(g):
    cv2.setRNGSeed(1)
    _, labels, centers = cv2.kmeans(g.reshape(-1, 1).astype(np.float32), 3, None, (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, .5), 3, cv2.KMEANS_PP_CENTERS)
    return ((labels.reshape(g.shape) == centers.ravel().argmax()) * 255).astype(np.uint8)

def grabcut(g):
    h, w = g.shape
    m = np.zeros((h, w), np.uint8)
    m[int(.1 * h):int(.9 * h), int(.1 * w):int(.9 * w)] = 3
    cv2.setRNGSeed(1)
    cv2.grabCut(cv2.cvtColor(g, cv2.COLOR_GRAY2BGR), m, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    return ((m & 1) * 255).astype(np.uint8)
`

func TestStepsAgreeWithPythonOpenCVExactlyOnRealFiles(t *testing.T) {
	t.Parallel()
	frames := realFrames(t)
	if len(frames) < 8 {
		t.Fatalf("only %d real frames could be read", len(frames))
	}
	script, all := opencvHelpers, []byte(nil)
	script += "data = sys.stdin.buffer.read()\n"
	for _, f := range frames {
		script += fmt.Sprintf("g = np.frombuffer(data, np.uint8, %d, %d).reshape(%d, %d, %d)\n", len(f.img.Pix8), len(all), f.img.Rows, f.img.Columns, f.img.Channels)
		script += "g = np.ascontiguousarray(g[..., 0]) if g.shape[-1] == 1 else cv2.cvtColor(g, cv2.COLOR_RGB2GRAY)\n"
		for _, c := range opencvCases {
			script += "sys.stdout.buffer.write(np.ascontiguousarray(" + c.python + ").astype(np.float32).tobytes())\n"
		}
		all = append(all, f.img.Pix8...)
	}
	want := runPython(t, script, all)
	compared := 0
	for _, c := range frames {
		want = compareCases(t, c, want)
		compared += len(opencvCases)
	}
	t.Logf("%d steps compared on %d real frames", compared, len(frames))
}

// compareCases compares every case on one frame and returns the values of the
// frames after it.
func compareCases(t *testing.T, frame realFrame, want []byte) []byte {
	t.Helper()
	for _, c := range opencvCases {
		p := mustCompile(t, append(steps{{"step": "grey"}}, c.steps...))
		size := mustRun(t, p, frame.img, nil, preprocess.RunOptions{})
		n := size.Rows * size.Columns
		if len(want) < 4*n {
			t.Fatalf("%s: Python gave %d bytes less than %s needs", frame.name, 4*n-len(want), c.name)
		}
		got := make([]float32, n)
		mustRun(t, p, frame.img, got, preprocess.RunOptions{})
		wrong := 0
		for i := range got {
			if math.Float32bits(got[i]) != binary.LittleEndian.Uint32(want[4*i:]) {
				wrong++
			}
		}
		if wrong > 0 {
			t.Errorf("%s, %s: %d of %d samples differ", frame.name, c.name, wrong, n)
		}
		want = want[4*n:]
	}
	return want
}

// eachSetting runs f with each number of threads of OpenCV and of Go, the first
// of them twice.
func eachSetting(t *testing.T, f func(setting string)) {
	t.Helper()
	threads, procs := preprocess.Threads(), runtime.GOMAXPROCS(0)
	t.Cleanup(func() {
		preprocess.SetThreads(threads)
		runtime.GOMAXPROCS(procs)
	})
	for _, n := range []int{1, 2, 8, 1} {
		preprocess.SetThreads(n)
		runtime.GOMAXPROCS(n)
		f(fmt.Sprintf("%d threads", n))
	}
}

// resultOf is the digest of the tensor and all features.
func resultOf(t *testing.T, p *preprocess.Pipeline, img preprocess.Image) string {
	t.Helper()
	res, tensor, err := p.RunNew(t.Context(), img, preprocess.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x %v", sha256.Sum256(tensor.Bytes()), res.Features)
}

func TestOutputDoesNotDependOnThreadsOrRuns(t *testing.T) {
	img := noise(310, 390, 1)
	first := map[string]string{}
	eachSetting(t, func(setting string) {
		for _, c := range opencvCases {
			got := resultOf(t, mustCompile(t, append(steps{{"step": "grey"}}, c.steps...)), img)
			if first[c.name] == "" {
				first[c.name] = got
			}
			if got != first[c.name] {
				t.Errorf("%s differs with %s", c.name, setting)
			}
		}
	})
}

// CLAHE is this package's own, so every way in which tiles and image can fit
// together is compared.
func TestCLAHEEqualsOpenCVForEverySizeAndTiling(t *testing.T) {
	t.Parallel()
	cases := [][4]int{{1, 1, 8, 2}, {1, 9, 8, 2}, {7, 5, 8, 2}, {8, 8, 8, 2}, {16, 24, 8, 1}, {16, 25, 8, 1}, {17, 24, 8, 3}, {64, 64, 64, 2}, {65, 130, 64, 40}, {33, 200, 3, 1}, {90, 70, 1, 2}, {100, 101, 5, 100}}
	script, pix := "", []byte(nil)
	for i, c := range cases {
		img := blobsOf(c[0], c[1], i)
		script += fmt.Sprintf("g = np.frombuffer(sys.stdin.buffer.read(%d), np.uint8).reshape(%d, %d)\nsys.stdout.buffer.write(cv2.createCLAHE(%d, (%d, %d)).apply(g).tobytes())\n", c[0]*c[1], c[0], c[1], c[3], c[2], c[2])
		pix = append(pix, img.Pix8...)
	}
	want := runPython(t, script, pix)
	for i, c := range cases {
		n := c[0] * c[1]
		got := make([]float32, n)
		mustRun(t, mustCompile(t, steps{{"step": "clahe", "clip": c[3], "tiles": c[2]}}), blobsOf(c[0], c[1], i), got, preprocess.RunOptions{})
		for k, v := range got {
			if byte(v) != want[k] {
				t.Fatalf("%v: pixel %d is %g, OpenCV has %d", c, k, v, want[k])
			}
		}
		want = want[n:]
	}
}

// blobsOf is noise on a slope.
func blobsOf(rows, columns, seed int) preprocess.Image {
	img := noise(rows, columns, 1)
	for k := range img.Pix8 {
		img.Pix8[k] = byte(k*200/len(img.Pix8)) + img.Pix8[(k*7+seed)%len(img.Pix8)]>>3
	}
	return img
}
