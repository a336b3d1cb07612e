package preprocess

import (
	"fmt"
	"image"
	"runtime"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

var regionSteps = []Step{
	{
		Name: "watershed", Group: "segmentation",
		Doc: "Splits a mask where its parts touch: seeds are the regions of the mask markers or, without one, where the distance to the background exceeds peak times its largest value; lines between the parts become background (OpenCV's watershed on the image).",
		Params: []Param{
			{Name: "mask", Kind: Name, Doc: "mask to split"},
			{Name: "markers", Kind: Name, Optional: true, Doc: "mask with one region for each part"},
			{Name: "peak", Kind: Number, Default: 0.5, Min: 0.05, Max: 0.95, Doc: "share of the largest distance that makes a seed"},
		},
		output: toMask, flow: needByte8,
		build: func(a args) (action, error) {
			return func(r *run) error { return watershedImage(r, a) }, nil
		},
	},
	{
		Name: "grabcut", Group: "segmentation",
		Doc: "Separates foreground from background by colour models and a cut (Rother 2004): from a box, or a mask as the probable foreground. A box or mask that leaves fewer than 16 pixels on one side is refused.",
		Params: []Param{
			{Name: "left", Kind: Number, Default: 0.1, Min: 0, Max: 1, Unit: "of the width", Doc: "left edge of the box"},
			{Name: "top", Kind: Number, Default: 0.1, Min: 0, Max: 1, Unit: "of the height", Doc: "upper edge of the box"},
			{Name: "right", Kind: Number, Default: 0.9, Min: 0, Max: 1, Unit: "of the width", Doc: "right edge of the box"},
			{Name: "bottom", Kind: Number, Default: 0.9, Min: 0, Max: 1, Unit: "of the height", Doc: "lower edge of the box"},
			{Name: "iterations", Kind: Integer, Default: 3, Min: 1, Max: 20, Doc: "rounds of the cut"},
			withinParam,
		},
		output: toMask, flow: needByte8,
		build: func(a args) (action, error) {
			if a.float("left") >= a.float("right") || a.float("top") >= a.float("bottom") {
				return nil, fmt.Errorf("the box is empty: \"left\" must be below \"right\" and \"top\" below \"bottom\"")
			}
			return func(r *run) error { return grabCutImage(r, a) }, nil
		},
	},
	{
		Name: "region_growing", Group: "segmentation",
		Doc: "Grows a region from a seed over neighbours whose value is within tolerance of the seed's.",
		Params: []Param{
			{Name: "x", Kind: Number, Default: 0.5, Min: 0, Max: 1, Unit: "of the width", Doc: "place of the seed"},
			{Name: "y", Kind: Number, Default: 0.5, Min: 0, Max: 1, Unit: "of the height", Doc: "place of the seed"},
			{Name: "tolerance", Kind: Number, Default: 10., Min: 0, Max: 255, Doc: "largest difference from the seed"},
			neighboursParam,
		},
		output: toMask, flow: needGrey8,
		build: func(a args) (action, error) {
			return func(r *run) error { return growRegion(r, a) }, nil
		},
	},
	{
		Name: "level_set", Group: "segmentation",
		Doc: "Active contour without edges (morphological Chan-Vese, Marquez-Neila 2014): from a mask, or a centred disc, moves the border so that inside and outside differ most, with a smooth border.",
		Params: []Param{
			{Name: "iterations", Kind: Integer, Default: 50, Min: 1, Max: 500, Doc: "steps of the contour"},
			{Name: "smoothing", Kind: Integer, Default: 1, Min: 0, Max: 10, Doc: "smoothing rounds in each step"},
			{Name: "inside_weight", Kind: Number, Default: 1., Min: 0.01, Max: 100, Doc: "weight of the inside's spread"},
			{Name: "outside_weight", Kind: Number, Default: 1., Min: 0.01, Max: 100, Doc: "weight of the outside's spread"},
			withinParam,
		},
		output: toMask, flow: needGrey,
		build: func(a args) (action, error) {
			return func(r *run) error { return levelSetImage(r, a) }, nil
		},
	},
}

func watershedImage(r *run, a args) error {
	b, err := r.pixels8()
	if err != nil {
		return err
	}
	m, inside, err := r.optionalMask(a)
	if err != nil {
		return err
	}
	defer r.w.release(m)
	seeds, err := r.watershedSeeds(a, m)
	if err != nil {
		return err
	}
	labels, parts, err := r.components(seeds, 8)
	if err != nil {
		return err
	}
	defer r.w.release(labels)
	r.w.release(seeds)
	ids, err := labels.ints32()
	if err != nil {
		return err
	}
	for i := range ids { // 1 is the background, 0 is for the watershed to decide
		switch {
		case inside[i] == 0:
			ids[i] = 1
		case ids[i] > 0:
			ids[i]++
		}
	}
	colour := b
	if matChannels(b.kind) == 1 {
		if colour, err = r.like(b, gocv.MatTypeCV8UC3); err != nil {
			return err
		}
		defer r.w.release(colour)
		gocv.CvtColor(b.mat, &colour.mat, gocv.ColorGrayToBGR)
	}
	gocv.Watershed(colour.mat, &labels.mat)
	r.setValue("parts", float64(len(parts)))
	return r.markLabels(labels, ids)
}

// markLabels makes the mask of the labels above 1.
func (r *run) markLabels(labels *buffer, ids []int32) error {
	out, err := r.like(labels, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	for i, id := range ids {
		pix[i] = 0
		if id > 1 {
			pix[i] = 255
		}
	}
	r.replace(out, byte8)
	return nil
}

// watershedSeeds lends the mask of the seeds.
func (r *run) watershedSeeds(a args, m *buffer) (*buffer, error) {
	if a.has("markers") {
		return r.markedMask(a.text("markers"))
	}
	distance, err := r.like(m, gocv.MatTypeCV32F)
	if err != nil {
		return nil, err
	}
	defer r.w.release(distance)
	voronoi := gocv.NewMat()
	defer voronoi.Close()
	const mask5 = 5 // DIST_MASK_5; the wrapper's constants are off by the enumeration
	gocv.DistanceTransform(m.mat, &distance.mat, &voronoi, gocv.DistL2, mask5, gocv.DistanceLabelCComp)
	pix, err := distance.floats32()
	if err != nil {
		return nil, err
	}
	_, high := extremes(pix)
	seeds, err := r.like(m, gocv.MatTypeCV8U)
	if err != nil {
		return nil, err
	}
	out, err := seeds.bytes8()
	if err != nil {
		return nil, err
	}
	limit := float32(a.float("peak") * high)
	for i, d := range pix {
		out[i] = 0
		if d > limit {
			out[i] = 255
		}
	}
	return seeds, nil
}

// The values of a GrabCut mask.
const (
	cutBackground         = 0
	cutProbableForeground = 3
	cutLeast              = 16 // five colour models on each side need samples
)

func grabCutImage(r *run, a args) error {
	b, err := r.pixels8()
	if err != nil {
		return err
	}
	if err := affordPixels(b); err != nil {
		return err
	}
	m, inside, err := r.optionalMask(a)
	if err != nil {
		return err
	}
	defer r.w.release(m)
	cut, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	pix, err := cut.bytes8()
	if err != nil {
		return err
	}
	box := image.Rect(int(a.float("left")*float64(b.columns)), int(a.float("top")*float64(b.rows)),
		int(a.float("right")*float64(b.columns)), int(a.float("bottom")*float64(b.rows)))
	foreground := 0
	for i := range pix {
		pix[i] = cutBackground
		if inside != nil && inside[i] != 0 || inside == nil && image.Pt(i%b.columns, i/b.columns).In(box) {
			pix[i] = cutProbableForeground
			foreground++
		}
	}
	if foreground < cutLeast || len(pix)-foreground < cutLeast {
		return radnode.Errorf(radnode.Invalid, "preprocess", "%d pixels of foreground and %d of background are given; each side needs %d", foreground, len(pix)-foreground, cutLeast)
	}
	colour := b
	if matChannels(b.kind) == 1 {
		if colour, err = r.like(b, gocv.MatTypeCV8UC3); err != nil {
			return err
		}
		defer r.w.release(colour)
		gocv.CvtColor(b.mat, &colour.mat, gocv.ColorGrayToBGR)
	}
	background, front := gocv.NewMat(), gocv.NewMat()
	defer background.Close()
	defer front.Close()
	runtime.LockOSThread() // OpenCV's generator belongs to the thread
	gocv.SetRNGSeed(1)
	gocv.GrabCut(colour.mat, &cut.mat, image.Rectangle{}, &background, &front, a.int("iterations"), gocv.GCInitWithMask)
	runtime.UnlockOSThread()
	for i, v := range pix {
		pix[i] = v & 1 * 255 // foreground and probable foreground are odd
	}
	r.replace(cut, byte8)
	return nil
}

func growRegion(r *run, a args) error {
	b, err := r.grey8()
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
	clear(pix)
	x := min(b.columns-1, int(a.float("x")*float64(b.columns)))
	y := min(b.rows-1, int(a.float("y")*float64(b.rows)))
	seed, tolerance := float64(in[y*b.columns+x]), a.float("tolerance")
	area := flood(pix, b.rows, b.columns, neighbours(a), []int{y*b.columns + x}, func(i int) bool {
		d := float64(in[i]) - seed
		return d <= tolerance && -d <= tolerance
	})
	r.setValue("area", float64(area))
	r.replace(out, byte8)
	return nil
}

// flood sets to 255 what is reached from the seeds over pixels that fit, and
// returns how many there are. pix is zero where it may go.
func flood(pix []byte, rows, columns, neighbours int, seeds []int, fits func(int) bool) int {
	steps := [8][2]int{{0, 1}, {1, 0}, {0, -1}, {-1, 0}, {1, 1}, {1, -1}, {-1, -1}, {-1, 1}}
	var stack []int
	area := 0
	visit := func(i int) {
		if pix[i] == 0 && fits(i) {
			pix[i] = 255
			area++
			stack = append(stack, i)
		}
	}
	for _, s := range seeds {
		visit(s)
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		y, x := i/columns, i%columns
		for _, d := range steps[:neighbours] {
			if ny, nx := y+d[0], x+d[1]; ny >= 0 && ny < rows && nx >= 0 && nx < columns {
				visit(ny*columns + nx)
			}
		}
	}
	return area
}
