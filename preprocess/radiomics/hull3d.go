package radiomics

import "math"

// hullFace is a triangle of a convex hull: indices of points, counter-clockwise
// from outside.
type hullFace [3]int

// convexHull3D measures the convex hull of points in half voxels of the size d.
// Points are added one by one: the faces that see a point give way to those
// between it and the border of what they covered. Coordinates are integers, so
// that every decision is exact, points in one plane included.
func convexHull3D(points [][3]int, d [3]float64) (volume, area float64) {
	faces := firstTetrahedron(points)
	var seen []hullFace
	for p := range points {
		kept := faces[:0]
		seen = seen[:0]
		for _, f := range faces {
			if sees(points, f, p) > 0 {
				seen = append(seen, f)
			} else {
				kept = append(kept, f)
			}
		}
		if len(seen) == 0 {
			continue
		}
		covered := map[[2]int]bool{}
		for _, f := range seen {
			for i := range 3 {
				covered[[2]int{f[i], f[(i+1)%3]}] = true
			}
		}
		for _, f := range seen {
			for i := range 3 {
				if a, b := f[i], f[(i+1)%3]; !covered[[2]int{b, a}] {
					kept = append(kept, hullFace{a, b, p})
				}
			}
		}
		faces = kept
	}
	half := [3]float64{d[0] / 2, d[1] / 2, d[2] / 2}
	for _, f := range faces {
		volume += float64(sees(points, f, 0)) // from one corner of the hull
		var t [3][3]float64
		for i, k := range f {
			t[i] = [3]float64{float64(points[k][0]), float64(points[k][1]), float64(points[k][2])}
		}
		area += areaOf(t, half)
	}
	return math.Abs(volume) / 6 * half[0] * half[1] * half[2], area
}

// sees is six times the volume between a face and a point; above 0 if the point
// lies outside of it.
func sees(points [][3]int, f hullFace, p int) int {
	o := points[f[0]]
	var v [3][3]int
	for i, k := range [3]int{f[1], f[2], p} {
		for axis := range 3 {
			v[i][axis] = points[k][axis] - o[axis]
		}
	}
	return v[2][0]*(v[0][1]*v[1][2]-v[0][2]*v[1][1]) + v[2][1]*(v[0][2]*v[1][0]-v[0][0]*v[1][2]) + v[2][2]*(v[0][0]*v[1][1]-v[0][1]*v[1][0])
}

// firstTetrahedron are the faces of four points that lie in no plane, none if
// there are no such points.
func firstTetrahedron(points [][3]int) []hullFace {
	cross := func(b, c int) (n int) { // twice the area, squared
		var u, v [3]int
		for i := range 3 {
			u[i], v[i] = points[b][i]-points[0][i], points[c][i]-points[0][i]
		}
		for i := range 3 {
			w := u[(i+1)%3]*v[(i+2)%3] - u[(i+2)%3]*v[(i+1)%3]
			n += w * w
		}
		return n
	}
	for c := 2; c < len(points); c++ {
		if cross(1, c) == 0 {
			continue
		}
		for p := 2; p < len(points); p++ {
			switch v := sees(points, hullFace{0, 1, c}, p); {
			case v < 0:
				return []hullFace{{0, 1, c}, {1, 0, p}, {c, 1, p}, {0, c, p}}
			case v > 0:
				return []hullFace{{1, 0, c}, {0, 1, p}, {1, c, p}, {c, 0, p}}
			}
		}
		return nil
	}
	return nil
}
