package report

import (
	"math"
	"slices"

	"github.com/radnode/radnode"
)

// regionShare is the part of its maximum above which a heat map counts as
// region: the half maximum, as for a full width at half maximum.
const regionShare = 0.5

// minShown is the smallest maximum worth outlining, against noise in a map
// that saw nothing.
const minShown = 1

// point is a corner of grid cells.
type point struct{ x, y int }

// Outline returns the outline of the largest connected part of a heat map
// above half of its maximum, as a closed polyline in pixels of the source
// frame (column, row pairs; the first point is repeated at the end). It is nil
// where the map shows nothing or everything.
func Outline(h *radnode.Heatmap, rows, columns int) []float64 {
	if h == nil || h.Rows <= 0 || h.Columns <= 0 || len(h.Values) != h.Rows*h.Columns || h.Width <= 0 || h.Height <= 0 {
		return nil
	}
	cells := largestPart(h)
	if n := len(cells); n == 0 || n == len(h.Values) {
		return nil
	}
	corners := trace(cells, h.Columns)
	out := make([]float64, 0, 2*len(corners)+2)
	for _, c := range corners {
		x := h.Left + float64(c.x)*h.Width/float64(h.Columns)
		y := h.Top + float64(c.y)*h.Height/float64(h.Rows)
		x, y = clamp(x, float64(columns)), clamp(y, float64(rows))
		if n := len(out); n >= 2 && out[n-2] == x && out[n-1] == y {
			continue
		}
		out = append(out, x, y)
	}
	if len(out) < 6 || area(out) == 0 {
		return nil // it lies outside the frame
	}
	if n := len(out); out[0] != out[n-2] || out[1] != out[n-1] {
		out = append(out, out[0], out[1])
	}
	return out
}

// largestPart returns the cells of the largest 4-connected part above the
// half maximum.
func largestPart(h *radnode.Heatmap) map[int]bool {
	top := byte(0)
	for _, v := range h.Values {
		top = max(top, v)
	}
	if top < minShown {
		return nil
	}
	limit := float64(top) * regionShare
	seen := make([]bool, len(h.Values))
	var best []int
	for i := range h.Values {
		if part := flood(h, i, limit, seen); len(part) > len(best) {
			best = part
		}
	}
	out := make(map[int]bool, len(best))
	for _, i := range best {
		out[i] = true
	}
	return out
}

func flood(h *radnode.Heatmap, start int, limit float64, seen []bool) []int {
	var part []int
	stack := []int{start}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[i] || float64(h.Values[i]) < limit {
			continue
		}
		seen[i] = true
		part = append(part, i)
		x, y := i%h.Columns, i/h.Columns
		if x > 0 {
			stack = append(stack, i-1)
		}
		if x < h.Columns-1 {
			stack = append(stack, i+1)
		}
		if y > 0 {
			stack = append(stack, i-h.Columns)
		}
		if y < h.Rows-1 {
			stack = append(stack, i+h.Columns)
		}
	}
	return part
}

// trace walks the outer border of a 4-connected set of cells clockwise and
// returns its corners without points in the middle of straight lines.
func trace(cells map[int]bool, columns int) []point {
	in := func(x, y int) bool { return x >= 0 && x < columns && y >= 0 && cells[y*columns+x] }
	first := -1
	for i := range cells {
		if first < 0 || i < first {
			first = i
		}
	}
	// Along the top edge of the first cell, the set on the right hand.
	start := point{first % columns, first / columns}
	at, dir := start, point{1, 0}
	var out []point
	for {
		next := turn(in, at, dir)
		if next != dir || len(out) == 0 {
			out = append(out, at)
		}
		dir = next
		at = point{at.x + dir.x, at.y + dir.y}
		if at == start {
			return out
		}
	}
}

// turn chooses the direction from corner at: right where the cell ahead on the
// right is free, left where both ahead are taken.
func turn(in func(x, y int) bool, at, d point) point {
	// The cells ahead, left and right of the direction of travel.
	var l, r point
	switch d {
	case point{1, 0}:
		l, r = point{at.x, at.y - 1}, at
	case point{0, 1}:
		l, r = at, point{at.x - 1, at.y}
	case point{-1, 0}:
		l, r = point{at.x - 1, at.y}, point{at.x - 1, at.y - 1}
	default:
		l, r = point{at.x - 1, at.y - 1}, point{at.x, at.y - 1}
	}
	switch {
	case !in(r.x, r.y):
		return point{-d.y, d.x} // right turn (y points down)
	case in(l.x, l.y):
		return point{d.y, -d.x}
	}
	return d
}

// fillRegion appends a mask of the pixels whose centres lie in a polygon
// (even-odd rule).
func fillRegion(dst []byte, p []float64, rows, columns int) []byte {
	for y := range rows {
		row := make([]byte, columns)
		crossings := crossingsAt(p, float64(y)+0.5)
		for i := 0; i+1 < len(crossings); i += 2 {
			first := max(0, int(math.Ceil(crossings[i]-0.5)))
			for x := first; x < columns && float64(x)+0.5 < crossings[i+1]; x++ {
				row[x] = 1
			}
		}
		dst = append(dst, row...)
	}
	return dst
}

// crossingsAt lists where the edges of a polygon cross a horizontal line.
func crossingsAt(p []float64, y float64) []float64 {
	var out []float64
	n := len(p) / 2
	for i := range n {
		j := (i + 1) % n
		x0, y0, x1, y1 := p[2*i], p[2*i+1], p[2*j], p[2*j+1]
		if (y0 <= y) != (y1 <= y) {
			out = append(out, x0+(y-y0)/(y1-y0)*(x1-x0))
		}
	}
	slices.Sort(out)
	return out
}

func clamp(v, top float64) float64 { return max(0, min(v, top)) }

// area is twice the signed area of a polygon (the shoelace formula).
func area(p []float64) float64 {
	var a float64
	n := len(p) / 2
	for i := range n {
		j := (i + 1) % n
		a += p[2*i]*p[2*j+1] - p[2*j]*p[2*i+1]
	}
	return a
}
