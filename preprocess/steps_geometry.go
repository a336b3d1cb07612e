package preprocess

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gocv.io/x/gocv"
)

var interpolations = map[string]gocv.InterpolationFlags{
	"nearest": gocv.InterpolationNearestNeighbor,
	"linear":  gocv.InterpolationLinear,
	"area":    gocv.InterpolationArea,
	"cubic":   gocv.InterpolationCubic,
	"lanczos": gocv.InterpolationLanczos4,
}

var geometrySteps = []Step{
	{
		Name: "resize", Group: "geometry",
		Doc: "Resamples to rows x columns, or so that the longer side is at most longest (smaller images stay). keep_aspect fits the image inside and fills the rest, centred, with pad.",
		Params: []Param{
			{Name: "rows", Kind: Integer, Optional: true, Min: 1, Max: 8192, Unit: "pixels", Doc: "rows of the result"},
			{Name: "columns", Kind: Integer, Optional: true, Min: 1, Max: 8192, Unit: "pixels", Doc: "columns of the result"},
			{Name: "longest", Kind: Integer, Optional: true, Min: 1, Max: 8192, Unit: "pixels", Doc: "limit for the longer side, in place of rows and columns"},
			{Name: "interpolation", Kind: Choice, Default: "area", Choices: []string{"nearest", "linear", "area", "cubic", "lanczos"}, Doc: "kernel; area is the one for shrinking"},
			{Name: "keep_aspect", Kind: Boolean, Default: false, Doc: "keep the shape of the image and pad"},
			{Name: "pad", Kind: Number, Default: 0., Min: -1e4, Max: 1e4, Doc: "value of the padding"},
		},
		rules: map[string]any{"oneOf": []any{
			map[string]any{"required": []string{"rows", "columns"}, "not": map[string]any{"required": []string{"longest"}}},
			map[string]any{"required": []string{"longest"}, "properties": map[string]any{"rows": false, "columns": false, "keep_aspect": map[string]any{"const": false}}},
		}},
		flow: func(a args, in flow) (flow, error) {
			in.rows, in.columns, in.moved = a.int("rows"), a.int("columns"), true
			return in, nil
		},
		build: buildResize,
	},
	{
		Name: "crop", Group: "geometry",
		Doc: "Cuts a rectangle. centre: rows x columns around the middle, at most the image. square: the largest square around the middle. box: left, top, right, bottom as fractions of the image. foreground: the smallest rectangle around the mask or, without one, around the pixels above threshold, with margin; an image without foreground stays whole.",
		Params: []Param{
			{Name: "mode", Kind: Choice, Default: "centre", Choices: []string{"centre", "square", "box", "foreground"}, Doc: "what to keep"},
			{Name: "rows", Kind: Integer, Optional: true, Min: 1, Max: 8192, Unit: "pixels", Doc: "rows for mode centre"},
			{Name: "columns", Kind: Integer, Optional: true, Min: 1, Max: 8192, Unit: "pixels", Doc: "columns for mode centre"},
			{Name: "left", Kind: Number, Default: 0., Min: 0, Max: 1, Unit: "of the width", Doc: "left edge for mode box"},
			{Name: "top", Kind: Number, Default: 0., Min: 0, Max: 1, Unit: "of the height", Doc: "upper edge for mode box"},
			{Name: "right", Kind: Number, Default: 1., Min: 0, Max: 1, Unit: "of the width", Doc: "right edge for mode box"},
			{Name: "bottom", Kind: Number, Default: 1., Min: 0, Max: 1, Unit: "of the height", Doc: "lower edge for mode box"},
			{Name: "threshold", Kind: Number, Default: 10., Min: -1e6, Max: 1e6, Doc: "foreground is above this value"},
			{Name: "margin", Kind: Number, Default: 0., Min: 0, Max: 0.5, Unit: "of the longer side of the rectangle", Doc: "margin for mode foreground"},
			withinParam,
		},
		rules: map[string]any{"anyOf": []any{
			map[string]any{"required": []string{"rows", "columns"}},
			map[string]any{"required": []string{"mode"}, "properties": map[string]any{"mode": map[string]any{"enum": []string{"square", "box", "foreground"}}}},
		}},
		flow: func(a args, in flow) (flow, error) {
			in.rows, in.columns, in.moved = 0, 0, true
			if a.text("mode") == "foreground" && !a.has("mask") {
				return needGrey(a, in)
			}
			return in, nil
		},
		build: buildCrop,
	},
	{
		Name: "rotate", Group: "geometry",
		Doc: "Turns the image clockwise about its centre. Multiples of 90 degrees are exact and exchange rows and columns; other angles keep the size and fill the corners.",
		Params: []Param{
			{Name: "angle", Kind: Number, Min: -360, Max: 360, Unit: "degrees", Doc: "angle, clockwise"},
			{Name: "interpolation", Kind: Choice, Default: "linear", Choices: []string{"nearest", "linear", "cubic", "lanczos"}, Doc: "kernel for oblique angles"},
			{Name: "fill", Kind: Integer, Default: 0, Min: 0, Max: 255, Doc: "value of the corners"},
		},
		flow: func(a args, in flow) (flow, error) {
			if q := math.Mod(a.float("angle"), 180); q == 90 || q == -90 {
				in.rows, in.columns = in.columns, in.rows
			}
			in.moved = true
			return in, nil
		},
		build: buildRotate,
	},
	{
		Name: "flip", Group: "geometry",
		Doc: "Mirrors the image. horizontal exchanges left and right, vertical top and bottom.",
		Params: []Param{
			{Name: "axis", Kind: Choice, Default: "horizontal", Choices: []string{"horizontal", "vertical"}, Doc: "what is exchanged"},
		},
		flow: func(_ args, in flow) (flow, error) {
			in.moved = true
			return in, nil
		},
		build: buildFlip,
	},
}

