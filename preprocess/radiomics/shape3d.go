package radiomics

import "math"

// Shape3D describes the region of a volume whose voxels measure d millimetres
// along columns, rows and slices (IBSI 3.1). value gives the intensity of a
// voxel, which weighs the centre of mass (KLMA); where the intensities add up
// to nothing there is no such centre, and the shift is 0.
func Shape3D(l *Levels, d [3]float64, value func(x, y, z int) float64) ([]Feature, error) {
	var n, mass float64
	var sum, weighted [3]float64
	var square [3][3]float64
	each(l, func(x, y, z int) {
		p := [3]float64{float64(x) * d[0], float64(y) * d[1], float64(z) * d[2]}
		m := value(x, y, z)
		n++
		mass += m
		for i := range 3 {
			weighted[i] += m * p[i]
			sum[i] += p[i]
			for j := range 3 {
				square[i][j] += p[i] * p[j]
			}
		}
	})
	if n == 0 {
		return nil, ErrEmpty
	}
	// The published values of the phantom come out with the sample covariance.
	var cov [3][3]float64
	for i := range 3 {
		for j := range 3 {
			cov[i][j] = ratio(square[i][j]-sum[i]*sum[j]/n, n-1)
		}
	}
	values := eigenvalues(cov)
	major, minor, least := 4*math.Sqrt(values[0]), 4*math.Sqrt(values[1]), 4*math.Sqrt(values[2])
	shift := 0.0
	for i := range 3 {
		if mass != 0 {
			shift = math.Hypot(shift, weighted[i]/mass-sum[i]/n)
		}
	}
	mesh := newSurface(l, d)
	volume, area := ellipsoid(major/2, minor/2, least/2)
	return append(mesh.features(), []Feature{
		{"morph.volume_density_ellipsoid", "6BDE", ratio(mesh.volume, volume)},
		{"morph.area_density_ellipsoid", "RDD2", ratio(mesh.area, area)},
		{"morph.integrated_intensity", "99N0", mesh.volume * mass / n},
		{"morph.volume_voxels", "YEKZ", n * d[0] * d[1] * d[2]},
		{"morph.centre_of_mass_shift", "KLMA", shift},
		{"morph.major_axis", "TDIC", major},
		{"morph.minor_axis", "P9VJ", minor},
		{"morph.least_axis", "7J51", least},
		{"morph.elongation", "Q3CK", ratio(minor, major)},
		{"morph.flatness", "N17B", ratio(least, major)},
		{"morph.centroid_x", "", sum[0] / n},
		{"morph.centroid_y", "", sum[1] / n},
		{"morph.centroid_z", "", sum[2] / n},
	}...), nil
}

// surface is the mesh of a region and what encloses it.
type surface struct {
	volume, area         float64
	hullVolume, hullArea float64
	box                  [3]float64 // sides of the box along the axes
	diameter             float64
}

func newSurface(l *Levels, d [3]float64) (s surface) {
	s.volume, s.area = meshOf(l, d)
	points := extremeVertices(l)
	s.diameter = diameterOf(points, d)
	s.hullVolume, s.hullArea = convexHull3D(points, d)
	for axis := range 3 {
		low, high := math.MaxInt, math.MinInt
		for _, p := range points {
			low, high = min(low, p[axis]), max(high, p[axis])
		}
		s.box[axis] = float64(high-low) / 2 * d[axis]
	}
	return s
}

// features compare the surface with that of a sphere and with what encloses it.
func (s surface) features() []Feature {
	compactness := 36 * math.Pi * s.volume * s.volume / (s.area * s.area * s.area)
	disproportion := 1 / math.Cbrt(compactness)
	x, y, z := s.box[0], s.box[1], s.box[2]
	return []Feature{
		{"morph.volume_mesh", "RNU0", s.volume},
		{"morph.area_mesh", "C0JK", s.area},
		{"morph.surface_to_volume", "2PR5", s.area / s.volume},
		{"morph.compactness_1", "SKGS", s.volume / math.Sqrt(math.Pi*s.area*s.area*s.area)},
		{"morph.compactness_2", "BQWJ", compactness},
		{"morph.spherical_disproportion", "KRCK", disproportion},
		{"morph.sphericity", "QCFX", 1 / disproportion},
		{"morph.asphericity", "25C7", disproportion - 1},
		{"morph.diameter_maximum", "L0JK", s.diameter},
		{"morph.volume_density_box", "PBX1", s.volume / (x * y * z)},
		{"morph.area_density_box", "R59B", s.area / (2 * (x*y + y*z + z*x))},
		{"morph.volume_density_hull", "R3ER", s.volume / s.hullVolume},
		{"morph.area_density_hull", "7T7F", s.area / s.hullArea},
	}
}

// ellipsoid is the volume and the area of an ellipsoid by its half axes, the
// longest first; the area by the series of IBSI 3.1 up to the 20th term. A flat
// one has no volume, and its ratios are 0.
func ellipsoid(a, b, c float64) (volume, area float64) {
	if c <= 0 {
		return 0, 0
	}
	alpha, beta := math.Sqrt(1-b*b/(a*a)), math.Sqrt(1-c*c/(a*a))
	// The terms (alpha beta)^n P_n((alpha^2+beta^2)/(2 alpha beta)) by the
	// recurrence of the Legendre polynomials, which needs no division by 0.
	middle, product := (alpha*alpha+beta*beta)/2, alpha*alpha*beta*beta
	before, term := 0., 1.
	for n := range 21 {
		k := float64(n)
		area += term / (1 - 4*k*k)
		before, term = term, ((2*k+1)*middle*term-k*product*before)/(k+1)
	}
	return 4. / 3 * math.Pi * a * b * c, 4 * math.Pi * a * b * area
}

func each(l *Levels, f func(x, y, z int)) {
	for z := range l.Slices {
		for y := range l.Rows {
			for x, v := range l.Row(y, z) {
				if v != 0 {
					f(x, y, z)
				}
			}
		}
	}
}

// eigenvalues of a symmetric matrix, largest first, by the trigonometric
// solution of its characteristic polynomial.
func eigenvalues(m [3][3]float64) [3]float64 {
	off := m[0][1]*m[0][1] + m[0][2]*m[0][2] + m[1][2]*m[1][2]
	q := (m[0][0] + m[1][1] + m[2][2]) / 3
	a, b, c := m[0][0]-q, m[1][1]-q, m[2][2]-q
	p := math.Sqrt((a*a + b*b + c*c + 2*off) / 6)
	if p == 0 {
		return [3]float64{max(0, q), max(0, q), max(0, q)}
	}
	det := a*(b*c-m[1][2]*m[1][2]) - m[0][1]*(m[0][1]*c-m[1][2]*m[0][2]) + m[0][2]*(m[0][1]*m[1][2]-b*m[0][2])
	phi := math.Acos(max(-1, min(1, det/(2*p*p*p)))) / 3
	high := q + 2*p*math.Cos(phi)
	low := q + 2*p*math.Cos(phi+2*math.Pi/3)
	return [3]float64{max(0, high), max(0, 3*q-high-low), max(0, low)}
}
