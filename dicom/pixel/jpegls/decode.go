package jpegls

import (
	"context"
	"encoding/binary"

	"github.com/radnode/radnode"
)

const op = "decode JPEG-LS"

var errShort = radnode.Errorf(radnode.Invalid, op, "codestream ends before the picture is complete")

// Header is what the frame header says (T.87 C.2.2).
type Header struct {
	Precision, Rows, Columns, Components int
}

// Options say what the object's header knows.
type Options struct {
	Check func(Header) error // sees the frame header before anything is allocated
	Width int                // bits of a sample in the destination: 8, 16 or 32
}

// Interleave modes (T.87 C.2.3).
const (
	interleaveNone   = 0
	interleaveLine   = 1
	interleaveSample = 2
)

type decoder struct {
	ctx     context.Context
	opt     Options
	src     []byte
	pos     int
	header  Header
	ids     []int
	done    []bool // components that a scan brought
	presets [5]int // MAXVAL, T1, T2, T3, RESET of an LSE marker, 0 default
	dst     []byte
}

// Decode decodes the codestream src into dst: row by row, components
// interleaved, little endian in Options.Width bits. dst must hold exactly the
// picture that Options.Check accepted.
func Decode(ctx context.Context, src []byte, opt Options, dst []byte) (Header, error) {
	d := &decoder{ctx: ctx, opt: opt, src: src, dst: dst}
	if len(src) < 4 || src[0] != 0xff || src[1] != 0xd8 {
		return Header{}, radnode.Errorf(radnode.Invalid, op, "codestream does not begin with SOI")
	}
	d.pos = 2
	for {
		end, err := d.marker()
		if err != nil {
			return Header{}, err
		}
		if end {
			break
		}
	}
	for _, ok := range d.done {
		if !ok {
			return Header{}, errShort
		}
	}
	if len(d.done) == 0 {
		return Header{}, radnode.Errorf(radnode.Invalid, op, "codestream has no frame header")
	}
	return d.header, nil
}

// marker reads the next marker and its segment; end is true at EOI or where
// nothing follows.
func (d *decoder) marker() (end bool, err error) {
	for d.pos < len(d.src) && d.src[d.pos] != 0xff {
		d.pos++
	}
	for d.pos < len(d.src) && d.src[d.pos] == 0xff {
		d.pos++
	}
	if d.pos >= len(d.src) {
		return true, nil
	}
	m := d.src[d.pos]
	d.pos++
	if m == 0xd9 {
		return true, nil
	}
	if m < 0x80 || m >= 0xd0 && m <= 0xd8 {
		return false, nil // bits of a scan behind its last line, or no segment
	}
	if d.pos+2 > len(d.src) {
		return false, errShort
	}
	n := int(binary.BigEndian.Uint16(d.src[d.pos:]))
	if n < 2 || d.pos+n > len(d.src) {
		return false, errShort
	}
	body := d.src[d.pos+2 : d.pos+n]
	d.pos += n
	switch m {
	case 0xf7:
		return false, d.startOfFrame(body)
	case 0xf8:
		return false, d.preset(body)
	case 0xda:
		return false, d.startOfScan(body)
	case 0xdd:
		for _, b := range body {
			if b != 0 {
				return false, radnode.Errorf(radnode.Unsupported, op, "restart intervals are not decoded here")
			}
		}
	case 0xe8: // HP's colour transforms, outside the standard
		if len(body) >= 5 && string(body[:4]) == "mrfx" && body[4] != 0 {
			return false, radnode.Errorf(radnode.Unsupported, op, "colour transform %d is not decoded here", body[4])
		}
	case 0xc0, 0xc1, 0xc2, 0xc3:
		return false, radnode.Errorf(radnode.Invalid, op, "codestream is JPEG, not JPEG-LS")
	}
	return false, nil
}

func (d *decoder) startOfFrame(b []byte) error {
	if d.done != nil {
		return radnode.Errorf(radnode.Invalid, op, "codestream holds a second picture")
	}
	if len(b) < 6 || len(b) < 6+3*int(b[5]) {
		return errShort
	}
	d.header = Header{
		Precision: int(b[0]), Rows: int(binary.BigEndian.Uint16(b[1:])),
		Columns: int(binary.BigEndian.Uint16(b[3:])), Components: int(b[5]),
	}
	h := d.header
	if h.Precision < 2 || h.Precision > 16 || h.Rows == 0 || h.Columns == 0 || h.Components == 0 || h.Components > 4 {
		return radnode.Errorf(radnode.Unsupported, op, "pictures of %d x %d x %d samples of %d bits are not decoded here", h.Rows, h.Columns, h.Components, h.Precision)
	}
	if d.opt.Check != nil {
		if err := d.opt.Check(h); err != nil {
			return err
		}
	}
	if w := d.opt.Width; w != 8 && w != 16 && w != 32 || h.Precision > w || len(d.dst) != h.Rows*h.Columns*h.Components*w/8 {
		return radnode.Errorf(radnode.Invalid, op, "picture of %d x %d x %d samples of %d bits does not fit the destination", h.Rows, h.Columns, h.Components, h.Precision)
	}
	for i := range h.Components {
		if b[7+3*i] != 0x11 {
			return radnode.Errorf(radnode.Unsupported, op, "subsampled components are not decoded here")
		}
		d.ids = append(d.ids, int(b[6+3*i]))
	}
	d.done = make([]bool, h.Components)
	return nil
}

