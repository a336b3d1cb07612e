package icc

import "math"

// steps is the resolution at which the root of light, which is nearer to what an
// eye sees, is turned back into device values.
const steps = 1 << 14

// Transform turns pictures of one profile into those of another by relative
// colorimetry (ISO 15076-1 6.2.2); colours outside of the second are clipped.
type Transform struct {
	light  [3][256]float64
	matrix [3][3]float64
	back   [3][steps + 1]uint8
}

// NewTransform makes a transformation.
func NewTransform(from, to *Profile) *Transform {
	t := &Transform{matrix: multiply(inverse(to.matrix), from.matrix)}
	for c := range 3 {
		for v := range 256 {
			t.light[c][v] = from.curves[c](float64(v) / 255)
		}
		// The curves rise: the value whose light is nearest moves along.
		v := 0
		for i := range t.back[c] {
			wanted := math.Pow(float64(i)/steps, 2)
			for v < 255 && math.Abs(to.curves[c](float64(v+1)/255)-wanted) <= math.Abs(to.curves[c](float64(v)/255)-wanted) {
				v++
			}
			t.back[c][i] = uint8(v) //nolint:gosec // below 256
		}
	}
	return t
}

// Apply transforms pixels of red, green, blue and a fourth byte that stays.
func (t *Transform) Apply(pix []byte) {
	for i := 0; i+3 < len(pix); i += 4 {
		r, g, b := t.light[0][pix[i]], t.light[1][pix[i+1]], t.light[2][pix[i+2]]
		for c := range 3 {
			v := t.matrix[c][0]*r + t.matrix[c][1]*g + t.matrix[c][2]*b
			if !(v > 0) { // what a damaged profile makes is no number
				v = 0
			}
			pix[i+c] = t.back[c][int(math.Sqrt(min(v, 1))*steps+0.5)]
		}
	}
}

func multiply(a, b [3][3]float64) (m [3][3]float64) {
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				m[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return m
}

// inverse of a matrix; one that has none gives black.
func inverse(a [3][3]float64) (m [3][3]float64) {
	minor := func(i, j int) float64 {
		r, c := [2]int{(i + 1) % 3, (i + 2) % 3}, [2]int{(j + 1) % 3, (j + 2) % 3}
		return a[r[0]][c[0]]*a[r[1]][c[1]] - a[r[0]][c[1]]*a[r[1]][c[0]]
	}
	det := a[0][0]*minor(0, 0) + a[0][1]*minor(0, 1) + a[0][2]*minor(0, 2)
	if det == 0 {
		return m
	}
	for i := range 3 {
		for j := range 3 {
			m[j][i] = minor(i, j) / det
		}
	}
	return m
}