func buildResize(a args) (action, error) {
	inter := interpolations[a.text("interpolation")]
	if a.has("longest") {
		if a.has("rows") || a.has("columns") || a.bool("keep_aspect") {
			return nil, fmt.Errorf("parameter \"longest\" stands alone: leave rows, columns and keep_aspect out")
		}
		return func(r *run) error { return resizeLongest(r, a.int("longest"), inter) }, nil
	}
	if !a.has("rows") || !a.has("columns") {
		return nil, fmt.Errorf("needs the parameters \"rows\" and \"columns\" (1 to 8192 pixels), or \"longest\"")
	}
	if a.bool("keep_aspect") {
		return func(r *run) error { return resizeInside(r, a.int("rows"), a.int("columns"), inter, a.float("pad")) }, nil
	}
	return func(r *run) error { return resizeTo(r, a.int("rows"), a.int("columns"), inter) }, nil
}

func resizeTo(r *run, rows, columns int, inter gocv.InterpolationFlags) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	out, err := r.w.take(rows, columns, b.kind)
	if err != nil {
		return err
	}
	back := scale(float64(b.columns)/float64(columns), float64(b.rows)/float64(rows))
	gocv.Resize(b.mat, &out.mat, image.Pt(columns, rows), 0, 0, inter)
	r.move(out, back)
	return nil
}

func resizeLongest(r *run, longest int, inter gocv.InterpolationFlags) error {
	b, err := r.pixels()
	if err != nil || max(b.rows, b.columns) <= longest {
		return err
	}
	rows, columns := fitInside(b, longest, longest)
	return resizeTo(r, rows, columns, inter)
}

// fitInside is the largest size with the shape of b, up to rounding to whole
// pixels.
func fitInside(b *buffer, rows, columns int) (int, int) {
	f := min(float64(rows)/float64(b.rows), float64(columns)/float64(b.columns))
	return max(1, min(rows, int(math.Round(float64(b.rows)*f)))), max(1, min(columns, int(math.Round(float64(b.columns)*f))))
}

