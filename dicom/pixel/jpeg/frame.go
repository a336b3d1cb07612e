package jpeg

import "github.com/radnode/radnode"

// startOfFrame reads the frame header, lets the caller check it and allocates
// the planes (T.81 B.2.2).
func (d *decoder) startOfFrame(m byte, b []byte) error {
	d.process = processes[m]
	if !d.process.supported {
		return radnode.Errorf(radnode.Unsupported, op, "the %s process is not decoded here", d.process.name)
	}
	if d.comps != nil {
		return radnode.Errorf(radnode.Invalid, op, "codestream holds a second picture")
	}
	if len(b) < 6 || len(b) < 6+3*int(b[5]) {
		return errShort
	}
	d.header = Header{
		Process: d.process.name, Precision: int(b[0]),
		Rows: int(b[1])<<8 | int(b[2]), Columns: int(b[3])<<8 | int(b[4]),
		Components: int(b[5]), Lossless: d.process.lossless,
	}
	if err := d.checkHeader(); err != nil {
		return err
	}
	d.comps = make([]component, d.header.Components)
	d.hmax, d.vmax = 1, 1
	for i := range d.comps {
		p := b[6+3*i:]
		c := &d.comps[i]
		c.id, c.h, c.v, c.tq = int(p[0]), int(p[1]>>4), int(p[1]&15), int(p[2])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.tq > 3 {
			return radnode.Errorf(radnode.Invalid, op, "component %d has impossible sampling factors or table", i+1)
		}
		d.hmax, d.vmax = max(d.hmax, c.h), max(d.vmax, c.v)
	}
	return d.layOut()
}

