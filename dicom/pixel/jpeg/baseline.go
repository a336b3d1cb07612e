package jpeg

import (
	"encoding/binary"
	mathbits "math/bits"
	"runtime"
	"sync"

	"github.com/radnode/radnode"
)

const opBaseline = "encode JPEG baseline"

// EncodeGrey appends a baseline codestream (T.81 Annex F) of 8-bit grey
// samples, row by row, in a JFIF file, with the quantisation of Annex K scaled
// to a quality of 1 to 100. Large pictures are cut into restart intervals (B.2.1)
// that are encoded side by side.
func EncodeGrey(dst, src []byte, rows, columns, quality int) ([]byte, error) {
	if rows < 1 || columns < 1 || rows > 65535 || columns > 65535 || len(src) != rows*columns || quality < 1 || quality > 100 {
		return nil, radnode.Errorf(radnode.Invalid, opBaseline, "%d x %d samples in %d bytes with quality %d are not written here", rows, columns, len(src), quality)
	}
	e := &grey{src: src, rows: rows, columns: columns}
	e.quantise(quality)
	across, down := (columns+7)/8, (rows+7)/8
	bands := 1
	if across*down >= manyBlocks {
		bands = min(runtime.GOMAXPROCS(0), mostBands)
	}
	each := (down + bands - 1) / bands
	for each*across > 65535 { // an interval has 16 bits
		each = (each + 1) / 2
	}
	bands = (down + each - 1) / each
	interval := 0
	if bands > 1 {
		interval = each * across
	}
	parts := make([][]byte, bands)
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() { parts[i] = e.band(i*each, min((i+1)*each, down)) })
	}
	all.Wait()
	dst = e.header(dst, interval)
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, 0xFF, 0xD0+byte((i-1)%8))
		}
		dst = append(dst, p...)
	}
	return append(dst, 0xFF, 0xD9), nil
}

const (
	manyBlocks = 1024 // from which on it pays to cut a picture
	mostBands  = 8
)

// grey is a picture on its way.
type grey struct {
	src           []byte
	rows, columns int
	table         [64]byte    // quantisation, in zigzag order
	scale         [64]float32 // what a coefficient of the transform is multiplied by, row by row
}

// luminance is Table K.1, row by row.
var luminance = [64]int{
	16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
	18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
}

// zigzagOf is the place of a coefficient in the zigzag order (Figure A.6).
var zigzagOf = [64]byte{
	0, 1, 5, 6, 14, 15, 27, 28, 2, 4, 7, 13, 16, 26, 29, 42, 3, 8, 12, 17, 25, 30, 41, 43, 9, 11, 18, 24, 31, 40, 44, 53,
	10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38, 46, 51, 55, 60, 21, 34, 37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63,
}

// aan are the factors that the transform of Arai, Agui and Nakajima leaves in
// its results; the quantisation takes them out.
var aan = [8]float64{1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.541196100, 0.275899379}

// quantise scales the table to a quality as the IJG's library does.
func (e *grey) quantise(quality int) {
	percent := 200 - 2*quality
	if quality < 50 {
		percent = 5000 / quality
	}
	for i, v := range luminance {
		q := min(max((v*percent+50)/100, 1), 255)
		e.table[zigzagOf[i]] = byte(q)
		e.scale[i] = float32(1 / (float64(q) * 8 * aan[i/8] * aan[i%8]))
	}
}

// The Huffman codes of luminance (Tables K.3 and K.5): how many have each
// length, and the symbols in the order of their codes.
var (
	dcLengths = [16]byte{0, 1, 5, 1, 1, 1, 1, 1, 1}
	dcSymbols = []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	acLengths = [16]byte{0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125}
	acSymbols = []byte{
		0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08,
		0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
		0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
		0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
		0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6,
		0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
		0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
	}
	dcCodes, acCodes = codesOf(dcLengths, dcSymbols), codesOf(acLengths, acSymbols)
)

// huffmanCode is a code and its length.
type huffmanCode struct {
	bits   uint32
	length uint32
}

// codesOf assigns codes to symbols (Annex C.2).
func codesOf(lengths [16]byte, symbols []byte) *[256]huffmanCode {
	var codes [256]huffmanCode
	code, k := uint32(0), 0
	for i, n := range lengths {
		for range n {
			codes[symbols[k]] = huffmanCode{code, uint32(i + 1)} //nolint:gosec // below 17
			code++
			k++
		}
		code <<= 1
	}
	return &codes
}

// header writes everything before the entropy-coded segments (B.2).
func (e *grey) header(dst []byte, interval int) []byte {
	dst = append(dst, 0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0)
	dst = append(append(dst, 0xFF, 0xDB, 0, 67, 0), e.table[:]...)
	dst = append(dst, 0xFF, 0xC0, 0, 11, 8, byte(e.rows>>8), byte(e.rows), byte(e.columns>>8), byte(e.columns), 1, 1, 0x11, 0)
	for class, t := range []struct {
		lengths [16]byte
		symbols []byte
	}{{dcLengths, dcSymbols}, {acLengths, acSymbols}} {
		n := 19 + len(t.symbols)
		dst = append(dst, 0xFF, 0xC4, byte(n>>8), byte(n), byte(class<<4))
		dst = append(append(dst, t.lengths[:]...), t.symbols...)
	}
	if interval > 0 {
		dst = append(dst, 0xFF, 0xDD, 0, 4, byte(interval>>8), byte(interval))
	}
	return append(dst, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0)
}

