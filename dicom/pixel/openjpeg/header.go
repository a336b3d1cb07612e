package openjpeg

import (
	"encoding/binary"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
)

const op = "decode JPEG 2000"

// header is what the main header of a codestream says (ISO/IEC 15444-1 A.5,
// A.6).
type header struct {
	rows, columns, components int
	bits                      int
	signed                    bool
	transformed               bool // COD: multiple component transform
	layers, tiles             int64
}

// maxTiles bounds what the library allocates for tiles before it decodes one.
const maxTiles = 8192

// codestream returns the raw codestream in src: DICOM stores it bare (PS3.5
// A.4.4), some writers leave the JP2 file format around it.
func codestream(src []byte) ([]byte, error) {
	be := binary.BigEndian
	if len(src) >= 2 && be.Uint16(src) == 0xff4f {
		return src, nil
	}
	if len(src) < 12 || string(src[4:8]) != "jP  " {
		return nil, radnode.Errorf(radnode.Invalid, op, "fragment holds no JPEG 2000 codestream")
	}
	for len(src) >= 8 {
		size, kind, skip := uint64(be.Uint32(src)), string(src[4:8]), uint64(8)
		if size == 1 && len(src) >= 16 {
			size, skip = be.Uint64(src[8:]), 16
		}
		if size == 0 { // to the end
			size = uint64(len(src))
		}
		if kind == "jp2c" && size >= skip {
			return src[skip:min(size, uint64(len(src)))], nil
		}
		if size < skip || size > uint64(len(src)) {
			break
		}
		src = src[size:]
	}
	return nil, radnode.Errorf(radnode.Invalid, op, "JP2 container holds no codestream")
}

var errHeader = radnode.Errorf(radnode.Invalid, op, "header of the codestream is short or malformed")

// readHeader reads SIZ and COD of the main header and looks through the coding
// styles of the tile-parts.
func readHeader(src []byte) (header, error) {
	if len(src) < 4 || binary.BigEndian.Uint32(src) != 0xff4fff51 {
		return header{}, errHeader
	}
	var h header
	at, err := h.segments(src, 2)
	if err != nil {
		return header{}, err
	}
	be := binary.BigEndian
	for at+12 <= len(src) && be.Uint16(src[at:]) == markerSOT { // A.4.2
		length := int64(be.Uint32(src[at+6:]))
		if _, err := h.segments(src, at+12); err != nil {
			return header{}, err
		}
		if length < 14 || length > int64(len(src)-at) { // 0: up to EOC; the library judges the rest
			break
		}
		at += int(length)
	}
	return h, nil
}

// The markers that matter here (A.2).
const (
	markerSIZ = 0xff51
	markerCOD = 0xff52
	markerCOC = 0xff53
	markerSOT = 0xff90
	markerSOD = 0xff93
)

// segments reads the marker segments of a header from at on; it returns where
// SOT or SOD stands.
func (h *header) segments(src []byte, at int) (int, error) {
	be := binary.BigEndian
	for at+4 <= len(src) {
		marker, n := be.Uint16(src[at:]), int(be.Uint16(src[at+2:]))
		if marker == markerSOT || marker == markerSOD {
			return at, nil
		}
		if marker>>8 != 0xff || n < 2 || at+2+n > len(src) {
			return 0, errHeader
		}
		if err := h.segment(marker, src[at+4:at+2+n]); err != nil {
			return 0, err
		}
		at += 2 + n
	}
	return 0, errHeader
}

func (h *header) segment(marker uint16, body []byte) (err error) {
	switch marker {
	case markerSIZ:
		*h, err = readSIZ(body)
		return err
	case markerCOD:
		if len(body) < 10 {
			return errHeader
		}
		h.layers = int64(binary.BigEndian.Uint16(body[2:]))
		h.transformed = body[4] != 0
		return h.checkStyle(body[0], body[5:])
	case markerCOC:
		skip := 1
		if h.components > 256 {
			skip = 2
		}
		if len(body) < skip+6 {
			return errHeader
		}
		return h.checkStyle(body[skip], body[skip+1:])
	}
	return nil
}

