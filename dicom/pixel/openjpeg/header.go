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
	reversible                bool
	tiles                     int64
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

// readHeader reads SIZ and COD of the main header.
func readHeader(src []byte) (header, error) {
	short := radnode.Errorf(radnode.Invalid, op, "main header of the codestream is short or malformed")
	be := binary.BigEndian
	if len(src) < 4 || be.Uint32(src) != 0xff4fff51 {
		return header{}, short
	}
	var h header
	for at := 2; at+4 <= len(src); {
		marker, n := be.Uint16(src[at:]), int(be.Uint16(src[at+2:]))
		if marker == 0xff90 || marker == 0xff93 { // SOT, SOD
			return h, nil
		}
		if marker>>8 != 0xff || n < 2 || at+2+n > len(src) {
			return header{}, short
		}
		body := src[at+4 : at+2+n]
		switch marker {
		case 0xff51:
			var err error
			if h, err = readSIZ(body); err != nil {
				return header{}, err
			}
		case 0xff52:
			if len(body) < 10 {
				return header{}, short
			}
			h.transformed, h.reversible = body[4] != 0, body[9] == 1
		}
		at += 2 + n
	}
	return header{}, short
}

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
		return radnode.Errorf(radnode.TooLarge, op, "decoding needs %d bytes, the limit is %d", need, want.MaxBytes)
	}
	return nil
}
