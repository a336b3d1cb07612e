package radiomics

// #cgo CFLAGS: -O3
// #include <stddef.h>
// #include <stdint.h>
// void radnode_lbp_ring(const uint8_t *up, const uint8_t *mid, const uint8_t *down, size_t n,
//                       uint8_t *pattern, uint8_t *tie);
import "C"

import (
	"encoding/binary"
	"math"
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
type fractions struct{ before, after []float64 }

func (f *fractions) fill(n int) {
	if len(f.before) >= n {
		return
	}
	f.before, f.after = make([]float64, n), make([]float64, n)
	for i := range n {
		lower, upper := float64(i)-ringOffset, float64(i)+ringOffset
		f.before[i], f.after[i] = lower-math.Floor(lower), upper-math.Floor(upper)
	}
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
		at := func(dy int) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(&pix[(y+dy)*columns+1])) }
		C.radnode_lbp_ring(at(-1), at(0), at(1), C.size_t(columns-2),
			(*C.uint8_t)(unsafe.Pointer(&row[1])), (*C.uint8_t)(unsafe.Pointer(&ties[0])))
		l.settleRow(row, ties, pix, columns, y)
	}
}

// settleRow decides the pixels of one row that are marked. Large flat regions
// are where they come from; there one answer serves until the column's
// rounding changes.
func (l *LBP) settleRow(row, ties, pix []byte, columns, y int) {
	flatValue, flatX, flatPattern := -1, 0, byte(0)
	for x := 0; x < len(ties); x++ {
		if ties[x] == 0 {
			if x+8 <= len(ties) && binary.LittleEndian.Uint64(ties[x:]) == 0 {
				x += 7
			}
			continue
		}
		at := y*columns + x + 1
		flat := flatAround(pix, columns, at)
		if flat && int(pix[at]) == flatValue && l.column.before[x+1] == l.column.before[flatX] && l.column.after[x+1] == l.column.after[flatX] {
			row[x+1] = flatPattern
			continue
		}
		row[x+1] = l.settle(row[x+1], pix, columns, y, x+1)
		if flat {
			flatValue, flatX, flatPattern = int(pix[at]), x+1, row[x+1]
		}
	}
}

// flatAround says whether a pixel and its eight neighbours are equal.
func flatAround(pix []byte, columns, at int) bool {
	three := func(at int) uint32 { return uint32(pix[at]) | uint32(pix[at+1])<<8 | uint32(pix[at+2])<<16 }
	mid := three(at - 1)
	return mid == uint32(pix[at])*0x10101 && three(at-columns-1) == mid && three(at+columns-1) == mid
}

// ringCorners are, for the diagonal points 1, 3, 5 and 7, the row and column
// of the upper left of the four pixels around them, from the centre.
var ringCorners = [4][2]int{{-1, 0}, {-1, -1}, {0, -1}, {0, 0}}

// settle decides the diagonal points that equal the centre in exact
// arithmetic by the floating point of the reference.
func (l *LBP) settle(p byte, pix []byte, columns, y, x int) byte {
	centre := pix[y*columns+x]
	for k, corner := range ringCorners {
		at := (y+corner[0])*columns + x + corner[1]
		a, b, c, d := pix[at], pix[at+1], pix[at+columns], pix[at+columns+1]
		if a != centre || b != centre || c != centre || d != centre {
			// Equal without all four being equal: diagonal = centre and the
			// sum of both neighbours twice the centre.
			if 2*int(centre) != int(a)+int(b)+int(c)+int(d)-2*int(centre) || !l.diagonalEqual(k, [4]byte{a, b, c, d}, centre) {
				continue
			}
		}
		dr, dc := l.row.before[y], l.column.before[x]
		if k >= 2 {
			dr = l.row.after[y]
		}
		if k == 0 || k == 3 {
			dc = l.column.after[x]
		}
		top := lerp(dc, float64(a), float64(b))
		bottom := lerp(dc, float64(c), float64(d))
		if lerp(dr, top, bottom)-float64(centre) < 0 {
			p &^= 1 << (2*k + 1)
		}
	}
	return p
}

// diagonalEqual says whether the pixel across from the centre equals it.
func (l *LBP) diagonalEqual(k int, px [4]byte, centre byte) bool {
	return px[[4]int{1, 0, 2, 3}[k]] == centre
}
