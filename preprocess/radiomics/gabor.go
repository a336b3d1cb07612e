package radiomics

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"
)

// The Gabor filter that fits in 9 x 9 pixels.
const (
	GaborSide       = 9
	GaborWavelength = 4. // pixels
	GaborDeviation  = 1.5
	GaborAngles     = 4 // 0, 45, 90 and 135 degrees
)

// gabor holds the taps of the one-dimensional filters that the filters at the
// four angles are made of, from the middle outwards, and what frees each of
// those from its mean and makes its length 1.
type gabor struct {
	envelope, wave, even, odd [GaborSide/2 + 1]float32
	mean, scale               [GaborAngles]float32
}

var gaborBank = func() (g gabor) {
	diagonal := 2 * math.Pi / GaborWavelength * math.Sqrt2 / 2
	for t := range g.envelope {
		w, x := gaborEnvelope(t), float64(t)
		g.envelope[t] = float32(w)
		g.wave[t] = float32(w * math.Cos(2*math.Pi*x/GaborWavelength))
		g.even[t], g.odd[t] = float32(w*math.Cos(diagonal*x)), float32(w*math.Sin(diagonal*x))
	}
	for k := range g.mean {
		mean, length := gaborNorm(float64(k) * math.Pi / GaborAngles)
		g.mean[k], g.scale[k] = float32(mean), float32(1/length)
	}
	return g
}()

func gaborEnvelope(t int) float64 {
	return math.Exp(-float64(t*t) / (2 * GaborDeviation * GaborDeviation))
}

// gaborNorm returns the share of the envelope that frees the even filter at an
// angle from its mean, and its Euclidean length without it.
func gaborNorm(angle float64) (mean, length float64) {
	sin, cos := math.Sincos(angle)
	const reach = GaborSide / 2
	each := func(f func(value, weight float64)) {
		for y := -reach; y <= reach; y++ {
			for x := -reach; x <= reach; x++ {
				w := gaborEnvelope(x) * gaborEnvelope(y)
				f(w*math.Cos(2*math.Pi*(float64(x)*cos+float64(y)*sin)/GaborWavelength), w)
			}
		}
	}
	sum, total := 0., 0.
	each(func(value, weight float64) { sum, total = sum+value, total+weight })
	mean = sum / total
	squares := 0.
	each(func(value, weight float64) { d := value - mean*weight; squares += d * d })
	return mean, math.Sqrt(squares)
}

// Gabor returns the mean square response of even Gabor filters without mean
// and of length 1 at 0, 45, 90 and 135 degrees, where inside is not zero (nil:
// everywhere). Beyond the edges the image is mirrored about the last pixel.
// Both sides must be at least GaborSide.
func Gabor(s Samples, inside []byte) (energy [GaborAngles]float64, err error) {
	if err := s.check(); err != nil {
		return energy, err
	}
	if min(s.Rows, s.Columns) < GaborSide || inside != nil && len(inside) != s.Rows*s.Columns {
		return energy, fmt.Errorf("a Gabor filter of %d pixels needs an image of at least that, got %d x %d with a mask of %d", GaborSide, s.Rows, s.Columns, len(inside))
	}
	const reach = GaborSide / 2
	g := &gaborBank
	line := make([]float32, s.Columns+2*reach)
	ring := make([]float32, GaborSide*4*s.Columns)
	place := func(y int) int { return (y + GaborSide) % GaborSide * 4 * s.Columns }
	filter := func(y int) {
		s.row(mirror(y, s.Rows), line[reach:])
		for k := 1; k <= reach; k++ {
			line[reach-k], line[reach+s.Columns-1+k] = line[reach+k], line[reach+s.Columns-1-k]
		}
		C.radnode_gabor_row(f32(line), C.size_t(s.Columns), f32(g.envelope[:]), f32(g.wave[:]), f32(g.even[:]), f32(g.odd[:]), f32(ring[place(y):]))
	}
	for y := -reach; y < reach; y++ {
		filter(y)
	}
	var places [GaborSide]int
	n := s.Rows * s.Columns
	for y := range s.Rows {
		filter(y + reach)
		for k := range places {
			places[k] = place(y + k - reach)
		}
		var mask []byte
		if inside != nil {
			mask = inside[y*s.Columns : (y+1)*s.Columns]
		}
		C.radnode_gabor_column(f32(ring), offsets(places[:]), C.size_t(s.Columns), f32(g.envelope[:]), f32(g.wave[:]), f32(g.even[:]), f32(g.odd[:]), f32(g.mean[:]), f32(g.scale[:]), u8(mask), f64(energy[:]))
	}
	if inside != nil {
		n = 0
		for _, v := range inside {
			n += int(min(v, 1))
		}
	}
	for k := range energy {
		energy[k] = ratio(energy[k], float64(n))
	}
	return energy, nil
}

// mirror folds a place beyond the edges back, without doubling the last pixel.
func mirror(y, n int) int {
	if y < 0 {
		return -y
	}
	if y >= n {
		return 2*n - 2 - y
	}
	return y
}
