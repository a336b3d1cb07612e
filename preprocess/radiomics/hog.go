package radiomics

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"
)

const hogBins = 9

// HOG computes histograms of oriented gradients (Dalal and Triggs 2005) over
// a grid of cells: 9 unsigned directions of 20 degrees from 0 up, weighted by
// magnitude, each cell divided by its Euclidean length. Gradients are central
// differences, 0 at the edges of the image. A cell without edges is all 0.
func HOG(s Samples, cells int) ([]Feature, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if cells < 1 || cells > 16 {
		return nil, fmt.Errorf("oriented gradients in %d cells a side are not possible; 1 to 16 are", cells)
	}
	sums := make([]float64, cells*cells*hogBins)
	var rows [3][]float32 // of y-1, y and y+1, with one sample more at both ends
	for k := range rows {
		rows[k] = make([]float32, s.Columns+2)
	}
	square, sector := make([]float32, s.Columns), make([]C.int32_t, s.Columns)
	s.mirrored(0, rows[0])
	for y := range s.Rows {
		mid := rows[y%3]
		up, down := mid, mid
		if y+1 < s.Rows {
			s.mirrored(y+1, rows[(y+1)%3])
			if y > 0 {
				up, down = rows[(y+2)%3], rows[(y+1)%3]
			}
		}
		C.radnode_gradients(f32(up), f32(mid), f32(down), C.size_t(s.Columns), f32(square), unsafe.SliceData(sector))
		for c := range cells {
			// Columns x of cell c: x*cells/columns == c.
			from, end := (c*s.Columns+cells-1)/cells, ((c+1)*s.Columns+cells-1)/cells
			if from < end {
				at := (y*cells/s.Rows*cells + c) * hogBins
				C.radnode_orient(f32(square[from:]), unsafe.SliceData(sector[from:]), C.size_t(end-from), f64(sums[at:at+hogBins]))
			}
		}
	}
	return hogFeatures(sums, cells), nil
}

// mirrored writes a row so that the central difference at both ends is 0.
func (s Samples) mirrored(y int, out []float32) {
	n := s.Columns
	s.row(y, out[1:n+1])
	out[0], out[n+1] = out[min(2, n)], out[max(1, n-1)]
}

func hogFeatures(sums []float64, cells int) []Feature {
	out := make([]Feature, 0, len(sums))
	for c := range cells * cells {
		length := 0.
		for b := range hogBins {
			v := sums[c*hogBins+b]
			length += v * v
		}
		for b := range hogBins {
			out = append(out, Feature{Name: fmt.Sprintf("hog.cell_%d_%d_%d", c/cells, c%cells, b*180/hogBins), Value: ratio(sums[c*hogBins+b], math.Sqrt(length))})
		}
	}
	return out
}
