package radiomics

import (
	"fmt"
	"math"
	"math/bits"
)

// LBPMethod says how the bits of a local binary pattern become a code.
type LBPMethod string

// The methods, named and numbered as scikit-image does.
const (
	LBPDefault    LBPMethod = "default"     // all 2^P patterns
	LBPRor        LBPMethod = "ror"         // the least of all rotations
	LBPUniform    LBPMethod = "uniform"     // ones of uniform patterns, P+1 for others
	LBPNRIUniform LBPMethod = "nri_uniform" // each uniform pattern, rotations apart
)

// LBP computes local binary patterns: whether each of points samples on a
// circle of radius is at least as bright as the centre, first to the right,
// then anticlockwise; interpolated bilinearly, 0 outside the image. It keeps
// scratch memory: one goroutine at a time.
type LBP struct {
	points int
	codes  []uint32 // code of each bit pattern
	count  int      // number of codes
	dy, dx []float64

	row, column    fractions // of the ring, for the size of the last image
	patterns, ties []byte
	known          map[uint8]rulings
}

// NewLBP makes the code table; points is 2 to 16.
func NewLBP(points int, radius float64, method LBPMethod) (*LBP, error) {
	if points < 2 || points > 16 || !(radius > 0) || radius > 64 {
		return nil, fmt.Errorf("local binary pattern of %d points at radius %g: 2 to 16 points and a radius up to 64 pixels are possible", points, radius)
	}
	code, count := lbpCode(points, method)
	if code == nil {
		return nil, fmt.Errorf("local binary pattern method %q is unknown", method)
	}
	l := &LBP{points: points, count: count, codes: make([]uint32, 1<<points)}
	for pattern := range l.codes {
		l.codes[pattern] = uint32(code(uint(pattern)))
	}
	r := float64(float32(radius))
	for k := range points {
		angle := 2 * math.Pi * float64(k) / float64(points)
		l.dy = append(l.dy, round5(-r*math.Sin(angle)))
		l.dx = append(l.dx, round5(r*math.Cos(angle)))
	}
	return l, nil
}

// round5 rounds to 5 decimals as NumPy does.
func round5(x float64) float64 { return math.RoundToEven(x*1e5) / 1e5 }

// Count returns the number of codes; they run from 0 to Count()-1.
func (l *LBP) Count() int { return l.count }

func lbpCode(points int, method LBPMethod) (func(uint) int, int) {
	switch method {
	case LBPDefault:
		return func(p uint) int { return int(p) }, 1 << points
	case LBPRor:
		return func(p uint) int { return leastRotation(p, points) }, 1 << points
	case LBPUniform:
		return func(p uint) int {
			if changes(p, points) <= 2 {
				return bits.OnesCount(p)
			}
			return points + 1
		}, points + 2
	case LBPNRIUniform:
		return func(p uint) int { return uniformIndex(p, points) }, points*(points-1) + 3
	}
	return nil, 0
}

// changes counts 0-1 changes along the bits, without the step from last to first.
func changes(p uint, points int) int {
	return bits.OnesCount((p ^ p>>1) & (1<<(points-1) - 1))
}

func leastRotation(p uint, points int) int {
	least := p
	for range points {
		p = p>>1 | p&1<<(points-1)
		least = min(least, p)
	}
	return int(least)
}

func uniformIndex(p uint, points int) int {
	ones := bits.OnesCount(p)
	switch {
	case changes(p, points) > 2:
		return points*(points-1) + 2
	case ones == 0:
		return 0
	case ones == points:
		return points*(points-1) + 1
	}
	firstOne, firstZero := bits.TrailingZeros(p), bits.TrailingZeros(^p)
	rotation := points - firstOne
	if firstOne == 0 {
		rotation = ones - firstZero
	}
	return 1 + (ones-1)*points + rotation
}

// Codes computes the code of each pixel into out.
func (l *LBP) Codes(pix []byte, rows, columns int, out []uint32) error {
	if rows < 1 || columns < 1 || len(pix) != rows*columns || len(out) != len(pix) {
		return fmt.Errorf("local binary patterns of %d x %d need as many pixels and codes, got %d and %d", rows, columns, len(pix), len(out))
	}
	if l.ring() && rows > 2 && columns > 2 {
		for i, p := range l.ringImage(pix, rows, columns) {
			out[i] = l.codes[p]
		}
		return nil
	}
	for y := range rows {
		for x := range columns {
			out[y*columns+x] = l.codes[l.pattern(pix, rows, columns, y, x)]
		}
	}
	return nil
}

