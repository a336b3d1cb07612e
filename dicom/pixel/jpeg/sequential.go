package jpeg

import (
	"encoding/binary"

	"github.com/radnode/radnode"
)

// sequentialScan decodes the blocks of a baseline or extended scan straight
// into the planes (T.81 F.2).
func (d *decoder) sequentialScan(s scan) error {
	for _, c := range s.comps {
		if c.dc == nil || c.ac == nil || !c.latched {
			return radnode.Errorf(radnode.Invalid, op, "scan uses a table that was not defined")
		}
	}
	deep := d.header.Precision > 8
	return d.eachBlock(s, func(c *component, bx, by int) error {
		last, err := d.decodeBlock(c)
		if err != nil {
			return err
		}
		out := c.plane[by*8*c.stride+bx*8:]
		if last == 0 {
			flat(d.block[0], out, c.stride, deep)
			d.block[0] = 0
			return nil
		}
		idct(&d.block, out, c.stride, deep)
		d.block = [64]int32{}
		return nil
	})
}

// decodeBlock decodes one block into d.block, dequantized and in natural
// order; last is the place in zigzag order of the last coefficient seen. The
// bit reader lives in locals here: this is the hot path.
func (d *decoder) decodeBlock(c *component) (last int, err error) {
	r := &d.r
	acc, n, pos, buf := r.acc, r.n, r.pos, r.buf
	dc, ac, q, block := c.dc, c.ac, &c.quant, &d.block
	for k := 0; k < 64; {
		if n < 32 { // a code and its value take at most 32 bits
			if pos+guard <= len(buf) {
				acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			}
			step := (63 - n) >> 3
			pos += int(step)
			n += step * 8
		}
		if k == 0 {
			var diff int32
			var size uint
			if e := dc.diff[acc>>(64-lookBits)]; e != 0 {
				diff, size = e>>8, uint(e&255)
			} else if diff, size = dc.slowDiff(acc); size == 0 {
				return 0, errCode
			}
			acc <<= size & 63
			n -= size
			c.pred += diff
			block[0] = int32(int16(c.pred)) * int32(q[0])
			k = 1
			continue
		}
		var run int
		var v int32
		if e := ac.ac[acc>>(64-lookBits)]; e != 0 {
			run, v = int(e>>8&255), int32(e)>>16
			size := uint(e & 255)
			acc <<= size & 63
			n -= size
		} else {
			var size uint
			if run, v, size = ac.slowAC(acc); size == 0 {
				return 0, errCode
			}
			acc <<= size & 63
			n -= size
		}
		if run == endOfBlock {
			break
		}
		if k += run; k > 63 {
			return 0, radnode.Errorf(radnode.Invalid, op, "block holds more than 64 coefficients")
		}
		z := zigzag[k&63] & 63
		block[z] = v * int32(q[z])
		last = k
		k++
	}
	r.acc, r.n, r.pos = acc, n, pos
	return last, nil
}

// slowDiff decodes a DC code and its bits without the direct table.
func (h *huffman) slowDiff(acc uint64) (diff int32, size uint) {
	s, length := h.symbol(acc)
	k := uint(s)
	if length == 0 || k > 16 {
		return 0, 0
	}
	if k == 16 {
		return 32768, length
	}
	v := uint32(acc << length >> 32)
	if k == 0 {
		return 0, length
	}
	return extend(v>>(32-k), k), length + k
}

// slowAC decodes an AC code and its bits without the direct table.
func (h *huffman) slowAC(acc uint64) (run int, v int32, size uint) {
	s, length := h.symbol(acc)
	if length == 0 {
		return 0, 0, 0
	}
	run, k := int(s>>4), uint(s&15)
	if k == 0 {
		if run == 15 {
			return 15, 0, length
		}
		return endOfBlock, 0, length // T.81 F.2.2.2: other runs without value do not occur
	}
	bits := uint32(acc << length >> 32)
	return run, extend(bits>>(32-k), k), length + k
}
