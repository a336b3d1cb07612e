package preprocess

import (
	"cmp"
	"math"
	"slices"
)

// lungSide is the side of the square that lung fields are found in.
const lungSide = 256

// chestShape is what was found of a chest.
type chestShape struct {
	fields                [2][]byte // 1 inside: the field on the left of the image, on the right
	area                  [2]int
	midline               float64
	thorax                float64 // inner width at its widest row
	heartRight, heartLeft float64 // extent of the heart from the midline

	thoraxRow, thoraxFrom int    // where the width was found
	heartRows             [2]int // where the extents were found
	reason                string // why there is no ratio
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

// outsideAir marks the air around the body: what is connected to the edge of
// the film over pixels up to the highest value at which it does not yet enter
// the fields. Gaps of the body wall narrower than a few pixels do not count.
func outsideAir(pix []byte) []byte {
	wall := thickened(pix, 2)
	var seeds []int
	for i := range lungSide {
		seeds = append(seeds, i, i*lungSide, i*lungSide+lungSide-1)
	}
	reached := func(limit int) []byte {
		out := make([]byte, len(pix))
		flood(out, lungSide, lungSide, 4, seeds, func(i int) bool { return int(wall[i]) <= limit })
		return out
	}
	low, high := -1, 255 // reached(low) stays outside, reached(high) does not
	for high-low > 1 {
		mid := (low + high) / 2
		if entersFields(reached(mid)) {
			high = mid
		} else {
			low = mid
		}
	}
	return dilated(reducedToOne(reached(low)), 3)
}

// entersFields says whether air covers a twentieth of the expected cores.
func entersFields(air []byte) bool {
	core, inside := 0, 0
	for y := range lungSide {
		for x := range lungSide {
			if firstGuess[0].distance(x, y) < 0.8 || firstGuess[1].distance(x, y) < 0.8 {
				core++
				if air[y*lungSide+x] != 0 {
					inside++
				}
			}
		}
	}
	return inside*20 > core
}

func reducedToOne(mask []byte) []byte {
	for i, v := range mask {
		mask[i] = min(v, 1)
	}
	return mask
}

// thickened is the largest value in a square around each pixel.
func thickened(pix []byte, radius int) []byte {
	across, out := make([]byte, len(pix)), make([]byte, len(pix))
	for i := range pix {
		y, x := i/lungSide, i%lungSide
		for nx := max(0, x-radius); nx <= min(lungSide-1, x+radius); nx++ {
			across[i] = max(across[i], pix[y*lungSide+nx])
		}
	}
	for i := range pix {
		y, x := i/lungSide, i%lungSide
		for ny := max(0, y-radius); ny <= min(lungSide-1, y+radius); ny++ {
			out[i] = max(out[i], across[ny*lungSide+x])
		}
	}
	return out
}

const reach = 1.3 // how far beyond the expected rim a field may go

// darkRegion finds the field of one half: below the value that separates the
// surroundings of the expected place into dark and bright, in one piece,
// smooth and without holes.
func darkRegion(pix, air []byte, e ellipse, side int) []byte {
	near := make([]byte, len(pix))
	var rows [lungSide][256]int
	var all [256]int
	for y := range lungSide {
		for x := range lungSide {
			i := y*lungSide + x
			wrongHalf := side == 0 && x > lungSide*54/100 || side == 1 && x < lungSide*46/100
			if !wrongHalf && air[i] == 0 && e.distance(x, y) < reach {
				near[i] = 1
				rows[y][pix[i]]++
				all[pix[i]]++
			}
		}
	}
	dark := make([]byte, len(pix))
	global := otsuThreshold(all)
	for y, limit := range rowThresholds(&rows, global) {
		for i := y * lungSide; i < (y+1)*lungSide; i++ {
			if near[i] != 0 && pix[i] <= limit {
				dark[i] = 1
			}
		}
	}
	region := piece(opened(dark, 3), e)
	region = filled(closed(region, 7))
	return opened(region, 5)
}

// rowThresholds separates the rows around each row, whose exposure differs from
// the apex to the base, held near the value for the whole field.
func rowThresholds(rows *[lungSide][256]int, global int) (limits [lungSide]byte) {
	const around = lungSide / 8
	var counts [256]int
	n := 0
	add := func(y, sign int) {
		if y < 0 || y >= lungSide {
			return
		}
		for v, c := range rows[y] {
			counts[v] += sign * c
			n += sign * c
		}
	}
	for y := range around {
		add(y, 1)
	}
	for y := range lungSide {
		add(y+around, 1)
		add(y-around-1, -1)
		limit := global
		if n > 0 {
			limit = max(global*8/10, min(global*rowSlack/100, (otsuThreshold(counts)+global)/2))
		}
		limits[y] = byte(limit)
	}
	return limits
}

const rowSlack = 125

// piece keeps the connected part with most pixels inside the expected rim.
func piece(mask []byte, e ellipse) []byte {
	best, bestScore := []int(nil), 0
	seen := make([]byte, len(mask))
	for i, v := range mask {
		if v == 0 || seen[i] != 0 {
			continue
		}
		part := reach4(mask, seen, i)
		score := 0
		for _, j := range part {
			if e.distance(j%lungSide, j/lungSide) < 1 {
				score++
			}
		}
		if score > bestScore {
			best, bestScore = part, score
		}
	}
	out := make([]byte, len(mask))
	for _, j := range best {
		out[j] = 1
	}
	return out
}

// reach4 lists the pixels of a mask connected to pixel i and marks them seen.
func reach4(mask, seen []byte, i int) []int {
	part := []int{i}
	seen[i] = 1
	for k := 0; k < len(part); k++ {
		y, x := part[k]/lungSide, part[k]%lungSide
		for _, d := range [4][2]int{{0, 1}, {1, 0}, {0, -1}, {-1, 0}} {
			ny, nx := y+d[0], x+d[1]
			if ny < 0 || ny >= lungSide || nx < 0 || nx >= lungSide {
				continue
			}
			if j := ny*lungSide + nx; mask[j] != 0 && seen[j] == 0 {
				seen[j] = 1
				part = append(part, j)
			}
		}
	}
	return part
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
	if c.reason = c.uneven(); c.reason != "" {
		return
	}
	c.widths()
	if c.reason == "" && float64(c.thoraxRow) < c.lowerHalf() {
		c.reason = "the chest is widest in its upper half, so a field was not found to its base"
	}
	if r := c.ratio(); c.reason == "" && !(r > 0.25 && r < 0.85) {
		c.reason = "the ratio found is implausible"
	}
}

// mostUneven is how much farther down one field may reach than the other, as a
// share of the film: where consolidation, effusion or a mass hides the base of
// a field, its edge is no longer the heart's.
const mostUneven = 0.10

// uneven says that one field ends much higher than the other.
func (c *chestShape) uneven() string {
	_, right := span(c.fields[0])
	_, left := span(c.fields[1])
	if math.Abs(float64(right-left)) > mostUneven*lungSide {
		return "one lung field ends much higher than the other"
	}
	return ""
}

// lowerHalf is the row where the lower half of the fields begins.
func (c *chestShape) lowerHalf() float64 {
	topRight, right := span(c.fields[0])
	topLeft, left := span(c.fields[1])
	return float64(min(topRight, topLeft)+max(right, left)) / 2
}

// span is the first and the last row of a field.
func span(field []byte) (top, bottom int) {
	top = lungSide
	for y := range lungSide {
		if first, _ := rowEnds(field, y); first >= 0 {
			top, bottom = min(top, y), y
		}
	}
	return top, bottom
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
	dome := rightDome(c.fields[0])
	var reachRight, reachLeft []extent
	for y := top; y <= bottom; y++ {
		first, inner0 := rowEnds(c.fields[0], y)
		inner1, last := rowEnds(c.fields[1], y)
		if first < 0 || last < 0 {
			continue
		}
		if y <= dome+lungSide/20 {
			if width := float64(last - first + 1); width > c.thorax {
				c.thorax, c.thoraxRow, c.thoraxFrom = width, y, first
			}
		}
		if y >= middle && y <= dome {
			reachRight = append(reachRight, extent{y, c.midline - float64(inner0)})
		}
		if y >= middle && y <= dome+lungSide/25 {
			reachLeft = append(reachLeft, extent{y, float64(inner1) - c.midline})
		}
	}
	if len(reachRight) == 0 {
		c.reason = "the heart's rims are not seen"
		return
	}
	right, left := highest(reachRight), highest(reachLeft)
	c.heartRight, c.heartLeft = right.width, left.width
	c.heartRows = [2]int{right.row, left.row}
}

// rightDome is the row where the patient's right diaphragm stands highest
// under the middle of the field. Below it the inner rim of a field is the
// diaphragm's, no longer the heart's; the left dome stands about as high, but
// the heart hides it.
func rightDome(field []byte) int {
	first, last := lungSide, 0
	var bottom [lungSide]int
	for i, v := range field {
		if v != 0 {
			x := i % lungSide
			first, last = min(first, x), max(last, x)
			bottom[x] = i / lungSide
		}
	}
	var rows []float64
	for x := first + (last-first)*30/100; x <= first+(last-first)*80/100; x++ {
		rows = append(rows, float64(bottom[x]))
	}
	slices.Sort(rows)
	return int(rows[len(rows)/5])
}

// extent is how far the heart reaches from the midline in one row.
type extent struct {
	row   int
	width float64
}

// highest is the 95th percentile: one ragged row does not count.
func highest(all []extent) extent {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b extent) int { return cmp.Compare(a.width, b.width) })
	e := sorted[(len(sorted)-1)*95/100]
	e.width = max(0, e.width)
	return e
}

