package jpeg

import (
	"encoding/binary"

	"github.com/radnode/radnode"
)

// finish checks that every component came and writes the picture.
func (d *decoder) finish() (Result, error) {
	if d.comps == nil {
		return Result{}, radnode.Errorf(radnode.Invalid, op, "codestream has no frame header")
	}
	for i := range d.comps {
		if !d.comps[i].scanned {
			return Result{}, errShort
		}
	}
	res := Result{Header: d.header}
	if d.process.lossless {
		return res, nil // samples are in place; T.81 H knows no colour transform
	}
	if d.process.progressive {
		if err := d.transformAll(); err != nil {
			return Result{}, err
		}
	}
	res.Transformed = d.isYCC()
	d.write(d.written, d.header.Rows)
	return res, nil
}

// isYCC decides whether three components are YCbCr: the Adobe and JFIF
// markers of the codestream, then subsampling, then the component
// identifiers, then what the object's header says.
func (d *decoder) isYCC() bool {
	if len(d.comps) != 3 {
		return false
	}
	c := d.comps
	switch {
	case d.adobe >= 0:
		return d.adobe != 0
	case d.jfif:
		return true
	case d.hmax > 1 || d.vmax > 1: // only chroma is ever subsampled
		return true
	case c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B':
		return false
	}
	return !d.opt.RGB
}

// write upsamples, converts and interleaves lines first to last-1 of the planes
// into the destination.
func (d *decoder) write(first, last int) {
	w, n := d.header.Columns, len(d.comps)
	rowBytes := w * n * d.opt.Width / 8
	d.written = last
	if n == 1 {
		c := &d.comps[0]
		for y := first; y < last; y++ {
			put(d.dst[y*rowBytes:(y+1)*rowBytes], c.plane[y*c.stride:y*c.stride+w], d.opt.Width)
		}
		return
	}
	var rows, tmp [3][]uint16
	for i := range tmp {
		tmp[i] = room(&d.lines[i], w+8)
	}
	store := interleave
	if d.isYCC() {
		store = yccOf[d.header.Precision]().convert
		if d.header.Precision == 8 && d.opt.Width == 8 {
			store = nil
		}
	}
	line := room(&d.lines[3], 3*w)
	for y := first; y < last; y++ {
		for i := range rows {
			rows[i] = d.comps[i].row(y, d.hmax, d.vmax, tmp[i], w)
		}
		dst := d.dst[y*rowBytes : (y+1)*rowBytes]
		if store == nil {
			convert8(dst, rows[0], rows[1], rows[2])
			continue
		}
		store(line, rows[0], rows[1], rows[2])
		put(dst, line, d.opt.Width)
	}
}

// interleave puts three lines sample by sample into one.
func interleave(dst, a, b, c []uint16) {
	n := len(dst) / 3
	a, b, c = a[:n], b[:n], c[:n]
	for i, v := range a {
		o := dst[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = v, b[i], c[i]
	}
}

// put stores samples little endian in 8 or 16 bits.
func put(dst []byte, src []uint16, width int) {
	if width == 8 {
		dst = dst[:len(src)]
		for len(src) >= 8 {
			s, d := src[:8:8], dst[:8:8]
			d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7] = byte(s[0]), byte(s[1]), byte(s[2]), byte(s[3]), byte(s[4]), byte(s[5]), byte(s[6]), byte(s[7])
			src, dst = src[8:], dst[8:]
		}
		for i, v := range src {
			dst[i] = byte(v)
		}
		return
	}
	for len(src) >= 4 {
		s := src[:4:4]
		binary.LittleEndian.PutUint64(dst, uint64(s[0])|uint64(s[1])<<16|uint64(s[2])<<32|uint64(s[3])<<48)
		src, dst = src[4:], dst[8:]
	}
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], v)
	}
}

// row returns the w samples of line y of the full picture. Chroma at half
// resolution is upsampled by libjpeg's triangle filter; other ratios repeat
// samples (jdsample.c of release 6b).
func (c *component) row(y, hmax, vmax int, tmp []uint16, w int) []uint16 {
	hs, vs := hmax/c.h, vmax/c.v
	at := func(y int) []uint16 {
		y = min(max(y, 0), c.height-1)
		return c.plane[y*c.stride : y*c.stride+c.width]
	}
	switch {
	case hs == 1 && vs == 1:
		return at(y)
	case hs == 2 && vs == 1 && c.width > 2:
		triangle(tmp, at(y))
	case hs == 2 && vs == 2 && c.width > 2:
		near := y/2 - 1 + 2*(y&1)
		triangle2(tmp, at(y/2), at(near))
	default:
		src := at(y / vs)
		for x := range w {
			tmp[x] = src[x/hs]
		}
	}
	return tmp[:w]
}

