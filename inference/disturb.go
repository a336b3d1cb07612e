package inference

import (
	"context"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// Spread runs the model on the image and on each of the small changes of the
// image that its manifest declares, and returns the least and the largest
// calibrated probability of each label; nil where none is declared.
func (m *Model) Spread(ctx context.Context, input []float32) ([]radnode.Interval, error) {
	changes := m.manifest.Disturb
	if len(changes) == 0 {
		return nil, nil
	}
	in, runs := m.manifest.Input, 1+len(changes)
	size, most := in.Size(), together(in, runs)
	batch := make([]float32, most*size)
	spread := make([]radnode.Interval, len(m.manifest.Labels))
	for j := range spread {
		spread[j] = radnode.Interval{Low: 1, High: 0, Runs: runs}
	}
	for first := 0; first < runs; first += most {
		n := min(most, runs-first)
		for i := range n {
			one := batch[i*size : (i+1)*size]
			if first+i == 0 {
				copy(one, input)
			} else {
				disturb(one, input, in, changes[first+i-1])
			}
		}
		out, err := m.Run(ctx, n, batch[:n*size])
		if err != nil {
			return nil, err
		}
		m.widen(spread, out)
	}
	return spread, nil
}

// widen takes the calibrated probabilities of the images of a run into spread.
func (m *Model) widen(spread []radnode.Interval, out *Output) {
	for j, l := range m.manifest.Labels {
		for i := range out.Images {
			p := Calibrate(l.Calibration, min(max(float64(out.Summary[i*out.Labels+j]), 0), 1))
			spread[j].Low, spread[j].High = min(spread[j].Low, p), max(spread[j].High, p)
		}
	}
}

// disturb writes the changed image to dst. Geometry is one affine map with
// linear interpolation; what comes from beyond the edge repeats the edge.
func disturb(dst, src []float32, in models.Input, d models.Disturbance) {
	plane := in.Rows * in.Columns
	step, next := 1, plane // between pixels, between channels
	if in.Layout == models.LayoutNHWC {
		step, next = in.Channels, 1
	}
	back := inverse(in, d)
	for row := range in.Rows {
		for column := range in.Columns {
			y, x := back(float64(row), float64(column))
			y0, x0 := math.Floor(y), math.Floor(x)
			fy, fx := float32(y-y0), float32(x-x0)
			r0, r1 := clamp(y0, in.Rows), clamp(y0+1, in.Rows)
			c0, c1 := clamp(x0, in.Columns), clamp(x0+1, in.Columns)
			for channel := range in.Channels {
				at := func(r, c int) float32 { return src[channel*next+(r*in.Columns+c)*step] }
				upper := at(r0, c0)*(1-fx) + at(r0, c1)*fx
				lower := at(r1, c0)*(1-fx) + at(r1, c1)*fx
				dst[channel*next+(row*in.Columns+column)*step] = upper*(1-fy) + lower*fy
			}
		}
	}
	if d.Gamma != 0 {
		gamma(dst, d.Gamma)
	}
}

// inverse returns where a pixel of the changed image comes from.
func inverse(in models.Input, d models.Disturbance) func(row, column float64) (float64, float64) {
	zoom := d.Zoom
	if zoom == 0 {
		zoom = 1
	}
	sin, cos := math.Sincos(d.Rotate * math.Pi / 180)
	midRow, midColumn := float64(in.Rows-1)/2, float64(in.Columns-1)/2
	return func(row, column float64) (float64, float64) {
		y := row - midRow - d.ShiftRows*float64(in.Rows)
		x := column - midColumn - d.ShiftColumns*float64(in.Columns)
		// Rows run downwards: a clockwise turn is undone by (x cos + y sin, -x sin + y cos).
		x, y = (x*cos+y*sin)/zoom, (-x*sin+y*cos)/zoom
		switch d.Flip {
		case models.FlipHorizontal:
			x = -x
		case models.FlipVertical:
			y = -y
		}
		return y + midRow, x + midColumn
	}
}

func clamp(v float64, n int) int { return int(min(max(v, 0), float64(n-1))) }

// gamma bends the values between the least and the largest of them.
func gamma(values []float32, exponent float64) {
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	if high <= low {
		return
	}
	span := float64(high - low)
	for i, v := range values {
		values[i] = low + float32(span*math.Pow(float64(v-low)/span, exponent))
	}
}
