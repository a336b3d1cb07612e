package radiomics

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// A mesh of a region (IBSI 3.1, marching cubes): a cube stands between each
// eight voxel centres, and the surface cuts its edges halfway between a voxel
// inside and one outside. With halfway cuts a cube's share of surface and
// volume depends on nothing but which of its corners are inside.

// cubeCase is the surface in one cube, of side 1.
type cubeCase struct {
	triangles [][3][3]float64
	flux      float64 // area of the triangles seen along z, positive where they face it
	moment    float64 // the same, times their mean z: the divergence theorem makes a volume of both
}

// cubeCases holds the cubes by their corners inside: bit c stands for the
// corner at x = c&1, y = c>>1&1, z = c>>2&1.
var cubeCases = sync.OnceValue(func() *[256]cubeCase {
	var all [256]cubeCase
	for mask := range all {
		all[mask] = newCubeCase(mask)
	}
	return &all
})

// cubeFaces are the corners of each face, counter-clockwise from outside.
var cubeFaces = [6][4]int{{0, 4, 6, 2}, {1, 3, 7, 5}, {0, 1, 5, 4}, {2, 6, 7, 3}, {0, 2, 3, 1}, {4, 5, 7, 6}}

// newCubeCase walks the outline of the surface in one cube: in each face from
// the edge where the border of the face leaves the region back to the one
// where it entered, so that of two opposite corners inside each has its own
// outline. Neighbouring cubes see the same face and agree: the mesh is closed.
func newCubeCase(mask int) cubeCase {
	next := map[[2]int][2]int{} // from one cut edge to the next
	inside := func(c int) bool { return mask>>c&1 == 1 }
	for _, face := range cubeFaces {
		for i := range 4 {
			if from, to := face[i], face[(i+1)%4]; inside(from) && !inside(to) {
				first := i
				for inside(face[(first+3)%4]) {
					first = (first + 3) % 4
				}
				next[edgeOf(from, to)] = edgeOf(face[(first+3)%4], face[first])
			}
		}
	}
	var c cubeCase
	for a := range 8 {
		for bit := 1; bit < 8; bit <<= 1 {
			var loop [][3]float64
			for edge, ok := next[edgeOf(a, a|bit)], a&bit == 0; ok; {
				following, more := next[edge]
				if !more {
					break
				}
				delete(next, edge)
				loop = append(loop, middle(edge))
				edge = following
			}
			c.add(loop)
		}
	}
	return c
}

// add closes an outline with a fan of triangles. Where the outline is not flat
// the fans differ, and the one of the largest area is that of the tables of
// marching cubes in use, by which the published values were made.
func (c *cubeCase) add(loop [][3]float64) {
	var best [][3][3]float64
	most := 0.0
	for range loop {
		loop = append(loop[1:len(loop):len(loop)], loop[0])
		var fan [][3][3]float64
		area := 0.0
		for i := 2; i < len(loop); i++ {
			t := [3][3]float64{loop[0], loop[i-1], loop[i]}
			fan = append(fan, t)
			area += areaOf(t, [3]float64{1, 1, 1})
		}
		if area > most+1e-9 {
			best, most = fan, area
		}
	}
	c.triangles = append(c.triangles, best...)
	for _, t := range best {
		up := ((t[1][0]-t[0][0])*(t[2][1]-t[0][1]) - (t[1][1]-t[0][1])*(t[2][0]-t[0][0])) / 2
		c.flux += up
		c.moment += up * (t[0][2] + t[1][2] + t[2][2]) / 3
	}
}

