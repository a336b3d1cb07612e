package jpeg

import "math"

// aan are the factors that the transform of Arai, Agui and Nakajima leaves in
// its results; the quantisation takes them out.
var aan = [8]float64{1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.541196100, 0.275899379}

// plainFDCT is the forward cosine transform (T.81 A.3.3) of Arai, Agui and
// Nakajima: down the columns, then along the rows, whose results are stored as
// columns.
func plainFDCT(src []byte, stride int, scale *[64]float32, out *[64]int16) (some uint64) {
	var b, t [64]float32
	for r := range 8 {
		for c, v := range src[r*stride:][:8] {
			b[r*8+c] = float32(v) - 128
		}
	}
	for c := range 8 {
		t[c*8], t[c*8+1], t[c*8+2], t[c*8+3], t[c*8+4], t[c*8+5], t[c*8+6], t[c*8+7] =
			fdct8(b[c], b[c+8], b[c+16], b[c+24], b[c+32], b[c+40], b[c+48], b[c+56])
	}
	for u := range 8 {
		b[u], b[u+8], b[u+16], b[u+24], b[u+32], b[u+40], b[u+48], b[u+56] =
			fdct8(t[u], t[u+8], t[u+16], t[u+24], t[u+32], t[u+40], t[u+48], t[u+56])
	}
	for i, v := range b {
		n := toEven(float32(v * scale[i]))
		out[i] = int16(n) //nolint:gosec // at most 11 bits and a sign
		some |= uint64(uint32(n|-n)>>31) << i
	}
	return some
}

// toEven rounds to the nearest whole number, halves to the even one, as the
// processor does: the sum has no bits left for a fraction.
func toEven(v float32) int32 {
	const shift = 3 << 22
	return int32(math.Float32bits(float32(v+shift))) - int32(math.Float32bits(shift)) //nolint:gosec // patterns of floats
}

// fdct8 is one dimension. The conversions keep products and sums apart on
// processors that would round them together.
func fdct8(d0, d1, d2, d3, d4, d5, d6, d7 float32) (_, _, _, _, _, _, _, _ float32) {
	s07, m07, s16, m16 := d0+d7, d0-d7, d1+d6, d1-d6
	s25, m25, s34, m34 := d2+d5, d2-d5, d3+d4, d3-d4
	a, b, c, d := s07+s34, s07-s34, s16+s25, s16-s25
	z1 := float32((d + b) * 0.707106781)
	p, q, r := m34+m25, m25+m16, m16+m07
	z5 := float32((p - r) * 0.382683433)
	z2, z4, z3 := float32(0.541196100*p)+z5, float32(1.306562965*r)+z5, float32(q*0.707106781)
	u, v := m07+z3, m07-z3
	return a + c, u + z4, b + z1, v - z2, a - c, v + z2, b - z1, u - z4
}
