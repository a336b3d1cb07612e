package radiomics

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"
)

// waveletFilters are the low-pass decomposition filters; the high-pass follows.
var waveletFilters = map[string][]float32{
	"haar": {math.Sqrt2 / 2, math.Sqrt2 / 2},
	"db2":  {-0.12940952255126037, 0.2241438680420134, 0.8365163037378079, 0.48296291314453416},
}

// Wavelet computes the mean energy of each band of a decomposition by "haar"
// or "db2" (Daubechies, 4 taps), periodic at the edges, level by level while
// both sides are at least as long as the filter. Odd sides lose no sample:
// the last one is repeated. temp lends memory by name, as make would.
func Wavelet(s Samples, name string, levels int, temp func(name string, n int) []float32) ([]Feature, error) {
	low, ok := waveletFilters[name]
	if !ok {
		return nil, fmt.Errorf("wavelet %q is unknown; haar and db2 can be used", name)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	var out []Feature
	for level := 1; level <= levels && min(s.Rows, s.Columns) >= len(low); level++ {
		rows, columns := (s.Rows+1)/2, (s.Columns+1)/2
		approx := temp(fmt.Sprintf("wavelet %d", level), rows*columns)
		bands := newHalving(s, low).run(approx)
		for i, band := range []string{"horizontal", "vertical", "diagonal"} {
			out = append(out, Feature{Name: fmt.Sprintf("wavelet.%s_%d_%s", name, level, band), Value: bands[i] / float64(rows*columns)})
		}
		s = Samples{Rows: rows, Columns: columns, Floats: approx}
	}
	return out, nil
}

// halving is one level of a decomposition. It keeps the filtered rows that the
// next result needs: ring slots of low results and, behind them, high ones.
type halving struct {
	s         Samples
	low, high []float32
	half      int
	line      []float32 // a row with what the filter needs at both ends
	ring      []float32
	held      [4]int // which row a slot holds
}

func newHalving(s Samples, low []float32) *halving {
	high := make([]float32, len(low))
	for i := range low {
		high[i] = low[len(low)-1-i]
		if i%2 == 0 {
			high[i] = -high[i]
		}
	}
	half := (s.Columns + 1) / 2
	h := &halving{s: s, low: low, high: high, half: half, line: make([]float32, 2*half+len(low)), ring: make([]float32, 4*2*half)}
	for k := range h.held {
		h.held[k] = math.MinInt
	}
	return h
}

// run writes the half-size approximation and returns the sums of squares of
// the horizontal, vertical and diagonal details.
func (h *halving) run(approx []float32) [3]float64 {
	taps := len(h.low)
	var energy [3]float64
	places := make([]int, taps)
	for k := range (h.s.Rows + 1) / 2 {
		for t := range places {
			places[t] = h.row(2*k - (taps/2 - 1) + t)
		}
		C.radnode_combine(f32(h.ring), offsets(places), C.size_t(h.half), f32(h.low), f32(h.high), C.size_t(taps), f32(approx[k*h.half:]), f64(energy[:]))
	}
	return energy
}

// row returns the place of filtered row y, which may lie beyond the edges.
func (h *halving) row(y int) int {
	slot := y & 3
	at := slot * 2 * h.half
	if h.held[slot] == y {
		return at
	}
	h.held[slot] = y
	margin := len(h.low)/2 - 1
	columns, even := h.s.Columns, h.s.Rows+h.s.Rows%2
	h.s.row(min((y+even)%even, h.s.Rows-1), h.line[margin:])
	for x := columns; x < 2*h.half; x++ {
		h.line[margin+x] = h.line[margin+columns-1]
	}
	for k := range margin {
		h.line[k] = h.line[2*h.half+k]
		h.line[margin+2*h.half+k] = h.line[margin+k]
	}
	C.radnode_halve(f32(h.line), C.size_t(h.half), f32(h.low), f32(h.high), C.size_t(len(h.low)), f32(h.ring[at:]), f32(h.ring[at+h.half:]))
	return at
}
