package preprocess_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess"
)

// families of the features step, by what they need.
var (
	greyFamilies = []string{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm", "lbp", "gabor", "hog", "wavelet", "edges"}
	allFamilies  = append(slices.Clone(greyFamilies), "shape", "colour")
)

// eachStepAlone is every step, and the features step once for each family, on
// the image or behind what makes the mask m of the pixels above level.
func eachStepAlone(level float64) map[string]steps {
	out := map[string]steps{}
	mask := map[string]any{"step": "threshold", "mode": "fixed", "value": level, "as": "m"}
	for _, s := range preprocess.Table() {
		if s.Name == "features" {
			continue
		}
		list := steps{}
		if s.Name == "stain" {
			list = append(list, map[string]any{"step": "channels"})
		}
		step := validStep(s)
		if slices.ContainsFunc(s.Params, func(p preprocess.Param) bool { return p.Name == "mask" }) {
			list, step["mask"] = append(list, mask), "m"
		}
		if s.Name == "crop" {
			step["mode"] = "foreground"
		}
		out[s.Name] = append(list, step)
	}
	for _, f := range allFamilies {
		list := steps{mask}
		if f == "colour" {
			list = append(list, map[string]any{"step": "channels"})
		}
		out["features "+f] = append(list, map[string]any{"step": "features", "families": []any{f}, "mask": "m"})
	}
	return out
}

// What docs/pipelines.md says of bad input, for every step and family: what is
// refused whatever the step does.
func TestBadImagesAreRefusedByEveryStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		img  preprocess.Image
		want radnode.Code
	}{
		"empty":           {preprocess.Image{}, radnode.Invalid},
		"no rows":         {preprocess.Image{Columns: 5, Channels: 1, Pix8: []byte{}}, radnode.Invalid},
		"NaN":             {preprocess.Image{Rows: 1, Columns: 2, Channels: 1, PixF: []float32{1, float32(math.NaN())}}, radnode.Invalid},
		"NaN in values":   {preprocess.Image{Rows: 1, Columns: 2, Channels: 1, Pix8: []byte{1, 2}, Values: []float32{1, float32(math.NaN())}}, radnode.Invalid},
		"infinity":        {preprocess.Image{Rows: 1, Columns: 2, Channels: 1, Values: []float32{1, float32(math.Inf(1))}}, radnode.Invalid},
		"30,000 × 30,000": {preprocess.Image{Rows: 30000, Columns: 30000, Channels: 1, Pix8: make([]byte, 8)}, radnode.TooLarge},
	} {
		for step, list := range eachStepAlone(100) {
			_, err := mustCompile(t, list).Run(t.Context(), c.img, nil, preprocess.RunOptions{})
			if got := radnode.CodeOf(err); got != c.want {
				t.Errorf("%s on %s: %v", step, name, err)
			}
		}
	}
}