func edgeOf(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

func middle(edge [2]int) (p [3]float64) {
	for axis := range p {
		p[axis] = float64(edge[0]>>axis&1+edge[1]>>axis&1) / 2
	}
	return p
}

// meshOf measures the surface of a region whose voxels have the size d.
func meshOf(l *Levels, d [3]float64) (volume, area float64) {
	cases := cubeCases()
	var count [256]float64
	for z := -1; z < l.Slices; z++ {
		for y := -1; y < l.Rows; y++ {
			// The frame of zeros of l stands for what lies outside the volume.
			var lines [4][]uint16
			for i := range lines {
				at := l.place(y+i&1, z+i>>1) - 1
				lines[i] = l.voxels[at : at+l.Columns+2]
			}
			mask := 0
			for x := range l.Columns + 2 {
				mask = mask >> 1 & 0x55
				for i, line := range lines {
					if line[x] != 0 {
						mask |= 2 << (2 * i)
					}
				}
				if mask != 0 && mask != 255 {
					count[mask]++
					volume += float64(z)*cases[mask].flux + cases[mask].moment
				}
			}
		}
	}
	for mask, n := range count {
		for _, t := range cases[mask].triangles {
			area += n * areaOf(t, d)
		}
	}
	return math.Abs(volume) * d[0] * d[1] * d[2], area
}

func areaOf(t [3][3]float64, d [3]float64) float64 {
	var a, b [3]float64
	for i := range 3 {
		a[i], b[i] = (t[1][i]-t[0][i])*d[i], (t[2][i]-t[0][i])*d[i]
	}
	return math.Sqrt(math.Pow(a[1]*b[2]-a[2]*b[1], 2)+math.Pow(a[2]*b[0]-a[0]*b[2], 2)+math.Pow(a[0]*b[1]-a[1]*b[0], 2)) / 2
}

// extremeVertices are the vertices of the mesh, in half voxels, that can be
// corners of its convex hull: those that are corners of the hull of every plane
// through them, which are few.
func extremeVertices(l *Levels) [][3]int {
	points := outerVertices(l)
	for before := len(points) + 1; len(points) < before; {
		before = len(points)
		for axis := range 3 {
			points = hullsAcross(points, axis)
		}
	}
	slices.SortFunc(points, func(a, b [3]int) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(points)
}

// diameterOf is the largest distance between two vertices of the mesh.
func diameterOf(points [][3]int, d [3]float64) float64 {
	best := 0.0
	for i, p := range points {
		for _, q := range points[:i] {
			x, y, z := float64(p[0]-q[0])*d[0], float64(p[1]-q[1])*d[1], float64(p[2]-q[2])*d[2]
			best = max(best, x*x+y*y+z*z)
		}
	}
	return math.Sqrt(best) / 2
}

// outerVertices are the vertices of the mesh, in half voxels, that are corners
// of the hull of their slice or of the plane behind it.
func outerVertices(l *Levels) [][3]int {
	var out, points [][3]int
	nothing := make([]uint16, l.Columns)
	for z := -1; z < l.Slices; z++ {
		points = points[:0]
		put := func(first, last, y, z int, ok bool) {
			if ok {
				points = append(points, [3]int{first, y, z}, [3]int{last, y, z})
			}
		}
		for y := -1; y < l.Rows; y++ {
			row := l.Row(y, z)
			first, last, ok := borders(row, nothing)
			put(2*first-1, 2*last+1, 2*y, 2*z, ok)
			first, last, ok = borders(row, l.Row(y+1, z))
			put(2*first, 2*last, 2*y+1, 2*z, ok)
			first, last, ok = borders(row, l.Row(y, z+1))
			put(2*first, 2*last, 2*y, 2*z+1, ok)
		}
		out = append(out, hullsAcross(points, 2)...)
	}
	return out
}

// borders are the first and last place where one of two rows is inside and the
// other is not.
func borders(a, b []uint16) (first, last int, ok bool) {
	for x := range a {
		if (a[x] == 0) != (b[x] == 0) {
			if !ok {
				first, ok = x, true
			}
			last = x
		}
	}
	return first, last, ok
}

// hullsAcross keeps the corners of the convex hull in each plane across an
// axis (Andrew's monotone chain).
func hullsAcross(points [][3]int, axis int) [][3]int {
	u, v := (axis+1)%3, (axis+2)%3
	slices.SortFunc(points, func(a, b [3]int) int {
		return cmp.Or(cmp.Compare(a[axis], b[axis]), cmp.Compare(a[u], b[u]), cmp.Compare(a[v], b[v]))
	})
	points = slices.Compact(points)
	var out [][3]int
	for len(points) > 0 {
		n := 1
		for n < len(points) && points[n][axis] == points[0][axis] {
			n++
		}
		plane := points[:n]
		points = points[n:]
		for range 2 {
			start := len(out)
			for _, p := range plane {
				for k := len(out); k-2 >= start; k = len(out) {
					a, b := out[k-2], out[k-1]
					if (b[u]-a[u])*(p[v]-a[v])-(b[v]-a[v])*(p[u]-a[u]) > 0 {
						break
					}
					out = out[:k-1]
				}
				out = append(out, p)
			}
			slices.Reverse(plane)
		}
	}
	return out
}