// triangle doubles a row: 3/4 of the nearer and 1/4 of the farther sample,
// rounding alternately down and up (h2v1_fancy_upsample).
func triangle(dst, src []uint16) {
	n := len(src)
	dst = dst[:min(2*n, len(dst))]
	set := func(i int, v uint32) {
		if i < len(dst) {
			dst[i] = uint16(v)
		}
	}
	set(0, uint32(src[0]))
	set(1, (uint32(src[0])*3+uint32(src[1])+2)>>2)
	for x := 1; x < n-1; x++ {
		v := uint32(src[x]) * 3
		dst[2*x] = uint16((v + uint32(src[x-1]) + 1) >> 2)
		dst[2*x+1] = uint16((v + uint32(src[x+1]) + 2) >> 2)
	}
	set(2*n-2, (uint32(src[n-1])*3+uint32(src[n-2])+1)>>2)
	set(2*n-1, uint32(src[n-1]))
}

// triangle2 doubles a row between two lines (h2v2_fancy_upsample).
func triangle2(dst, src, near []uint16) {
	n := len(src)
	near = near[:n]
	dst = dst[:min(2*n, len(dst))]
	sum := func(x int) uint32 { return uint32(src[x])*3 + uint32(near[x]) }
	set := func(i int, v uint32) {
		if i < len(dst) {
			dst[i] = uint16(v)
		}
	}
	last, this, next := uint32(0), sum(0), sum(1)
	set(0, (this*4+8)>>4)
	set(1, (this*3+next+7)>>4)
	for x := 1; x < n-1; x++ {
		last, this, next = this, next, sum(x+1)
		dst[2*x] = uint16((this*3 + last + 8) >> 4)
		dst[2*x+1] = uint16((this*3 + next + 7) >> 4)
	}
	last, this = this, next
	set(2*n-2, (this*3+last+8)>>4)
	set(2*n-1, (this*4+7)>>4)
}

// convert8 writes interleaved RGB of 8 bits: the arithmetic of yccTables,
// which is quicker done than looked up.
func convert8(dst []byte, y, cb, cr []uint16) {
	const half = 1 << 15
	n := len(dst) / 3
	y, cb, cr = y[:n], cb[:n], cr[:n]
	for i, l := range y {
		v, b, r := int32(l), int32(cb[i])-128, int32(cr[i])-128
		red := v + (91881*r+half)>>16
		green := v + (-22554*b-46802*r+half)>>16
		blue := v + (116130*b+half)>>16
		o := dst[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = byte(min(max(red, 0), 255)), byte(min(max(green, 0), 255)), byte(min(max(blue, 0), 255))
	}
}

// yccTables are the integer tables of libjpeg's jdcolor.c.
type yccTables struct {
	top      int32
	crR, cbB []int32
	crG, cbG []int32
}

func newYCC(precision uint) *yccTables {
	n := 1 << precision
	t := &yccTables{top: int32(n - 1), crR: make([]int32, n), cbB: make([]int32, n), crG: make([]int32, n), cbG: make([]int32, n)}
	fix := func(x float64) int64 { return int64(x*65536 + 0.5) }
	for i := range n {
		x := int64(i - n/2)
		t.crR[i] = int32((fix(1.40200)*x + 1<<15) >> 16)
		t.cbB[i] = int32((fix(1.77200)*x + 1<<15) >> 16)
		t.crG[i] = int32(-fix(0.71414) * x)
		t.cbG[i] = int32(-fix(0.34414)*x + 1<<15)
	}
	return t
}

// convert writes interleaved RGB.
func (t *yccTables) convert(dst, y, cb, cr []uint16) {
	clamp := func(v int32) uint16 { return uint16(min(max(v, 0), t.top)) }
	n := len(dst) / 3
	y, cb, cr = y[:n], cb[:n], cr[:n]
	for i, l := range y {
		v, b, r := int32(l), cb[i], cr[i]
		o := dst[3*i : 3*i+3 : 3*i+3]
		o[0] = clamp(v + t.crR[r])
		o[1] = clamp(v + (t.cbG[b]+t.crG[r])>>16)
		o[2] = clamp(v + t.cbB[b])
	}
}
