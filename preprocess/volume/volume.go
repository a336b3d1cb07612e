package volume

import (
	"fmt"
	"math"
)

// MaxVoxels bounds a volume. Its features need up to 30 bytes a voxel.
const MaxVoxels = 1 << 27

// Volume is a box of voxels, columns fastest, then rows, then slices, on a
// regular grid in the patient.
type Volume struct {
	Columns, Rows, Slices int
	Spacing               [3]float64 // between columns, rows and slices, millimetres
	Origin                Vector     // centre of the first voxel
	Axes                  [3]Vector  // along columns, rows and slices
	Values                []float32
	Filled                int // slices of the grid that lie in a gap of the series
}

// Interpolation says how values between voxels are found.
type Interpolation string

// The interpolations.
const (
	Nearest Interpolation = "nearest"
	Linear  Interpolation = "linear"
)

// Resample makes the volume of an arranged series with the given spacing
// (columns, rows, slices; 0 keeps that of the series). The grid begins at the
// first voxel of the first slice and ends within the last. Linear
// interpolation between slices also bridges gaps, which the arrangement
// reports; a leaning stack is straightened, outside is the smallest value.
func Resample(all []Slice, a *Arrangement, spacing [3]float64, how Interpolation) (*Volume, error) {
	if how != Nearest && how != Linear {
		return nil, fmt.Errorf("resample series: interpolation %q is unknown; use nearest or linear", how)
	}
	first := &all[a.Order[0]]
	v := &Volume{Origin: first.Position, Axes: [3]Vector{first.RowAxis, first.ColumnAxis, a.Normal}}
	span := all[a.Order[len(a.Order)-1]].Position.sub(first.Position).dot(a.Normal)
	own := [3]float64{first.ColumnSpacing, first.RowSpacing, a.Spacing}
	extent := [3]float64{own[0] * float64(first.Columns-1), own[1] * float64(first.Rows-1), span}
	var size [3]int
	voxels := 1.
	for k := range 3 {
		if v.Spacing[k] = spacing[k]; v.Spacing[k] == 0 {
			v.Spacing[k] = own[k]
		}
		if v.Spacing[k] == 0 {
			v.Spacing[k] = 1 // one slice
		}
		if !(v.Spacing[k] > 0) || math.IsInf(v.Spacing[k], 0) {
			return nil, fmt.Errorf("resample series: spacing %g is not positive", spacing[k])
		}
		n := math.Floor(extent[k]/v.Spacing[k]+1e-6) + 1
		if voxels *= n; voxels > MaxVoxels {
			return nil, fmt.Errorf("resample series: spacing %v makes more than %d voxels; choose a wider one", v.Spacing, MaxVoxels)
		}
		size[k] = int(n)
	}
	v.Columns, v.Rows, v.Slices = size[0], size[1], size[2]
	return v, v.fill(all, a, how)
}

func (v *Volume) fill(all []Slice, a *Arrangement, how Interpolation) error {
	for _, i := range a.Order {
		if all[i].Values == nil {
			return fmt.Errorf("resample series: slice %q has no values", all[i].Key)
		}
	}
	v.Values = make([]float32, v.Columns*v.Rows*v.Slices)
	low := smallest(all, a)
	k := 0 // the slice at or before the plane
	base := v.Origin.dot(a.Normal)
	place := func(k int) float64 { return all[a.Order[k]].Position.dot(a.Normal) - base }
	for z := range v.Slices {
		depth := float64(z) * v.Spacing[2]
		for k+1 < len(a.Order) && place(k+1) <= depth+placeTolerance/2 {
			k++
		}
		next, weight := k, 0.
		if k+1 < len(a.Order) {
			if weight = (depth - place(k)) / (place(k+1) - place(k)); weight > 1e-4 {
				next = k + 1
			}
			if a.Spacing > 0 && place(k+1)-place(k) > gapBeyond*a.Spacing && next != k {
				v.Filled++
			}
		}
		if how == Nearest && weight >= 0.5 {
			k0 := next
			v.plane(z, &all[a.Order[k0]], &all[a.Order[k0]], 0, how, low)
			continue
		}
		if how == Nearest {
			next = k
		}
		v.plane(z, &all[a.Order[k]], &all[a.Order[next]], weight, how, low)
	}
	return nil
}

func smallest(all []Slice, a *Arrangement) float32 {
	low := float32(math.Inf(1))
	for _, i := range a.Order {
		for _, x := range all[i].Values {
			low = min(low, x)
		}
	}
	return low
}

// plane fills one plane from two slices, each at its own place.
func (v *Volume) plane(z int, below, above *Slice, weight float64, how Interpolation, outside float32) {
	out := v.Values[z*v.Rows*v.Columns : (z+1)*v.Rows*v.Columns]
	sample := func(s *Slice, x, y int) float64 {
		p := v.Origin.along(v.Axes[0], float64(x)*v.Spacing[0]).along(v.Axes[1], float64(y)*v.Spacing[1]).sub(s.Position)
		return s.at(p.dot(s.RowAxis)/s.ColumnSpacing, p.dot(s.ColumnAxis)/s.RowSpacing, how, outside)
	}
	for y := range v.Rows {
		for x := range v.Columns {
			value := sample(below, x, y)
			if above != below {
				value += weight * (sample(above, x, y) - value)
			}
			out[y*v.Columns+x] = float32(value)
		}
	}
}

// at is the value at a place in columns and rows.
func (s *Slice) at(x, y float64, how Interpolation, outside float32) float64 {
	const slack = 1e-3
	if x < -slack || y < -slack || x > float64(s.Columns-1)+slack || y > float64(s.Rows-1)+slack {
		return float64(outside)
	}
	x, y = max(0, min(float64(s.Columns-1), x)), max(0, min(float64(s.Rows-1), y))
	if how == Nearest {
		return float64(s.Values[int(math.Round(y))*s.Columns+int(math.Round(x))])
	}
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, s.Columns-1), min(y0+1, s.Rows-1)
	fx, fy := x-float64(x0), y-float64(y0)
	top := float64(s.Values[y0*s.Columns+x0])*(1-fx) + float64(s.Values[y0*s.Columns+x1])*fx
	bottom := float64(s.Values[y1*s.Columns+x0])*(1-fx) + float64(s.Values[y1*s.Columns+x1])*fx
	return top*(1-fy) + bottom*fy
}
