package radiomics

// #cgo CFLAGS: -O3 -std=c11
// #include "kernels.h"
import "C"

import (
	"math"
	"math/bits"
	"unsafe"
)

// ring says whether this is the pattern of 8 points at radius 1, the common
// one, whose axis points are pixels and whose diagonals lie between four.
func (l *LBP) ring() bool {
	return l.points == 8 && l.dx[0] == 1 && l.dx[1] == ringOffset
}

const ringOffset = 0.70711

// fractions holds, for each row or column, how far a diagonal point lies from
// the pixel before it, with the rounding error that its coordinate has there.
// Errors are the same between two powers of two: few classes of them exist.
type fractions struct {
	before, after []float64
	class         []uint8
	classes       int
}

func (f *fractions) fill(n int) {
	if len(f.class) >= n {
		return
	}
	f.before, f.after, f.class = make([]float64, n), make([]float64, n), make([]uint8, n)
	classes := map[[2]float64]uint8{}
	for i := range n {
		lower, upper := float64(i)-ringOffset, float64(i)+ringOffset
		f.before[i], f.after[i] = lower-math.Floor(lower), upper-math.Floor(upper)
		key := [2]float64{f.before[i], f.after[i]}
		if _, ok := classes[key]; !ok {
			classes[key] = uint8(len(classes))
		}
		f.class[i] = classes[key]
	}
	f.classes = len(classes)
}

// rulings is what the reference decides about ties in one class of rows: for
// each class of columns, centre and difference of the neighbour above or below
// from -8 to 7, bit k says that the verdict on diagonal k is known and bit 4+k
// that it is darker than the centre.
type rulings []uint8

const differences, centres, diagonals = 16, 256, 4

func (r rulings) place(class uint8, centre byte, d int) int {
	return (int(class)*centres+int(centre))*differences + d
}

// ringPatterns computes the bit patterns of an image of at least 3 x 3. Whether
// a diagonal sample reaches the centre is decided in integers; only where both
// are equal, where the rounding of the reference decides, is it computed as
// the reference does.
func (l *LBP) ringPatterns(pix []byte, rows, columns int, out []byte) {
	l.row.fill(rows)
	l.column.fill(columns)
	if cap(l.ties) < columns {
		l.ties = make([]byte, columns)
	}
	ties := l.ties[:columns-2]
	for y := range rows {
		row := out[y*columns : (y+1)*columns]
		if y == 0 || y == rows-1 {
			for x := range row {
				row[x] = byte(l.pattern(pix, rows, columns, y, x))
			}
			continue
		}
		row[0] = byte(l.pattern(pix, rows, columns, y, 0))
		row[columns-1] = byte(l.pattern(pix, rows, columns, y, columns-1))
		l.ringRow(row, ties, pix, columns, y)
	}
}

// ringRow computes the inner pixels of one row.
func (l *LBP) ringRow(row, ties, pix []byte, columns, y int) {
	first := func(s []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(&s[0])) }
	up, mid, down := first(pix[(y-1)*columns+1:]), first(pix[y*columns+1:]), first(pix[(y+1)*columns+1:])
	n := columns - 2
	C.radnode_lbp_ring(up, mid, down, C.size_t(n), first(row[1:]), first(ties))
	known := l.rulings(l.row.class[y])
	for x := 0; ; x++ {
		x = int(C.radnode_lbp_settle(up, mid, down, C.size_t(x), C.size_t(n), first(l.column.class[1:]), first(known), first(ties), first(row[1:])))
		if x == n {
			return
		}
		l.decide(row, ties[x], known, pix, columns, y, x+1)
	}
}

// decide computes the marked diagonals of one pixel and remembers the answers.
func (l *LBP) decide(row []byte, marked byte, known rulings, pix []byte, columns, y, x int) {
	at := y*columns + x
	for t := marked; t != 0; t &= t - 1 {
		k := bits.TrailingZeros8(t)
		side := pix[at-columns]
		if k >= 2 {
			side = pix[at+columns]
		}
		darker := l.darker(k, float64(pix[at]), float64(side), y, x)
		if d := int(side) - int(pix[at]) + differences/2; d >= 0 && d < differences {
			entry := &known[known.place(l.column.class[x], pix[at], d)]
			*entry |= 1 << k
			if darker {
				*entry |= 1 << (diagonals + k)
			}
		}
		if darker {
			row[x] &^= 2 << (2 * k)
		}
	}
}

// rulings returns what is known for one class of rows.
func (l *LBP) rulings(class uint8) rulings {
	if l.known == nil {
		l.known = map[uint8]rulings{}
	}
	n := l.column.classes * centres * differences
	if len(l.known[class]) < n {
		l.known[class] = make(rulings, n)
	}
	return l.known[class]
}

// darker says whether the floating point of the reference takes one diagonal
// point for darker than the centre, which it equals in exact arithmetic. The diagonal neighbour
// equals the centre; the pixel above or below is side and the one beside
// makes up for its difference.
func (l *LBP) darker(k int, centre, side float64, y, x int) bool {
	beside := 2*centre - side
	// Upper left, upper right, lower left, lower right of the four pixels.
	px := [4][4]float64{
		{side, centre, centre, beside}, {centre, side, beside, centre},
		{beside, centre, centre, side}, {centre, beside, side, centre},
	}[k]
	dr, dc := l.row.before[y], l.column.before[x]
	if k >= 2 {
		dr = l.row.after[y]
	}
	if k == 0 || k == 3 {
		dc = l.column.after[x]
	}
	return lerp(dr, lerp(dc, px[0], px[1]), lerp(dc, px[2], px[3]))-centre < 0
}
