package radiomics

import (
	"cmp"
	"math"
	"slices"
)

// Shape2D describes a region of a slice: pixels where inside is not zero, of
// the given size in millimetres (1 and 1 for pixels). Lengths are between
// pixel borders where the region is convex; IBSI defines shape in three
// dimensions only, so these have no codes.
func Shape2D(inside []byte, rows, columns int, rowSpacing, columnSpacing float64) ([]Feature, error) {
	m, n := momentsOf(inside, columns, rowSpacing, columnSpacing)
	if n == 0 {
		return nil, ErrEmpty
	}
	area := float64(n) * rowSpacing * columnSpacing
	perimeter := perimeterOf(inside, rows, columns, rowSpacing, columnSpacing)
	hull := convexHull(corners(inside, rows, columns, rowSpacing, columnSpacing))
	hullArea := polygonArea(hull)
	widest, narrowest := feret(hull)
	return []Feature{
		{Name: "shape.area", Value: area},
		{Name: "shape.perimeter", Value: perimeter},
		{Name: "shape.circularity", Value: ratio(4*math.Pi*area, perimeter*perimeter)},
		{Name: "shape.major_axis", Value: 4 * math.Sqrt(m.high)},
		{Name: "shape.minor_axis", Value: 4 * math.Sqrt(m.low)},
		{Name: "shape.elongation", Value: math.Sqrt(ratio(m.low, m.high))},
		{Name: "shape.eccentricity", Value: math.Sqrt(max(0, 1-ratio(m.low, m.high)))},
		{Name: "shape.orientation", Value: m.angle * 180 / math.Pi},
		{Name: "shape.convex_area", Value: hullArea},
		{Name: "shape.solidity", Value: ratio(area, hullArea)},
		{Name: "shape.feret_maximum", Value: widest},
		{Name: "shape.feret_minimum", Value: narrowest},
		{Name: "shape.centroid_x", Value: m.x},
		{Name: "shape.centroid_y", Value: m.y},
	}, nil
}

// axes are the moments of a region: centre, and the variances along its axes.
type axes struct{ x, y, high, low, angle float64 }

func momentsOf(inside []byte, columns int, rowSpacing, columnSpacing float64) (axes, int) {
	var n int
	var sx, sy, sxx, syy, sxy float64
	for i, v := range inside {
		if v != 0 {
			x, y := (float64(i%columns)+0.5)*columnSpacing, (float64(i/columns)+0.5)*rowSpacing
			n++
			sx, sy = sx+x, sy+y
			sxx, syy, sxy = sxx+x*x, syy+y*y, sxy+x*y
		}
	}
	if n == 0 {
		return axes{}, 0
	}
	N := float64(n)
	mx, my := sx/N, sy/N
	xx, yy, xy := max(0, sxx/N-mx*mx), max(0, syy/N-my*my), sxy/N-mx*my
	half, root := (xx+yy)/2, math.Sqrt((xx-yy)*(xx-yy)/4+xy*xy)
	return axes{mx, my, half + root, max(0, half-root), math.Atan2(2*xy, xx-yy) / 2}, n
}

// perimeterOf measures the border through the middles of its pixel edges
// (marching squares): steps along a side count whole, corners as diagonals.
func perimeterOf(inside []byte, rows, columns int, rowSpacing, columnSpacing float64) float64 {
	at := func(y, x int) int {
		if y < 0 || y >= rows || x < 0 || x >= columns || inside[y*columns+x] == 0 {
			return 0
		}
		return 1
	}
	diagonal := math.Hypot(rowSpacing, columnSpacing) / 2
	length := 0.
	for y := -1; y < rows; y++ {
		for x := -1; x < columns; x++ {
			switch at(y, x) | at(y, x+1)<<1 | at(y+1, x)<<2 | at(y+1, x+1)<<3 {
			case 1, 2, 4, 8, 7, 11, 13, 14:
				length += diagonal
			case 6, 9:
				length += 2 * diagonal
			case 3, 12:
				length += columnSpacing
			case 5, 10:
				length += rowSpacing
			}
		}
	}
	return length
}

type point struct{ x, y float64 }

// corners are the corners of the first and last pixel of each row: all that
// can lie on the convex hull.
func corners(inside []byte, rows, columns int, rowSpacing, columnSpacing float64) []point {
	var out []point
	for y := range rows {
		row := inside[y*columns : (y+1)*columns]
		first := slices.IndexFunc(row, func(v byte) bool { return v != 0 })
		if first < 0 {
			continue
		}
		last := columns - 1
		for row[last] == 0 {
			last--
		}
		for _, x := range []int{first, last + 1} {
			for _, dy := range []int{0, 1} {
				out = append(out, point{float64(x) * columnSpacing, float64(y+dy) * rowSpacing})
			}
		}
	}
	return out
}

func cross(o, a, b point) float64 { return (a.x-o.x)*(b.y-o.y) - (a.y-o.y)*(b.x-o.x) }

// convexHull is Andrew's monotone chain.
func convexHull(points []point) []point {
	slices.SortFunc(points, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	var hull []point
	add := func(points []point) {
		base := len(hull)
		for _, p := range points {
			for len(hull) >= base+2 && cross(hull[len(hull)-2], hull[len(hull)-1], p) <= 0 {
				hull = hull[:len(hull)-1]
			}
			hull = append(hull, p)
		}
		hull = hull[:len(hull)-1]
	}
	add(points)
	back := slices.Clone(points)
	slices.Reverse(back)
	add(back)
	return hull
}

func polygonArea(p []point) float64 {
	sum := 0.
	for i, a := range p {
		b := p[(i+1)%len(p)]
		sum += a.x*b.y - a.y*b.x
	}
	return math.Abs(sum) / 2
}

// feret returns the largest distance between two corners of a hull and the
// smallest width between parallels.
func feret(hull []point) (widest, narrowest float64) {
	narrowest = math.Inf(1)
	for i, a := range hull {
		b := hull[(i+1)%len(hull)]
		side := math.Hypot(b.x-a.x, b.y-a.y)
		far := 0.
		for _, c := range hull {
			widest = max(widest, math.Hypot(c.x-a.x, c.y-a.y))
			far = max(far, math.Abs(cross(a, b, c))/side)
		}
		narrowest = min(narrowest, far)
	}
	return widest, narrowest
}
