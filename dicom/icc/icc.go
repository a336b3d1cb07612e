package icc

import (
	"encoding/binary"
	"math"

	"github.com/radnode/radnode"
)

const op = "read ICC profile"

// Limits of a profile.
const (
	mostTags   = 256
	mostPoints = 1 << 16 // of a tone curve
	// MaxBytes is the longest profile that is taken.
	MaxBytes = 4 << 20
)

// curve turns a device value of 0 to 1 into light of 0 to 1.
type curve func(float64) float64

// Profile says what the values of a picture with three components mean.
type Profile struct {
	matrix [3][3]float64 // device light to the connection space, D50 (ISO 15076-1 F.3)
	curves [3]curve
	data   []byte
}

// Bytes is the profile as it is embedded in a picture.
func (p *Profile) Bytes() []byte { return p.data }

var order = binary.BigEndian

// Parse reads a profile. Unsupported: it is sound but not of three components
// with a matrix.
func Parse(b []byte) (*Profile, error) {
	if len(b) < 132 || len(b) > MaxBytes || string(b[36:40]) != "acsp" || int64(order.Uint32(b)) > int64(len(b)) {
		return nil, radnode.Errorf(radnode.Invalid, op, "the bytes are no ICC profile (ISO 15076-1 7.2)")
	}
	if string(b[16:20]) != "RGB " || string(b[20:24]) != "XYZ " {
		return nil, radnode.Errorf(radnode.Unsupported, op, "the profile is not one of red, green and blue with a matrix")
	}
	p := &Profile{data: b}
	for i, name := range [3]string{"r", "g", "b"} {
		colorant, ok := tag(b, name+"XYZ")
		if !ok || len(colorant) < 20 || string(colorant[:4]) != "XYZ " {
			return nil, radnode.Errorf(radnode.Unsupported, op, "the profile has no matrix")
		}
		for j := range 3 {
			p.matrix[j][i] = fixed(colorant[8+4*j:])
		}
		tone, ok := tag(b, name+"TRC")
		if !ok {
			return nil, radnode.Errorf(radnode.Unsupported, op, "the profile has no tone curves")
		}
		var err error
		if p.curves[i], err = parseCurve(tone); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// tag finds a tagged element (7.3).
func tag(b []byte, name string) ([]byte, bool) {
	n := int(min(order.Uint32(b[128:]), mostTags))
	for i := range n {
		at := 132 + 12*i
		if at+12 > len(b) {
			return nil, false
		}
		if string(b[at:at+4]) != name {
			continue
		}
		from, size := int64(order.Uint32(b[at+4:])), int64(order.Uint32(b[at+8:]))
		if from+size > int64(len(b)) {
			return nil, false
		}
		return b[from : from+size], true
	}
	return nil, false
}

// fixed is s15Fixed16Number (4.6).
func fixed(b []byte) float64 { return float64(int32(order.Uint32(b))) / 65536 } //nolint:gosec // signed

// parameters of the function types of a parametric curve (Table 68).
var parameters = [...]int{1, 3, 4, 5, 7}

func parseCurve(b []byte) (curve, error) {
	bad := radnode.Errorf(radnode.Invalid, op, "a tone curve is damaged")
	if len(b) < 12 {
		return nil, bad
	}
	switch string(b[:4]) {
	case "curv":
		return sampled(b, bad)
	case "para":
		kind := int(order.Uint16(b[8:]))
		if kind >= len(parameters) || len(b) < 12+4*parameters[kind] {
			return nil, bad
		}
		var v [7]float64
		for i := range parameters[kind] {
			v[i] = fixed(b[12+4*i:])
		}
		return parametric(kind, v), nil
	}
	return nil, radnode.Errorf(radnode.Unsupported, op, "a tone curve has an unknown form")
}

// sampled is a curve of points, or of one exponent (10.6).
func sampled(b []byte, bad error) (curve, error) {
	n := int64(order.Uint32(b[8:]))
	if n > mostPoints || int64(len(b)) < 12+2*n {
		return nil, bad
	}
	switch n {
	case 0:
		return func(x float64) float64 { return x }, nil
	case 1:
		return gamma(float64(order.Uint16(b[12:])) / 256), nil
	}
	points := make([]float64, n)
	for i := range points {
		points[i] = float64(order.Uint16(b[12+2*i:])) / 65535
	}
	return func(x float64) float64 {
		at := min(max(x, 0), 1) * float64(n-1)
		i := min(int(at), int(n-2))
		return points[i] + (at-float64(i))*(points[i+1]-points[i])
	}, nil
}

func gamma(g float64) curve { return func(x float64) float64 { return math.Pow(max(x, 0), g) } }

// parametric is a curve of one of the five functions (10.18).
func parametric(kind int, v [7]float64) curve {
	g, a, b, c, d, e, f := v[0], v[1], v[2], v[3], v[4], v[5], v[6]
	power := func(x float64) float64 { return math.Pow(max(a*x+b, 0), g) }
	switch kind {
	case 0:
		return gamma(g)
	case 1:
		return func(x float64) float64 {
			if a != 0 && x >= -b/a {
				return power(x)
			}
			return 0
		}
	case 2:
		return func(x float64) float64 {
			if a != 0 && x >= -b/a {
				return power(x) + c
			}
			return c
		}
	case 3:
		e, f = 0, 0
	}
	return func(x float64) float64 {
		if x >= d {
			return power(x) + e
		}
		return c*x + f
	}
}