// What the library may be asked to set up for one component.
const (
	maxPackets   = 1 << 22 // precincts of all layers
	freePrecinct = 1 << 16 // precincts, beside one for 256 samples
)

// checkStyle refuses precincts so small, or layers so many, that their
// administration outgrows the picture (A.6.1, B.6): style is Scod or Scoc, sp
// the parameters that follow.
func (h *header) checkStyle(style byte, sp []byte) error {
	levels := int(sp[0])
	if levels > 32 || style&1 == 1 && len(sp) < 5+levels+1 {
		return errHeader
	}
	total := int64(0)
	for r := range levels + 1 {
		px, py := uint(15), uint(15)
		if style&1 == 1 {
			px, py = uint(sp[5+r]&15), uint(sp[5+r]>>4)
		}
		down := uint(levels - r)
		w, hh := ceilShift(int64(h.columns), down), ceilShift(int64(h.rows), down)
		total += ceilShift(w, px) * ceilShift(hh, py)
	}
	if limit := freePrecinct + int64(h.columns)*int64(h.rows)/256; total > limit {
		return radnode.Errorf(radnode.TooLarge, op, "codestream has %d precincts, the limit is %d", total, limit)
	}
	if n := total * max(h.layers, 1); n > maxPackets {
		return radnode.Errorf(radnode.TooLarge, op, "codestream has %d packets, the limit is %d", n, maxPackets)
	}
	return nil
}

func ceilShift(v int64, by uint) int64 { return (v + 1<<by - 1) >> by }

// readSIZ reads the image and tile size (A.5.1).
func readSIZ(b []byte) (header, error) {
	be := binary.BigEndian
	if len(b) < 36 || len(b) < 36+3*int(be.Uint16(b[34:])) {
		return header{}, radnode.Errorf(radnode.Invalid, op, "SIZ marker is short")
	}
	at := func(i int) int64 { return int64(be.Uint32(b[2+4*i:])) }
	x1, y1, x0, y0, tw, th, tx, ty := at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)
	if x1 <= x0 || y1 <= y0 || tw == 0 || th == 0 || tx > x0 || ty > y0 || tx+tw <= x0 || ty+th <= y0 {
		return header{}, radnode.Errorf(radnode.Invalid, op, "SIZ marker has impossible sizes")
	}
	h := header{
		rows: int(y1 - y0), columns: int(x1 - x0), components: int(be.Uint16(b[34:])),
		tiles: ((x1 - tx + tw - 1) / tw) * ((y1 - ty + th - 1) / th),
	}
	for c := range h.components {
		p := b[36+3*c:]
		if p[1] != 1 || p[2] != 1 {
			return header{}, radnode.Errorf(radnode.Unsupported, op, "subsampled components are not decoded here")
		}
		if c > 0 && p[0] != b[36] {
			return header{}, radnode.Errorf(radnode.Unsupported, op, "components of different depth are not decoded here")
		}
	}
	if h.components > 0 {
		h.bits, h.signed = int(b[36]&0x7f)+1, b[36]>>7 == 1
	}
	return h, nil
}

// check compares h with what the object says, before anything is allocated.
func (h header) check(want pixel.Coded) error {
	if err := want.Check("JPEG 2000", h.rows, h.columns, h.components); err != nil {
		return err
	}
	if h.bits > want.Width || h.bits > 31 {
		return radnode.Errorf(radnode.Invalid, op, "samples of %d bits do not fit in %d", h.bits, want.Width)
	}
	if h.tiles > maxTiles {
		return radnode.Errorf(radnode.TooLarge, op, "codestream has %d tiles, the limit is %d", h.tiles, maxTiles)
	}
	// The library holds 4 bytes a sample twice, and as much for the code blocks.
	if need := int64(h.rows) * int64(h.columns) * int64(h.components) * 12; want.MaxBytes > 0 && need > want.MaxBytes {
		return radnode.Errorf(radnode.TooLarge, op, "decoding needs %d bytes, the limit is %d (option max_work_mb)", need, want.MaxBytes)
	}
	return nil
}
