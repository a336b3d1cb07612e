package preprocess_test

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// blobs is a grey image of three brightnesses with touching discs.
func blobs(rows, columns int) preprocess.Image {
	img := noise(rows, columns, 1)
	for i := range img.Pix8 {
		y, x := float64(i/columns), float64(i%columns)
		v := 40.
		for _, d := range [][4]float64{{40, 40, 22, 120}, {40, 76, 20, 120}, {80, 60, 18, 210}, {20, 110, 14, 210}} {
			if math.Hypot(y-d[0], x-d[1]) < d[2] {
				v = d[3]
			}
		}
		img.Pix8[i] = byte(v + float64(img.Pix8[i])/16)
	}
	return img
}

// The segmentation steps that OpenCV has not got, beside scikit-image.
func TestSegmentationAgreesWithScikitImage(t *testing.T) {
	t.Parallel()
	img := blobs(110, 130)
	cases := []struct {
		name   string
		steps  steps
		python string
	}{
		{"multi-Otsu", steps{{"step": "multi_otsu", "classes": 3, "keep": []float64{1}}}, "np.digitize(g, threshold_multiotsu(g, 3), right=True) == 1"},
		{"multi-Otsu in four", steps{{"step": "multi_otsu", "classes": 4, "keep": []float64{2, 3}}}, "np.digitize(g, threshold_multiotsu(g, 4), right=True) >= 2"},
		{"skeleton", steps{{"step": "threshold", "mode": "fixed", "value": 90}, {"step": "skeleton"}}, "skeletonize(g > 90)"},
		{"level set from a disc", steps{{"step": "level_set", "iterations": 30}}, "morphological_chan_vese(g.astype(float), 30, init_level_set='disk')"},
		{"level set, two smoothings", steps{{"step": "threshold", "mode": "fixed", "value": 180, "as": "m"}, {"step": "level_set", "iterations": 12, "smoothing": 2, "mask": "m"}}, "morphological_chan_vese(g.astype(float), 12, init_level_set=(g > 180), smoothing=2)"},
		{"holes", steps{{"step": "canny"}, {"step": "fill_holes"}}, "binary_fill_holes(cv2.Canny(g, 50, 150) > 0)"},
		{"small regions", steps{{"step": "threshold", "mode": "fixed", "value": 180}, {"step": "remove_small", "area": 700}}, "remove_small_objects(g > 180, 700, connectivity=2)"},
		{"region growing", steps{{"step": "region_growing", "x": 0.31, "y": 0.36, "tolerance": 20, "neighbours": "4"}}, "flood(g, (39, 40), connectivity=1, tolerance=20)"},
	}
	script := `
from skimage.filters import threshold_multiotsu
from skimage.morphology import skeletonize, remove_small_objects
from skimage.segmentation import morphological_chan_vese, flood
from scipy.ndimage import binary_fill_holes
g = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(110, 130)
`
	for _, c := range cases {
		script += "sys.stdout.buffer.write((np.asarray(" + c.python + ") > 0).astype(np.uint8).tobytes())\n"
	}
	want := runPython(t, script, img.Pix8)
	for i, c := range cases {
		got := make([]float32, 110*130)
		mustRun(t, mustCompile(t, c.steps), img, got, preprocess.RunOptions{})
		wrong, inside := 0, 0
		for k, v := range got {
			w := want[i*len(got)+k] != 0
			if w {
				inside++
			}
			if (v != 0) != w {
				wrong++
			}
		}
		if wrong > 0 || inside == 0 {
			t.Errorf("%s: %d of %d pixels differ, %d inside", c.name, wrong, len(got), inside)
		}
	}
}

// stained is a section made of two known stains.
func stained(rows, columns int) preprocess.Image {
	grain := noise(rows, columns, 3)
	img := preprocess.Image{Rows: rows, Columns: columns, Channels: 3, Pix8: make([]byte, rows*columns*3)}
	for i := range rows * columns {
		h := float64(grain.Pix8[3*i]) / 200
		e := float64(grain.Pix8[(3*i+7*columns)%len(grain.Pix8)]) / 300
		for k, stain := range [3][2]float64{{0.65, 0.10}, {0.70, 0.95}, {0.29, 0.28}} {
			img.Pix8[3*i+k] = byte(240 * math.Exp(-(stain[0]*h + stain[1]*e)))
		}
	}
	return img
}

