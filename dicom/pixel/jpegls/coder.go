package jpegls

import (
	"math/bits"

	"github.com/radnode/radnode"
)

// coder holds the parameters and the adaptive state of one scan (T.87 A.2).
type coder struct {
	reader
	maxVal, near, reset int32
	step                int32 // 2 NEAR + 1
	span                int32 // RANGE (2 NEAR + 1)
	qbpp, limit         uint
	quant               []int8 // of a difference, shifted by maxVal
	regular             [365]state
	interrupted         [2]runContext
}

// state is the state of one regular context (T.87 A.2.2).
type state struct{ a, b, c, n int32 }

// runContext is the state of a run interruption context.
type runContext struct{ a, n, nn int32 }

// runLength is J, the order of run lengths (T.87 A.2.1).
var runLength = [32]uint{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// maxOrder bounds the Golomb order that damaged state could ask for.
const maxOrder = 24

// clampTo is CLAMP of T.87 C.2.4.1.1.1.
func clampTo(i, low, maxVal int) int {
	if i > maxVal || i < low {
		return low
	}
	return i
}

// thresholds returns the default T1, T2 and T3 (T.87 C.2.4.1.1.1).
func thresholds(maxVal, near int) (t1, t2, t3 int) {
	if maxVal >= 128 {
		f := (min(maxVal, 4095) + 128) / 256
		t1 = clampTo(f+2+3*near, near+1, maxVal)
		t2 = clampTo(4*f+3+5*near, t1, maxVal)
		t3 = clampTo(17*f+4+7*near, t2, maxVal)
		return t1, t2, t3
	}
	f := 256 / (maxVal + 1)
	t1 = clampTo(max(2, 3/f+3*near), near+1, maxVal)
	t2 = clampTo(max(3, 7/f+5*near), t1, maxVal)
	t3 = clampTo(max(4, 21/f+7*near), t2, maxVal)
	return t1, t2, t3
}

// newCoder sets the parameters and the initial state (T.87 A.2.1).
func newCoder(precision, near int, presets [5]int) (*coder, error) {
	maxVal := presets[0]
	if maxVal == 0 {
		maxVal = 1<<precision - 1
	}
	t1, t2, t3 := thresholds(maxVal, near)
	for i, t := range []*int{&t1, &t2, &t3} {
		if presets[1+i] != 0 {
			*t = presets[1+i]
		}
	}
	reset := presets[4]
	if reset == 0 {
		reset = 64
	}
	if maxVal >= 1<<precision || near > min(255, maxVal/2) || t1 < near+1 || t2 < t1 || t3 < t2 || t3 > maxVal || reset < 3 {
		return nil, radnode.Errorf(radnode.Invalid, op, "scan has impossible coding parameters")
	}
	c := &coder{maxVal: int32(maxVal), near: int32(near), reset: int32(reset), step: int32(2*near + 1)}
	span := (maxVal+2*near)/(2*near+1) + 1 // RANGE
	c.span = int32(span) * c.step
	c.qbpp = uint(bits.Len(uint(span - 1)))
	bpp := max(2, bits.Len(uint(maxVal)))
	c.limit = uint(2*(bpp+max(8, bpp))) - c.qbpp - 1
	a := max(2, (int32(span)+32)/64)
	for i := range c.regular {
		c.regular[i] = state{a: a, n: 1}
	}
	c.interrupted = [2]runContext{{a: a, n: 1}, {a: a, n: 1}}
	c.quant = make([]int8, 2*maxVal+1)
	for i := range c.quant {
		c.quant[i] = quantize(i-maxVal, near, t1, t2, t3)
	}
	return c, nil
}

// quantize is T.87 A.3.3.
func quantize(d, near, t1, t2, t3 int) int8 {
	sign := int8(1)
	if d < 0 {
		d, sign = -d, -1
	}
	switch {
	case d <= near:
		return 0
	case d < t1:
		return sign
	case d < t2:
		return 2 * sign
	case d < t3:
		return 3 * sign
	}
	return 4 * sign
}

// contextOf returns the merged context number before its sign is taken off
// (T.87 A.3.4): 0 is run mode.
func (c *coder) contextOf(ra, rb, rc, rd int32) int32 {
	q := c.quant
	return (int32(q[rd-rb+c.maxVal])*9+int32(q[rb-rc+c.maxVal]))*9 + int32(q[rc-ra+c.maxVal])
}

// sample decodes one sample in regular mode (T.87 A.4 to A.6); -1 for damage.
func (c *coder) sample(qs, ra, rb, rc int32) int32 {
	sign := qs >> 31 // 0 or -1
	x := &c.regular[(qs^sign)-sign]
	// A.4.1: the median edge detector
	px := ra + rb - rc
	if low, high := min(ra, rb), max(ra, rb); rc >= high {
		px = low
	} else if rc <= low {
		px = high
	}
	px = min(max(px+(x.c^sign)-sign, 0), c.maxVal)
	// A.5.1
	k := uint(0)
	for x.n<<k < x.a && k < maxOrder {
		k++
	}
	m := c.golomb(k, c.limit, c.qbpp)
	if m < 0 {
		return -1
	}
	e := m>>1 ^ -(m & 1) // A.5.2: even positive, odd negative
	if k == 0 && c.near == 0 && 2*x.b <= -x.n {
		e = ^e
	}
	x.update(e, c)
	e = (e*c.step ^ sign) - sign
	return c.reconstruct(px + e)
}

// update is T.87 A.6.
func (x *state) update(e int32, c *coder) {
	x.a += max(e, -e)
	x.b += e * c.step
	if x.n == c.reset {
		x.a >>= 1
		x.b >>= 1
		x.n >>= 1
	}
	x.n++
	if x.b <= -x.n {
		x.b = max(x.b+x.n, 1-x.n)
		x.c = max(x.c-1, -128)
	} else if x.b > 0 {
		x.b = min(x.b-x.n, 0)
		x.c = min(x.c+1, 127)
	}
}

// reconstruct brings a predicted sample with its error into range (T.87
// A.4.5).
func (c *coder) reconstruct(x int32) int32 {
	if x < -c.near {
		x += c.span
	} else if x > c.maxVal+c.near {
		x -= c.span
	}
	return min(max(x, 0), c.maxVal)
}

// interruption decodes the sample that ends a run in context kind (T.87
// A.7.2); ok is false for damage.
func (c *coder) interruption(kind int32, index int) (e int32, ok bool) {
	x := &c.interrupted[kind]
	t := x.a
	if kind == 1 {
		t += x.n >> 1
	}
	k := uint(0)
	for x.n<<k < t && k < maxOrder {
		k++
	}
	j := runLength[index] + 1
	if j > c.limit {
		return 0, false
	}
	m := c.golomb(k, c.limit-j, c.qbpp)
	if m < 0 {
		return 0, false
	}
	t = m + kind
	e = (t + t&1) >> 1
	if (k != 0 || 2*x.nn >= x.n) == (t&1 == 1) {
		e = -e
	}
	if e < 0 {
		x.nn++
	}
	x.a += (m + 1 - kind) >> 1
	if x.n == c.reset {
		x.a >>= 1
		x.n >>= 1
		x.nn >>= 1
	}
	x.n++
	return e, true
}

// runOf decodes the length of a run with left samples to the end of the line
// (T.87 A.7.1); ended is false where the line ends the run. -1 for damage.
func (c *coder) runOf(left int, index *int) (n int, ended bool) {
	for c.take(1) == 1 {
		full := 1 << runLength[*index]
		part := min(full, left-n)
		n += part
		if part == full && *index < 31 {
			*index++
		}
		if n == left {
			return n, false
		}
	}
	n += int(c.take(runLength[*index]))
	if n > left {
		return -1, false
	}
	return n, n < left
}
