package pixel

import "encoding/binary"

// ybrPartial is YBR_PARTIAL_422 with its chroma repeated.
const ybrPartial = "YBR_PARTIAL"

// colourAfter tells what three samples are once a codec is done: RGB if it
// undid the colour transform of the codestream, and for the JPEG 2000 kinds,
// whose transform is never stored without the codestream's; else as declared,
// without subsampling.
func colourAfter(declared string, undone bool) string {
	if undone {
		return RGB
	}
	switch declared {
	case YBRICT, YBRRCT:
		return RGB
	case YBRFull422:
		return YBRFull
	case YBRPartial422, YBRPartial420:
		return ybrPartial
	}
	return declared
}

// ybrMatrix converts centred YBR to RGB with 16 fractional bits (PS3.3
// C.7.6.3.1.2).
type ybrMatrix struct {
	y, crR, cbG, crG, cbB int64
	foot                  int64 // black level of Y at 8 bits
}

var ybrMatrices = map[string]ybrMatrix{
	YBRFull:       {y: 65536, crR: 91881, cbG: -22554, crG: -46802, cbB: 116130},
	YBRFull422:    {y: 65536, crR: 91881, cbG: -22554, crG: -46802, cbB: 116130},
	ybrPartial:    {y: 76309, crR: 104597, cbG: -25675, crG: -53279, cbB: 132201, foot: 16},
	YBRPartial422: {y: 76309, crR: 104597, cbG: -25675, crG: -53279, cbB: 132201, foot: 16},
}

// toRGB converts YBR samples in place.
func (f *Frame) toRGB() {
	m, ok := ybrMatrices[f.Photometric]
	if !ok || f.Samples != 3 || f.BitsAllocated > 16 {
		return
	}
	bits := uint(f.BitsStored)
	centre, top := int64(1)<<(bits-1), int64(1)<<bits-1
	foot := m.foot << bits >> 8
	clamp := func(v int64) uint64 { return uint64(min(max(v>>16, 0), top)) }
	convert := func(y, cb, cr int64) (r, g, b uint64) {
		y, cb, cr = (y-foot)*m.y+1<<15, cb-centre, cr-centre
		return clamp(y + m.crR*cr), clamp(y + m.cbG*cb + m.crG*cr), clamp(y + m.cbB*cb)
	}
	if f.BitsAllocated == 8 {
		for p := f.Pix; len(p) >= 3; p = p[3:] {
			r, g, b := convert(int64(p[0]), int64(p[1]), int64(p[2]))
			p[0], p[1], p[2] = byte(r), byte(g), byte(b)
		}
	} else {
		le := binary.LittleEndian
		for p := f.Pix; len(p) >= 6; p = p[6:] {
			r, g, b := convert(int64(le.Uint16(p)), int64(le.Uint16(p[2:])), int64(le.Uint16(p[4:])))
			le.PutUint16(p, uint16(r))
			le.PutUint16(p[2:], uint16(g))
			le.PutUint16(p[4:], uint16(b))
		}
	}
	f.Photometric = RGB
}
