package radiomics

import (
	"fmt"
	"math"
)

// HOG parameters: the image is divided into cells by cells; each gives a
// histogram of gradient directions.
const hogBins = 9

// HOG computes histograms of oriented gradients (Dalal and Triggs 2005) over
// a grid of cells: 9 unsigned directions of 20 degrees from 0 up, weighted by
// magnitude, each cell divided by its Euclidean length. Gradients are central
// differences, 0 at the edges of the image. A cell without edges is all 0.
func HOG(pix []float32, rows, columns, cells int) ([]Feature, error) {
	if rows < 1 || columns < 1 || len(pix) != rows*columns || cells < 1 || cells > 16 {
		return nil, fmt.Errorf("oriented gradients of %d x %d in %d cells a side are not possible with %d samples; 1 to 16 cells are", rows, columns, cells, len(pix))
	}
	sums := make([]float64, cells*cells*hogBins)
	for y := range rows {
		cell := y * cells / rows * cells
		for x := range columns {
			dx, dy := gradientAt(pix, rows, columns, y, x)
			if dx == 0 && dy == 0 {
				continue
			}
			bin := direction9(dx, dy)
			sums[(cell+x*cells/columns)*hogBins+bin] += math.Sqrt(dx*dx + dy*dy)
		}
	}
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
	return out, nil
}

// tangents are those of 20, 40, 60 and 80 degrees.
var tangents = [4]float64{math.Tan(math.Pi / 9), math.Tan(2 * math.Pi / 9), math.Tan(math.Pi / 3), math.Tan(4 * math.Pi / 9)}

// direction9 is the sector of 20 degrees of a direction without sign, from 0.
func direction9(dx, dy float64) int {
	if dy < 0 || dy == 0 && dx < 0 {
		dx, dy = -dx, -dy
	}
	if dx >= 0 {
		k := 0
		for k < 4 && dy >= tangents[k]*dx {
			k++
		}
		return k
	}
	k := 0 // the mirror image: sectors counted back from 180 degrees
	for k < 4 && dy > tangents[k]*-dx {
		k++
	}
	return hogBins - 1 - k
}

func gradientAt(pix []float32, rows, columns, y, x int) (dx, dy float64) {
	i := y*columns + x
	if x > 0 && x < columns-1 {
		dx = float64(pix[i+1]) - float64(pix[i-1])
	}
	if y > 0 && y < rows-1 {
		dy = float64(pix[i+columns]) - float64(pix[i-columns])
	}
	return dx, dy
}
