package preprocess

import (
	"fmt"
	"math"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

var windowStep = Step{
	Name: "window", Group: "grey",
	Doc: "Maps modality values (Hounsfield units and the like) to 0..255 by a VOI window (PS3.3 C.11.2.1.2), inverted for MONOCHROME1; padding becomes black. It starts anew from the source, so it comes before any step that changes the image. An image without modality values (colour, PNG) takes its display values for mode percentile and header, and is refused for mode manual.",
	Params: []Param{
		{Name: "mode", Kind: Choice, Default: "header", Choices: []string{"header", "manual", "percentile"}, Doc: "header: the first window of the file, percentile where it has none; manual: center and width; percentile: low and high"},
		{Name: "center", Kind: Number, Optional: true, Min: -1e6, Max: 1e6, Doc: "centre for mode manual", Unit: "modality units"},
		{Name: "width", Kind: Number, Optional: true, Min: 1, Max: 1e6, Doc: "width for mode manual", Unit: "modality units"},
		{Name: "function", Kind: Choice, Default: "LINEAR", Choices: []string{"LINEAR", "LINEAR_EXACT", "SIGMOID"}, Doc: "VOI LUT function for mode manual"},
		{Name: "low", Kind: Number, Default: 1., Min: 0, Max: 50, Unit: "%", Doc: "percentile that becomes 0"},
		{Name: "high", Kind: Number, Default: 99., Min: 50, Max: 100, Unit: "%", Doc: "percentile that becomes 255"},
	},
	rules: when("mode", map[string]any{"const": "manual"}, map[string]any{"required": []string{"center", "width"}}),
	flow: func(a args, in flow) (flow, error) {
		in.depth = byte8
		err := startsAnew(in)
		in.channels = 1
		return in, err
	},
	build: func(a args) (action, error) {
		low, high := a.float("low"), a.float("high")
		switch a.text("mode") {
		case "manual":
			if !a.has("center") || !a.has("width") {
				return nil, fmt.Errorf("mode manual needs the parameters \"center\" and \"width\"")
			}
			w := Window{a.float("center"), a.float("width"), a.text("function")}
			return func(r *run) error { return windowManual(r, w) }, nil
		case "percentile":
			if low >= high {
				return nil, fmt.Errorf("parameter \"low\" is %g: give a number below parameter \"high\", which is %g", low, high)
			}
			return func(r *run) error { return windowPercentile(r, low, high) }, nil
		}
		return windowHeader, nil
	},
}

// startsAnew is the flow of a step that goes back to the modality values.
func startsAnew(in flow) error {
	if in.touched {
		return fmt.Errorf("starts from the modality values of the source, so it must come before every step that changes the image")
	}
	if in.channels == 3 {
		return errGrey
	}
	return nil
}

func windowManual(r *run, w Window) error {
	if !r.img.hasValues() {
		return radnode.Errorf(radnode.Invalid, "preprocess", "a manual window needs modality values, and this image carries none")
	}
	return r.applyCurve(w.curve(), w)
}

// windowHeader applies the window of the file, percentiles 1 and 99 where it
// has none.
func windowHeader(r *run) error {
	if w := r.img.Window; w != nil && r.img.hasValues() {
		if !finite(w.Center) || !finite(w.Width) || w.Width < 1 && !(w.Width > 0 && (w.Function == "LINEAR_EXACT" || w.Function == "SIGMOID")) {
			return windowPercentile(r, 1, 99) // PS3.3 C.11.2.1.2: such a width is not legal
		}
		return r.applyCurve(w.curve(), *w)
	}
	return windowPercentile(r, 1, 99)
}

func windowPercentile(r *run, low, high float64) error {
	if r.img.Channels != 1 {
		return errGrey
	}
	lo, hi, err := r.percentiles(low, high)
	if err != nil {
		return err
	}
	if hi <= lo {
		r.note = "all values are equal"
		hi = lo + 1
	}
	// LINEAR_EXACT maps centre -/+ half the width to the ends exactly.
	w := Window{(lo + hi) / 2, hi - lo, "LINEAR_EXACT"}
	return r.applyCurve(w.curve(), w)
}

func (img *Image) hasValues() bool { return len(img.Values)+len(img.Stored) > 0 }

// curve is the window as a function from modality value to 0..1 (PS3.3
// C.11.2.1.2.1, C.11.2.1.3).
func (w Window) curve() func(float64) float64 {
	c, width := w.Center, w.Width
	switch w.Function {
	case "SIGMOID":
		return func(x float64) float64 { return 1 / (1 + math.Exp(-4*(x-c)/width)) }
	case "LINEAR_EXACT":
		return func(x float64) float64 { return clamp01((x-c)/width + 0.5) }
	}
	if width <= 1 {
		return func(x float64) float64 {
			if x <= c-0.5 {
				return 0
			}
			return 1
		}
	}
	return func(x float64) float64 { return clamp01((x-(c-0.5))/(width-1) + 0.5) }
}

func clamp01(x float64) float64 { return max(0, min(1, x)) }

// applyCurve makes the 8-bit image from the modality values.
func (r *run) applyCurve(curve func(float64) float64, w Window) error {
	img := r.img
	b, err := r.w.take(img.Rows, img.Columns, gocv.MatTypeCV8UC1)
	if err != nil {
		return err
	}
	pix, err := b.bytes8()
	if err != nil {
		return err
	}
	shade := func(x float64) byte {
		if img.Padding != nil && x >= img.Padding.Low && x <= img.Padding.High {
			return 0
		}
		y := curve(x)
		if img.Inverse {
			y = 1 - y
		}
		return byte(math.Floor(y*255 + 0.5))
	}
	switch {
	case len(img.Stored) > 0:
		var table [1 << 16]byte
		r.storedTable(&table, shade)
		for i, v := range img.Stored[:len(pix)] {
			pix[i] = table[v]
		}
	case len(img.Values) > 0:
		for i, v := range img.Values[:len(pix)] {
			pix[i] = shade(float64(v))
		}
	case img.Pix8 != nil: // display values stand in; their polarity is right already
		for i, v := range img.Pix8 {
			pix[i] = byte(math.Floor(curve(float64(v))*255 + 0.5))
		}
	default:
		for i, v := range img.PixF {
			pix[i] = byte(math.Floor(curve(float64(v))*255 + 0.5))
		}
	}
	r.setValue("center", w.Center)
	r.setValue("width", w.Width)
	r.replace(b, byte8)
	r.cur.toSource = identity
	return nil
}

// storedTable fills table for every 16-bit pattern: that costs less than
// finding out which of them occur.
func (r *run) storedTable(table *[1 << 16]byte, shade func(float64) byte) {
	for v := range table {
		table[v] = shade(r.img.modality(uint16(v)))
	}
}

func (img *Image) modality(v uint16) float64 {
	x := float64(v)
	if img.Signed {
		x = float64(int16(v))
	}
	return x*img.Slope + img.Intercept
}
