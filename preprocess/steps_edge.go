package preprocess

import (
	"fmt"

	"gocv.io/x/gocv"
)

var edgeSteps = []Step{
	{
		Name: "gradient", Group: "edges",
		Doc: "Strength of edges as floats: the length of the gradient for sobel and scharr, the absolute value for laplacian.",
		Params: []Param{
			{Name: "method", Kind: Choice, Default: "sobel", Choices: []string{"sobel", "scharr", "laplacian"}, Doc: "filter"},
			{Name: "size", Kind: Integer, Default: 3, Min: 1, Max: 7, Odd: true, Unit: "pixels", Doc: "kernel of sobel and laplacian"},
		},
		flow: func(a args, in flow) (flow, error) {
			in, err := needGrey(a, in)
			in.depth = float
			return in, err
		},
		build: func(a args) (action, error) {
			return func(r *run) error { return gradientImage(r, a.text("method"), a.int("size")) }, nil
		},
	},
	{
		Name: "canny", Group: "edges",
		Doc: "Canny's edges as a mask, with low and high as thresholds or automatic: auto puts them at (1 - 0.33) and (1 + 0.33) of the median value.",
		Params: []Param{
			{Name: "mode", Kind: Choice, Default: "manual", Choices: []string{"manual", "auto"}, Doc: "where the thresholds come from"},
			{Name: "low", Kind: Number, Default: 50., Min: 0, Max: 10000, Doc: "threshold that continues an edge"},
			{Name: "high", Kind: Number, Default: 150., Min: 0, Max: 10000, Doc: "threshold that starts an edge"},
		},
		output: toMask,
		flow:   needGrey8,
		build: func(a args) (action, error) {
			if a.float("low") > a.float("high") {
				return nil, fmt.Errorf("parameter \"low\" is %g: give a number up to parameter \"high\", which is %g", a.float("low"), a.float("high"))
			}
			return func(r *run) error { return cannyImage(r, a) }, nil
		},
	},
}

func gradientImage(r *run, method string, size int) error {
	b, err := r.grey()
	if err != nil {
		return err
	}
	out, err := r.like(b, gocv.MatTypeCV32F)
	if err != nil {
		return err
	}
	dx, err := r.like(b, gocv.MatTypeCV32F)
	if err != nil {
		return err
	}
	defer r.w.release(dx)
	if method == "laplacian" {
		gocv.Laplacian(b.mat, &dx.mat, gocv.MatTypeCV32F, size, 1, 0, gocv.BorderDefault)
		zero, err := r.like(b, gocv.MatTypeCV32F)
		if err != nil {
			return err
		}
		defer r.w.release(zero)
		zero.mat.SetTo(gocv.NewScalar(0, 0, 0, 0))
		gocv.AbsDiff(dx.mat, zero.mat, &out.mat)
		r.replace(out, float)
		return nil
	}
	dy, err := r.like(b, gocv.MatTypeCV32F)
	if err != nil {
		return err
	}
	defer r.w.release(dy)
	if method == "scharr" {
		gocv.Scharr(b.mat, &dx.mat, gocv.MatTypeCV32F, 1, 0, 1, 0, gocv.BorderDefault)
		gocv.Scharr(b.mat, &dy.mat, gocv.MatTypeCV32F, 0, 1, 1, 0, gocv.BorderDefault)
	} else {
		gocv.Sobel(b.mat, &dx.mat, gocv.MatTypeCV32F, 1, 0, size, 1, 0, gocv.BorderDefault)
		gocv.Sobel(b.mat, &dy.mat, gocv.MatTypeCV32F, 0, 1, size, 1, 0, gocv.BorderDefault)
	}
	gocv.Magnitude(dx.mat, dy.mat, &out.mat)
	r.replace(out, float)
	return nil
}

func cannyImage(r *run, a args) error {
	b, err := r.grey8()
	if err != nil {
		return err
	}
	low, high := a.float("low"), a.float("high")
	if a.text("mode") == "auto" {
		pix, err := b.bytes8()
		if err != nil {
			return err
		}
		median, _ := percentiles8(pix, 50, 50)
		low, high = max(0, (1-0.33)*median), min(255, (1+0.33)*median)
	}
	r.setValue("low", low)
	r.setValue("high", high)
	out, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	gocv.Canny(b.mat, &out.mat, float32(low), float32(high))
	r.setValue("edge_density", float64(gocv.CountNonZero(out.mat))/float64(b.rows*b.columns))
	r.replace(out, byte8)
	return nil
}