// lines are the widths and the outlines of the fields on the square of
// lungSide, from the corner of its first pixel.
func (c *chestShape) lines() []Line {
	middle := c.midline + 0.5 // columns count pixels, the midline lies among their centres
	across := func(from, to float64, row int) []float64 {
		return []float64{from, float64(row) + 0.5, to, float64(row) + 0.5}
	}
	return []Line{
		{"thoracic_width", across(float64(c.thoraxFrom), float64(c.thoraxFrom)+c.thorax, c.thoraxRow)},
		{"heart_right", across(middle-c.heartRight, middle, c.heartRows[0])},
		{"heart_left", across(middle, middle+c.heartLeft, c.heartRows[1])},
		{"lung_right", outline(c.fields[0])},
		{"lung_left", outline(c.fields[1])},
	}
}

// outline goes up the first and down the last pixels of a field's rows, every
// fourth row and back to its start.
func outline(field []byte) []float64 {
	var up, down []float64
	for y := range lungSide {
		first, last := rowEnds(field, y)
		if first < 0 || y%4 != 0 {
			continue
		}
		up = append(up, float64(first), float64(y)+0.5)
		down = append(down, float64(last+1), float64(y)+0.5)
	}
	if len(down) == 0 {
		return nil
	}
	line := slices.Clone(down)
	for k := len(up) - 2; k >= 0; k -= 2 {
		line = append(line, up[k], up[k+1])
	}
	return append(line, line[0], line[1])
}
