package jpeg

import (
	"bytes"
	"encoding/binary"
)

// guard is the number of zero bytes behind the data of a bit reader, so that
// eight bytes can always be loaded at once.
const guard = 8

// bits reads an entropy-coded segment most significant bit first. The bytes
// were freed of stuffing before (T.81 F.1.2.3).
type bits struct {
	acc  uint64 // unread bits, left aligned
	n    uint   // number of valid bits in acc
	pos  int    // next byte of buf to load
	buf  []byte // data and guard
	size int    // length of the data without guard
}

// fill makes at least 56 bits available; behind the end they are zero.
func (r *bits) fill() {
	if r.pos+guard <= len(r.buf) {
		r.acc |= binary.BigEndian.Uint64(r.buf[r.pos:]) >> r.n
		step := (63 - r.n) >> 3
		r.pos += int(step)
		r.n += step * 8
		return
	}
	// Only zeros are left: n grows without bytes, overrun sees it by pos.
	step := (63 - r.n) >> 3
	r.pos += int(step)
	r.n += step * 8
}

// overrun reports whether more bits were taken than the segment holds.
func (r *bits) overrun() bool { return r.pos-int(r.n>>3) > r.size }

// take returns the next k bits, k <= 16.
func (r *bits) take(k uint) uint32 {
	if r.n < k {
		r.fill()
	}
	v := uint32(r.acc >> (64 - k) & (1<<k - 1))
	r.acc <<= k
	r.n -= k
	return v
}

// reset starts a new segment whose unstuffed bytes, guard included, are buf.
func (r *bits) reset(buf []byte) {
	*r = bits{buf: buf, size: len(buf) - guard}
}

// unstuff appends the entropy-coded segment at the start of src to dst, free
// of stuffed zeros, and guard bytes. It returns the number of bytes of src it
// used: src[used:] begins with a marker or is empty.
func unstuff(dst, src []byte) (out []byte, used int) {
	for {
		i := bytes.IndexByte(src[used:], 0xff)
		if i < 0 {
			dst = append(dst, src[used:]...)
			used = len(src)
			break
		}
		dst = append(dst, src[used:used+i]...)
		used += i
		if used+1 >= len(src) {
			break
		}
		next := src[used+1]
		switch next {
		case 0x00: // stuffed: the 0xff is data
			dst = append(dst, 0xff)
			used += 2
			continue
		case 0xff: // fill byte before a marker (T.81 B.1.1.2)
			used++
			continue
		}
		break
	}
	return append(dst, make([]byte, guard)...), used
}

// extend turns k received bits into a signed difference (T.81 F.2.2.1).
func extend(v uint32, k uint) int32 {
	if k == 0 {
		return 0
	}
	if v < 1<<(k-1) {
		return int32(v) - (1<<k - 1)
	}
	return int32(v)
}
