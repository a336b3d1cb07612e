package preprocess

import "math"

// lungSide is the side of the square that lung fields are found in.
const lungSide = 256

// chestShape is what was found of a chest.
type chestShape struct {
	fields                [2][]byte // 1 inside: the field on the left of the image, on the right
	area                  [2]int
	midline               float64
	thorax                float64 // inner width at its widest row
	heartRight, heartLeft float64 // extent of the heart from the midline
	reason                string  // why there is no ratio
}

func (c chestShape) ratio() float64 { return (c.heartRight + c.heartLeft) / c.thorax }

// ellipse is where a field is expected: centre, half axes, in pixels.
type ellipse struct{ x, y, a, b float64 }

// distance is 1 on the rim, smaller inside.
func (e ellipse) distance(x, y int) float64 {
	dx, dy := (float64(x)-e.x)/e.a, (float64(y)-e.y)/e.b
	return math.Sqrt(dx*dx + dy*dy)
}

// firstGuess is where the fields lie in an average film.
var firstGuess = [2]ellipse{
	{0.29 * lungSide, 0.45 * lungSide, 0.15 * lungSide, 0.30 * lungSide},
	{0.71 * lungSide, 0.45 * lungSide, 0.15 * lungSide, 0.30 * lungSide},
}

// findLungs looks in each half for the dark region around the expected place,
// moves the expectation to what it found, and looks again.
func findLungs(pix []byte) chestShape {
	var c chestShape
	air := outsideAir(pix)
	for side := range 2 {
		e := firstGuess[side]
		for range 3 {
			c.fields[side] = darkRegion(pix, air, e, side)
			found, ok := fit(c.fields[side])
			if !ok {
				break
			}
			e = toward(firstGuess[side], found)
		}
		for _, v := range c.fields[side] {
			c.area[side] += int(v)
		}
	}
	c.measure()
	return c
}

// outsideAir marks what is nearly black and connected to the edge of the film.
func outsideAir(pix []byte) []byte {
	inner := make([]byte, 0, lungSide*lungSide/4)
	for y := lungSide / 4; y < lungSide*3/4; y++ {
		inner = append(inner, pix[y*lungSide+lungSide/4:y*lungSide+lungSide*3/4]...)
	}
	low, mid := percentiles8(inner, 5, 50)
	limit := min(low*0.6, mid*0.3)
	out := make([]byte, len(pix))
	var seeds []int
	for i := range lungSide {
		seeds = append(seeds, i, i*lungSide, i*lungSide+lungSide-1)
	}
	flood(out, lungSide, lungSide, 4, seeds, func(i int) bool { return float64(pix[i]) <= limit })
	return out
}

const reach = 1.45 // how far beyond the expected rim a field may go

// darkRegion finds the field of one half: below the value that separates the
// surroundings of the expected place into dark and bright, in one piece,
// smooth and without holes.
func darkRegion(pix, air []byte, e ellipse, side int) []byte {
	var counts [256]int
	near := make([]byte, len(pix))
	for y := range lungSide {
		for x := range lungSide {
			i := y*lungSide + x
			wrongHalf := side == 0 && x > lungSide*54/100 || side == 1 && x < lungSide*46/100
			if !wrongHalf && air[i] == 0 && e.distance(x, y) < reach {
				near[i] = 1
				counts[pix[i]]++
			}
		}
	}
	limit := byte(otsuThreshold(counts))
	dark := make([]byte, len(pix))
	for i := range dark {
		if near[i] != 0 && pix[i] <= limit {
			dark[i] = 1
		}
	}
	region := piece(opened(dark, 3), e)
	region = filled(closed(region, 7))
	return opened(region, 5)
}

// piece keeps the connected part with most pixels inside the expected rim.
func piece(mask []byte, e ellipse) []byte {
	best, bestScore := make([]byte, len(mask)), 0.
	seen := make([]byte, len(mask))
	for i, v := range mask {
		if v == 0 || seen[i] != 0 {
			continue
		}
		part := make([]byte, len(mask))
		flood(part, lungSide, lungSide, 4, []int{i}, func(j int) bool { return mask[j] != 0 })
		score := 0.
		for j, p := range part {
			if p != 0 {
				seen[j] = 1
				part[j] = 1
				if e.distance(j%lungSide, j/lungSide) < 1 {
					score++
				}
			}
		}
		if score > bestScore {
			best, bestScore = part, score
		}
	}
	return best
}