func resizeInside(r *run, rows, columns int, inter gocv.InterpolationFlags, pad float64) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	innerRows, innerColumns := fitInside(b, rows, columns)
	if err := resizeTo(r, innerRows, innerColumns, inter); err != nil {
		return err
	}
	inner := r.cur.buf
	out, err := r.w.take(rows, columns, inner.kind)
	if err != nil {
		return err
	}
	left, top := (columns-innerColumns)/2, (rows-innerRows)/2
	out.mat.SetTo(gocv.NewScalar(pad, pad, pad, pad))
	window := out.mat.Region(image.Rect(left, top, left+innerColumns, top+innerRows))
	defer window.Close()
	inner.mat.CopyTo(&window)
	r.move(out, shift(float64(-left), float64(-top)))
	return nil
}

func buildCrop(a args) (action, error) {
	switch a.text("mode") {
	case "centre":
		if !a.has("rows") || !a.has("columns") {
			return nil, fmt.Errorf("mode centre needs the parameters \"rows\" and \"columns\" (1 to 8192 pixels)")
		}
		return func(r *run) error { return cropCentre(r, a.int("rows"), a.int("columns")) }, nil
	case "square":
		return cropSquare, nil
	case "box":
		if a.float("left") >= a.float("right") || a.float("top") >= a.float("bottom") {
			return nil, fmt.Errorf("the box is empty: \"left\" must be below \"right\" and \"top\" below \"bottom\"")
		}
		return func(r *run) error { return cropBox(r, a) }, nil
	}
	return func(r *run) error { return cropForeground(r, a) }, nil
}

func (r *run) crop(rect image.Rectangle) error {
	b := r.cur.buf
	out, err := r.w.take(rect.Dy(), rect.Dx(), b.kind)
	if err != nil {
		return err
	}
	region := b.mat.Region(rect)
	defer region.Close()
	region.CopyTo(&out.mat)
	for name, v := range map[string]int{"left": rect.Min.X, "top": rect.Min.Y, "columns": rect.Dx(), "rows": rect.Dy()} {
		r.setValue(name, float64(v))
	}
	r.move(out, shift(float64(rect.Min.X), float64(rect.Min.Y)))
	return nil
}

func cropCentre(r *run, rows, columns int) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	rows, columns = min(rows, b.rows), min(columns, b.columns)
	left, top := (b.columns-columns)/2, (b.rows-rows)/2
	return r.crop(image.Rect(left, top, left+columns, top+rows))
}

// cropSquare keeps the largest square around the middle, as torchxrayvision
// cuts films.
func cropSquare(r *run) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	side := min(b.rows, b.columns)
	left, top := b.columns/2-side/2, b.rows/2-side/2
	return r.crop(image.Rect(left, top, left+side, top+side))
}

func cropBox(r *run, a args) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	edge := func(low, high float64, n int) (int, int) {
		from := min(n-1, int(math.Floor(low*float64(n))))
		return from, max(from+1, min(n, int(math.Ceil(high*float64(n)))))
	}
	left, right := edge(a.float("left"), a.float("right"), b.columns)
	top, bottom := edge(a.float("top"), a.float("bottom"), b.rows)
	return r.crop(image.Rect(left, top, right, bottom))
}

func cropForeground(r *run, a args) error {
	get := r.grey
	if a.has("mask") {
		get = r.pixels
	}
	b, err := get()
	if err != nil {
		return err
	}
	m, pix, err := r.optionalMask(a)
	if err != nil {
		return err
	}
	defer r.w.release(m)
	var rect image.Rectangle
	if pix != nil {
		rect = boundingBox(pix, b.columns, func(v byte) bool { return v != 0 })
	} else {
		in, err := samples(r.w, b)
		if err != nil {
			return err
		}
		threshold := float32(a.float("threshold"))
		rect = boundingBox(in, b.columns, func(v float32) bool { return v > threshold })
	}
	if rect.Empty() {
		r.note = "no foreground; the image stays whole"
		rect = image.Rect(0, 0, b.columns, b.rows)
	}
	margin := int(math.Round(a.float("margin") * float64(max(rect.Dx(), rect.Dy()))))
	return r.crop(rect.Inset(-margin).Intersect(image.Rect(0, 0, b.columns, b.rows)))
}

