package preprocess_test

import (
	"math"
	"strings"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

func TestFeaturesOfABranchLeaveTheTensorAlone(t *testing.T) {
	plain := steps{{"step": "grey"}, {"step": "resize", "rows": 64, "columns": 64}, {"step": "normalise"}}
	branched := steps{{"step": "grey"},
		{"step": "branch", "steps": []any{
			map[string]any{"step": "clahe"},
			map[string]any{"step": "threshold", "as": "bright"},
			map[string]any{"step": "features", "families": []any{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm", "lbp"}},
			map[string]any{"step": "features", "mask": "bright", "prefix": "bright"},
		}},
		{"step": "resize", "rows": 64, "columns": 64}, {"step": "normalise"}}
	a, b := make([]float32, 64*64), make([]float32, 64*64)
	img := noise(200, 150, 3)
	mustRun(t, mustCompile(t, plain), img, a, preprocess.RunOptions{})
	res := mustRun(t, mustCompile(t, branched), img, b, preprocess.RunOptions{})
	if digestOf(a) != digestOf(b) {
		t.Error("the branch changed the tensor")
	}
	for _, name := range []string{"firstorder.mean", "histogram.entropy", "glcm.contrast", "glrlm.run_entropy", "glszm.zone_percentage", "ngtdm.busyness", "ngldm.grey_level_variance", "lbp.pattern_00", "bright.glcm.contrast"} {
		if v, ok := res.Features[name]; !ok || math.IsNaN(v) {
			t.Errorf("feature %s is %v, there: %v", name, v, ok)
		}
	}
	if res.Features["bright.firstorder.mean"] <= res.Features["firstorder.mean"] {
		t.Error("the bright region is not brighter")
	}
	if len(res.Stages) != 7 {
		t.Errorf("%d stages", len(res.Stages))
	}
}

func TestFeaturesOfDegenerateImagesAreDefined(t *testing.T) {
	all := steps{{"step": "features", "families": []any{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm", "lbp"}}}
	p := mustCompile(t, all)
	for name, img := range map[string]preprocess.Image{
		"one pixel": {Rows: 1, Columns: 1, Channels: 1, Pix8: []byte{77}},
		"one row":   {Rows: 1, Columns: 9, Channels: 1, Pix8: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"constant":  {Rows: 8, Columns: 8, Channels: 1, Pix8: []byte(strings.Repeat("\x09", 64))},
		"black":     {Rows: 8, Columns: 8, Channels: 1, Pix8: make([]byte, 64)},
	} {
		t.Run(name, func(t *testing.T) {
			res := mustRun(t, p, img, nil, preprocess.RunOptions{})
			for f, v := range res.Features {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s is %g", f, v)
				}
			}
			if _, ok := res.Features["firstorder.mean"]; !ok {
				t.Error("no mean")
			}
		})
	}
	empty := mustCompile(t, steps{{"step": "threshold", "mode": "fixed", "value": 255, "as": "none"}, {"step": "features", "mask": "none"}})
	_, err := empty.Run(t.Context(), noise(9, 9, 1), nil, preprocess.RunOptions{})
	if err == nil || !strings.Contains(err.Error(), `mask "none" is empty`) {
		t.Errorf("mask of nothing: %v", err)
	}
}
