package radiomics

import (
	"fmt"
	"math"
)

// MaxLevels bounds the grey levels of a texture matrix.
const MaxLevels = 1024

// maxSide bounds each side of a volume: lengths are kept in 16 bits.
const maxSide = 1<<16 - 1

// Levels is a discretised volume. Voxels of the region hold 1..Count, all
// others 0. It is stored with a frame of zeros around every slice, and one
// empty slice at each end, so that a neighbour always exists. It keeps scratch
// memory: one goroutine at a time.
type Levels struct {
	Columns, Rows, Slices int
	Count                 int // Ng: number of grey levels
	voxels                []uint16
	stride, plane         int
	scratch               scratch
}

// NewLevels makes a volume of zeros.
func NewLevels(columns, rows, slices, count int) (*Levels, error) {
	l := &Levels{}
	return l, l.Reset(columns, rows, slices, count)
}

// Reset makes l an empty volume of another size, in the memory it has.
func (l *Levels) Reset(columns, rows, slices, count int) error {
	if min(columns, rows, slices, count) < 1 || max(columns, rows, slices) > maxSide || count > MaxLevels {
		return fmt.Errorf("volume of %d x %d x %d with %d grey levels; sizes run from 1 to %d, levels to %d", columns, rows, slices, count, maxSide, MaxLevels)
	}
	l.Columns, l.Rows, l.Slices, l.Count = columns, rows, slices, count
	l.stride = columns + 2
	l.plane = l.stride * (rows + 2)
	n := l.plane * (slices + 2)
	if cap(l.voxels) < n {
		l.voxels = make([]uint16, n)
	}
	l.voxels = l.voxels[:n]
	clear(l.voxels)
	return nil
}

// Row gives the voxels of one row, to read or fill.
func (l *Levels) Row(y, z int) []uint16 {
	at := l.place(y, z)
	return l.voxels[at : at+l.Columns]
}

// eachRow calls f with the place of each row of slices from to end.
func (l *Levels) eachRow(from, end int, f func(at, y, z int)) {
	for z := from; z < end; z++ {
		for y := range l.Rows {
			f(l.place(y, z), y, z)
		}
	}
}

// Discretise says how values become levels (IBSI 2.7): a fixed number of bins
// between the region's extremes (K15C), or bins of a fixed size from Low
// upwards (Q3RU).
type Discretise struct {
	Bins  int     // > 0: fixed number
	Width float64 // else: fixed size
	Low   float64 // lowest value for fixed size; NaN: the region's minimum
}

// Table is the rule of d for values between low and high.
func (d Discretise) Table(low, high float64) (level func(x float64) uint16, count int, err error) {
	if d.Bins > 0 {
		if d.Bins > MaxLevels {
			return nil, 0, fmt.Errorf("%d bins exceed the limit of %d", d.Bins, MaxLevels)
		}
		factor := float64(d.Bins) / (high - low)
		return func(x float64) uint16 {
			if high <= low {
				return 1
			}
			return uint16(max(1, min(d.Bins, int(math.Floor((x-low)*factor))+1)))
		}, d.Bins, nil
	}
	if !(d.Width > 0) {
		return nil, 0, fmt.Errorf("a bin width of %g is not positive", d.Width)
	}
	from := d.Low
	if math.IsNaN(from) {
		from = low
	}
	bins := math.Floor((high-from)/d.Width) + 1
	if bins > MaxLevels {
		return nil, 0, fmt.Errorf("bins of width %g make %.0f levels from %g to %g; the limit is %d: choose wider bins", d.Width, bins, from, high, MaxLevels)
	}
	count = max(1, int(bins))
	return func(x float64) uint16 {
		return uint16(max(1, min(count, int(math.Floor((x-from)/d.Width))+1)))
	}, count, nil
}
