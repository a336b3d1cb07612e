package jpeg

import (
	"encoding/binary"
	mathbits "math/bits"
	"runtime"
	"slices"
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
	parts := make([]*greyWriter, bands)
	var all sync.WaitGroup
	for i := range parts {
		parts[i] = greyWriters.Get().(*greyWriter) //nolint:forcetypeassert // nothing else is put
		if i > 0 {
			all.Go(func() { e.band(parts[i], i*each, min((i+1)*each, down)) })
		}
	}
	e.band(parts[0], 0, min(each, down))
	all.Wait()
	total := mostHeader
	for _, w := range parts {
		total += len(w.out) + 2
	}
	dst = e.header(slices.Grow(dst, total), interval)
	for i, w := range parts {
		if i > 0 {
			dst = append(dst, 0xFF, 0xD0+byte((i-1)%8))
		}
		dst = append(dst, w.out...)
		greyWriters.Put(w)
	}
	return append(dst, 0xFF, 0xD9), nil
}

// greyWriters are kept for their memory.
var greyWriters = sync.Pool{New: func() any { return new(greyWriter) }}

const (
	manyBlocks = 1024 // from which on it pays to cut a picture
	mostBands  = 8
	mostHeader = 400
)

// grey is a picture on its way.
type grey struct {
	src           []byte
	rows, columns int
	table         [64]byte    // quantisation, in zigzag order
	scale         [64]float32 // what a coefficient of the transform is multiplied by, column by column
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

// quantise scales the table to a quality as the IJG's library does.
func (e *grey) quantise(quality int) {
	percent := 200 - 2*quality
	if quality < 50 {
		percent = 5000 / quality
	}
	for i, v := range luminance {
		q := min(max((v*percent+50)/100, 1), 255)
		e.table[zigzagOf[i]] = byte(q)
		e.scale[i%8*8+i/8] = float32(1 / (float64(q) * 8 * aan[i/8] * aan[i%8]))
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
func (e *grey) band(w *greyWriter, first, end int) {
	w.out, w.acc, w.n = w.out[:0], 0, 0
	var edge [64]byte
	var coefficients [64]int16
	before := int16(0)
	for y := 8 * first; y < 8*end; y += 8 {
		for x := 0; x < e.columns; x += 8 {
			src, stride := edge[:], 8
			if x+8 <= e.columns && y+8 <= e.rows {
				src, stride = e.src[y*e.columns+x:], e.columns
			} else {
				e.extend(&edge, x, y)
			}
			some := fdct(src, stride, &e.scale, &coefficients)
			w.block(&coefficients, inZigzag(some), int32(coefficients[0])-int32(before))
			before = coefficients[0]
		}
	}
	w.end()
}

// extend takes a block at an edge, beyond which the last sample goes on.
func (e *grey) extend(b *[64]byte, x, y int) {
	for r := range 8 {
		line := e.src[min(y+r, e.rows-1)*e.columns:]
		for c := range 8 {
			b[r*8+c] = line[min(x+c, e.columns-1)]
		}
	}
}

// The two orders of coefficients: columnwise has for each place in the zigzag
// order the place column by column, zigzagBits for each octet of bits column by
// column the bits in the zigzag order.
var columnwise, zigzagBits = func() (place [64]byte, bits [8][256]uint64) {
	for i, k := range zigzagOf {
		at := i%8*8 + i/8
		place[k] = byte(at) //nolint:gosec // below 64
		for octet := range 256 {
			if octet>>(at%8)&1 == 1 {
				bits[at/8][octet] |= 1 << k
			}
		}
	}
	return place, bits
}()

// inZigzag brings a bit for each coefficient from the order of fdct to the
// zigzag order.
func inZigzag(v uint64) uint64 {
	t := &zigzagBits
	return t[0][byte(v)] | t[1][byte(v>>8)] | t[2][byte(v>>16)] | t[3][byte(v>>24)] |
		t[4][byte(v>>32)] | t[5][byte(v>>40)] | t[6][byte(v>>48)] | t[7][byte(v>>56)]
}

// greyWriter writes the entropy-coded segment (F.1.2).
type greyWriter struct {
	out []byte
	acc uint64
	n   uint32 // bits in acc, fewer than 32 between two codes
}

// mostBlock is more than one block can take: 64 codes of at most 16 bits with
// 11 more, each octet followed by a 0.
const mostBlock = 64*27/8*2 + 8

// block writes one block: the difference of its first coefficient, then runs of
// zeros with what ends them. some has a bit for each coefficient that is not
// 0, in zigzag order.
func (w *greyWriter) block(c *[64]int16, some uint64, diff int32) {
	var codes [128]code // at most 66
	codes[0] = joined(dcCodes, 0, diff)
	i, next := 1, 1
	for some &^= 1; some != 0; some &= some - 1 {
		k := mathbits.TrailingZeros64(some)
		run := k - next
		next = k + 1
		for ; run > 15; run -= 16 {
			codes[i&127] = zeros16
			i++
		}
		v := int32(c[columnwise[k&63]&63])
		if at := uint32(v + shortest); at < 2*shortest { //nolint:gosec // negative ones are too large
			codes[i&127] = shortCodes[run&15][at]
		} else {
			codes[i&127] = joined(acCodes, run, v)
		}
		i++
	}
	if next < 64 {
		codes[i&127] = restIsZero
		i++
	}
	w.write(codes[:i&127])
}

// code is a Huffman code with the additional bits behind it, then 5 bits that
// say how many they are.
type code uint32

// joined is the code of a value after a run of zeros (F.1.2.1, F.1.2.2).
func joined(codes *[256]huffmanCode, run int, v int32) code {
	sign := v >> 31
	size := uint32(mathbits.Len32(uint32((v ^ sign) - sign))) //nolint:gosec // below 32
	h := codes[byte(run<<4)|byte(size)]
	return code((h.bits<<size|uint32(v+sign)&(1<<size-1))<<5 | h.length + size) //nolint:gosec // two's complement is meant
}

// shortest bounds the values whose codes are kept.
const shortest = 32

var (
	zeros16    = joined(acCodes, 15, 0)
	restIsZero = joined(acCodes, 0, 0)
	shortCodes = func() (t [16][2 * shortest]code) {
		for run := range t {
			for i := range t[run] {
				t[run][i] = joined(acCodes, run, int32(i)-shortest) //nolint:gosec // below 64
			}
		}
		return t
	}()
)

// write adds the codes of one block.
func (w *greyWriter) write(codes []code) {
	if cap(w.out)-len(w.out) < mostBlock {
		w.out = slices.Grow(w.out, len(w.out)+mostBlock)
	}
	out, acc, have := w.out, w.acc, w.n
	for _, c := range codes {
		n := uint32(c) & 31
		acc = acc<<n | uint64(c>>5)
		if have += n; have < 32 {
			continue
		}
		have -= 32
		v := uint32(acc >> (have & 31)) //nolint:gosec // the upper bits are written already
		if inverse := ^v; (inverse-0x01010101)&^inverse&0x80808080 == 0 {
			out = binary.BigEndian.AppendUint32(out, v)
		} else {
			out = stuffed(out, v)
		}
	}
	w.out, w.acc, w.n = out, acc, have
}

// stuffed appends 32 bits, with a 0 after each octet of ones (F.1.2.3).
func stuffed(out []byte, v uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if out = append(out, byte(v>>shift)); byte(v>>shift) == 0xFF {
			out = append(out, 0)
		}
	}
	return out
}

// end fills the last byte with ones.
func (w *greyWriter) end() {
	fill := (8 - w.n%8) % 8
	rest := w.acc<<fill | (1<<fill - 1)
	for left := w.n + fill; left > 0; left -= 8 {
		b := byte(rest >> (left - 8))
		if w.out = append(w.out, b); b == 0xFF {
			w.out = append(w.out, 0)
		}
	}
}
