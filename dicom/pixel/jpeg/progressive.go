package jpeg

import "github.com/radnode/radnode"

// progressiveScan decodes one scan of a spectral selection or successive
// approximation picture into the coefficients (T.81 Annex G).
func (d *decoder) progressiveScan(s scan) error {
	if s.ss > s.se || s.se > 63 || s.ah > 13 || s.al > 13 || (s.ss == 0) != (s.se == 0) || s.ss > 0 && len(s.comps) != 1 {
		return radnode.Errorf(radnode.Invalid, op, "progressive scan has impossible parameters")
	}
	for _, c := range s.comps {
		if s.ss == 0 && s.ah == 0 && c.dc == nil || s.ss > 0 && c.ac == nil {
			return radnode.Errorf(radnode.Invalid, op, "scan uses a Huffman table that was not defined")
		}
	}
	f := d.refineAC
	switch {
	case s.ss == 0 && s.ah == 0:
		f = d.firstDC
	case s.ss == 0:
		f = d.refineDC
	case s.ah == 0:
		f = d.firstAC
	}
	return d.eachBlock(s, func(c *component, bx, by int) error {
		i := (by*c.across + bx) * 64
		return f(c, (*[64]int16)(c.coef[i:i+64]), s)
	})
}

// firstDC: T.81 G.1.2.1.
func (d *decoder) firstDC(c *component, b *[64]int16, s scan) error {
	k, err := c.dc.next(&d.r)
	if err != nil {
		return err
	}
	if k > 15 {
		return errCode
	}
	if k > 0 {
		c.pred += extend(d.r.take(uint(k)), uint(k))
	}
	b[0] = int16(c.pred << s.al)
	return nil
}

func (d *decoder) refineDC(_ *component, b *[64]int16, s scan) error {
	if d.r.take(1) == 1 {
		b[0] |= 1 << s.al
	}
	return nil
}

// firstAC: T.81 G.1.2.2.
func (d *decoder) firstAC(c *component, b *[64]int16, s scan) error {
	if d.eobRun > 0 {
		d.eobRun--
		return nil
	}
	for k := s.ss; k <= s.se; k++ {
		rs, err := c.ac.next(&d.r)
		if err != nil {
			return err
		}
		run, size := int(rs>>4), uint(rs&15)
		if size == 0 && run < 15 {
			d.eobRun = 1<<run - 1
			if run > 0 {
				d.eobRun += int32(d.r.take(uint(run)))
			}
			return nil
		}
		if k += run; k > 63 {
			return radnode.Errorf(radnode.Invalid, op, "block holds more than 64 coefficients")
		}
		if size > 0 {
			b[zigzag[k]] = int16(extend(d.r.take(size), size) << s.al)
		}
	}
	return nil
}

// refineAC: T.81 G.1.2.3.
func (d *decoder) refineAC(c *component, b *[64]int16, s scan) error {
	k := s.ss
	for d.eobRun == 0 && k <= s.se {
		rs, err := c.ac.next(&d.r)
		if err != nil {
			return err
		}
		run, size := int(rs>>4), rs&15
		var v int16
		switch {
		case size == 1: // one newly non-zero coefficient
			v = -1 << s.al
			if d.r.take(1) == 1 {
				v = 1 << s.al
			}
		case size > 1:
			return errCode
		case run < 15:
			d.eobRun = 1 << run
			if run > 0 {
				d.eobRun += int32(d.r.take(uint(run)))
			}
			run = 64 // the rest of the block only gets correction bits
		}
		if d.eobRun > 0 {
			break
		}
		k = d.correct(b, s, k, run)
		if k <= s.se && v != 0 {
			b[zigzag[k&63]] = v
		}
		k++
	}
	if d.eobRun > 0 {
		d.correct(b, s, k, 64)
		d.eobRun--
	}
	return nil
}

// correct passes run zero coefficients from place k on and reads a correction
// bit for each one that is not zero. It returns the place of the zero
// coefficient behind the run.
func (d *decoder) correct(b *[64]int16, s scan, k, run int) int {
	bit := int16(1) << s.al
	for ; k <= s.se; k++ {
		p := &b[zigzag[k&63]]
		if *p == 0 {
			if run == 0 {
				return k
			}
			run--
			continue
		}
		if d.r.take(1) == 1 && *p&bit == 0 {
			if *p >= 0 {
				*p += bit
			} else {
				*p -= bit
			}
		}
	}
	return k
}

// transformAll turns the complete coefficients into samples.
func (d *decoder) transformAll() error {
	deep := d.header.Precision > 8
	for i := range d.comps {
		c := &d.comps[i]
		if !c.latched {
			return radnode.Errorf(radnode.Invalid, op, "component %d has no quantization table", i+1)
		}
		for by := range c.down {
			if err := d.ctx.Err(); err != nil {
				return radnode.Errorf(radnode.Canceled, op, "stopped by the caller: %w", err)
			}
			for bx := range c.across {
				coef := c.coef[(by*c.across+bx)*64:][:64:64]
				for k, v := range coef {
					d.block[k] = int32(v) * int32(c.quant[k])
				}
				idct(&d.block, c.plane[by*8*c.stride+bx*8:], c.stride, deep)
			}
		}
	}
	return nil
}
