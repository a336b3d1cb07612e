package jpeg

// The inverse DCT of libjpeg 6b's jidctint.c (Loeffler, Ligtenberg and
// Moschytz), in the same integer arithmetic: constants have 13 fractional
// bits, the first pass keeps 2 more bits (1 for 12-bit samples).
const (
	fix0298631336 = 2446
	fix0390180644 = 3196
	fix0541196100 = 4433
	fix0765366865 = 6270
	fix0899976223 = 7373
	fix1175875602 = 9633
	fix1501321110 = 12299
	fix1847759065 = 15137
	fix1961570560 = 16069
	fix2053119869 = 16819
	fix2562915447 = 20995
	fix3072711026 = 25172
	constBits     = 13
)

// limit8 and limit12 map a sample of the inverse DCT, masked, to the range of
// samples: libjpeg's range-limit table, wrap-around included.
var (
	limit8  = rangeLimit[[1024]uint16](8)
	limit12 = rangeLimit[[16384]uint16](12)
)

func rangeLimit[T [1024]uint16 | [16384]uint16](precision uint) (t T) {
	top, centre := 1<<precision-1, 1<<(precision-1)
	for i := 0; i < 4<<precision; i++ {
		v := 0
		switch {
		case i < centre:
			v = i + centre
		case i < 2<<precision:
			v = top
		case i >= 4<<precision-centre:
			v = i - (4<<precision - centre)
		}
		t[i] = uint16(v)
	}
	return t
}

// flat fills a block that has only a DC coefficient.
func flat(dc int32, out []uint16, stride int, deep bool) {
	var v uint16
	if deep {
		v = limit12[(dc<<1+1<<3)>>4&16383]
	} else {
		v = limit8[(dc<<2+1<<4)>>5&1023]
	}
	for y := range 8 {
		row := out[y*stride : y*stride+8 : y*stride+8]
		row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7] = v, v, v, v, v, v, v, v
	}
}

// butterfly is one dimension of the transform on eight values.
func butterfly(i0, i1, i2, i3, i4, i5, i6, i7 int32) (o0, o1, o2, o3, o4, o5, o6, o7 int32) {
	z1 := (i2 + i6) * fix0541196100
	t2 := z1 - i6*fix1847759065
	t3 := z1 + i2*fix0765366865
	t0 := (i0 + i4) << constBits
	t1 := (i0 - i4) << constBits
	t10, t13, t11, t12 := t0+t3, t0-t3, t1+t2, t1-t2

	z1, z2, z3, z4 := i7+i1, i5+i3, i7+i3, i5+i1
	z5 := (z3 + z4) * fix1175875602
	t0 = i7 * fix0298631336
	t1 = i5 * fix2053119869
	t2 = i3 * fix3072711026
	t3 = i1 * fix1501321110
	z1 *= -fix0899976223
	z2 *= -fix2562915447
	z3 = z3*-fix1961570560 + z5
	z4 = z4*-fix0390180644 + z5
	t0 += z1 + z3
	t1 += z2 + z4
	t2 += z2 + z3
	t3 += z1 + z4
	return t10 + t3, t11 + t2, t12 + t1, t13 + t0, t13 - t0, t12 - t1, t11 - t2, t10 - t3
}

// plainIDCT transforms the dequantized block b into 8 rows of out.
func plainIDCT(b *[64]int32, out []uint16, stride int, deep bool) {
	pass1 := uint(2)
	if deep {
		pass1 = 1
	}
	down := constBits - pass1
	round := int32(1) << (down - 1)
	for x := range 8 {
		c := b[x : x+57 : x+57]
		if c[8]|c[16]|c[24]|c[32]|c[40]|c[48]|c[56] == 0 {
			v := c[0] << pass1
			c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = v, v, v, v, v, v, v, v
			continue
		}
		o0, o1, o2, o3, o4, o5, o6, o7 := butterfly(c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56])
		c[0], c[8], c[16], c[24] = (o0+round)>>down, (o1+round)>>down, (o2+round)>>down, (o3+round)>>down
		c[32], c[40], c[48], c[56] = (o4+round)>>down, (o5+round)>>down, (o6+round)>>down, (o7+round)>>down
	}
	if deep {
		rows12(b, out, stride)
		return
	}
	rows8(b, out, stride)
}

// rows8 is the second pass for 8-bit samples.
func rows8(b *[64]int32, out []uint16, stride int) {
	const down, round = constBits + 2 + 3, 1 << (constBits + 2 + 2)
	for y := range 8 {
		r := b[y*8 : y*8+8 : y*8+8]
		o := out[y*stride : y*stride+8 : y*stride+8]
		if r[1]|r[2]|r[3]|r[4]|r[5]|r[6]|r[7] == 0 {
			v := limit8[(r[0]<<constBits+round)>>down&1023]
			o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7] = v, v, v, v, v, v, v, v
			continue
		}
		o0, o1, o2, o3, o4, o5, o6, o7 := butterfly(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		o[0], o[1] = limit8[(o0+round)>>down&1023], limit8[(o1+round)>>down&1023]
		o[2], o[3] = limit8[(o2+round)>>down&1023], limit8[(o3+round)>>down&1023]
		o[4], o[5] = limit8[(o4+round)>>down&1023], limit8[(o5+round)>>down&1023]
		o[6], o[7] = limit8[(o6+round)>>down&1023], limit8[(o7+round)>>down&1023]
	}
}

// rows12 is the second pass for 12-bit samples.
func rows12(b *[64]int32, out []uint16, stride int) {
	const down, round = constBits + 1 + 3, 1 << (constBits + 1 + 2)
	for y := range 8 {
		r := b[y*8 : y*8+8 : y*8+8]
		o := out[y*stride : y*stride+8 : y*stride+8]
		if r[1]|r[2]|r[3]|r[4]|r[5]|r[6]|r[7] == 0 {
			v := limit12[(r[0]<<constBits+round)>>down&16383]
			o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7] = v, v, v, v, v, v, v, v
			continue
		}
		o0, o1, o2, o3, o4, o5, o6, o7 := butterfly(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		o[0], o[1] = limit12[(o0+round)>>down&16383], limit12[(o1+round)>>down&16383]
		o[2], o[3] = limit12[(o2+round)>>down&16383], limit12[(o3+round)>>down&16383]
		o[4], o[5] = limit12[(o4+round)>>down&16383], limit12[(o5+round)>>down&16383]
		o[6], o[7] = limit12[(o6+round)>>down&16383], limit12[(o7+round)>>down&16383]
	}
}