// band encodes the rows of blocks from first to end as one segment.
func (e *grey) band(first, end int) []byte {
	w := greyWriter{out: make([]byte, 0, (end-first)*e.columns*8/3+64)}
	var block [64]float32
	var coefficients [64]int32
	before := int32(0)
	for y := first; y < end; y++ {
		for x := 0; x < e.columns; x += 8 {
			e.load(&block, x, y*8)
			transform(&block)
			mask := e.round(&block, &coefficients)
			w.block(&coefficients, mask, coefficients[0]-before)
			before = coefficients[0]
		}
	}
	return w.end()
}

// load takes a block, levelled around 0; beyond the edges the last sample goes on.
func (e *grey) load(b *[64]float32, x, y int) {
	if x+8 <= e.columns && y+8 <= e.rows {
		for r := range 8 {
			line := e.src[(y+r)*e.columns+x:][:8:8]
			out := b[r*8:][:8:8]
			for c, v := range line {
				out[c] = float32(int32(v) - 128)
			}
		}
		return
	}
	for r := range 8 {
		line := e.src[min(y+r, e.rows-1)*e.columns:]
		for c := range 8 {
			b[r*8+c] = float32(int32(line[min(x+c, e.columns-1)]) - 128)
		}
	}
}

// transform is the forward cosine transform (A.3.3) of Arai, Agui and
// Nakajima: along the rows, then along the columns.
func transform(b *[64]float32) {
	for i := 0; i < 64; i += 8 {
		r := b[i:][:8:8]
		r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7] = transform8(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
	}
	for i := range 8 {
		b[i], b[i+8], b[i+16], b[i+24], b[i+32], b[i+40], b[i+48], b[i+56] =
			transform8(b[i], b[i+8], b[i+16], b[i+24], b[i+32], b[i+40], b[i+48], b[i+56])
	}
}

func transform8(d0, d1, d2, d3, d4, d5, d6, d7 float32) (_, _, _, _, _, _, _, _ float32) {
	s07, m07, s16, m16 := d0+d7, d0-d7, d1+d6, d1-d6
	s25, m25, s34, m34 := d2+d5, d2-d5, d3+d4, d3-d4
	a, b, c, d := s07+s34, s07-s34, s16+s25, s16-s25
	z1 := (d + b) * 0.707106781
	p, q, r := m34+m25, m25+m16, m16+m07
	z5 := (p - r) * 0.382683433
	z2, z4, z3 := 0.541196100*p+z5, 1.306562965*r+z5, q*0.707106781
	u, v := m07+z3, m07-z3
	return a + c, u + z4, b + z1, v - z2, a - c, v + z2, b - z1, u - z4
}

// round quantises the coefficients, in zigzag order; the mask has a bit for
// each that is not 0.
func (e *grey) round(b *[64]float32, out *[64]int32) (mask uint64) {
	for i := range b {
		v := int32(b[i]*e.scale[i]+16384.5) - 16384
		k := zigzagOf[i] & 63
		out[k] = v
		mask |= uint64(uint32(v|-v)>>31) << k
	}
	return mask
}

// greyWriter writes the entropy-coded segment (F.1.2).
type greyWriter struct {
	out []byte
	acc uint64
	n   uint32 // bits in acc
}

// block writes one block: the difference of its first coefficient, then runs of
// zeros with what ends them.
func (w *greyWriter) block(c *[64]int32, mask uint64, diff int32) {
	size, value := magnitude(diff)
	code := dcCodes[size]
	w.put(code.bits<<size|value, code.length+size)
	last := 0
	for mask &^= 1; mask != 0; mask &= mask - 1 {
		k := mathbits.TrailingZeros64(mask)
		run := k - last - 1
		for ; run > 15; run -= 16 {
			w.put(acCodes[0xF0].bits, acCodes[0xF0].length)
		}
		size, value := magnitude(c[k&63])
		code := acCodes[byte(run<<4)|byte(size)]
		w.put(code.bits<<size|value, code.length+size)
		last = k
	}
	if last < 63 {
		w.put(acCodes[0].bits, acCodes[0].length)
	}
}

// magnitude is the category of a value and its additional bits (F.1.2.1).
func magnitude(v int32) (size, value uint32) {
	sign := v >> 31
	size = uint32(mathbits.Len32(uint32((v ^ sign) - sign))) //nolint:gosec // below 32
	return size & 15, uint32(v+sign) & (1<<size - 1)
}

func (w *greyWriter) put(v, n uint32) {
	w.acc = w.acc<<n | uint64(v)
	if w.n += n; w.n < 32 {
		return
	}
	w.n -= 32
	word := uint32(w.acc >> w.n) //nolint:gosec // the upper bits are written already
	if inverse := ^word; (inverse-0x01010101)&^inverse&0x80808080 == 0 {
		w.out = binary.BigEndian.AppendUint32(w.out, word)
		return
	}
	for shift := 24; shift >= 0; shift -= 8 {
		w.octet(byte(word >> shift))
	}
}

// octet writes a byte; after FF stands a 0 (F.1.2.3).
func (w *greyWriter) octet(b byte) {
	if w.out = append(w.out, b); b == 0xFF {
		w.out = append(w.out, 0)
	}
}

// end fills the last byte with ones.
func (w *greyWriter) end() []byte {
	for w.n >= 8 {
		w.n -= 8
		w.octet(byte(w.acc >> w.n))
	}
	if w.n > 0 {
		w.octet(byte(w.acc<<(8-w.n)) | byte(1<<(8-w.n)-1))
	}
	return w.out
}
