package inference

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/radnode/radnode/models"
)

// explainBatch is how many hidden versions of an image are run together.
const explainBatch = 32

// explainBytes bounds the inputs that are run together: those of 32 images of
// the common sizes; larger ones are run fewer at once.
const explainBytes = 64 << 20

// Explain makes heat maps of all labels by the method of the manifest and puts
// them into out, the output of this one image. It runs the graph often: ask
// for it only where a map will be shown.
func (m *Model) Explain(ctx context.Context, input []float32, out *Output) error {
	e := m.manifest.Explain
	if e == nil {
		return nil
	}
	in, labels, runs := m.manifest.Input, len(m.manifest.Labels), e.Runs(m.manifest.Input)
	draw := occlusionMask
	if e.Method == models.ExplainRISE {
		draw = riseMask
	}
	rows, columns := shrunk(in.Rows), shrunk(in.Columns)
	cells, most := rows*columns, together(in, runs)
	sums, weights := make([]float64, labels*cells), make([]float64, cells)
	fill, mask := average(input), make([]float32, in.Rows*in.Columns)
	batch, says := make([]float32, most*in.Size()), make([]float64, most*cells)
	for first := 0; first < runs; first += most {
		n := min(most, runs-first)
		for i := range n {
			draw(mask, in, *e, first+i)
			hide(batch[i*in.Size():(i+1)*in.Size()], input, in, mask, fill)
			m.speaksFor(says[i*cells:(i+1)*cells], mask, rows, columns)
		}
		got, err := m.Run(ctx, n, batch[:n*in.Size()])
		if err != nil {
			return err
		}
		for i := range n {
			m.weigh(sums, weights, says[i*cells:(i+1)*cells], out.Summary, got.Summary[i*labels:(i+1)*labels])
		}
	}
	out.HeatRows, out.HeatColumns = rows, columns
	out.Heat = make([]float32, 0, labels*cells)
	for label := range labels {
		out.Heat = append(out.Heat, level(sums[label*cells:(label+1)*cells], weights)...)
	}
	return nil
}

// together is how many of the runs of one image are made at once, in bounded
// memory.
func together(in models.Input, runs int) int {
	return max(1, min(runs, explainBatch, explainBytes/(4*in.Size())))
}

// speaksFor adds up for each cell of the map how much of it a mask hides
// (occlusion) or leaves in sight (RISE).
func (m *Model) speaksFor(cells []float64, mask []float32, rows, columns int) {
	clear(cells)
	in, rise := m.manifest.Input, m.manifest.Explain.Method == models.ExplainRISE
	for at, seen := range mask {
		weight := 1 - float64(seen)
		if rise {
			weight = float64(seen)
		}
		cells[(at/in.Columns)*rows/in.Rows*columns+(at%in.Columns)*columns/in.Columns] += weight
	}
}

// weigh adds what one mask says. Occlusion: what hiding a place takes away
// from the probability belongs to that place. RISE: what is left of it belongs
// to what stayed in sight.
func (m *Model) weigh(sums, weights, says []float64, whole, hidden []float32) {
	rise := m.manifest.Explain.Method == models.ExplainRISE
	for cell, weight := range says {
		if weight == 0 {
			continue
		}
		weights[cell] += weight
		for label := range whole {
			value := float64(whole[label]) - float64(hidden[label])
			if rise {
				value = float64(hidden[label])
			}
			sums[label*len(says)+cell] += weight * value
		}
	}
}

// occlusionMask hides the square number i, row by row, the last ones at the far
// edges; 1 is seen, 0 hidden.
func occlusionMask(mask []float32, in models.Input, e models.Explain, i int) {
	across := e.Positions(in.Columns)
	top := min(i/across*e.Stride, max(in.Rows-e.Patch, 0))
	left := min(i%across*e.Stride, max(in.Columns-e.Patch, 0))
	for at := range mask {
		mask[at] = 1
		if row, column := at/in.Columns, at%in.Columns; row >= top && row < top+e.Patch && column >= left && column < left+e.Patch {
			mask[at] = 0
		}
	}
}

// riseMask draws mask i: a coarse random grid, enlarged with linear
// interpolation and shifted by a random part of a cell. The seed is fixed: the
// same image has the same map.
func riseMask(mask []float32, in models.Input, e models.Explain, i int) {
	random := rand.New(rand.NewPCG(1, uint64(i)))
	cellRows, cellColumns := float64(in.Rows)/float64(e.Cells), float64(in.Columns)/float64(e.Cells)
	side := e.Cells + 2 // one more for the shift and one for the interpolation
	grid := make([]float32, side*side)
	for j := range grid {
		if random.Float64() < e.Keep {
			grid[j] = 1
		}
	}
	shiftRow, shiftColumn := random.Float64(), random.Float64()
	cell := func(r, c int) float32 { return grid[min(r, side-1)*side+min(c, side-1)] }
	for at := range mask {
		y := float64(at/in.Columns)/cellRows + shiftRow
		x := float64(at%in.Columns)/cellColumns + shiftColumn
		r, c := int(y), int(x)
		fy, fx := float32(y-float64(r)), float32(x-float64(c))
		mask[at] = (cell(r, c)*(1-fx)+cell(r, c+1)*fx)*(1-fy) + (cell(r+1, c)*(1-fx)+cell(r+1, c+1)*fx)*fy
	}
}

// hide mixes the image with one value where the mask hides it.
func hide(dst, src []float32, in models.Input, mask []float32, fill float32) {
	plane := in.Rows * in.Columns
	for i, v := range src {
		at := i % plane
		if in.Layout == models.LayoutNHWC {
			at = i / in.Channels
		}
		dst[i] = fill + (v-fill)*mask[at]
	}
}

func average(values []float32) float32 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return float32(sum / float64(len(values)))
}

// mapSide is the largest side of a map: finer than that no method sees.
const mapSide = 32

func shrunk(side int) int { return min(side, mapSide) }

// level divides the weighted sums by their weights and takes the level of the
// map away, so that only what stands out is hot.
func level(sums, weights []float64) []float32 {
	values, least := make([]float64, len(sums)), math.Inf(1)
	for i, s := range sums {
		if weights[i] > 0 {
			values[i] = s / weights[i]
		}
		least = min(least, values[i])
	}
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v - max(least, 0))
	}
	return out
}
