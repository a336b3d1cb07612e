package pixel

import (
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// The VOI LUT functions (PS3.3 C.11.2.1.3), and the name that a VOI LUT has
// in the list of windows.
const (
	Linear      = "LINEAR"
	LinearExact = "LINEAR_EXACT"
	Sigmoid     = "SIGMOID"
	TableLUT    = "LUT"
)

// Window is one way to map real values to grey: a window, or with Function
// TableLUT the item Table (from 0) of the VOI LUT Sequence.
type Window struct {
	Center      float64 `json:"center"`
	Width       float64 `json:"width"`
	Function    string  `json:"function"`
	Explanation string  `json:"explanation,omitempty"`
	Table       int     `json:"table,omitempty"`
}

// curve maps real values to 0..1.
func (w Window) curve() (func(x float64) float64, error) {
	c, width := w.Center, w.Width
	if math.IsNaN(c) || math.IsInf(c, 0) || math.IsNaN(width) || math.IsInf(width, 0) || width <= 0 {
		return nil, radnode.Errorf(radnode.Invalid, opDisplay, "a window needs a centre and a positive width")
	}
	switch w.Function {
	case "", Linear:
		if width < 1 { // not legal for LINEAR, but meant: fractional real values
			return ramp(c-width/2, c+width/2), nil
		}
		// PS3.3 C.11.2.1.2.1
		low, high := c-0.5-(width-1)/2, c-0.5+(width-1)/2
		return ramp(low, high), nil
	case LinearExact: // PS3.3 C.11.2.1.3.2
		return ramp(c-width/2, c+width/2), nil
	case Sigmoid: // PS3.3 C.11.2.1.3.1
		return func(x float64) float64 { return 1 / (1 + math.Exp(-4*(x-c)/width)) }, nil
	}
	return nil, radnode.Errorf(radnode.Unsupported, opDisplay, "VOI LUT function %.16q is not handled here", w.Function)
}

// ramp is 0 up to low, 1 above high and straight between.
func ramp(low, high float64) func(float64) float64 {
	return func(x float64) float64 {
		switch {
		case x <= low:
			return 0
		case x > high:
			return 1
		}
		return (x - low) / (high - low)
	}
}

// maxVOI bounds the tables and the windows of a frame that a reader is offered.
const maxVOI = 64

// voiSet is the data set that holds the VOI attributes of frame n: the Frame
// VOI LUT functional group of an enhanced object, else the object itself.
func (im *Image) voiSet(n int) *dicom.Dataset {
	if im.presentation != nil {
		return im.presentation.voi
	}
	if g := im.functional(n, dicom.FrameVOILUTSequence); g != nil {
		return g
	}
	return im.set
}

// Windows returns what the header offers for frame n: the VOI LUTs, then the
// windows, each in the header's order. Windows that no function can use are
// left out.
func (im *Image) Windows(n int) []Window {
	if im.Samples != 1 || im.Photometric == PaletteColor {
		return nil // PS3.3 C.11.2: monochrome only
	}
	d := im.voiSet(n)
	var list []Window
	tables := d.Items(dicom.VOILUTSequence)
	for i, item := range tables[:min(len(tables), maxVOI)] {
		if readable(item, im.lim.Entries) {
			list = append(list, Window{Function: TableLUT, Table: i, Explanation: item.Text(dicom.LUTExplanation)})
		}
	}
	centers, widths := d.Floats(dicom.WindowCenter), d.Floats(dicom.WindowWidth)
	names := d.Texts(dicom.WindowCenterWidthExplanation)
	function := d.Text(dicom.VOILUTFunction)
	if function == "" {
		function = Linear
	}
	for i := range min(len(centers), len(widths), maxVOI) {
		w := Window{Center: centers[i], Width: widths[i], Function: function}
		if i < len(names) {
			w.Explanation = names[i]
		}
		if _, err := w.curve(); err == nil {
			list = append(list, w)
		}
	}
	return list
}

// voiLUT reads an item of the VOI LUT Sequence. Its first input is signed
// where the output of the modality stage can be negative (PS3.3 C.11.2.1.1).
func (im *Image) voiLUT(item *dicom.Dataset, n int) (*lut, error) {
	low, _ := im.realRange(n)
	return readLUT(item, low < 0, im.lim.Entries)
}

// voi returns the curve of window w on frame n.
func (im *Image) voi(w Window, n int) (func(float64) float64, error) {
	if w.Function != TableLUT {
		return w.curve()
	}
	items := im.voiSet(n).Items(dicom.VOILUTSequence)
	if w.Table < 0 || w.Table >= len(items) {
		return nil, radnode.Errorf(radnode.NotFound, opDisplay, "the object has no VOI LUT %d", w.Table+1)
	}
	l, err := im.voiLUT(items[w.Table], n)
	if err != nil {
		return nil, err
	}
	top := l.top()
	return func(x float64) float64 { return l.at(x) / top }, nil
}

// inverts reports whether small values are shown white: the Presentation LUT
// Shape where the object has one, else the photometric interpretation. The two
// agree in legal objects; the inversion happens once (PS3.3 C.8.11.3, C.11.6).
func (im *Image) inverts() bool {
	if im.presentation != nil {
		return im.presentation.invert
	}
	switch im.set.Text(dicom.PresentationLUTShape) {
	case "INVERSE":
		return true
	case "IDENTITY":
		return false
	}
	return im.Photometric == Monochrome1
}