func (l *LBP) ringImage(pix []byte, rows, columns int) []byte {
	if cap(l.patterns) < len(pix) {
		l.patterns = make([]byte, len(pix))
	}
	l.patterns = l.patterns[:len(pix)]
	l.ringPatterns(pix, rows, columns, l.patterns)
	return l.patterns
}

// Histogram counts the codes of the pixels where inside is not zero; nil:
// everywhere.
func (l *LBP) Histogram(pix []byte, rows, columns int, inside []byte) ([]int, error) {
	if rows < 1 || columns < 1 || len(pix) != rows*columns || inside != nil && len(inside) != len(pix) {
		return nil, fmt.Errorf("local binary patterns of %d x %d need as many pixels, got %d", rows, columns, len(pix))
	}
	counts := make([]int, l.count)
	if l.ring() && rows > 2 && columns > 2 {
		for p, n := range CountBytes(l.ringImage(pix, rows, columns), inside) {
			counts[l.codes[p]] += n
		}
		return counts, nil
	}
	for i := range pix {
		if inside == nil || inside[i] != 0 {
			counts[l.codes[l.pattern(pix, rows, columns, i/columns, i%columns)]]++
		}
	}
	return counts, nil
}

// CountBytes counts each byte value where inside is not zero; nil: everywhere.
func CountBytes(pix, inside []byte) [256]int {
	var total [256]int
	if inside != nil {
		for i, v := range pix {
			if inside[i] != 0 {
				total[v]++
			}
		}
		return total
	}
	// Four tables: neighbours are often equal, and a count that waits for the
	// one before it waits long.
	var c [4][256]uint32
	for len(pix) >= 4 {
		c[0][pix[0]]++
		c[1][pix[1]]++
		c[2][pix[2]]++
		c[3][pix[3]]++
		pix = pix[4:]
	}
	for _, v := range pix {
		c[0][v]++
	}
	for v := range total {
		total[v] = int(c[0][v]) + int(c[1][v]) + int(c[2][v]) + int(c[3][v])
	}
	return total
}

// Features returns the histogram as fractions, and its entropy.
func (l *LBP) Features(counts []int) ([]Feature, error) {
	total := 0
	for _, c := range counts {
		total += c
	}
	if total == 0 {
		return nil, ErrEmpty
	}
	out := make([]Feature, 0, len(counts)+1)
	p := make([]float64, len(counts))
	for k, c := range counts {
		p[k] = float64(c) / float64(total)
		out = append(out, Feature{Name: fmt.Sprintf("lbp.pattern_%02d", k), Value: p[k]})
	}
	return append(out, Feature{Name: "lbp.entropy", Value: entropy(p)}), nil
}

// pattern samples one pixel in double precision, in the order of operations
// that scikit-image has: in flat regions the sign of a rounding error decides.
func (l *LBP) pattern(pix []byte, rows, columns, y, x int) uint {
	centre := float64(pix[y*columns+x])
	p := uint(0)
	for k := range l.points {
		if bilinear(pix, rows, columns, float64(y)+l.dy[k], float64(x)+l.dx[k])-centre >= 0 {
			p |= 1 << k
		}
	}
	return p
}

func bilinear(pix []byte, rows, columns int, r, c float64) float64 {
	top, left := math.Floor(r), math.Floor(c)
	dr, dc := r-top, c-left
	r0, c0, r1, c1 := int(top), int(left), int(math.Ceil(r)), int(math.Ceil(c))
	at := func(r, c int) float64 {
		if r < 0 || r >= rows || c < 0 || c >= columns {
			return 0
		}
		return float64(pix[r*columns+c])
	}
	return lerp(dr, lerp(dc, at(r0, c0), at(r0, c1)), lerp(dc, at(r1, c0), at(r1, c1)))
}

// lerp rounds each product, as a machine without fused multiply-add does.
func lerp(t, a, b float64) float64 {
	return float64((1-t)*a) + float64(t*b)
}