// boundingBox is the smallest rectangle around the samples that count.
func boundingBox[T any](pix []T, columns int, counts func(T) bool) image.Rectangle {
	var box image.Rectangle
	for i, v := range pix {
		if counts(v) {
			x, y := i%columns, i/columns
			box = box.Union(image.Rect(x, y, x+1, y+1))
		}
	}
	return box
}

func buildRotate(a args) (action, error) {
	angle := math.Mod(a.float("angle")+720, 360)
	if math.Mod(angle, 90) == 0 {
		return func(r *run) error { return rotateQuarter(r, int(angle)/90) }, nil
	}
	return func(r *run) error {
		return rotateOblique(r, angle, interpolations[a.text("interpolation")], uint8(a.int("fill")))
	}, nil
}

func rotateQuarter(r *run, turns int) error {
	b, err := r.pixels()
	if err != nil || turns == 0 {
		return err
	}
	rows, columns := b.rows, b.columns
	if turns != 2 {
		rows, columns = columns, rows
	}
	out, err := r.w.take(rows, columns, b.kind)
	if err != nil {
		return err
	}
	w, h := float64(b.columns), float64(b.rows)
	back := [4]Affine{1: {B: 1, D: -1, F: h}, 2: {A: -1, C: w, E: -1, F: h}, 3: {B: -1, C: w, D: 1}}[turns]
	code := [4]gocv.RotateFlag{1: gocv.Rotate90Clockwise, 2: gocv.Rotate180Clockwise, 3: gocv.Rotate90CounterClockwise}[turns]
	gocv.Rotate(b.mat, &out.mat, code)
	r.move(out, back)
	return nil
}

func rotateOblique(r *run, angle float64, inter gocv.InterpolationFlags, fill uint8) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	out, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	sin, cos := math.Sincos(angle * math.Pi / 180)
	cx, cy := float64(b.columns)/2, float64(b.rows)/2
	// Back to the old image: anticlockwise on screen, where y points down.
	back := shift(cx, cy).After(Affine{A: cos, B: sin, D: -sin, E: cos}).After(shift(-cx, -cy))
	warp(b, out, back, inter, fill)
	r.move(out, back)
	return nil
}

// warp fills out from b by back, which maps edges of out to edges of b.
func warp(b, out *buffer, back Affine, inter gocv.InterpolationFlags, fill uint8) {
	// OpenCV puts integers at pixel centres.
	t := shift(-0.5, -0.5).After(back).After(shift(0.5, 0.5))
	m := gocv.NewMatWithSize(2, 3, gocv.MatTypeCV64F)
	defer m.Close()
	for i, v := range []float64{t.A, t.B, t.C, t.D, t.E, t.F} {
		m.SetDoubleAt(i/3, i%3, v)
	}
	const inverseMap = 16 // WARP_INVERSE_MAP: m maps destination to source
	gocv.WarpAffineWithParams(b.mat, &out.mat, m, image.Pt(out.columns, out.rows),
		inter|inverseMap, gocv.BorderConstant, color.RGBA{fill, fill, fill, fill})
}

func buildFlip(a args) (action, error) {
	horizontal := a.text("axis") == "horizontal"
	return func(r *run) error {
		b, err := r.pixels()
		if err != nil {
			return err
		}
		out, err := r.like(b, b.kind)
		if err != nil {
			return err
		}
		code, back := 0, Affine{A: 1, E: -1, F: float64(b.rows)}
		if horizontal {
			code, back = 1, Affine{A: -1, C: float64(b.columns), E: 1}
		}
		gocv.Flip(b.mat, &out.mat, code)
		r.move(out, back)
		return nil
	}, nil
}