// A mask of nothing is refused by every step that takes one, but threshold.
func TestAMaskOfNothingIsRefusedByEveryStepThatTakesOne(t *testing.T) {
	t.Parallel()
	img := noise(40, 30, 1)
	for step, list := range eachStepAlone(255) {
		if len(list) < 2 || step == "stain" {
			continue
		}
		_, err := mustCompile(t, list).Run(t.Context(), img, nil, preprocess.RunOptions{})
		if step == "threshold" {
			if err != nil {
				t.Errorf("threshold: %v", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), `mask "m" is empty`) {
			t.Errorf("%s: %v", step, err)
		}
	}
	markers := steps{{"step": "threshold", "mode": "fixed", "value": 100, "as": "m"}, {"step": "threshold", "mode": "fixed", "value": 255, "as": "none"}, {"step": "watershed", "mask": "m", "markers": "none"}}
	if _, err := mustCompile(t, markers).Run(t.Context(), img, nil, preprocess.RunOptions{}); err == nil || !strings.Contains(err.Error(), `mask "none" is empty`) {
		t.Errorf("markers: %v", err)
	}
}

// One pixel, lines and constant images: a sentence or finite values, the same
// twice. The refusals are listed.
func TestDegenerateImagesGiveDefinedValues(t *testing.T) {
	t.Parallel()
	refused := map[string]string{
		"kmeans":     "has no 3 clusters",
		"multi_otsu": "has no 3 classes",
		"grabcut":    "each side needs 16",
		"windows":    "carries none",
	}
	alone := map[string][]string{"one pixel": {"glcm", "ngtdm", "gabor", "wavelet"}, "one row": {"gabor", "wavelet"}} // families of which nothing is left
	constant := preprocess.Image{Rows: 20, Columns: 24, Channels: 1, Pix8: slices.Repeat([]byte{200}, 480)}
	images := map[string]preprocess.Image{
		"one pixel": {Rows: 1, Columns: 1, Channels: 1, Pix8: []byte{200}}, "constant": constant,
		"one row":         {Rows: 1, Columns: 9, Channels: 1, Pix8: []byte{200, 201, 202, 203, 204, 205, 206, 207, 208}},
		"constant floats": {Rows: 20, Columns: 24, Channels: 1, PixF: slices.Repeat([]float32{200}, 480)},
	}
	for step, list := range eachStepAlone(100) {
		p := mustCompile(t, list)
		for kind, img := range images {
			res, tensor, err := p.RunNew(t.Context(), img, preprocess.RunOptions{})
			again, second, errAgain := p.RunNew(t.Context(), img, preprocess.RunOptions{})
			if want := refused[step]; err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s on %s: %v", step, kind, err)
			}
			if (err == nil) != (errAgain == nil) || !maps.Equal(res.Features, again.Features) || !slices.Equal(tensor.Bytes(), second.Bytes()) {
				t.Errorf("%s on %s gives two results", step, kind)
			}
			for f, v := range res.Features {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s on %s: %s is %g", step, kind, f, v)
				}
			}
			if strings.HasPrefix(step, "features") && err == nil && len(res.Features) == 0 && !slices.Contains(alone[kind], step[9:]) {
				t.Errorf("%s on %s: no feature", step, kind)
			}
		}
	}
	flat := mustRun(t, mustCompile(t, steps{{"step": "threshold", "invert": true}, {"step": "components"}}), constant, nil, preprocess.RunOptions{})
	if n := flat.Features["components.count"]; n != 0 || flat.Stages[0].Note == "" {
		t.Errorf("Otsu, inverted, marks %g regions of a constant image: %+v", n, flat.Stages[0])
	}
}

func TestWorkThatTakesTooLongIsRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	large := preprocess.Image{Rows: 3000, Columns: 2500, Channels: 1, Pix8: make([]byte, 3000*2500)}
	for step, want := range map[string]struct {
		step map[string]any
		text string
	}{
		"morphology":    {map[string]any{"step": "morphology", "rows": 255, "columns": 255, "iterations": 50}, "smaller kernel"},
		"level set":     {map[string]any{"step": "level_set", "iterations": 500, "smoothing": 10}, "fewer iterations"},
		"grabcut":       {map[string]any{"step": "grabcut"}, "longest 1024"},
		"hough circles": {map[string]any{"step": "hough_circles"}, "longest 1024"},
	} {
		_, err := mustCompile(t, steps{want.step}).Run(t.Context(), large, nil, preprocess.RunOptions{})
		if err == nil || !strings.Contains(err.Error(), want.text) || radnode.CodeOf(err) != radnode.TooLarge {
			t.Errorf("%s: %v", step, err)
		}
	}
}

func TestNumbersBeyondTheirTypeAreRefused(t *testing.T) {
	huge := preprocess.Image{Rows: 1, Columns: 2, Channels: 1, PixF: []float32{-3e38, 3e38}}
	_, err := mustCompile(t, steps{{"step": "rescale", "in_low": 0, "in_high": 1, "out_high": 1000, "clip": false}}).Run(t.Context(), huge, nil, preprocess.RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "step 1 (rescale)") || !strings.Contains(err.Error(), "row 0, column 0 is -Inf") {
		t.Errorf("overflow: %v", err)
	}
	loud := preprocess.Image{Rows: 1, Columns: 2, Channels: 1, PixF: []float32{1, 65520}}
	if _, _, err := mustCompile(t, steps{{"step": "tensor", "type": "float16"}}).RunNew(t.Context(), loud, preprocess.RunOptions{}); err == nil || !strings.Contains(err.Error(), "65504") {
		t.Errorf("float16: %v", err)
	}
}

func TestFeaturesOfTheSameNameAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		steps steps
		good  bool
	}{
		"twice":           {steps{{"step": "features"}, {"step": "features", "bins": 8}}, false},
		"beside a branch": {steps{{"step": "branch", "steps": []any{map[string]any{"step": "features"}}}, {"step": "features"}}, false},
		"two prefixes":    {steps{{"step": "features"}, {"step": "features", "prefix": "again"}}, true},
		"two families":    {steps{{"step": "features", "families": []any{"lbp"}}, {"step": "features", "families": []any{"glcm"}}}, true},
		"counted twice":   {steps{{"step": "threshold"}, {"step": "components"}, {"step": "components"}}, false},
	} {
		p, err := preprocess.Compile(c.steps)
		if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), `"prefix"`) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			p.Close()
		}
	}
}

// A mask follows the image: made before a flip, turn and shrinking, it holds
// the same pixels after them.
func TestAMaskMadeBeforeTheImageMovesFitsItAfterwards(t *testing.T) {
	img := noise(60, 90, 1)
	for y := 20; y < 40; y++ {
		for x := 10; x < 40; x++ {
			img.Pix8[y*90+x] = 250
		}
	}
	p := mustCompile(t, steps{{"step": "threshold", "mode": "fixed", "value": 240, "as": "m"},
		{"step": "branch", "steps": []any{map[string]any{"step": "features", "families": []any{"firstorder"}, "mask": "m", "prefix": "before"}}},
		{"step": "flip"}, {"step": "rotate", "angle": 90}, {"step": "resize", "rows": 45, "columns": 30, "interpolation": "nearest"},
		{"step": "features", "families": []any{"firstorder"}, "mask": "m", "prefix": "after"}})
	f := mustRun(t, p, img, nil, preprocess.RunOptions{}).Features
	if f["before.firstorder.minimum"] != 250 || f["after.firstorder.minimum"] != 250 {
		t.Errorf("minimum inside %g, %g", f["before.firstorder.minimum"], f["after.firstorder.minimum"])
	}
}

// Random pipelines of valid steps on random images: an error, or twice the
// same result.
func TestRandomPipelinesGiveAnErrorOrTheSameTwice(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 12))
	table := preprocess.Table()
	random := func() map[string]any {
		s := table[rng.IntN(len(table))]
		step := validStep(s)
		for _, p := range s.Params {
			if good, _ := valuesOf(p); rng.IntN(4) == 0 && len(good) > 0 && p.Name != "steps" {
				step[p.Name] = good[rng.IntN(len(good))]
			}
		}
		if _, ok := step["longest"]; ok {
			delete(step, "rows")
			delete(step, "columns")
		}
		if s.Name == "branch" {
			step["steps"] = []any{validStep(table[rng.IntN(len(table))]), map[string]any{"step": "features", "prefix": string(rune('a' + rng.IntN(26)))}}
		}
		for name, limit := range map[string]int{"rows": 99, "columns": 99, "longest": 99, "iterations": 3, "max_radius": 40, "smoothing": 2} {
			if v, ok := step[name].(float64); ok {
				step[name] = min(v, float64(limit))
			}
		}
		return step
	}
	compiled, ran := 0, 0
	for range 1200 {
		list := steps{{"step": "threshold", "mode": "fixed", "value": 100, "as": "m"}}
		for range 1 + rng.IntN(5) {
			list = append(list, random())
		}
		p, err := preprocess.Compile(list)
		if err != nil {
			continue
		}
		compiled++
		img := noise(1+rng.IntN(40), 1+rng.IntN(40), 1+2*rng.IntN(2))
		if img.Channels == 1 && rng.IntN(2) == 0 {
			img.Values = make([]float32, len(img.Pix8))
			for i, v := range img.Pix8 {
				img.Values[i] = float32(v)*10 - 1000
			}
		}
		first, tensor, err := p.RunNew(t.Context(), img, preprocess.RunOptions{KeepMasks: true})
		again, second, errAgain := p.RunNew(t.Context(), img, preprocess.RunOptions{KeepMasks: true})
		p.Close()
		if (err == nil) != (errAgain == nil) || !maps.Equal(first.Features, again.Features) || !slices.Equal(tensor.Bytes(), second.Bytes()) {
			t.Errorf("two results of %v on %d x %d x %d: %v, %v", list, img.Rows, img.Columns, img.Channels, err, errAgain)
		}
		if err == nil {
			ran++
		}
	}
	t.Logf("%d pipelines compiled, %d ran", compiled, ran)
	if ran < 100 {
		t.Error("too few pipelines ran")
	}
}
