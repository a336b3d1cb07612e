package jpeg

import (
	"context"
	"encoding/binary"
	count "math/bits"
	"slices"

	"github.com/radnode/radnode"
)

const opEncode = "encode JPEG lossless"

// EncodeLossless appends a codestream of process 14, selection value 1 (T.81
// Annex H; PS3.5 8.2.1) with the samples of src: row by row, components
// interleaved, little endian in width bits. Bits above h.Precision are cut.
func EncodeLossless(ctx context.Context, src []byte, h Header, width int, dst []byte) ([]byte, error) {
	if h.Precision < 2 || h.Precision > width || width != 8 && width != 16 || h.Rows < 1 || h.Rows > 65535 || h.Columns < 1 || h.Columns > 65535 ||
		h.Components != 1 && h.Components != 3 || len(src) != h.Rows*h.Columns*h.Components*width/8 {
		return nil, radnode.Errorf(radnode.Unsupported, opEncode, "%d x %d x %d samples of %d bits in %d are not written here", h.Rows, h.Columns, h.Components, h.Precision, width)
	}
	e := lossless1{h: h, width: width, src: src}
	e.cur, e.prev = make([]uint16, h.Columns*h.Components), make([]uint16, h.Columns*h.Components)
	var counts [17]int
	if err := e.eachRow(ctx, func(diffs []uint16) {
		for _, d := range diffs {
			counts[category(d)]++
		}
	}); err != nil {
		return nil, err
	}
	codes := newCodes(counts)
	w := bitWriter{out: e.header(dst, codes)}
	if err := e.eachRow(ctx, func(diffs []uint16) {
		for _, d := range diffs {
			s := category(d)
			w.put(uint64(codes.code[s]), uint(codes.length[s]))
			if s > 0 && s < 16 { // T.81 H.1.2.2: category 16 has no further bits
				v := int(int16(d))
				if v < 0 {
					v--
				}
				w.put(uint64(v)&(1<<s-1), s)
			}
		}
	}); err != nil {
		return nil, err
	}
	return append(w.end(), 0xff, 0xd9), nil
}

// lossless1 goes through a picture and predicts each sample from its left
// neighbour (T.81 H.1.2.1).
type lossless1 struct {
	h         Header
	width     int
	src       []byte
	cur, prev []uint16 // samples of two lines; cur becomes differences
}

func (e *lossless1) eachRow(ctx context.Context, f func(diffs []uint16)) error {
	n := len(e.cur)
	mask := uint16(1<<e.h.Precision - 1)
	for y := range e.h.Rows {
		if y&63 == 0 && ctx.Err() != nil {
			return radnode.Errorf(radnode.Canceled, opEncode, "stopped by the caller: %w", ctx.Err())
		}
		row := e.src[y*n*e.width/8 : (y+1)*n*e.width/8]
		for i := range e.cur {
			if e.width == 8 {
				e.cur[i] = uint16(row[i]) & mask
			} else {
				e.cur[i] = binary.LittleEndian.Uint16(row[2*i:]) & mask
			}
		}
		first := e.prev[:e.h.Components]
		if y == 0 {
			for i := range first {
				first[i] = 1 << (e.h.Precision - 1)
			}
		}
		keep := slices.Clone(e.cur[:e.h.Components])
		for i := n - 1; i >= e.h.Components; i-- {
			e.cur[i] -= e.cur[i-e.h.Components]
		}
		for i := range first {
			e.cur[i] -= first[i]
		}
		f(e.cur)
		copy(first, keep)
	}
	return nil
}

// category is the number of bits of a difference modulo 65536 (T.81 table
// H.2).
func category(d uint16) uint {
	v := int(int16(d))
	return uint(count.Len(uint(max(v, -v))))
}

// header appends what stands before the entropy-coded data (T.81 B.2).
func (e *lossless1) header(dst []byte, c *codes) []byte {
	n := e.h.Components
	dst = append(dst, 0xff, 0xd8, 0xff, 0xc3, 0, byte(8+3*n), byte(e.h.Precision),
		byte(e.h.Rows>>8), byte(e.h.Rows), byte(e.h.Columns>>8), byte(e.h.Columns), byte(n))
	for i := range n {
		dst = append(dst, byte(i+1), 0x11, 0)
	}
	dst = append(dst, 0xff, 0xc4, 0, byte(19+len(c.symbols)), 0)
	dst = append(append(dst, c.counts[1:]...), c.symbols...)
	dst = append(dst, 0xff, 0xda, 0, byte(6+2*n), byte(n))
	for i := range n {
		dst = append(dst, byte(i+1), 0)
	}
	return append(dst, 1, 0, 0)
}

// codes is a Huffman code for the categories of one picture (T.81 Annex C).
type codes struct {
	length  [17]int
	code    [17]uint16
	counts  [17]byte // codes of each length
	symbols []byte   // in order of their codes
}

// reserved stands for the code of all ones, which T.81 C.2 leaves unused.
const reserved = 17

// newCodes makes the code for symbols that occur so often. No code is longer
// than 16 bits: a symbol never counts less than a 2048th of all, and a code of
// 17 bits needs one that is rarer than a Fibonacci number that is larger.
func newCodes(counts [17]int) *codes {
	type node struct {
		weight  int
		symbols []int
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	nodes := []node{{1 + total/2048, []int{reserved}}}
	for s, n := range counts {
		if n > 0 {
			nodes = append(nodes, node{max(n, 1+total/2048), []int{s}})
		}
	}
	var length [18]int
	for len(nodes) > 1 {
		slices.SortStableFunc(nodes, func(a, b node) int { return b.weight - a.weight })
		a, b := nodes[len(nodes)-2], nodes[len(nodes)-1]
		joined := append(slices.Clone(a.symbols), b.symbols...)
		for _, s := range joined {
			length[s]++
		}
		nodes = append(nodes[:len(nodes)-2], node{a.weight + b.weight, joined})
	}
	// The reserved symbol takes the last of the longest codes.
	longest := slices.Max(length[:])
	for s := range length {
		if length[s] == longest && length[reserved] < longest {
			length[s], length[reserved] = length[reserved], longest
		}
	}
	c := &codes{length: [17]int(length[:17])}
	code := uint16(0)
	for n := 1; n <= 16; n++ {
		for s := range c.length {
			if c.length[s] == n {
				c.code[s] = code
				code++
				c.counts[n]++
				c.symbols = append(c.symbols, byte(s))
			}
		}
		code <<= 1
	}
	return c
}

// bitWriter writes bits, most significant first, with stuffing (T.81
// F.1.2.3).
type bitWriter struct {
	out []byte
	acc uint64
	n   uint
}

// put writes the n low bits of v, n at most 16.
func (w *bitWriter) put(v uint64, n uint) {
	w.acc, w.n = w.acc<<n|v, w.n+n
	for ; w.n >= 8; w.n -= 8 {
		b := byte(w.acc >> (w.n - 8))
		w.out = append(w.out, b)
		if b == 0xff {
			w.out = append(w.out, 0)
		}
	}
}

// end fills the last byte with ones.
func (w *bitWriter) end() []byte {
	if w.n > 0 {
		w.put(1<<(8-w.n)-1, 8-w.n)
	}
	return w.out
}
