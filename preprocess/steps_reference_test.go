package preprocess_test

import (
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode/preprocess"
)

const (
	exactOpenCV = "TestStepsAgreeWithPythonOpenCVExactlyOnRealFiles"
	exactSKI    = "TestSegmentationAgreesWithScikitImage"
	measuredCV  = "TestStepsThatMeasureAgreeWithPython"
	documented  = "TestSmallStepsGiveTheValuesTheyDocument"
)

// stepReferences names for each step what it is checked against, and by which
// test of this package. A step without a line fails the test below.
var stepReferences = map[string]struct{ reference, test string }{
	"grey": {"weights of Rec. 601 and 709", documented}, "channels": {"its definition", documented},
	"window": {"PS3.3 C.11.2.1.2", "TestWindowFollowsPS33"}, "windows": {"PS3.3 C.11.2.1.2.1", documented},
	"rescale": {"its formula", documented}, "invert": {"cv2.bitwise_not", exactOpenCV}, "normalise": {"NumPy", exactOpenCV},
	"equalise": {"cv2.equalizeHist", exactOpenCV}, "clahe": {"cv2.createCLAHE", "TestCLAHEEqualsOpenCVForEverySizeAndTiling"}, "gamma": {"cv2.LUT", exactOpenCV},
	"resize": {"cv2.resize", exactOpenCV}, "crop": {"points followed to the source", "TestGeometryLeadsBackToTheSource"},
	"rotate": {"cv2.rotate", exactOpenCV}, "flip": {"cv2.flip", exactOpenCV},
	"denoise": {"cv2.GaussianBlur, medianBlur, bilateralFilter, fastNlMeansDenoising", exactOpenCV}, "sharpen": {"cv2.addWeighted", exactOpenCV},
	"stain":      {"Macenko 2009 in NumPy", "TestMacenkoAgreesWithItsFormulasInNumPy"},
	"morphology": {"cv2.erode, dilate, morphologyEx", exactOpenCV}, "fill_holes": {"scipy binary_fill_holes", exactSKI},
	"remove_small": {"skimage remove_small_objects", exactSKI}, "largest": {"cv2.connectedComponentsWithStats", exactOpenCV},
	"clear_border": {"skimage clear_border", measuredCV}, "components": {"cv2.connectedComponentsWithStats", measuredCV}, "blank": {"numpy.where", exactOpenCV}, "skeleton": {"skimage skeletonize", exactSKI},
	"threshold": {"cv2.threshold, adaptiveThreshold", exactOpenCV}, "multi_otsu": {"skimage threshold_multiotsu", exactSKI},
	"kmeans": {"cv2.kmeans", exactOpenCV}, "watershed": {"cv2.watershed", exactOpenCV}, "grabcut": {"cv2.grabCut", exactOpenCV},
	"region_growing": {"skimage flood", exactSKI}, "level_set": {"skimage morphological_chan_vese", exactSKI},
	"body_mask": {"cv2.threshold, connectedComponentsWithStats, floodFill", exactOpenCV}, "border": {"a frame of known width", documented},
	"lung_fields": {"films labelled by readers", "TestTheCardiothoracicRatioSeparatesEnlargedHeartsFromOthers"},
	"gradient":    {"cv2.Sobel, Scharr, Laplacian", exactOpenCV}, "canny": {"cv2.Canny", exactOpenCV},
	"hough_lines": {"cv2.HoughLinesP", measuredCV}, "hough_circles": {"cv2.HoughCircles", measuredCV},
	"features": {"scikit-image (Gabor here, the others in radiomics)", "TestGaborEnergiesAgreeWithScikitImage"},
	"branch":   {"the tensor without it", "TestFeaturesOfABranchLeaveTheTensorAlone"}, "tensor": {"its definition", "TestTensorTypesAndLayouts"},
}

func TestEveryStepHasAReference(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				tests[f.Name.Name] = true
			}
		}
	}
	left := len(stepReferences)
	for _, s := range preprocess.Table() {
		r, ok := stepReferences[s.Name]
		if !ok {
			t.Errorf("step %s is checked against nothing", s.Name)
			continue
		}
		left--
		if r.reference == "" || !tests[r.test] {
			t.Errorf("step %s: there is no test %s", s.Name, r.test)
		}
	}
	if left > 0 {
		t.Errorf("%d references are of steps that there are no more", left)
	}
}

