package preprocess

import (
	"fmt"
	"image"

	"gocv.io/x/gocv"
)

var filterSteps = []Step{
	{
		Name: "denoise", Group: "filter",
		Doc: "Smooths noise. gaussian: size and sigma. median: size. bilateral: size, sigma_value and sigma_space; keeps edges. nlmeans: strength, non-local means over patches of 7 in windows of 21; slow.",
		Params: []Param{
			{Name: "method", Kind: Choice, Default: "gaussian", Choices: []string{"gaussian", "median", "bilateral", "nlmeans"}, Doc: "filter"},
			{Name: "size", Kind: Integer, Default: 5, Min: 3, Max: 99, Odd: true, Unit: "pixels", Doc: "diameter of the kernel"},
			{Name: "sigma", Kind: Number, Default: 0., Min: 0, Max: 50, Unit: "pixels", Doc: "deviation for gaussian; 0: from the size"},
			{Name: "sigma_value", Kind: Number, Default: 50., Min: 0.1, Max: 1000, Doc: "deviation in value for bilateral"},
			{Name: "sigma_space", Kind: Number, Default: 50., Min: 0.1, Max: 1000, Unit: "pixels", Doc: "deviation in space for bilateral"},
			{Name: "strength", Kind: Number, Default: 3., Min: 0.1, Max: 100, Doc: "strength for nlmeans (OpenCV's h)"},
		},
		rules: when("method", map[string]any{"const": "bilateral"}, map[string]any{"properties": map[string]any{"size": map[string]any{"maximum": 31}}}),
		flow:  denoiseFlow,
		build: buildDenoise,
	},
	{
		Name: "sharpen", Group: "filter",
		Doc: "Unsharp mask: x + amount (x - gaussian(x)).",
		Params: []Param{
			{Name: "amount", Kind: Number, Default: 1., Min: 0.01, Max: 10, Doc: "strength"},
			{Name: "sigma", Kind: Number, Default: 2., Min: 0.3, Max: 20, Unit: "pixels", Doc: "deviation of the Gaussian"},
		},
		flow: stay,
		build: func(a args) (action, error) {
			amount, sigma := a.float("amount"), a.float("sigma")
			return func(r *run) error { return sharpenImage(r, amount, sigma) }, nil
		},
	},
}

func denoiseFlow(a args, in flow) (flow, error) {
	switch method := a.text("method"); {
	case method == "nlmeans":
		return needGrey8(a, in)
	case method == "median" && a.int("size") > 5:
		return needByte8(a, in)
	}
	return in, nil
}

func buildDenoise(a args) (action, error) {
	size := a.int("size")
	method := a.text("method")
	if method == "bilateral" && size > 31 {
		return nil, fmt.Errorf("parameter \"size\" is %d: give an odd integer from 3 to 31 pixels for method bilateral", size)
	}
	filter := map[string]func(b, out *buffer){
		"gaussian": func(b, out *buffer) {
			gocv.GaussianBlur(b.mat, &out.mat, image.Pt(size, size), a.float("sigma"), a.float("sigma"), gocv.BorderDefault)
		},
		"median": func(b, out *buffer) { gocv.MedianBlur(b.mat, &out.mat, size) },
		"bilateral": func(b, out *buffer) {
			gocv.BilateralFilter(b.mat, &out.mat, size, a.float("sigma_value"), a.float("sigma_space"))
		},
		"nlmeans": func(b, out *buffer) {
			gocv.FastNlMeansDenoisingWithParams(b.mat, &out.mat, float32(a.float("strength")), 7, 21)
		},
	}[method]
	return func(r *run) error {
		get := r.pixels
		switch {
		case method == "nlmeans":
			get = r.grey8
		case method == "median" && size > 5:
			get = r.pixels8
		}
		b, err := get()
		if err != nil {
			return err
		}
		if err := afford(b, map[string]float64{"nlmeans": nonLocalMeans, "bilateral": bilateralTap * float64(size*size)}[method], "take another method"); err != nil {
			return err
		}
		out, err := r.like(b, b.kind)
		if err != nil {
			return err
		}
		filter(b, out)
		r.replace(out, r.cur.depth)
		return nil
	}, nil
}

func sharpenImage(r *run, amount, sigma float64) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	soft, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	defer r.w.release(soft)
	out, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	gocv.GaussianBlur(b.mat, &soft.mat, image.Pt(0, 0), sigma, sigma, gocv.BorderDefault)
	gocv.AddWeighted(b.mat, 1+amount, soft.mat, -amount, 0, &out.mat)
	r.replace(out, r.cur.depth)
	return nil
}
