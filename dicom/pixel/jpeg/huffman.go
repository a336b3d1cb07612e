package jpeg

import "github.com/radnode/radnode"

// lookBits is the width of the direct look-up tables: most codes together
// with the bits of their value fit in it.
const lookBits = 11

// huffman is one Huffman table (T.81 Annex C and F.2.2.3) with its direct
// look-up tables.
type huffman struct {
	look    [1 << lookBits]uint16 // length<<8 | symbol; 0: code is longer
	ac      [1 << lookBits]uint32 // value<<16 | run<<8 | length; 0: not in here
	diff    [1 << lookBits]int32  // difference<<8 | length; 0: not in here
	maxCode [18]int32             // largest code of each length, -1 if none
	delta   [17]int32             // index of the first symbol of a length less its code
	symbols [256]byte
}

// endOfBlock is the run that the ac table gives for EOB: beyond any block.
const endOfBlock = 64

// newHuffman builds a table from the counts of codes of length 1..16 and the
// symbols in order of their codes.
func newHuffman(counts *[16]byte, symbols []byte) (*huffman, error) {
	h := &huffman{}
	copy(h.symbols[:], symbols)
	code, k := int32(0), int32(0)
	for length := int32(1); length <= 16; length++ {
		n := int32(counts[length-1])
		h.delta[length] = k - code
		h.maxCode[length] = -1
		if n > 0 {
			if code+n > 1<<length {
				return nil, radnode.Errorf(radnode.Invalid, op, "Huffman table has more codes of length %d than fit", length)
			}
			h.maxCode[length] = code + n - 1
			for i := int32(0); i < n && length <= lookBits; i++ {
				h.enter(code+i, length, h.symbols[k+i])
			}
			code += n
			k += n
		}
		code <<= 1
	}
	h.maxCode[17] = 1<<31 - 1
	return h, nil
}

// enter fills the direct tables for one code of at most lookBits bits.
func (h *huffman) enter(code, length int32, symbol byte) {
	first := code << (lookBits - length)
	for i := first; i < first+1<<(lookBits-length); i++ {
		h.look[i] = uint16(length)<<8 | uint16(symbol)
		rest := uint32(i) & (1<<(lookBits-length) - 1) // bits after the code
		free := uint(lookBits - length)
		h.enterAC(i, uint(length), symbol, rest, free)
		if k := uint(symbol); k == 16 { // T.81 H.1.2.2: 32768 without further bits
			h.diff[i] = 32768<<8 | length
		} else if k <= free {
			v := extend(rest>>(free-k), k)
			h.diff[i] = v<<8 | length + int32(k)
		}
	}
}

func (h *huffman) enterAC(i int32, length uint, symbol byte, rest uint32, free uint) {
	run, k := uint32(symbol>>4), uint(symbol&15)
	switch {
	case k == 0 && run == 15: // sixteen zeros: fifteen and a zero value
		h.ac[i] = 15<<8 | uint32(length)
	case k == 0 && run == 0:
		h.ac[i] = endOfBlock<<8 | uint32(length)
	case k > 0 && k <= free:
		v := extend(rest>>(free-k), k)
		h.ac[i] = uint32(v)<<16 | run<<8 | uint32(length+k)
	}
}

// symbol decodes one symbol; at least 16 bits must be available in acc. A
// code that is in no table has length 0.
func (h *huffman) symbol(acc uint64) (symbol byte, length uint) {
	if e := h.look[acc>>(64-lookBits)]; e != 0 {
		return byte(e), uint(e >> 8)
	}
	for length := uint(lookBits + 1); length <= 16; length++ {
		code := int32(acc >> (64 - length))
		if h.maxCode[length] >= 0 && code <= h.maxCode[length] && code+h.delta[length] >= 0 {
			return h.symbols[(code+h.delta[length])&255], length
		}
	}
	return 0, 0
}

// next reads one symbol.
func (h *huffman) next(r *bits) (byte, error) {
	if r.n < 16 {
		r.fill()
	}
	s, length := h.symbol(r.acc)
	if length == 0 {
		return 0, errCode
	}
	r.acc <<= length
	r.n -= length
	return s, nil
}