// preset reads preset coding parameters (T.87 C.2.4.1).
func (d *decoder) preset(b []byte) error {
	if len(b) < 1 || b[0] != 1 {
		return radnode.Errorf(radnode.Unsupported, op, "mapping tables and oversize pictures are not decoded here")
	}
	if len(b) < 11 {
		return errShort
	}
	for i := range d.presets {
		d.presets[i] = int(binary.BigEndian.Uint16(b[1+2*i:]))
	}
	return nil
}

// startOfScan reads the scan header and decodes the scan.
func (d *decoder) startOfScan(b []byte) error {
	if d.done == nil {
		return radnode.Errorf(radnode.Invalid, op, "scan before the frame header")
	}
	if len(b) < 1 || len(b) < 4+2*int(b[0]) || b[0] == 0 || int(b[0]) > d.header.Components {
		return radnode.Errorf(radnode.Invalid, op, "scan header is malformed")
	}
	n := int(b[0])
	var at []int
	for i := range n {
		k := 0
		for k < len(d.ids) && (d.ids[k] != int(b[1+2*i]) || d.done[k]) {
			k++
		}
		if k == len(d.ids) || b[2+2*i] != 0 {
			return radnode.Errorf(radnode.Invalid, op, "scan names a component or table that the picture does not have")
		}
		d.done[k] = true
		at = append(at, k)
	}
	near, mode, shift := int(b[1+2*n]), int(b[2+2*n]), uint(b[3+2*n]&15)
	if n == 1 {
		mode = interleaveNone
	}
	if mode > interleaveSample || n > 1 && mode == interleaveNone || int(shift) >= d.header.Precision {
		return radnode.Errorf(radnode.Invalid, op, "scan has an impossible interleave mode or point transform")
	}
	c, err := newCoder(d.header.Precision, near, d.presets)
	if err != nil {
		return err
	}
	s := scan{coder: c, at: at, mode: mode, shift: shift, width: d.header.Columns}
	c.src = d.src[d.pos:]
	if err := d.lines(&s); err != nil {
		return err
	}
	d.pos += max(c.pos-8, 0) // the reader may be ahead; the next marker is searched from here
	return nil
}

// scan is one scan on its way.
type scan struct {
	*coder
	at        []int // components by place in the picture
	mode      int
	shift     uint
	width     int
	cur, prev [4][]int32 // lines with one sample before and one behind
	run       [4]int     // RUNindex of each component
}

// lines decodes all lines of a scan into the destination.
func (d *decoder) lines(s *scan) error {
	for i := range s.at {
		s.cur[i], s.prev[i] = make([]int32, s.width+2), make([]int32, s.width+2)
	}
	for y := range d.header.Rows {
		if y&31 == 0 && d.ctx.Err() != nil {
			return radnode.Errorf(radnode.Canceled, op, "stopped by the caller: %w", d.ctx.Err())
		}
		for i := range s.at { // T.87 A.2.1: the borders
			s.cur[i][0] = s.prev[i][1]
			s.prev[i][s.width+1] = s.prev[i][s.width]
		}
		ok := true
		if s.mode == interleaveSample {
			ok = s.sampleLine()
		} else {
			for i := range s.at {
				ok = ok && s.line(s.cur[i], s.prev[i], &s.run[i])
			}
		}
		if s.overrun() {
			return errShort
		}
		if !ok {
			return radnode.Errorf(radnode.Invalid, op, "entropy-coded data are damaged")
		}
		for i, k := range s.at {
			d.store(s.cur[i][1:s.width+1], y, k, s.shift)
			s.cur[i], s.prev[i] = s.prev[i], s.cur[i]
		}
	}
	return nil
}

// store writes a line of component k.
func (d *decoder) store(line []int32, y, k int, shift uint) {
	n, w := d.header.Components, d.header.Columns
	bytes := d.opt.Width / 8
	dst := d.dst[(y*w*n+k)*bytes : (y+1)*w*n*bytes]
	switch bytes {
	case 1:
		for x, v := range line {
			dst[x*n] = byte(v << shift)
		}
	case 2:
		for x, v := range line {
			binary.LittleEndian.PutUint16(dst[2*x*n:], uint16(v<<shift))
		}
	default:
		for x, v := range line {
			binary.LittleEndian.PutUint32(dst[4*x*n:], uint32(v<<shift))
		}
	}
}
