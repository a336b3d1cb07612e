package jpegls

import (
	"encoding/binary"
	"math/bits"
)

// reader reads the entropy-coded segment most significant bit first. After a
// byte FF only seven bits of the next one count (T.87 A.1); FF with a byte
// from 80 on is a marker and ends the segment.
type reader struct {
	acc   uint64 // unread bits, left aligned
	n     uint   // number of bits in acc
	src   []byte
	pos   int
	after bool // the last byte was FF
	extra int  // zero bits given behind the end
}

// fill makes at least 56 bits available, zeros behind the end.
func (r *reader) fill() {
	if !r.after && r.pos+8 <= len(r.src) {
		v := binary.BigEndian.Uint64(r.src[r.pos:])
		if inv := ^v; (inv-0x0101010101010101)&^inv&0x8080808080808080 == 0 { // no FF among them
			r.acc |= v >> r.n
			step := (63 - r.n) >> 3
			r.pos += int(step)
			r.n += step * 8
			r.acc &^= ^uint64(0) >> r.n
			return
		}
	}
	for r.n <= 56 {
		if r.pos >= len(r.src) || r.after && r.src[r.pos] >= 0x80 {
			r.extra += int(64 - r.n)
			r.n = 64
			return
		}
		b := r.src[r.pos]
		width := uint(8)
		if r.after {
			width = 7
		}
		r.acc |= uint64(b) << (64 - width - r.n)
		r.n += width
		r.pos++
		r.after = b == 0xff
	}
}

// overrun reports whether bits behind the end were used.
func (r *reader) overrun() bool { return r.extra > int(r.n) }

// take returns the next k bits, k <= 32.
func (r *reader) take(k uint) int32 {
	if r.n < k {
		r.fill()
	}
	v := r.acc >> 1 >> (63 - k)
	r.acc <<= k
	r.n -= k
	return int32(v)
}

// golomb decodes a value of limited length (T.87 A.5.3): the number of zeros
// before a one, then k bits; from limit zeros on the value itself in wide bits.
// It returns -1 for a code that does not exist.
func (r *reader) golomb(k uint, limit, wide uint) int32 {
	if r.n < 56 {
		r.fill()
	}
	zeros := uint(bits.LeadingZeros64(r.acc))
	if zeros < limit && zeros+1+k <= r.n {
		v := int32(zeros<<k | uint(r.acc<<(zeros+1)>>1>>(63-k)))
		r.acc <<= zeros + 1 + k
		r.n -= zeros + 1 + k
		return v
	}
	return r.longGolomb(k, limit, wide)
}

func (r *reader) longGolomb(k uint, limit, wide uint) int32 {
	zeros := uint(0)
	for {
		if r.n < 32 {
			r.fill()
		}
		z := min(uint(bits.LeadingZeros64(r.acc)), 31)
		zeros += z
		if zeros > limit {
			return -1
		}
		r.acc <<= z
		r.n -= z
		if z < 31 {
			break
		}
	}
	r.acc <<= 1
	r.n--
	if zeros < limit {
		return int32(zeros<<k) | r.take(k)
	}
	return r.take(wide) + 1
}
