package jpegls

// line decodes one line of a component; index is its RUNindex. It returns
// false for damage.
func (c *coder) line(cur, prev []int32, index *int) bool {
	width := len(cur) - 2
	prev = prev[:len(cur)]
	ra, rc, rb := cur[0], prev[0], prev[1]
	for x := 1; x <= width; {
		rd := prev[x+1]
		qs := c.contextOf(ra, rb, rc, rd)
		if qs != 0 {
			v := c.sample(qs, ra, rb, rc)
			if v < 0 {
				return false
			}
			cur[x] = v
			x++
			ra, rc, rb = v, rb, rd
			continue
		}
		n, ended := c.runOf(width+1-x, index)
		if n < 0 {
			return false
		}
		for i := x; i < x+n; i++ {
			cur[i] = ra
		}
		if x += n; !ended {
			break
		}
		v, ok := c.endRun(ra, prev[x], *index)
		if !ok {
			return false
		}
		*index = max(*index-1, 0)
		cur[x] = v
		ra, rc, rb = v, prev[x], prev[x+1]
		x++
	}
	return true
}

// endRun decodes the sample behind a run of ra, below rb.
func (c *coder) endRun(ra, rb int32, index int) (int32, bool) {
	if d := ra - rb; d <= c.near && d >= -c.near {
		e, ok := c.interruption(1, index)
		return c.reconstruct(ra + e*c.step), ok
	}
	e, ok := c.interruption(0, index)
	if rb < ra {
		e = -e
	}
	return c.reconstruct(rb + e*c.step), ok
}

// sampleLine decodes one line of a scan that is interleaved by sample: run
// mode only where every component asks for it (T.87 B.3).
func (s *scan) sampleLine() bool {
	n := len(s.at)
	for x := 1; x <= s.width; {
		var qs [4]int32
		run := int32(0)
		for i := range n {
			cur, prev := s.cur[i], s.prev[i]
			qs[i] = s.contextOf(cur[x-1], prev[x], prev[x-1], prev[x+1])
			run |= qs[i]
		}
		if run != 0 {
			for i := range n {
				cur, prev := s.cur[i], s.prev[i]
				v := s.sample(qs[i], cur[x-1], prev[x], prev[x-1])
				if v < 0 {
					return false
				}
				cur[x] = v
			}
			x++
			continue
		}
		length, ended := s.runOf(s.width+1-x, &s.run[0])
		if length < 0 {
			return false
		}
		for i := range n {
			cur, ra := s.cur[i], s.cur[i][x-1]
			for k := x; k < x+length; k++ {
				cur[k] = ra
			}
		}
		if x += length; !ended {
			break
		}
		if !s.endSampleRun(x) {
			return false
		}
		x++
	}
	return true
}

// endSampleRun decodes the sample of every component behind a run.
func (s *scan) endSampleRun(x int) bool {
	for i := range s.at {
		ra, rb := s.cur[i][x-1], s.prev[i][x]
		e, ok := s.interruption(0, s.run[0])
		if !ok {
			return false
		}
		if rb < ra {
			e = -e
		}
		s.cur[i][x] = s.reconstruct(rb + e*s.step)
	}
	s.run[0] = max(s.run[0]-1, 0)
	return true
}
