package preprocess

import (
	"math"

	"github.com/radnode/radnode"
)

// Limits of what a pipeline takes. OpenCV keeps some coordinates in 16 bits,
// and its wrapper keeps byte counts in 32.
const (
	MaxSide    = 32766   // rows or columns
	MaxSamples = 1 << 27 // rows x columns x channels
)

// Image is one frame as a pipeline takes it. Rows, Columns and Channels (1 or
// 3, interleaved RGB) describe Pix8 or PixF, the display values 0..255 after
// the modality, VOI and presentation transforms; where both are given Pix8
// counts. A run only reads the slices and keeps none of them.
//
// A grey image may carry its modality values too, either as Values (any
// modality LUT applied, PS3.3 C.11.1) or, which is faster, as Stored 16-bit
// patterns with their rescale. A window step needs one of them; without both,
// a grey image's display values stand in for a percentile window.
type Image struct {
	Rows, Columns, Channels int

	Pix8 []byte
	PixF []float32

	Values []float32

	Stored           []uint16
	Signed           bool // Stored holds two's complement
	Slope, Intercept float64

	Window  *Window       // first window of the header, nil: none
	Inverse bool          // MONOCHROME1 or presentation LUT shape INVERSE: low values are bright
	Padding *PaddingRange // pixel padding, in modality values
	Spacing Spacing
}

// Window is a VOI window in modality values (PS3.3 C.11.2.1.2).
type Window struct {
	Center, Width float64
	Function      string // LINEAR (also ""), LINEAR_EXACT or SIGMOID
}

// PaddingRange holds the modality values, both ends included, that mark
// padding and not tissue (PS3.3 C.7.5.1.1.2).
type PaddingRange struct{ Low, High float64 }

// Spacing is the size of one pixel in millimetres; 0 where unknown.
type Spacing struct{ Row, Column float64 }

func (img *Image) check() error {
	const op = "check image"
	switch {
	case img.Rows < 1 || img.Columns < 1:
		return radnode.Errorf(radnode.Invalid, op, "image of %d rows and %d columns has no pixels", img.Rows, img.Columns)
	case img.Rows > MaxSide || img.Columns > MaxSide:
		return radnode.Errorf(radnode.TooLarge, op, "image of %d rows and %d columns exceeds the limit of %d a side", img.Rows, img.Columns, MaxSide)
	case img.Channels != 1 && img.Channels != 3:
		return radnode.Errorf(radnode.Invalid, op, "image has %d channels; 1 (grey) and 3 (RGB) can be processed", img.Channels)
	case img.Rows*img.Columns*img.Channels > MaxSamples:
		return radnode.Errorf(radnode.TooLarge, op, "image of %d x %d x %d samples exceeds the limit of %d", img.Rows, img.Columns, img.Channels, MaxSamples)
	}
	return img.checkPixels(op)
}

func (img *Image) checkPixels(op string) error {
	samples := img.Rows * img.Columns * img.Channels
	given := 0
	for _, p := range []struct {
		name string
		have int
		want int
	}{
		{"8-bit pixels", len(img.Pix8), samples},
		{"float pixels", len(img.PixF), samples},
		{"modality values", len(img.Values), img.Rows * img.Columns},
		{"stored values", len(img.Stored), img.Rows * img.Columns},
	} {
		if p.have == 0 {
			continue
		}
		given++
		if p.have != p.want {
			return radnode.Errorf(radnode.Invalid, op, "image has %d %s where its size asks for %d", p.have, p.name, p.want)
		}
	}
	if given == 0 {
		return radnode.Errorf(radnode.Invalid, op, "image has no pixels")
	}
	if img.Channels != 1 && len(img.Values)+len(img.Stored) > 0 {
		return radnode.Errorf(radnode.Invalid, op, "modality values belong to grey images (PS3.4 N.2), but this one has %d channels", img.Channels)
	}
	if len(img.Stored) > 0 && (img.Slope == 0 || !finite(img.Slope) || !finite(img.Intercept)) {
		return radnode.Errorf(radnode.Invalid, op, "rescale slope %g and intercept %g are not usable (PS3.3 C.11.1)", img.Slope, img.Intercept)
	}
	for _, p := range []struct {
		name string
		pix  []float32
	}{{"float pixels", img.PixF}, {"modality values", img.Values}} {
		if at := firstNotFinite(p.pix); at >= 0 {
			return radnode.Errorf(radnode.Invalid, op, "%s hold a NaN or infinity at row %d, column %d", p.name, at/(img.Columns*img.Channels), at/img.Channels%img.Columns)
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// firstNotFinite returns the index of the first NaN or infinity, or -1.
func firstNotFinite(pix []float32) int {
	for i, v := range pix {
		if v-v != 0 { // NaN for NaN and for both infinities
			return i
		}
	}
	return -1
}