func TestMacenkoAgreesWithItsFormulasInNumPy(t *testing.T) {
	t.Parallel()
	img := stained(80, 90)
	want := runPython(t, `
I = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, 3).astype(float)
od = -np.log((I + 1) / 240); hat = od[~np.any(od < .15, axis=1)]
V = np.linalg.eigh(np.cov(hat.T))[1][:, [2, 1]]
V[:, 0] *= np.sign(V[0, 0]); V[:, 1] *= np.sign(V[0, 1])
phi = np.arctan2(*(hat @ V).T[::-1])
v1, v2 = (V @ np.array([np.cos(p), np.sin(p)]) for p in np.percentile(phi, (1, 99)))
HE = np.array([v1, v2] if v1[0] > v2[0] else [v2, v1]).T
C = np.linalg.lstsq(HE, od.T, rcond=None)[0]
C *= (np.array([1.9705, 1.0308]) / np.percentile(C, 99, axis=1))[:, None]
ref = np.array([[.5626, .2159], [.7201, .8012], [.4062, .5581]])
sys.stdout.buffer.write(np.minimum(255, 240 * np.exp(-ref @ C)).T.astype(np.uint8).tobytes())
`, img.Pix8)
	got := make([]float32, len(want))
	mustRun(t, mustCompile(t, steps{{"step": "stain"}, {"step": "tensor", "layout": "NHWC"}}), img, got, preprocess.RunOptions{})
	for i := range want {
		if math.Abs(float64(want[i])-float64(got[i])) > 1 {
			t.Fatalf("sample %d is %g, NumPy has %d", i, got[i], want[i])
		}
	}
}

func TestReinhardGivesTheReferenceItsMeans(t *testing.T) {
	res := mustRun(t, mustCompile(t, steps{{"step": "stain", "method": "reinhard"}, {"step": "features", "families": []any{"colour"}}}), stained(60, 60), nil, preprocess.RunOptions{})
	if l := res.Features["colour.lab_lightness_mean"] / 255 * 100; math.Abs(l-65.8) > 3 {
		t.Errorf("lightness %.1f", l)
	}
}

// residentKB is the memory of this process that lies in RAM.
func residentKB(tb testing.TB) int {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Skipf("no /proc on this machine: %v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		tb.Fatal(err)
	}
	return pages * os.Getpagesize() / 1024
}

func TestTenThousandImagesKeepMemoryFlat(t *testing.T) {
	p := mustCompile(t, steps{{"step": "grey"}, {"step": "clahe"}, {"step": "threshold", "as": "bright"}, {"step": "largest", "source": "bright"},
		{"step": "branch", "steps": []any{map[string]any{"step": "denoise"}, map[string]any{"step": "features", "mask": "bright"}}},
		{"step": "crop", "mode": "foreground", "mask": "bright"}, {"step": "resize", "rows": 32, "columns": 32, "keep_aspect": true}, {"step": "normalise", "mode": "zscore"}})
	images := []preprocess.Image{noise(24, 20, 1), noise(20, 24, 3), noise(22, 22, 1)}
	dst := make([]float32, 32*32)
	loop := func(n int) {
		for i := range n {
			mustRun(t, p, images[i%len(images)], dst, preprocess.RunOptions{})
		}
		runtime.GC()
	}
	loop(2000)
	before := residentKB(t)
	loop(8000)
	if grown := residentKB(t) - before; grown > 16<<10 {
		t.Errorf("8,000 images grew the process by %d KB", grown)
	}
}

func TestNothingOfImageSizeIsAllocatedInSteadyState(t *testing.T) {
	img := noise(1000, 1200, 1)
	img.Values = make([]float32, len(img.Pix8))
	for i, v := range img.Pix8 {
		img.Values[i] = float32(v)
	}
	for _, s := range []steps{
		{{"step": "window"}, {"step": "clahe"}, {"step": "resize", "rows": 224, "columns": 224}, {"step": "normalise"}},
		{{"step": "features", "families": []any{"firstorder", "glcm", "glrlm", "glszm", "ngtdm", "lbp", "gabor", "hog", "wavelet", "edges"}}},
		{{"step": "rescale"}, {"step": "denoise"}, {"step": "gradient"}, {"step": "normalise", "mode": "minmax"}},
	} {
		p := mustCompile(t, s)
		mustRun(t, p, img, nil, preprocess.RunOptions{})
		const runs = 3
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			mustRun(t, p, img, nil, preprocess.RunOptions{})
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > uint64(len(img.Pix8))*3/4 {
			t.Errorf("%s: %d bytes a run", fmt.Sprint(s[0]), got)
		}
	}
}
