package jpeg

import (
	"encoding/binary"

	"github.com/radnode/radnode"
)

// losslessScan decodes a scan of process 14 (T.81 Annex H) into the
// destination. Sums are modulo 65536 (H.1.2.1).
func (d *decoder) losslessScan(s scan) error {
	if s.ss < 1 || s.ss > 7 || s.al > 15 || s.al >= d.header.Precision {
		return radnode.Errorf(radnode.Invalid, op, "lossless scan has an impossible predictor or point transform")
	}
	for _, c := range s.comps {
		if c.dc == nil {
			return radnode.Errorf(radnode.Invalid, op, "scan uses a Huffman table that was not defined")
		}
	}
	w := d.header.Columns
	if d.restart%w != 0 { // H.1.1: whole lines
		return radnode.Errorf(radnode.Invalid, op, "restart interval of a lossless scan is not a number of whole lines")
	}
	lines := newLossless(d.scratch, s, w)
	every, restarts := d.restart/w, 0
	first := true
	d.nextSegment()
	for y := range d.header.Rows {
		if y&63 == 0 && d.ctx.Err() != nil {
			return radnode.Errorf(radnode.Canceled, op, "stopped by the caller: %w", d.ctx.Err())
		}
		if every > 0 && y > 0 && y%every == 0 {
			if err := d.restartMarker(restarts, s); err != nil {
				return err
			}
			restarts++
			first = true
		}
		if err := lines.differences(&d.r, s); err != nil {
			return err
		}
		if d.r.overrun() {
			return errShort
		}
		for i := range s.comps {
			lines.predict(i, s.ss, first, int32(1)<<(d.header.Precision-s.al-1))
		}
		first = false
		d.storeLine(lines, s, y)
		lines.cur, lines.prev = lines.prev, lines.cur
	}
	return nil
}

// lossless holds two lines of each component of a scan.
type lossless struct {
	width     int
	cur, prev [4][]uint16
}

func newLossless(k *scratch, s scan, w int) *lossless {
	l := &lossless{width: w}
	for i := range s.comps {
		l.cur[i], l.prev[i] = room(&k.lines[2*i], w), room(&k.lines[2*i+1], w)
	}
	return l
}

// differences reads the differences of one line, components interleaved.
func (l *lossless) differences(r *bits, s scan) error {
	if len(s.comps) == 1 {
		return lineDifferences(r, s.comps[0].dc, l.cur[0])
	}
	for x := range l.width {
		for i, c := range s.comps {
			if r.n < 32 {
				r.fill()
			}
			diff, size := c.dc.difference(r.acc)
			if size == 0 {
				return errCode
			}
			r.acc <<= size & 63
			r.n -= size
			l.cur[i][x] = uint16(diff)
		}
	}
	return nil
}

// difference decodes a DC code with its bits.
func (h *huffman) difference(acc uint64) (diff int32, size uint) {
	if e := h.diff[acc>>(64-lookBits)]; e != 0 {
		return e >> 8, uint(e & 255)
	}
	return h.slowDiff(acc)
}

// lineDifferences is the hot path: one component, the bit reader in locals.
func lineDifferences(r *bits, h *huffman, out []uint16) error {
	acc, n, pos, buf := r.acc, r.n, r.pos, r.buf
	for x := range out {
		if n < 32 {
			if pos+guard <= len(buf) {
				acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			}
			step := (63 - n) >> 3
			pos += int(step)
			n += step * 8
		}
		e := h.diff[acc>>(64-lookBits)]
		diff, size := e>>8, uint(e&255)
		if e == 0 {
			if diff, size = h.slowDiff(acc); size == 0 {
				return errCode
			}
		}
		acc <<= size & 63
		n -= size
		out[x] = uint16(diff)
	}
	r.acc, r.n, r.pos = acc, n, pos
	return nil
}

// predict turns the differences of component i into samples (T.81 table
// H.1): a is the sample to the left, b above, c above left.
func (l *lossless) predict(i, selection int, first bool, origin int32) {
	cur := l.cur[i]
	if first {
		a := uint16(origin) // H.1.2.1
		for x, v := range cur {
			a += v
			cur[x] = a
		}
		return
	}
	prev := l.prev[i][:len(cur)]
	a := cur[0] + prev[0]
	cur[0] = a
	cur, above := cur[1:], prev[1:]
	left := prev[:len(above)]
	switch selection {
	case 1:
		for x, v := range cur {
			a += v
			cur[x] = a
		}
	case 2:
		for x, v := range cur {
			cur[x] = v + above[x]
		}
	case 3:
		for x, v := range cur {
			cur[x] = v + left[x]
		}
	default:
		predictPlane(cur, above, left, a, selection)
	}
}

func predictPlane(cur, above, left []uint16, first uint16, selection int) {
	a := int32(first)
	above, left = above[:len(cur)], left[:len(cur)]
	for x, v := range cur {
		b, c := int32(above[x]), int32(left[x])
		var p int32
		switch selection {
		case 4:
			p = a + b - c
		case 5:
			p = a + (b-c)>>1
		case 6:
			p = b + (a-c)>>1
		default:
			p = (a + b) >> 1
		}
		s := uint16(int32(v) + p)
		cur[x] = s
		a = int32(s)
	}
}

// storeLine writes line y of the scan's components, the point transform
// undone (T.81 H.2.1), cut to the precision.
func (d *decoder) storeLine(l *lossless, s scan, y int) {
	n := len(d.comps)
	w := l.width
	mask := uint16(1<<d.header.Precision - 1)
	for i, c := range s.comps {
		at := 0
		for k := range d.comps {
			if &d.comps[k] == c {
				at = k
			}
		}
		cur := l.cur[i]
		if d.opt.Width == 8 {
			dst := d.dst[y*w*n+at : (y+1)*w*n]
			for x, v := range cur {
				dst[x*n] = byte(v << s.al & mask)
			}
			continue
		}
		dst := d.dst[(y*w*n+at)*2 : (y+1)*w*n*2]
		for x, v := range cur {
			binary.LittleEndian.PutUint16(dst[x*n*2:], v<<s.al&mask)
		}
	}
}
