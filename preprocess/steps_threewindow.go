package preprocess

import (
	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

var windowsStep = Step{
	Name: "windows", Group: "grey",
	Doc: "Maps modality values by three windows into the three channels of one image (linear, PS3.3 C.11.2.1.2.1), as networks for CT take them. Like window it starts anew from the source, and is refused for an image without modality values.",
	Params: []Param{
		{Name: "centers", Kind: Numbers, Length: 3, Min: -1e6, Max: 1e6, Unit: "modality units", Doc: "centres of the three windows"},
		{Name: "widths", Kind: Numbers, Length: 3, Min: 1, Max: 1e6, Unit: "modality units", Doc: "widths of the three windows"},
	},
	flow: func(_ args, in flow) (flow, error) {
		in.depth = byte8
		err := startsAnew(in)
		in.channels = 3
		return in, err
	},
	build: func(a args) (action, error) {
		centers, widths := a.floats("centers"), a.floats("widths")
		return func(r *run) error { return threeWindows(r, centers, widths) }, nil
	},
}

func threeWindows(r *run, centers, widths []float64) error {
	if !r.img.hasValues() {
		return radnode.Errorf(radnode.Invalid, "preprocess", "windows need modality values, and this image carries none")
	}
	out, err := r.w.take(r.img.Rows, r.img.Columns, gocv.MatTypeCV8UC3)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	for c := range 3 {
		w := Window{centers[c], widths[c], "LINEAR"}
		if err := r.applyCurve(w.curve(), w); err != nil {
			return err
		}
		channel, err := r.cur.buf.bytes8()
		if err != nil {
			return err
		}
		for i, v := range channel {
			pix[3*i+c] = v
		}
	}
	r.values = nil
	r.replace(out, byte8)
	return nil
}
