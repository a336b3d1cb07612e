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
}

// ruling is what the reference decides about ties in one class of rows and
// columns: for each diagonal, centre and difference of the first neighbour
// (from -8 to 7), whether the point reaches the centre.
type ruling [4][256][16]uint8

const (
	unknown = iota
	reaches
	darker
)

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

// settleRow decides the diagonal points of one row that are marked.
func (l *LBP) settleRow(row, ties, pix []byte, columns, y int) {
	class := -1
	var known *ruling
	for x := 0; x < len(ties); x++ {
		t := ties[x]
		if t == 0 {
			if x+8 <= len(ties) && binary.LittleEndian.Uint64(ties[x:]) == 0 {
				x += 7
			}
			continue
		}
		if c := int(l.column.class[x+1]); c != class {
			class = c
			known = l.ruling(l.row.class[y], uint8(c))
		}
		at := y*columns + x + 1
		for centre := pix[at]; t != 0; t &= t - 1 {
			k := bits.TrailingZeros8(t)
			side := pix[at-columns]
			if k >= 2 {
				side = pix[at+columns]
			}
			d := int(side) - int(centre)
			verdict := uint8(unknown)
			if uint(d+8) < 16 {
				verdict = known[k][centre][d+8]
			}
			if verdict == unknown {
				verdict = l.settle(k, float64(centre), float64(side), y, x+1)
				if uint(d+8) < 16 {
					known[k][centre][d+8] = verdict
				}
			}
			if verdict == darker {
				row[x+1] &^= 2 << (2 * k)
			}
		}
	}
}

func (l *LBP) ruling(row, column uint8) *ruling {
	key := [2]uint8{row, column}
	if l.rulings[key] == nil {
		if l.rulings == nil {
			l.rulings = map[[2]uint8]*ruling{}
		}
		l.rulings[key] = &ruling{}
	}
	return l.rulings[key]
}

// settle decides one diagonal point that equals the centre in exact
// arithmetic by the floating point of the reference. The diagonal neighbour
// equals the centre; the pixel above or below is side and the one beside
// makes up for its difference.
func (l *LBP) settle(k int, centre, side float64, y, x int) uint8 {
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
	if lerp(dr, lerp(dc, px[0], px[1]), lerp(dc, px[2], px[3]))-centre < 0 {
		return darker
	}
	return reaches
}
