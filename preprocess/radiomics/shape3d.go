package radiomics

import "math"

// Shape3D describes the region of a volume whose voxels measure x, y and z
// millimetres (IBSI 3.1): the features that need no mesh, and the principal
// axes.
func Shape3D(l *Levels, dx, dy, dz float64) ([]Feature, error) {
	var n float64
	var sum [3]float64
	var square [3][3]float64
	each(l, func(x, y, z int) {
		p := [3]float64{float64(x) * dx, float64(y) * dy, float64(z) * dz}
		n++
		for i := range 3 {
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
	return []Feature{
		{"morph.volume_voxels", "YEKZ", n * dx * dy * dz},
		{"morph.major_axis", "TDIC", major},
		{"morph.minor_axis", "P9VJ", minor},
		{"morph.least_axis", "7J51", least},
		{"morph.elongation", "Q3CK", ratio(minor, major)},
		{"morph.flatness", "N17B", ratio(least, major)},
		{"morph.centroid_x", "", sum[0] / n},
		{"morph.centroid_y", "", sum[1] / n},
		{"morph.centroid_z", "", sum[2] / n},
	}, nil
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
