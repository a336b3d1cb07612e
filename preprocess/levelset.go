package preprocess

import (
	"math"

	"gocv.io/x/gocv"
)

func levelSetImage(r *run, a args) error {
	b, err := r.grey()
	if err != nil {
		return err
	}
	rounds, smoothing := float64(a.int("iterations")), float64(a.int("smoothing"))
	if err := afford(b, rounds*(levelSetStep+levelSetSmooth*smoothing), "take fewer iterations"); err != nil {
		return err
	}
	m, inside, err := r.optionalMask(a)
	if err != nil {
		return err
	}
	defer r.w.release(m)
	in, err := samples(r.w, b)
	if err != nil {
		return err
	}
	c := newContour(in, b.rows, b.columns)
	for i := range c.u {
		if inside != nil {
			c.u[i] = min(inside[i], 1)
		} else if disc(i, b.rows, b.columns) {
			c.u[i] = 1
		}
	}
	for range a.int("iterations") {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		c.step(a.float("inside_weight"), a.float("outside_weight"), a.int("smoothing"))
	}
	out, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	for i, v := range c.u {
		pix[i] = v * 255
	}
	r.replace(out, byte8)
	return nil
}

// disc is the start without a mask: centred, 3/8 of the shorter side in radius.
func disc(i, rows, columns int) bool {
	y, x := float64(i/columns-rows/2), float64(i%columns-columns/2)
	return math.Sqrt(y*y+x*x) < float64(min(rows, columns))*3/8
}

// contour is a level set that is 1 inside and 0 outside (Marquez-Neila 2014).
type contour struct {
	image         []float32
	u, next, temp []byte
	rows, columns int
	odd           bool // the smoothing operators alternate
}

func newContour(image []float32, rows, columns int) *contour {
	n := rows * columns
	return &contour{image: image, u: make([]byte, n), next: make([]byte, n), temp: make([]byte, n), rows: rows, columns: columns}
}

func (c *contour) step(insideWeight, outsideWeight float64, smoothing int) {
	var sum, count [2]float64
	for i, v := range c.image {
		sum[c.u[i]] += float64(v)
		count[c.u[i]]++
	}
	outside := sum[0] / (count[0] + 1e-8)
	inside := sum[1] / (count[1] + 1e-8)
	copy(c.next, c.u)
	for y := range c.rows {
		for x := range c.columns {
			i := y*c.columns + x
			slope := c.slope(y, x)
			if slope == 0 {
				continue
			}
			v := float64(c.image[i])
			force := slope * (insideWeight*(v-inside)*(v-inside) - outsideWeight*(v-outside)*(v-outside))
			if force < 0 {
				c.next[i] = 1
			} else if force > 0 {
				c.next[i] = 0
			}
		}
	}
	c.u, c.next = c.next, c.u
	for range smoothing {
		c.smooth()
	}
}

// slope is |du/dy| + |du/dx| by central differences, one-sided at the edge.
func (c *contour) slope(y, x int) float64 {
	at := func(y, x int) float64 { return float64(c.u[y*c.columns+x]) }
	dy, dx := 0., 0.
	if c.rows > 1 {
		lo, hi := max(y-1, 0), min(y+1, c.rows-1)
		dy = (at(hi, x) - at(lo, x)) / float64(hi-lo)
	}
	if c.columns > 1 {
		lo, hi := max(x-1, 0), min(x+1, c.columns-1)
		dx = (at(y, hi) - at(y, lo)) / float64(hi-lo)
	}
	return math.Abs(dy) + math.Abs(dx)
}

// smooth applies the curvature operator: dilation then erosion by short
// segments in four directions, the other way round every second time.
func (c *contour) smooth() {
	first, second := byte(1), byte(0)
	if c.odd {
		first, second = 0, 1
	}
	c.odd = !c.odd
	c.segments(c.u, c.temp, first)
	c.segments(c.temp, c.u, second)
}

var segmentSteps4 = [4][2]int{{0, 1}, {1, 0}, {1, 1}, {1, -1}}

// segments is inf-sup for value 1 (a pixel is inside if every segment through
// it touches the inside) and sup-inf for value 0 (outside if every segment
// touches the outside). Beyond the edge lies the outside.
func (c *contour) segments(from, to []byte, value byte) {
	for y := range c.rows {
		for x := range c.columns {
			i := y*c.columns + x
			if from[i] == value {
				to[i] = value
				continue
			}
			all := true
			for _, d := range segmentSteps4 {
				if c.at(from, y+d[0], x+d[1]) != value && c.at(from, y-d[0], x-d[1]) != value {
					all = false
					break
				}
			}
			to[i] = 1 - value
			if all {
				to[i] = value
			}
		}
	}
}

func (c *contour) at(u []byte, y, x int) byte {
	if y < 0 || y >= c.rows || x < 0 || x >= c.columns {
		return 0
	}
	return u[y*c.columns+x]
}
