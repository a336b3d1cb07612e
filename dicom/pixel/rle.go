package pixel

import (
	"context"
	"encoding/binary"

	"github.com/radnode/radnode"
)

const (
	opRLE         = "decode RLE"
	rleHeader     = 64 // PS3.5 G.5: number of segments and 15 offsets
	rleMaxSegment = 15
)

// decodeRLE decodes one frame of RLE Lossless (PS3.5 Annex G): one segment a
// byte of a sample, most significant byte first.
func decodeRLE(ctx context.Context, src []byte, want Coded, dst []byte) (Decoded, error) {
	out, bytes := dst, want.Width/8
	if want.BitsAllocated == 1 { // the segment holds packed bits
		out = make([]byte, (len(dst)+7)/8)
	}
	segments := want.Samples * bytes
	if len(src) < rleHeader {
		return Decoded{}, radnode.Errorf(radnode.Invalid, opRLE, "frame is shorter than its header")
	}
	if n := binary.LittleEndian.Uint32(src); n != uint32(segments) || segments > rleMaxSegment {
		return Decoded{}, radnode.Errorf(radnode.Invalid, opRLE, "frame has %d segments, the header asks for %d", n, segments)
	}
	for i := range segments {
		if err := ctx.Err(); err != nil {
			return Decoded{}, radnode.Errorf(radnode.Canceled, opRLE, "stopped by the caller: %w", err)
		}
		seg, err := rleSegment(src, i, segments)
		if err != nil {
			return Decoded{}, err
		}
		first := i/bytes*bytes + bytes - 1 - i%bytes
		if err := unpackRun(out, seg, first, segments); err != nil {
			return Decoded{}, err
		}
	}
	if want.BitsAllocated == 1 {
		unpackBits(dst, out, 0)
		return Decoded{Bits: 1}, nil
	}
	return Decoded{Bits: want.BitsAllocated, Raw: true}, nil
}

// rleSegment returns the bytes of segment i.
func rleSegment(src []byte, i, segments int) ([]byte, error) {
	from := int64(binary.LittleEndian.Uint32(src[4+4*i:]))
	to := int64(len(src))
	if i+1 < segments {
		to = int64(binary.LittleEndian.Uint32(src[8+4*i:]))
	}
	if from < rleHeader || from > to || to > int64(len(src)) {
		return nil, radnode.Errorf(radnode.Invalid, opRLE, "segment %d lies outside its frame", i+1)
	}
	return src[from:to], nil
}

// unpackRun decodes the PackBits runs of src (PS3.5 G.3.2) to dst[first],
// dst[first+stride], … until dst is full.
func unpackRun(dst, src []byte, first, stride int) error {
	at, end := first, len(dst)
	for at < end {
		if len(src) < 2 {
			return radnode.Errorf(radnode.Invalid, opRLE, "segment ends before the frame is complete")
		}
		c := int(int8(src[0]))
		switch {
		case c >= 0: // literal
			n := c + 1
			src = src[1:]
			if n > len(src) {
				if (end-at+stride-1)/stride > len(src) {
					return radnode.Errorf(radnode.Invalid, opRLE, "segment ends inside a literal run")
				}
				n = len(src)
			}
			if stride == 1 {
				at += copy(dst[at:], src[:n])
			} else {
				for _, v := range src[:min(n, (end-at+stride-1)/stride)] {
					dst[at] = v
					at += stride
				}
			}
			src = src[n:]
		case c == -128: // nothing
			src = src[1:]
		default:
			n := min(1-c, (end-at+stride-1)/stride)
			v := src[1]
			for range n {
				dst[at] = v
				at += stride
			}
			src = src[2:]
		}
	}
	return nil
}

// startsRLE tells whether a fragment begins with the header of an RLE frame.
func startsRLE(head []byte, want Coded) bool {
	n := want.Samples * want.Width / 8
	if len(head) < rleHeader || int64(binary.LittleEndian.Uint32(head)) != int64(n) || n > rleMaxSegment {
		return false
	}
	last := uint32(rleHeader)
	for i := range rleMaxSegment {
		v := binary.LittleEndian.Uint32(head[4+4*i:])
		if i == 0 && v != rleHeader || i < n && v < last || i >= n && v != 0 {
			return false
		}
		last = v
	}
	return true
}
