package pixel

import (
	"encoding/binary"
	"math/bits"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// nativeBits returns the bits that one native frame occupies (PS3.5 8.1.1):
// frames follow each other without padding, even inside a byte.
func (im *Image) nativeBits() int64 {
	n := int64(im.Rows) * int64(im.Columns) * int64(im.Samples) * int64(im.BitsAllocated)
	if im.subsampled() {
		n = int64(im.Rows) * int64(im.Columns) * 2 * int64(im.BitsAllocated)
	}
	return n
}

// subsampled reports whether native samples come as Y1 Y2 Cb Cr (PS3.3
// C.7.6.3.1.2).
func (im *Image) subsampled() bool {
	return im.Photometric == YBRFull422 || im.Photometric == YBRPartial422
}

// checkNative compares the length of native pixel data with the header.
func (im *Image) checkNative() error {
	if im.Photometric == YBRPartial420 {
		return radnode.Errorf(radnode.Unsupported, opOpen, "native YBR_PARTIAL_420 is not handled here")
	}
	if im.subsampled() {
		full := int64(im.Rows) * int64(im.Columns) * 3 * int64(im.BitsAllocated) / 8 * int64(im.Frames)
		if im.data.Length-im.data.Length%2 >= full {
			im.warn("%s is declared, but the chroma is not subsampled", im.Photometric)
			im.Photometric = map[string]string{YBRFull422: YBRFull, YBRPartial422: ybrPartial}[im.Photometric]
		} else if im.Columns%2 == 1 {
			return radnode.Errorf(radnode.Invalid, opOpen, "%s needs an even number of columns", im.Photometric)
		}
	}
	total, ok := product(im.nativeBits(), int64(im.Frames))
	if !ok || total > 8*im.data.Length {
		return radnode.Errorf(radnode.Invalid, opOpen, "pixel data hold %d bytes, %d frames need %d", im.data.Length, im.Frames, (total+7)/8)
	}
	if further := (8*im.data.Length - total) / im.nativeBits(); further > 0 && 8*im.data.Length-total >= 16 {
		im.warn("pixel data hold %d frames, the header says %d; the others are not shown", int64(im.Frames)+further, im.Frames)
	}
	return nil
}

// readNative reads native frame n; raw leaves all bits of the samples as they
// are.
func (im *Image) readNative(n int, dst *Frame, raw bool) error {
	dst.prepare(im)
	first := int64(n) * im.nativeBits()
	swap := im.swapUnit()
	direct := im.BitsAllocated == dst.BitsAllocated && (im.Samples == 1 || im.Planar == 0) && !im.subsampled()
	if direct && swap <= im.BitsAllocated/8 {
		return im.readDirect(dst.Pix, im.data.Offset+first/8, swap, raw)
	}
	// Whole units of the byte order, so that a frame may begin inside one.
	from, to := first/8, (first+im.nativeBits()+7)/8
	from -= from % int64(swap)
	to = min(to+(int64(swap)-to%int64(swap))%int64(swap), im.data.Length)
	dst.scratch = grow(dst.scratch, int(to-from))
	if err := im.readAt(dst.scratch, im.data.Offset+from); err != nil {
		return err
	}
	swapBytes(dst.scratch, swap)
	unpack(dst.Pix, dst.scratch, int(first-8*from), im.coded())
	if !raw {
		im.mask(dst.Pix)
	}
	return nil
}

// piece is read and finished while it is in the processor's cache.
const piece = 256 << 10

// readDirect reads samples that lie in the file as they do in a frame.
func (im *Image) readDirect(dst []byte, off int64, swap int, raw bool) error {
	for len(dst) > 0 {
		p := dst[:min(piece, len(dst))]
		if err := im.readAt(p, off); err != nil {
			return err
		}
		swapBytes(p, swap)
		if !raw {
			im.mask(p)
		}
		dst, off = dst[len(p):], off+int64(len(p))
	}
	return nil
}

// mask brings native samples to stored values.
func (im *Image) mask(b []byte) {
	if !im.Float {
		maskSamples(b, im.width(), im.BitsStored, im.HighBit, im.Signed)
	}
}

// swapUnit is the number of bytes whose order the transfer syntax turns
// around, 1 for none. In big endian OW, 8-bit samples are swapped in pairs and
// wider ones as a whole (PS3.5 7.3, 8.1.1).
func (im *Image) swapUnit() int {
	switch {
	case !im.data.BigEndian || im.data.VR == dicom.OB:
		return 1
	case im.BitsAllocated <= 16:
		return 2
	}
	return im.width() / 8
}

// swapBytes turns the order of each unit of b around; a rest is left alone.
func swapBytes(b []byte, unit int) {
	switch unit {
	case 2:
		for len(b) >= 8 {
			v := binary.LittleEndian.Uint64(b)
			v = v>>8&0x00ff00ff00ff00ff | v&0x00ff00ff00ff00ff<<8
			binary.LittleEndian.PutUint64(b, v)
			b = b[8:]
		}
		for ; len(b) >= 2; b = b[2:] {
			b[0], b[1] = b[1], b[0]
		}
	case 4:
		for ; len(b) >= 4; b = b[4:] {
			binary.LittleEndian.PutUint32(b, bits.ReverseBytes32(binary.LittleEndian.Uint32(b)))
		}
	case 8:
		for ; len(b) >= 8; b = b[8:] {
			binary.LittleEndian.PutUint64(b, bits.ReverseBytes64(binary.LittleEndian.Uint64(b)))
		}
	}
}

func (c Coded) subsampled() bool {
	return c.Photometric == YBRFull422 || c.Photometric == YBRPartial422
}

// unpack spreads one frame of native bits, beginning at bit off of src, to
// whole samples, colour by pixel.
func unpack(dst, src []byte, off int, c Coded) {
	switch {
	case c.BitsAllocated == 1:
		unpackBits(dst, src, off)
	case c.BitsAllocated != c.Width:
		unpackWide(dst, src, off, c.BitsAllocated, c.Width/8)
	case c.subsampled():
		repeatChroma(dst, src[off/8:], c.Width/8)
	case c.Samples == 3 && c.Planar == 1:
		interleave(dst, src[off/8:], c.Width/8)
	default:
		copy(dst, src[off/8:])
	}
}

// unpackBits gives one byte a bit, least significant bit first (PS3.5 8.1.1).
func unpackBits(dst, src []byte, off int) {
	src, off = src[off/8:], off%8
	i := 0
	for ; i < len(dst) && off != 0; i++ {
		dst[i] = src[0] >> off & 1
		if off++; off == 8 {
			off, src = 0, src[1:]
		}
	}
	for ; i+8 <= len(dst); i += 8 {
		// Each product puts bit k of the byte to bit 0 of byte k.
		v := uint64(src[0])
		v = v&0x7f*0x0002040810204081 | v&0x80<<49
		binary.LittleEndian.PutUint64(dst[i:], v&0x0101010101010101)
		src = src[1:]
	}
	for k := 0; i < len(dst); i, k = i+1, k+1 {
		dst[i] = src[0] >> k & 1
	}
}

// unpackWide spreads samples of any number of bits, least significant bit
// first, as retired formats packed them (12 bits allocated).
func unpackWide(dst, src []byte, off, width, bytes int) {
	for i := 0; i < len(dst); i += bytes {
		v := uint64(0)
		at := off / 8
		for k := 0; k < 5 && at+k < len(src); k++ {
			v |= uint64(src[at+k]) << (8 * k)
		}
		v = v >> (off % 8) & (1<<width - 1)
		for k := range bytes {
			dst[i+k] = byte(v >> (8 * k))
		}
		off += width
	}
}

// interleave turns three colour planes into colour by pixel (PS3.3 C.7.6.3.1.3).
func interleave(dst, src []byte, bytes int) {
	n := len(dst) / 3
	for s := range 3 {
		plane := src[s*n : s*n+n]
		switch bytes {
		case 1:
			for i, v := range plane {
				dst[3*i+s] = v
			}
		default:
			for i := 0; i+bytes <= n; i += bytes {
				copy(dst[3*i+s*bytes:3*i+s*bytes+bytes], plane[i:i+bytes])
			}
		}
	}
}

// repeatChroma turns Y1 Y2 Cb Cr into Y1 Cb Cr Y2 Cb Cr.
func repeatChroma(dst, src []byte, bytes int) {
	for i := 0; i+6*bytes <= len(dst) && len(src) >= 4*bytes; i += 6 * bytes {
		y1, y2, c := src[:bytes], src[bytes:2*bytes], src[2*bytes:4*bytes]
		copy(dst[i:], y1)
		copy(dst[i+bytes:], c)
		copy(dst[i+3*bytes:], y2)
		copy(dst[i+4*bytes:], c)
		src = src[4*bytes:]
	}
}

// maskSamples moves the stored bits of each sample down, clears what is above
// them and extends the sign (PS3.3 C.7.6.3.1: High Bit, Pixel Representation;
// bits above may hold old overlays). It works on all samples of a word at once.
func maskSamples(b []byte, width, stored, high int, signed bool) {
	shift := uint(high + 1 - stored)
	if stored == width && shift == 0 || width == 64 {
		return
	}
	lanes := ^uint64(0) / (1<<width - 1) // 1 in each sample of a word
	mask := lanes * (1<<stored - 1)
	sign := uint64(0)
	if signed {
		sign = lanes << (stored - 1)
	}
	fill := uint64(1)<<width - 1<<stored // the bits above the sign
	if shift == 0 && !signed && clean(b, mask) {
		return
	}
	one := func(v uint64) uint64 {
		v = v >> shift & mask
		return v | v&sign>>(stored-1)*fill
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, one(binary.LittleEndian.Uint64(b)))
		b = b[8:]
	}
	if len(b) > 0 {
		var w [8]byte
		copy(w[:], b)
		binary.LittleEndian.PutUint64(w[:], one(binary.LittleEndian.Uint64(w[:])))
		copy(b, w[:])
	}
}

// clean reports whether b has no bit outside mask, as most objects do: reading
// is cheaper than writing.
func clean(b []byte, mask uint64) bool {
	seen := seenBits(b)
	b = b[len(b)&^127:]
	var w [8]byte
	for len(b) > 0 {
		clear(w[:])
		n := copy(w[:], b)
		seen |= binary.LittleEndian.Uint64(w[:])
		b = b[n:]
	}
	return seen&^mask == 0
}
