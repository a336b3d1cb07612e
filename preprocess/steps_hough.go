package preprocess

import (
	"fmt"
	"math"

	"gocv.io/x/gocv"
)

var houghSteps = []Step{
	{
		Name: "hough_lines", Group: "edges",
		Doc: "Finds straight segments in a mask of edges (probabilistic Hough transform) and enters prefix.count, length_max and length_mean (pixels) and angle_mean (degrees, 0 along the rows, doubled-angle mean weighted by length) among the features.",
		Params: []Param{
			{Name: "edges", Kind: Name, Optional: true, Doc: "mask of edges; empty: the image is one"},
			{Name: "threshold", Kind: Integer, Default: 80, Min: 1, Max: 10000, Doc: "votes that make a line"},
			{Name: "min_length", Kind: Number, Default: 50., Min: 1, Max: MaxSide, Unit: "pixels", Doc: "shortest segment"},
			{Name: "max_gap", Kind: Number, Default: 5., Min: 0, Max: 1000, Unit: "pixels", Doc: "largest gap in a segment"},
			{Name: "prefix", Kind: Name, Default: "lines", Doc: "put before the names of the features"},
		},
		output: toResults, enters: enterCount, flow: houghFlow,
		build: func(a args) (action, error) {
			return func(r *run) error { return houghLines(r, a) }, nil
		},
	},
	{
		Name: "hough_circles", Group: "edges",
		Doc: "Finds circles in a grey image (gradient Hough transform) and enters prefix.count, radius_max and radius_mean (pixels) among the features.",
		Params: []Param{
			{Name: "min_radius", Kind: Integer, Default: 5, Min: 1, Max: 4096, Unit: "pixels", Doc: "smallest radius"},
			{Name: "max_radius", Kind: Integer, Default: 50, Min: 1, Max: 4096, Unit: "pixels", Doc: "largest radius"},
			{Name: "distance", Kind: Number, Default: 20., Min: 1, Max: MaxSide, Unit: "pixels", Doc: "least distance between centres"},
			{Name: "edge", Kind: Number, Default: 100., Min: 1, Max: 10000, Doc: "upper Canny threshold"},
			{Name: "votes", Kind: Number, Default: 30., Min: 1, Max: 10000, Doc: "votes that make a centre"},
			{Name: "prefix", Kind: Name, Default: "circles", Doc: "put before the names of the features"},
		},
		output: toResults, enters: enterCount, flow: needGrey8,
		build: func(a args) (action, error) {
			if a.int("min_radius") >= a.int("max_radius") {
				return nil, fmt.Errorf("parameter \"min_radius\" is %d: give an integer below parameter \"max_radius\", which is %d", a.int("min_radius"), a.int("max_radius"))
			}
			return func(r *run) error { return houghCircles(r, a) }, nil
		},
	},
}

// enterCount is the group of a step that counts things under a prefix.
func enterCount(a args) []string { return []string{a.text("prefix") + ".count"} }

func houghFlow(a args, in flow) (flow, error) {
	if a.has("edges") {
		if !in.hasMask(a.text("edges")) {
			return in, fmt.Errorf("parameter \"edges\" names mask %q, which no step before makes", a.text("edges"))
		}
		return in, nil
	}
	return needGrey8(a, in)
}

func houghLines(r *run, a args) error {
	var b *buffer
	var err error
	if a.has("edges") {
		if b, err = r.mask(a.text("edges")); err == nil {
			defer r.w.release(b)
		}
	} else {
		b, err = r.grey8()
	}
	if err != nil {
		return err
	}
	if err := afford(b, houghLineVotes, "look at a part of it"); err != nil {
		return err
	}
	lines := gocv.NewMat()
	defer lines.Close()
	gocv.HoughLinesPWithParams(b.mat, &lines, 1, math.Pi/180, a.int("threshold"), float32(a.float("min_length")), float32(a.float("max_gap")))
	var sum, longest, sin, cos float64
	n := lines.Rows()
	for i := range n {
		v := lines.GetVeciAt(i, 0)
		dx, dy := float64(v[2]-v[0]), float64(v[3]-v[1])
		length, angle := math.Hypot(dx, dy), math.Atan2(dy, dx)
		sum += length
		longest = max(longest, length)
		sin += length * math.Sin(2*angle)
		cos += length * math.Cos(2*angle)
	}
	r.houghFeatures(a.text("prefix"), n, map[string]float64{
		"length_max": longest, "length_mean": sum / math.Max(1, float64(n)), "angle_mean": math.Atan2(sin, cos) / 2 * 180 / math.Pi,
	})
	return nil
}

func houghCircles(r *run, a args) error {
	b, err := r.grey8()
	if err != nil {
		return err
	}
	if err := affordPixels(b); err != nil {
		return err
	}
	circles := gocv.NewMat()
	defer circles.Close()
	gocv.HoughCirclesWithParams(b.mat, &circles, gocv.HoughGradient, 1, a.float("distance"), a.float("edge"), a.float("votes"), a.int("min_radius"), a.int("max_radius"))
	n := circles.Cols()
	if circles.Empty() {
		n = 0
	}
	var sum, largest float64
	for i := range n {
		radius := float64(circles.GetVecfAt(0, i)[2])
		sum += radius
		largest = max(largest, radius)
	}
	r.houghFeatures(a.text("prefix"), n, map[string]float64{"radius_max": largest, "radius_mean": sum / math.Max(1, float64(n))})
	return nil
}

func (r *run) houghFeatures(prefix string, n int, more map[string]float64) {
	r.features[prefix+".count"] = float64(n)
	r.setValue("count", float64(n))
	for name, v := range more {
		r.features[prefix+"."+name] = v
	}
}
