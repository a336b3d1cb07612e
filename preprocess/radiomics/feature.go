package radiomics

import "errors"

// Feature is one number with its name, as "glcm.contrast", and IBSI code; ""
// where IBSI does not define it.
type Feature struct {
	Name, Code string
	Value      float64
}

// ErrEmpty says that a region holds no voxel.
var ErrEmpty = errors.New("the region holds no voxel")

// Aggregation says over which slices and directions a matrix is gathered, and
// whether features are averaged or matrices merged (IBSI 3.6).
type Aggregation int

// The aggregations, with IBSI codes.
const (
	Averaged2D  Aggregation = iota // BTW3: mean over slices and directions
	Merged2D                       // SUJT: directions merged, mean over slices
	Averaged25D                    // JJUI: slices merged, mean over directions
	Merged25D                      // ZW7Z: slices and directions merged
	Averaged3D                     // ITBB: mean over 13 directions of the volume
	Merged3D                       // IAZD: 13 directions merged
)

func (a Aggregation) volume() bool { return a == Averaged3D || a == Merged3D }

// average takes the mean of each feature over several matrices.
func average(sets [][]Feature) []Feature {
	if len(sets) == 0 {
		return nil
	}
	out := append([]Feature(nil), sets[0]...)
	for _, set := range sets[1:] {
		for i := range out {
			out[i].Value += set[i].Value
		}
	}
	for i := range out {
		out[i].Value /= float64(len(sets))
	}
	return out
}

// ratio is a/b, and 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
