package jpeg

import (
	"context"

	"github.com/radnode/radnode"
)

const op = "decode JPEG"

var (
	errCode  = radnode.Errorf(radnode.Invalid, op, "entropy-coded data holds a code that is in no Huffman table")
	errShort = radnode.Errorf(radnode.Invalid, op, "codestream ends before the picture is complete")
)

// Header is what the frame header of a codestream says (T.81 B.2.2).
type Header struct {
	Process    string // name of the coding process
	Precision  int    // bits of a sample
	Rows       int
	Columns    int
	Components int
	Lossless   bool
}

// Options say what the object's header knows and the codestream may not.
type Options struct {
	// RGB says that the object declares RGB: three components without any
	// marker that tells otherwise are then left as they are.
	RGB bool
	// Check sees the frame header before anything of the picture's size is
	// allocated; its error ends the decoding.
	Check func(Header) error
	// Width is the number of bits of a sample in the destination, 8 or 16.
	Width int
	// MaxBytes bounds the memory for planes and coefficients; 0: no bound.
	MaxBytes int64
}

// Result tells what was decoded.
type Result struct {
	Header
	Transformed bool // three components were converted from YCbCr to RGB
}

// process is one coding process by its start-of-frame marker (T.81 table B.1).
type process struct {
	name                  string
	supported             bool
	progressive, lossless bool
}

var processes = map[byte]process{
	0xc0: {name: "baseline", supported: true},
	0xc1: {name: "extended sequential", supported: true},
	0xc2: {name: "progressive", supported: true, progressive: true},
	0xc3: {name: "lossless", supported: true, lossless: true},
	0xc5: {name: "hierarchical sequential"},
	0xc6: {name: "hierarchical progressive"},
	0xc7: {name: "hierarchical lossless"},
	0xc9: {name: "arithmetic sequential"},
	0xca: {name: "arithmetic progressive"},
	0xcb: {name: "arithmetic lossless"},
	0xcd: {name: "hierarchical arithmetic sequential"},
	0xce: {name: "hierarchical arithmetic progressive"},
	0xcf: {name: "hierarchical arithmetic lossless"},
}

type component struct {
	id, h, v, tq  int
	width, height int // samples of this component (T.81 A.1.1)
	across, down  int // blocks, padded to whole MCUs
	stride        int // samples of a row of plane
	plane         []uint16
	coef          []int16 // progressive: 64 a block
	quant         [64]uint16
	latched       bool // quant holds the table of the component's first scan
	dc, ac        *huffman
	pred          int32
	scanned       bool // some scan brought samples of it
}

type decoder struct {
	ctx     context.Context
	opt     Options
	src     []byte
	pos     int
	process process
	header  Header
	comps   []component
	hmax    int
	vmax    int
	quant   [4]*[64]uint16
	dc, ac  [4]*huffman
	restart int
	jfif    bool
	adobe   int // transform of the Adobe marker, -1: none
	dst     []byte
	r       bits
	*scratch
	block   [64]int32
	eobRun  int32
	written int // lines of the destination that are done
}

// Decode decodes the codestream src into dst: row by row, components
// interleaved, little endian in Options.Width bits. dst must hold exactly the
// picture that Options.Check accepted.
func Decode(ctx context.Context, src []byte, opt Options, dst []byte) (Result, error) {
	d := &decoder{ctx: ctx, opt: opt, src: src, dst: dst, adobe: -1, scratch: scratches.Get().(*scratch)}
	defer d.release()
	if len(src) < 4 || src[0] != 0xff || src[1] != 0xd8 {
		return Result{}, radnode.Errorf(radnode.Invalid, op, "codestream does not begin with SOI")
	}
	d.pos = 2
	for {
		done, err := d.marker()
		if err != nil {
			return Result{}, err
		}
		if done {
			break
		}
	}
	return d.finish()
}

// marker reads the next marker and its segment; done is true at the end.
func (d *decoder) marker() (done bool, err error) {
	for d.pos < len(d.src) && d.src[d.pos] != 0xff {
		d.pos++ // PS3.5 A.4 pads with zeros; libjpeg skips foreign bytes too
	}
	for d.pos < len(d.src) && d.src[d.pos] == 0xff {
		d.pos++
	}
	if d.pos >= len(d.src) {
		return true, nil // no EOI: complete if every scan was
	}
	m := d.src[d.pos]
	d.pos++
	switch {
	case m == 0xd9: // EOI
		return true, nil
	case m == 0x00, m == 0x01, m >= 0xd0 && m <= 0xd8:
		return false, nil // no segment
	}
	body, err := d.body()
	if err != nil {
		return false, err
	}
	if _, ok := processes[m]; ok {
		return false, d.startOfFrame(m, body)
	}
	switch m {
	case 0xc4:
		return false, d.huffmanTables(body)
	case 0xdb:
		return false, d.quantTables(body)
	case 0xdd:
		if len(body) < 2 {
			return false, errShort
		}
		d.restart = int(body[0])<<8 | int(body[1])
	case 0xe0:
		d.jfif = d.jfif || len(body) >= 5 && string(body[:5]) == "JFIF\x00"
	case 0xee:
		if len(body) >= 12 && string(body[:5]) == "Adobe" {
			d.adobe = int(body[11])
		}
	case 0xda:
		return false, d.startOfScan(body)
	case 0xcc, 0xdc, 0xde, 0xdf: // DAC, DNL, DHP, EXP
		return false, radnode.Errorf(radnode.Unsupported, op, "marker %02X (arithmetic, hierarchical or height after the scan) is not decoded here", m)
	}
	return false, nil
}

// body returns the parameters of the marker segment at pos.
func (d *decoder) body() ([]byte, error) {
	if d.pos+2 > len(d.src) {
		return nil, errShort
	}
	n := int(d.src[d.pos])<<8 | int(d.src[d.pos+1])
	if n < 2 || d.pos+n > len(d.src) {
		return nil, errShort
	}
	b := d.src[d.pos+2 : d.pos+n]
	d.pos += n
	return b, nil
}

// zigzag maps the order of the codestream to row by row (T.81 figure A.6).
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

func (d *decoder) quantTables(b []byte) error {
	for len(b) > 0 {
		wide, t := b[0]>>4, b[0]&15
		size := 64 * (1 + int(wide))
		if wide > 1 || t > 3 || len(b) < 1+size {
			return radnode.Errorf(radnode.Invalid, op, "quantization table is malformed")
		}
		q := new([64]uint16)
		for i := range q {
			if wide == 1 {
				q[zigzag[i]] = uint16(b[1+2*i])<<8 | uint16(b[2+2*i])
			} else {
				q[zigzag[i]] = uint16(b[1+i])
			}
		}
		d.quant[t] = q
		b = b[1+size:]
	}
	return nil
}

func (d *decoder) huffmanTables(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return errShort
		}
		class, t := b[0]>>4, b[0]&15
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		if class > 1 || t > 3 || n > 256 || len(b) < 17+n {
			return radnode.Errorf(radnode.Invalid, op, "Huffman table is malformed")
		}
		h, err := d.huffmanTable(b[1 : 17+n])
		if err != nil {
			return err
		}
		if class == 0 {
			d.dc[t] = h
		} else {
			d.ac[t] = h
		}
		b = b[17+n:]
	}
	return nil
}