func TestSmallStepsGiveTheValuesTheyDocument(t *testing.T) {
	colour := preprocess.Image{Rows: 1, Columns: 2, Channels: 3, Pix8: []byte{200, 100, 50, 0, 255, 0}}
	grey := preprocess.Image{Rows: 1, Columns: 3, Channels: 1, Pix8: []byte{10, 60, 110}}
	ct := preprocess.Image{Rows: 1, Columns: 2, Channels: 1, Values: []float32{-1000, 40}}
	framed := preprocess.Image{Rows: 40, Columns: 50, Channels: 1, Pix8: make([]byte, 2000)}
	for y := 4; y < 33; y++ {
		for x := 7; x < 45; x++ {
			framed.Pix8[y*50+x] = byte(60 + (x*37+y*91)%150)
		}
	}
	for name, c := range map[string]struct {
		img  preprocess.Image
		step map[string]any
		want []float32
	}{
		"Rec. 601":        {colour, map[string]any{"step": "grey"}, []float32{124, 150}},
		"Rec. 709":        {colour, map[string]any{"step": "grey", "weights": "rec709"}, []float32{118, 182}},
		"average":         {colour, map[string]any{"step": "grey", "weights": "average"}, []float32{117, 85}},
		"one colour":      {colour, map[string]any{"step": "grey", "weights": "green"}, []float32{100, 255}},
		"three channels":  {grey, map[string]any{"step": "channels"}, []float32{10, 60, 110, 10, 60, 110, 10, 60, 110}},
		"rescale":         {grey, map[string]any{"step": "rescale", "out_low": -1, "out_high": 1}, []float32{-1, 0, 1}},
		"rescale, clip":   {grey, map[string]any{"step": "rescale", "in_low": 60, "in_high": 160, "out_high": 100}, []float32{0, 0, 50}},
		"rescale, beyond": {grey, map[string]any{"step": "rescale", "in_low": 60, "in_high": 160, "out_high": 100, "clip": false}, []float32{-50, 0, 50}},
		"three windows":   {ct, map[string]any{"step": "windows", "centers": []any{40, 80, 600}, "widths": []any{80, 200, 2800}}, []float32{0, 129, 0, 77, 0, 77}},
	} {
		got := make([]float32, len(c.want))
		mustRun(t, mustCompile(t, steps{c.step}), c.img, got, preprocess.RunOptions{})
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	res := mustRun(t, mustCompile(t, steps{{"step": "border"}}), framed, nil, preprocess.RunOptions{})
	if g := res.Geometry; g.Left != 7 || g.Top != 4 || res.Columns != 38 || res.Rows != 29 {
		t.Errorf("inside the frame: %+v, %d x %d", g, res.Rows, res.Columns)
	}
}

func TestStepsThatMeasureAgreeWithPython(t *testing.T) {
	t.Parallel()
	const rows, columns = 110, 130
	img := blobs(rows, columns)
	steps := steps{
		{"step": "hough_circles", "votes": 12}, {"step": "canny", "as": "edges"}, {"step": "hough_lines", "edges": "edges", "threshold": 15, "min_length": 8},
		{"step": "threshold", "mode": "fixed", "value": 150}, {"step": "components"}, {"step": "clear_border"},
	}
	want := runPython(t, `
from skimage.segmentation import clear_border
g = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(110, 130)
c = cv2.HoughCircles(g, cv2.HOUGH_GRADIENT, 1, 20, param1=100, param2=12, minRadius=5, maxRadius=50)
r = np.zeros(1) if c is None else c[0, :, 2]
l = cv2.HoughLinesP(cv2.Canny(g, 50, 150), 1, np.pi / 180, 15, minLineLength=8, maxLineGap=5)
n = np.zeros(1) if l is None else np.hypot(*(l[:, 0, 2:] - l[:, 0, :2]).T.astype(float))
k, _, stats, _ = cv2.connectedComponentsWithStats(((g > 150) * 255).astype(np.uint8), connectivity=8)
out = [0 if c is None else len(r), r.max(), 0 if l is None else len(n), n.max(), n.mean(), k - 1, stats[1:, 4].max(), stats[1:, 4].mean()]
sys.stdout.buffer.write(np.array(out, float).tobytes() + (clear_border(g > 150) * 255).astype(float).tobytes())
`, img.Pix8)
	got := make([]float32, rows*columns)
	res := mustRun(t, mustCompile(t, steps), img, got, preprocess.RunOptions{})
	expected := func(i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(want[8*i:])) }
	names := []string{"circles.count", "circles.radius_max", "lines.count", "lines.length_max", "lines.length_mean", "components.count", "components.area_largest", "components.area_mean"}
	for i, name := range names {
		if w := expected(i); math.Abs(res.Features[name]-w) > 1e-6*math.Max(1, w) || w == 0 {
			t.Errorf("%s: got %g, Python %g", name, res.Features[name], w)
		}
	}
	wrong, inside := 0, 0
	for i, v := range got {
		if w := expected(len(names) + i); float64(v) != w {
			wrong++
		} else if w > 0 {
			inside++
		}
	}
	if wrong > 0 || inside == 0 {
		t.Errorf("clear_border: %d pixels differ, %d inside", wrong, inside)
	}
}
