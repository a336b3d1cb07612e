package preprocess_test

import (
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// everyStep lists each step of the table at its defaults and at its extremes,
// with what must be given.
func everyStep() map[string]steps {
	first := map[string]map[string]any{
		"gamma": {"gamma": 0.5}, "resize": {"rows": 33, "columns": 21}, "crop": {"rows": 5, "columns": 5}, "rotate": {"angle": 33},
		"branch":    {"steps": []any{map[string]any{"step": "invert"}}},
		"watershed": {"mask": "m"}, "blank": {"mask": "m"}, "windows": {"centers": []any{0, 1, 2}, "widths": []any{10, 20, 30}},
		"features": {"families": []any{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm", "lbp", "gabor", "hog", "wavelet", "edges"}},
	}
	out := map[string]steps{}
	for _, s := range preprocess.Table() {
		step := map[string]any{"step": s.Name}
		for k, v := range first[s.Name] {
			step[k] = v
		}
		var before steps
		switch {
		case s.Name == "watershed" || s.Name == "blank":
			before = steps{{"step": "threshold", "mode": "fixed", "value": 100, "as": "m"}}
		case s.Name == "stain":
			before = steps{{"step": "channels"}}
		}
		add := func(name string, change map[string]any) {
			changed := map[string]any{}
			for k, v := range step {
				changed[k] = v
			}
			for k, v := range change {
				changed[k] = v
			}
			out[name] = append(append(steps{}, before...), changed)
		}
		add(s.Name, nil)
		for _, p := range s.Params {
			switch p.Kind {
			case preprocess.Integer:
				low, high := int(p.Min), min(int(p.Max), 199)
				add(s.Name+" least "+p.Name, map[string]any{p.Name: low})
				add(s.Name+" most "+p.Name, map[string]any{p.Name: high})
			case preprocess.Number:
				add(s.Name+" least "+p.Name, map[string]any{p.Name: p.Min})
				add(s.Name+" most "+p.Name, map[string]any{p.Name: p.Max})
			case preprocess.Choice:
				for _, c := range p.Choices {
					add(s.Name+" "+p.Name+" "+c, map[string]any{p.Name: c})
				}
			}
		}
	}
	return out
}

// No step may end the process, whatever the image: an error or a value.
func TestEveryStepSurvivesEveryImage(t *testing.T) {
	t.Parallel()
	images := map[string]preprocess.Image{}
	for name, size := range map[string][2]int{"1x1": {1, 1}, "1x40": {1, 40}, "40x1": {40, 1}, "2x2": {2, 2}, "3x5": {3, 5}, "16x16": {16, 16}, "61x47": {61, 47}} {
		images[name] = noise(size[0], size[1], 1)
		images[name+" colour"] = noise(size[0], size[1], 3)
		images[name+" black"] = preprocess.Image{Rows: size[0], Columns: size[1], Channels: 1, Pix8: make([]byte, size[0]*size[1])}
		white := preprocess.Image{Rows: size[0], Columns: size[1], Channels: 1, PixF: make([]float32, size[0]*size[1]), Values: make([]float32, size[0]*size[1])}
		for i := range white.PixF {
			white.PixF[i], white.Values[i] = 255, 3e38
		}
		images[name+" huge floats"] = white
	}
	ran, refused := 0, 0
	for name, s := range everyStep() {
		p, err := preprocess.Compile(s)
		if err != nil {
			continue // extremes that contradict each other
		}
		for kind, img := range images {
			opts := preprocess.RunOptions{KeepMasks: true}
			if kind == "3x5" || kind == "16x16 huge floats" || kind == "1x1 colour" {
				opts.KeepStages = func(preprocess.Stage) {}
			}
			res, _, err := p.RunNew(t.Context(), img, opts)
			if err != nil {
				refused++
				continue
			}
			ran++
			for f, v := range res.Features {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s on %s: feature %s is %g", name, kind, f, v)
				}
			}
		}
		p.Close()
	}
	t.Logf("%d runs, %d refused with an error", ran, refused)
}
