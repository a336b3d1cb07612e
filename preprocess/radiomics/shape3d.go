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
	return append(meshFeatures(l, d), []Feature{
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

// meshFeatures compare the surface of the region with that of a sphere.
func meshFeatures(l *Levels, d [3]float64) []Feature {
	volume, area := meshOf(l, d)
	compactness := 36 * math.Pi * volume * volume / (area * area * area)
	disproportion := 1 / math.Cbrt(compactness)
	return []Feature{
		{"morph.volume_mesh", "RNU0", volume},
		{"morph.area_mesh", "C0JK", area},
		{"morph.surface_to_volume", "2PR5", area / volume},
		{"morph.compactness_1", "SKGS", volume / math.Sqrt(math.Pi*area*area*area)},
		{"morph.compactness_2", "BQWJ", compactness},
		{"morph.spherical_disproportion", "KRCK", disproportion},
		{"morph.sphericity", "QCFX", 1 / disproportion},
		{"morph.asphericity", "25C7", disproportion - 1},
		{"morph.diameter_maximum", "L0JK", diameterOf(l, d)},
	}
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
