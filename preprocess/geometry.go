package preprocess

import "math"

// Affine maps coordinates of one pixel grid to another:
// x' = A x + B y + C, y' = D x + E y + F. Coordinates are pixel edges: the
// pixel in column i covers i..i+1, so a whole image covers 0..Columns.
type Affine struct{ A, B, C, D, E, F float64 }

var identity = Affine{A: 1, E: 1}

// Apply maps one point.
func (t Affine) Apply(x, y float64) (float64, float64) {
	return t.A*x + t.B*y + t.C, t.D*x + t.E*y + t.F
}

// After returns the map that applies u first and t second.
func (t Affine) After(u Affine) Affine {
	return Affine{
		A: t.A*u.A + t.B*u.D, B: t.A*u.B + t.B*u.E, C: t.A*u.C + t.B*u.F + t.C,
		D: t.D*u.A + t.E*u.D, E: t.D*u.B + t.E*u.E, F: t.D*u.C + t.E*u.F + t.F,
	}
}

// Inverse returns the map back. Every map that a pipeline makes has one.
func (t Affine) Inverse() Affine {
	det := t.A*t.E - t.B*t.D
	i := Affine{A: t.E / det, B: -t.B / det, D: -t.D / det, E: t.A / det}
	i.C = -(i.A*t.C + i.B*t.F)
	i.F = -(i.D*t.C + i.E*t.F)
	return i
}

func shift(dx, dy float64) Affine { return Affine{A: 1, C: dx, E: 1, F: dy} }
func scale(sx, sy float64) Affine { return Affine{A: sx, E: sy} }

// Geometry places a tensor on the source image. ToSource maps tensor
// coordinates to source coordinates exactly. Left, Top, Width and Height are
// the rectangle that the tensor covers there; it reaches beyond the image
// where the pipeline padded.
type Geometry struct {
	Rows, Columns            int
	ToSource                 Affine
	Left, Top, Width, Height float64
}

func newGeometry(rows, columns int, t Affine) Geometry {
	g := Geometry{Rows: rows, Columns: columns, ToSource: t}
	left, top := math.Inf(1), math.Inf(1)
	right, bottom := math.Inf(-1), math.Inf(-1)
	for _, corner := range [4][2]int{{0, 0}, {columns, 0}, {0, rows}, {columns, rows}} {
		x, y := t.Apply(float64(corner[0]), float64(corner[1]))
		left, right = min(left, x), max(right, x)
		top, bottom = min(top, y), max(bottom, y)
	}
	g.Left, g.Top, g.Width, g.Height = left, top, right-left, bottom-top
	return g
}

// Upright turns a grid of values that lies over the tensor (a heat map) the
// way the source image lies, so that it fits the rectangle Left, Top, Width,
// Height row by row. It undoes flips and quarter turns; what an oblique
// rotation leaves is sampled at the nearest value, 0 outside.
func (g Geometry) Upright(rows, columns int, values []float32) (int, int, []float32) {
	outRows, outColumns := rows, columns
	if math.Abs(g.ToSource.B) > math.Abs(g.ToSource.A) {
		outRows, outColumns = columns, rows
	}
	back := g.ToSource.Inverse()
	out := make([]float32, outRows*outColumns)
	for r := range outRows {
		for c := range outColumns {
			x := g.Left + (float64(c)+0.5)/float64(outColumns)*g.Width
			y := g.Top + (float64(r)+0.5)/float64(outRows)*g.Height
			tx, ty := back.Apply(x, y)
			gc := int(math.Floor(tx / float64(g.Columns) * float64(columns)))
			gr := int(math.Floor(ty / float64(g.Rows) * float64(rows)))
			if gc >= 0 && gc < columns && gr >= 0 && gr < rows {
				out[r*outColumns+c] = values[gr*columns+gc]
			}
		}
	}
	return outRows, outColumns, out
}
