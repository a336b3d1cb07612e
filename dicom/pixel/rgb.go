package pixel

import "encoding/binary"

// colour8 scales RGB samples to 8 bits.
func (f *Frame) colour8(dst []byte) {
	if f.BitsAllocated == 8 && f.BitsStored == 8 {
		copy(dst, f.Pix)
		return
	}
	top := uint64(1)<<f.BitsStored - 1
	f.eachColour(func(i int, v uint64) { dst[i] = byte((min(v, top)*255 + top/2) / top) })
}

// eachColour calls fn for every sample of a colour frame.
func (f *Frame) eachColour(fn func(i int, v uint64)) {
	le := binary.LittleEndian
	p := f.Pix
	switch f.BitsAllocated {
	case 8:
		for i, v := range p {
			fn(i, uint64(v))
		}
	case 16:
		for i := 0; len(p) >= 2; i, p = i+1, p[2:] {
			fn(i, uint64(le.Uint16(p)))
		}
	default:
		for i := 0; len(p) >= 4; i, p = i+1, p[4:] {
			fn(i, uint64(le.Uint32(p)))
		}
	}
}

// palette8 maps palette indices to RGB.
func (im *Image) palette8(f *Frame, dst []byte) {
	im.eachIndex(f, func(i int, rgb [3]uint16) {
		dst[3*i], dst[3*i+1], dst[3*i+2] = byte(rgb[0]>>8), byte(rgb[1]>>8), byte(rgb[2]>>8)
	})
}

// eachIndex calls fn with the colour of every pixel of a palette image.
func (im *Image) eachIndex(f *Frame, fn func(i int, rgb [3]uint16)) {
	if t := f.entries(); t > 0 && f.Rows*f.Columns > t {
		table := make([][3]uint16, t)
		for i := range table {
			table[i] = im.palette.at(int(f.value(i)))
		}
		bytes := f.BitsAllocated / 8
		for i, p := 0, f.Pix; len(p) >= bytes; i, p = i+1, p[bytes:] {
			v := int(p[0])
			if bytes == 2 {
				v |= int(p[1]) << 8
			}
			fn(i, table[v])
		}
		return
	}
	f.each(func(i int, v float64) { fn(i, im.palette.at(int(v))) })
}

// colourFloat writes RGB as 0..1.
func (im *Image) colourFloat(f *Frame, dst []float32) {
	if f.Photometric == PaletteColor {
		im.eachIndex(f, func(i int, rgb [3]uint16) {
			for c, v := range rgb {
				dst[3*i+c] = float32(v) / 65535
			}
		})
		return
	}
	top := uint64(1)<<f.BitsStored - 1
	f.eachColour(func(i int, v uint64) { dst[i] = float32(float64(min(v, top)) / float64(top)) })
}

// supplement calls fn for every pixel of a monochrome frame with a
// supplemental palette: values from the table's first input on are coloured
// (PS3.3 C.7.6.19).
func (im *Image) supplement(f *Frame, fn func(i int, rgb [3]uint16, coloured bool)) {
	f.each(func(i int, v float64) {
		if v < float64(im.palette.first) {
			fn(i, [3]uint16{}, false)
			return
		}
		fn(i, im.palette.at(int(v)), true)
	})
}
