package preprocess

import (
	"math"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

// maskSteps work on masks, whether the image is one or source names one.
var maskSteps = []Step{
	{
		Name: "fill_holes", Group: "morphology",
		Doc:    "Fills what a mask encloses: background from which no path over four neighbours leads to the edge of the image.",
		output: toEither, flow: needGrey8,
		build: func(args) (action, error) { return fillHoles, nil },
	},
	{
		Name: "remove_small", Group: "morphology",
		Doc: "Removes regions of a mask smaller than area pixels, or than fraction of the image, whichever is larger.",
		Params: []Param{
			{Name: "area", Kind: Integer, Default: 0, Min: 0, Max: MaxSamples, Unit: "pixels", Doc: "smallest area that stays"},
			{Name: "fraction", Kind: Number, Default: 0., Min: 0, Max: 1, Unit: "of the image", Doc: "smallest share that stays"},
			neighboursParam,
		},
		output: toEither, flow: needGrey8,
		build: func(a args) (action, error) {
			return func(r *run) error {
				return r.filterMask(a, func(all []component, b *buffer) []component {
					least := max(float64(a.int("area")), a.float("fraction")*float64(b.rows*b.columns))
					return chosen(all, func(c component) bool { return float64(c.area) >= least })
				})
			}, nil
		},
	},
	{
		Name: "largest", Group: "morphology",
		Doc: "Keeps the largest regions of a mask.",
		Params: []Param{
			{Name: "count", Kind: Integer, Default: 1, Min: 1, Max: 1000, Doc: "how many"},
			neighboursParam,
		},
		output: toEither, flow: needGrey8,
		build: func(a args) (action, error) {
			return func(r *run) error {
				return r.filterMask(a, func(all []component, _ *buffer) []component {
					return largestFirst(all)[:min(a.int("count"), len(all))]
				})
			}, nil
		},
	},
	{
		Name: "clear_border", Group: "morphology",
		Doc:    "Removes regions of a mask that touch the edge of the image.",
		Params: []Param{neighboursParam},
		output: toEither, flow: needGrey8,
		build: func(a args) (action, error) {
			return func(r *run) error {
				return r.filterMask(a, func(all []component, b *buffer) []component {
					return chosen(all, func(c component) bool { return !touchesEdge(c.bounds, b) })
				})
			}, nil
		},
	},
	{
		Name: "components", Group: "segmentation",
		Doc:    "Counts the connected regions of a mask and measures them, into the features prefix.count, prefix.area_mean, area_largest and area_total (pixels); the mask stays as it is.",
		Params: []Param{{Name: "prefix", Kind: Name, Default: "components", Doc: "put before the names of the features"}, neighboursParam},
		output: toEither, enters: enterCount, flow: needGrey8,
		build: func(a args) (action, error) {
			return func(r *run) error { return countComponents(r, a) }, nil
		},
	},
	{
		Name: "blank", Group: "segmentation",
		Doc: "Gives the pixels outside a mask one value; those inside stay.",
		Params: []Param{
			{Name: "mask", Kind: Name, Doc: "mask to keep"},
			{Name: "value", Kind: Number, Default: 0., Min: -1e6, Max: 1e6, Doc: "value outside; an image of 8 bits holds 0 to 255"},
		},
		flow: stay,
		build: func(a args) (action, error) {
			return func(r *run) error { return blankImage(r, a) }, nil
		},
	},
	{
		Name: "skeleton", Group: "morphology",
		Doc:    "Thins a mask to lines of one pixel (Zhang and Suen 1984).",
		output: toEither, flow: needGrey8,
		build: func(args) (action, error) { return skeletonImage, nil },
	},
}

var neighboursParam = Param{Name: "neighbours", Kind: Choice, Default: "8", Choices: []string{"4", "8"}, Doc: "which pixels are connected"}

func neighbours(a args) int {
	if a.text("neighbours") == "4" {
		return 4
	}
	return 8
}

func chosen(all []component, keep func(component) bool) []component {
	var out []component
	for _, c := range all {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}

func (r *run) filterMask(a args, keep func([]component, *buffer) []component) error {
	b, err := r.binary()
	if err != nil {
		return err
	}
	return r.keepComponents(b, neighbours(a), func(all []component) []component { return keep(all, b) })
}

func countComponents(r *run, a args) error {
	b, err := r.binary()
	if err != nil {
		return err
	}
	labels, all, err := r.components(b, neighbours(a))
	if err != nil {
		return err
	}
	r.w.release(labels)
	total, largest := 0, 0
	for _, c := range all {
		total += c.area
		largest = max(largest, c.area)
	}
	prefix := a.text("prefix") + "."
	r.features[prefix+"count"] = float64(len(all))
	r.features[prefix+"area_total"] = float64(total)
	r.features[prefix+"area_largest"] = float64(largest)
	r.features[prefix+"area_mean"] = float64(total) / math.Max(1, float64(len(all)))
	r.setValue("count", float64(len(all)))
	return nil
}

func blankImage(r *run, a args) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	m, _, err := r.optionalMask(a)
	if err != nil {
		return err
	}
	defer r.w.release(m)
	out, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	value := a.float("value")
	out.mat.SetTo(gocv.NewScalar(value, value, value, value))
	b.mat.CopyToWithMask(&out.mat, m.mat)
	r.replace(out, r.cur.depth)
	return nil
}

// skeletonImage peels the mask in two alternating passes until nothing goes.
func skeletonImage(r *run) error {
	b, err := r.binary()
	if err != nil {
		return err
	}
	in, err := b.bytes8()
	if err != nil {
		return err
	}
	out, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	stride := b.columns + 2
	grid := r.w.byteSlice("skeleton", stride*(b.rows+2))
	clear(grid)
	var points []int
	for y := range b.rows {
		for x := range b.columns {
			if in[y*b.columns+x] != 0 {
				at := (y+1)*stride + x + 1
				grid[at] = 1
				points = append(points, at)
			}
		}
	}
	if err := r.thin(grid, stride, points); err != nil {
		return err
	}
	for y := range b.rows {
		for x := range b.columns {
			pix[y*b.columns+x] = grid[(y+1)*stride+x+1] * 255
		}
	}
	r.replace(out, byte8)
	return nil
}

// thinning says for each pattern of the eight neighbours, clockwise from the
// upper left, in which of the two passes (bits 0 and 1) a pixel goes.
var thinning = func() [256]byte {
	var table [256]byte
	for pattern := range table {
		n := func(k int) int { return pattern >> (k % 8) & 1 }
		count, changes := 0, 0
		for k := range 8 {
			count += n(k)
			if n(k) == 0 && n(k+1) == 1 {
				changes++
			}
		}
		const up, right, down, left = 1, 3, 5, 7
		if count < 2 || count > 6 || changes != 1 {
			continue
		}
		if n(up)*n(right)*n(down) == 0 && n(right)*n(down)*n(left) == 0 {
			table[pattern] |= 1
		}
		if n(up)*n(right)*n(left) == 0 && n(up)*n(down)*n(left) == 0 {
			table[pattern] |= 2
		}
	}
	return table
}()

// thin peels grid, whose points are given. A mask takes as many rounds as it is
// thick.
func (r *run) thin(grid []byte, stride int, points []int) error {
	visits := 0
	around := [8]int{-stride - 1, -stride, -stride + 1, 1, stride + 1, stride, stride - 1, -1}
	var gone []int
	for removed := true; removed; {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if visits += 2 * len(points); visits > thinningAllowed {
			return radnode.Errorf(radnode.TooLarge, "preprocess", "the mask is so large and thick that thinning it would take more than %d seconds: put a resize step before", stepSeconds)
		}
		removed = false
		for pass := byte(1); pass <= 2; pass++ {
			gone = gone[:0]
			for _, at := range points {
				pattern := 0
				for k, off := range around {
					pattern |= int(grid[at+off]) << k
				}
				if thinning[pattern]&pass != 0 {
					gone = append(gone, at)
				}
			}
			for _, at := range gone {
				grid[at] = 0
			}
			if len(gone) > 0 {
				removed = true
				points = alive(points, grid)
			}
		}
	}
	return nil
}

func alive(points []int, grid []byte) []int {
	kept := points[:0]
	for _, at := range points {
		if grid[at] != 0 {
			kept = append(kept, at)
		}
	}
	return kept
}