// fit returns the ellipse with the moments of a region.
func fit(mask []byte) (ellipse, bool) {
	var n, sx, sy, sxx, syy float64
	for i, v := range mask {
		if v != 0 {
			x, y := float64(i%lungSide), float64(i/lungSide)
			n++
			sx += x
			sy += y
			sxx += x * x
			syy += y * y
		}
	}
	if n < 200 {
		return ellipse{}, false
	}
	x, y := sx/n, sy/n
	return ellipse{x, y, 2 * math.Sqrt(max(1, sxx/n-x*x)), 2 * math.Sqrt(max(1, syy/n-y*y))}, true
}

// toward moves an expectation most of the way to what was found, within
// bounds: a bowel or an arm must not drag it off.
func toward(from, to ellipse) ellipse {
	bound := func(v, low, high float64) float64 { return max(low, min(high, v)) }
	mix := func(a, b float64) float64 { return 0.3*a + 0.7*b }
	return ellipse{
		x: bound(mix(from.x, to.x), from.x-0.10*lungSide, from.x+0.10*lungSide),
		y: bound(mix(from.y, to.y), from.y-0.15*lungSide, from.y+0.15*lungSide),
		a: bound(mix(from.a, to.a), 0.09*lungSide, 0.22*lungSide),
		b: bound(mix(from.b, to.b), 0.18*lungSide, 0.42*lungSide),
	}
}

// measure finds the widths, or the reason why it cannot.
func (c *chestShape) measure() {
	total := float64(lungSide * lungSide)
	left, right := float64(c.area[0])/total, float64(c.area[1])/total
	switch {
	case left < 0.04 || right < 0.04:
		c.reason = "a lung field was not found"
		return
	case left > 0.3 || right > 0.3:
		c.reason = "a lung field is implausibly large"
		return
	case left/right > 2.5 || right/left > 2.5:
		c.reason = "the lung fields differ too much in size"
		return
	}
	c.widths()
	if r := c.ratio(); c.reason == "" && !(r > 0.25 && r < 0.85) {
		c.reason = "the ratio found is implausible"
	}
}

// rowEnds are the first and last column of a field in one row, -1 without.
func rowEnds(mask []byte, y int) (first, last int) {
	first, last = -1, -1
	for x := range lungSide {
		if mask[y*lungSide+x] != 0 {
			if first < 0 {
				first = x
			}
			last = x
		}
	}
	return first, last
}

// widths measures row by row: the midline from the gap between the fields in
// their upper half, the heart from their inner rims in the lower half.
func (c *chestShape) widths() {
	top, bottom := lungSide, 0
	for y := range lungSide {
		_, a := rowEnds(c.fields[0], y)
		b, _ := rowEnds(c.fields[1], y)
		if a >= 0 && b >= 0 {
			top, bottom = min(top, y), max(bottom, y)
		}
	}
	if bottom-top < lungSide/5 {
		c.reason = "the lung fields lie at different heights"
		return
	}
	middle := top + (bottom-top)*45/100
	var gap []float64
	for y := top; y < middle; y++ {
		_, a := rowEnds(c.fields[0], y)
		b, _ := rowEnds(c.fields[1], y)
		if a >= 0 && b >= 0 {
			gap = append(gap, float64(a+b)/2)
		}
	}
	c.midline = median(gap)
	var reachRight, reachLeft []float64
	for y := top; y <= bottom; y++ {
		first, inner0 := rowEnds(c.fields[0], y)
		inner1, last := rowEnds(c.fields[1], y)
		if first < 0 || last < 0 {
			continue
		}
		c.thorax = max(c.thorax, float64(last-first+1))
		if y >= middle && y <= bottom-(bottom-top)*5/100 {
			reachRight = append(reachRight, c.midline-float64(inner0))
			reachLeft = append(reachLeft, float64(inner1)-c.midline)
		}
	}
	if len(reachRight) == 0 {
		c.reason = "the heart's rims are not seen"
		return
	}
	c.heartRight, c.heartLeft = highest(reachRight), highest(reachLeft)
}

// highest is the 95th percentile: one ragged row does not count.
func highest(values []float64) float64 {
	sorted := append([]float64(nil), values...)
	for i := 1; i < len(sorted); i++ {
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return max(0, sorted[(len(sorted)-1)*95/100])
}