func (d *decoder) checkHeader() error {
	h := d.header
	lossy := !h.Lossless && (h.Precision == 8 || h.Precision == 12)
	lossless := h.Lossless && h.Precision >= 2 && h.Precision <= 16
	if !lossy && !lossless {
		return radnode.Errorf(radnode.Unsupported, op, "%d bits do not exist in the %s process", h.Precision, h.Process)
	}
	if h.Rows == 0 || h.Columns == 0 {
		return radnode.Errorf(radnode.Unsupported, op, "picture without rows or columns in its frame header")
	}
	if h.Components != 1 && h.Components != 3 {
		return radnode.Errorf(radnode.Unsupported, op, "%d components are not decoded here, only 1 and 3", h.Components)
	}
	if d.opt.Check != nil {
		if err := d.opt.Check(h); err != nil {
			return err
		}
	}
	if d.opt.Width != 8 && d.opt.Width != 16 || h.Precision > d.opt.Width {
		return radnode.Errorf(radnode.Invalid, op, "samples of %d bits do not fit in %d", h.Precision, d.opt.Width)
	}
	if len(d.dst) != h.Rows*h.Columns*h.Components*d.opt.Width/8 {
		return radnode.Errorf(radnode.Invalid, op, "picture of %d x %d x %d samples does not fill the destination", h.Rows, h.Columns, h.Components)
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// layOut computes the component sizes (T.81 A.1.1, A.2.4) and allocates.
func (d *decoder) layOut() error {
	h := d.header
	left := int64(len(d.src)-d.pos) * 8
	if h.Lossless {
		if int64(h.Rows)*int64(h.Columns)*int64(h.Components) > left {
			return errShort // a sample takes at least one bit
		}
		if d.hmax != 1 || d.vmax != 1 {
			if len(d.comps) > 1 {
				return radnode.Errorf(radnode.Unsupported, op, "subsampled lossless pictures are not decoded here")
			}
		}
		return nil // decoded straight into the destination
	}
	if len(d.comps) == 1 { // a lone component is never subsampled
		d.comps[0].h, d.comps[0].v, d.hmax, d.vmax = 1, 1, 1, 1
	}
	mcusX, mcusY := ceilDiv(h.Columns, 8*d.hmax), ceilDiv(h.Rows, 8*d.vmax)
	total := int64(0)
	for i := range d.comps {
		c := &d.comps[i]
		if d.hmax%c.h != 0 || d.vmax%c.v != 0 {
			return radnode.Errorf(radnode.Unsupported, op, "sampling factors %dx%d of %dx%d are not decoded here", c.h, c.v, d.hmax, d.vmax)
		}
		c.width, c.height = ceilDiv(h.Columns*c.h, d.hmax), ceilDiv(h.Rows*c.v, d.vmax)
		c.across, c.down = mcusX*c.h, mcusY*c.v
		c.stride = 8 * c.across
		total += int64(c.across) * int64(c.down) * 64 * 2
	}
	if !d.process.progressive && total/128*2 > left {
		return errShort // a block takes at least two bits
	}
	if d.process.progressive {
		total *= 2
	}
	if d.opt.MaxBytes > 0 && total > d.opt.MaxBytes {
		return radnode.Errorf(radnode.TooLarge, op, "decoding needs %d bytes, the limit is %d (option max_work_mb)", total, d.opt.MaxBytes)
	}
	for i := range d.comps {
		c := &d.comps[i]
		if d.process.progressive {
			c.coef = room(&d.scratch.coef[i], c.across*c.down*64)
			clear(c.coef) // scans add to them
		}
		c.plane = room(&d.planes[i], c.stride*8*c.down) // every block that is read is written
	}
	return nil
}

// scan is the header of one scan (T.81 B.2.3).
type scan struct {
	comps          []*component
	ss, se, ah, al int
}

func (d *decoder) startOfScan(b []byte) error {
	if d.comps == nil {
		return radnode.Errorf(radnode.Invalid, op, "scan before the frame header")
	}
	if len(b) < 1 || b[0] < 1 || b[0] > 4 || len(b) < 4+2*int(b[0]) {
		return radnode.Errorf(radnode.Invalid, op, "scan header is malformed")
	}
	n := int(b[0])
	tail := b[1+2*n:]
	s := scan{ss: int(tail[0]), se: int(tail[1]), ah: int(tail[2] >> 4), al: int(tail[2] & 15)}
	for i := range n {
		c := d.component(int(b[1+2*i]), s.comps)
		if c == nil {
			return radnode.Errorf(radnode.Invalid, op, "scan names a component that the picture does not have")
		}
		td, ta := b[2+2*i]>>4, b[2+2*i]&15
		if td > 3 || ta > 3 {
			return radnode.Errorf(radnode.Invalid, op, "scan names an impossible Huffman table")
		}
		c.dc, c.ac, c.pred, c.scanned = d.dc[td], d.ac[ta], 0, true
		if !c.latched && d.quant[c.tq] != nil { // T.81 B.2.4.1: the table at its first scan
			c.quant, c.latched = *d.quant[c.tq], true
		}
		s.comps = append(s.comps, c)
	}
	d.eobRun = 0
	switch {
	case d.process.lossless:
		return d.losslessScan(s)
	case d.process.progressive:
		return d.progressiveScan(s)
	default:
		return d.sequentialScan(s)
	}
}

// component finds a component by its identifier that is not in use already.
func (d *decoder) component(id int, used []*component) *component {
next:
	for i := range d.comps {
		c := &d.comps[i]
		if c.id != id {
			continue
		}
		for _, u := range used {
			if u == c {
				continue next
			}
		}
		return c
	}
	return nil
}

// nextSegment prepares the bit reader for the entropy-coded segment at pos.
func (d *decoder) nextSegment() {
	seg, used := unstuff(d.segment[:0], d.src[d.pos:])
	d.segment = seg
	d.pos += used
	d.r.reset(seg)
}

// restartMarker passes RSTn after a restart interval (T.81 F.2.1.3.1) and
// resets the predictions.
func (d *decoder) restartMarker(n int, s scan) error {
	if d.r.overrun() {
		return errShort
	}
	if d.pos+2 > len(d.src) || d.src[d.pos+1] != 0xd0+byte(n&7) {
		return radnode.Errorf(radnode.Invalid, op, "restart marker %d is missing", n&7)
	}
	d.pos += 2
	for _, c := range s.comps {
		c.pred = 0
	}
	d.eobRun = 0
	d.nextSegment()
	return nil
}

// eachBlock calls f for every block of the scan in the order of the
// codestream (T.81 A.2), with restarts. f gets the block's index in a plane
// of c.across blocks a row.
func (d *decoder) eachBlock(s scan, f func(c *component, bx, by int) error) error {
	d.nextSegment()
	across, down := ceilDiv(d.header.Columns, 8*d.hmax), ceilDiv(d.header.Rows, 8*d.vmax)
	alone := len(s.comps) == 1
	if alone { // not interleaved: only the blocks that hold samples
		across, down = ceilDiv(s.comps[0].width, 8), ceilDiv(s.comps[0].height, 8)
	}
	count, restarts := 0, 0
	for my := range down {
		if err := d.ctx.Err(); err != nil {
			return radnode.Errorf(radnode.Canceled, op, "stopped by the caller: %w", err)
		}
		for mx := range across {
			if d.restart > 0 && count == d.restart {
				if err := d.restartMarker(restarts, s); err != nil {
					return err
				}
				restarts, count = restarts+1, 0
			}
			count++
			if alone {
				if err := f(s.comps[0], mx, my); err != nil {
					return err
				}
				continue
			}
			if err := mcu(s, mx, my, f); err != nil {
				return err
			}
		}
		if d.r.overrun() {
			return errShort
		}
		if len(s.comps) == len(d.comps) && !d.process.progressive {
			d.writeBand(my)
		}
	}
	return nil
}

// writeBand writes the lines that are complete with row my of MCUs, while they
// are in the processor's cache. Chroma at half height is interpolated with the
// line below, which is still to come.
func (d *decoder) writeBand(my int) {
	last := (my + 1) * 8 * d.vmax
	if d.vmax > 1 {
		last--
	}
	if last = min(last, d.header.Rows); last > d.written {
		d.write(d.written, last)
	}
}

func mcu(s scan, mx, my int, f func(c *component, bx, by int) error) error {
	for _, c := range s.comps {
		for v := range c.v {
			for h := range c.h {
				if err := f(c, mx*c.h+h, my*c.v+v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
