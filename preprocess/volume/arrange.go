package volume

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Vector is a point or direction in the patient's coordinates, millimetres
// (PS3.3 C.7.6.2.1.1: x to the left, y to the back, z to the head).
type Vector [3]float64

func (a Vector) dot(b Vector) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
func (a Vector) sub(b Vector) Vector  { return Vector{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }
func (a Vector) length() float64      { return math.Sqrt(a.dot(a)) }
func (a Vector) along(b Vector, f float64) Vector {
	return Vector{a[0] + f*b[0], a[1] + f*b[1], a[2] + f*b[2]}
}
func (a Vector) cross(b Vector) Vector {
	return Vector{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// Slice is one image of a series. RowAxis points along a row, to the next
// column; ColumnAxis down a column (the six values of image orientation).
// Values are modality values and may be nil where only the order is wanted.
type Slice struct {
	Key                       string // what the caller calls it, a SOP instance UID
	Position                  Vector // centre of the first voxel
	RowAxis, ColumnAxis       Vector
	Rows, Columns             int
	RowSpacing, ColumnSpacing float64 // between rows, between columns
	Values                    []float32
}

// Refused is a slice that does not belong to the volume, and why.
type Refused struct {
	Slice  int
	Reason string
}

// Gap is a place where slices are missing: between After and the next one.
type Gap struct {
	After   int     // index of the slice before the gap
	Width   float64 // millimetres to the next slice
	Missing int     // how many slices fit
}

// Arrangement is a series in order. Indices are those of the slices given.
type Arrangement struct {
	Order      []int // first to last along Normal, duplicates left out
	Normal     Vector
	Spacing    float64 // median distance of neighbours; 0 for one slice
	Gaps       []Gap
	Duplicates [][2]int // slice left out, slice at the same place
	Refused    []Refused
	Regular    bool    // every distance is within 2 % of Spacing
	Tilt       float64 // degrees by which the stack leans (gantry tilt)
}

// The limits of what counts as equal.
const (
	MaxSlices      = 20000
	axisTolerance  = 1e-3 // of direction cosines
	placeTolerance = 1e-2 // millimetres
	regularWithin  = 0.02
	gapBeyond      = 1.5 // spacings
)

// Arrange orders slices by their place along the normal of the largest group
// of parallel slices of one size.
func Arrange(all []Slice) (*Arrangement, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("arrange series: there is no slice")
	}
	if len(all) > MaxSlices {
		return nil, fmt.Errorf("arrange series: %d slices exceed the limit of %d", len(all), MaxSlices)
	}
	a := &Arrangement{}
	members := a.group(all)
	if len(members) == 0 {
		return nil, fmt.Errorf("arrange series: no slice has a usable position, orientation and size: %s", a.Refused[0].Reason)
	}
	a.Normal = all[members[0]].normal()
	place := func(i int) float64 { return all[i].Position.dot(a.Normal) }
	slices.SortStableFunc(members, func(i, j int) int {
		return cmp.Or(cmp.Compare(place(i), place(j)), cmp.Compare(all[i].Key, all[j].Key))
	})
	for _, i := range members {
		if n := len(a.Order); n > 0 && place(i)-place(a.Order[n-1]) < placeTolerance {
			a.Duplicates = append(a.Duplicates, [2]int{i, a.Order[n-1]})
			continue
		}
		a.Order = append(a.Order, i)
	}
	a.measure(all, place)
	return a, nil
}

func (s *Slice) normal() Vector { return s.RowAxis.cross(s.ColumnAxis) }

// defect says why a slice has no place, "" if it has one.
func (s *Slice) defect() string {
	for _, v := range []Vector{s.Position, s.RowAxis, s.ColumnAxis} {
		if n := v.length(); math.IsNaN(n) || math.IsInf(n, 0) {
			return "its position or orientation is not a number"
		}
	}
	switch {
	case math.Abs(s.RowAxis.length()-1) > axisTolerance || math.Abs(s.ColumnAxis.length()-1) > axisTolerance || math.Abs(s.RowAxis.dot(s.ColumnAxis)) > axisTolerance:
		return "its orientation is not two perpendicular unit vectors"
	case s.Rows < 1 || s.Columns < 1 || !(s.RowSpacing > 0) || !(s.ColumnSpacing > 0) || math.IsInf(s.RowSpacing+s.ColumnSpacing, 0):
		return "its size or pixel spacing is missing"
	case s.Values != nil && len(s.Values) != s.Rows*s.Columns:
		return fmt.Sprintf("it has %d values where its size asks for %d", len(s.Values), s.Rows*s.Columns)
	}
	return ""
}

// group returns the largest group of slices that fit together and refuses the
// others: localizers, reformats, other matrices.
func (a *Arrangement) group(all []Slice) []int {
	var groups [][]int
	for i := range all {
		if why := all[i].defect(); why != "" {
			a.Refused = append(a.Refused, Refused{i, why})
			continue
		}
		at := slices.IndexFunc(groups, func(g []int) bool { return all[i].fits(&all[g[0]]) })
		if at < 0 {
			groups = append(groups, []int{i})
		} else {
			groups[at] = append(groups[at], i)
		}
	}
	best := -1
	for k, g := range groups {
		if best < 0 || len(g) > len(groups[best]) {
			best = k
		}
	}
	if best < 0 {
		return nil
	}
	for k, g := range groups {
		for _, i := range g {
			if k != best {
				a.Refused = append(a.Refused, Refused{i, "its orientation, size or pixel spacing differs from the series' others"})
			}
		}
	}
	slices.SortFunc(a.Refused, func(x, y Refused) int { return cmp.Compare(x.Slice, y.Slice) })
	return groups[best]
}

func (s *Slice) fits(o *Slice) bool {
	return s.Rows == o.Rows && s.Columns == o.Columns &&
		math.Abs(s.RowSpacing-o.RowSpacing) < placeTolerance && math.Abs(s.ColumnSpacing-o.ColumnSpacing) < placeTolerance &&
		s.RowAxis.sub(o.RowAxis).length() < 2*axisTolerance && s.ColumnAxis.sub(o.ColumnAxis).length() < 2*axisTolerance
}

// measure finds spacing, gaps and tilt of the ordered slices.
func (a *Arrangement) measure(all []Slice, place func(int) float64) {
	a.Regular = true
	if len(a.Order) < 2 {
		return
	}
	steps := make([]float64, len(a.Order)-1)
	for k := range steps {
		steps[k] = place(a.Order[k+1]) - place(a.Order[k])
	}
	sorted := slices.Sorted(slices.Values(steps))
	a.Spacing = sorted[len(sorted)/2]
	for k, d := range steps {
		if math.Abs(d-a.Spacing) > regularWithin*a.Spacing {
			a.Regular = false
		}
		if d > gapBeyond*a.Spacing {
			a.Gaps = append(a.Gaps, Gap{After: a.Order[k], Width: d, Missing: int(math.Round(d/a.Spacing)) - 1})
		}
	}
	first, last := all[a.Order[0]].Position, all[a.Order[len(a.Order)-1]].Position
	span := last.sub(first)
	across := span.along(a.Normal, -span.dot(a.Normal)).length()
	a.Tilt = math.Atan2(across, span.dot(a.Normal)) * 180 / math.Pi
}
