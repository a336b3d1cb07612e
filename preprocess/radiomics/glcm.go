package radiomics

import "math"

// direction is a step to a neighbour at distance 1.
type direction struct{ dx, dy, dz int }

// directions2D are the 4 in a slice, directions3D the 13 of a volume: one of
// each pair of opposite neighbours.
var (
	directions2D = []direction{{1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {-1, 1, 0}}
	directions3D = []direction{
		{1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {-1, 1, 0},
		{-1, -1, 1}, {0, -1, 1}, {1, -1, 1}, {-1, 0, 1}, {0, 0, 1}, {1, 0, 1}, {-1, 1, 1}, {0, 1, 1}, {1, 1, 1},
	}
)

func (l *Levels) offset(d direction) int { return d.dz*l.plane + d.dy*l.stride + d.dx }

// pairCounts is a co-occurrence matrix before it is made symmetric: counts of
// (level, level of the neighbour), with a row and column 0 for voxels outside.
type pairCounts []uint32

func (l *Levels) newPairs() pairCounts { return make(pairCounts, (l.Count+1)*(l.Count+1)) }

func (m pairCounts) add(o pairCounts) {
	for i, v := range o {
		m[i] += v
	}
}

// GLCM computes the co-occurrence features (IBSI 3.6) at distance 1,
// symmetric, merged or averaged as by says.
func GLCM(l *Levels, by Aggregation) []Feature {
	dirs := directions2D
	if by.volume() {
		dirs = directions3D
	}
	perSlice := make([][]pairCounts, l.Slices)
	for z := range perSlice {
		if z > 0 && by != Averaged2D && by != Merged2D {
			perSlice[z] = perSlice[0] // slices are merged
		} else {
			for range dirs {
				perSlice[z] = append(perSlice[z], l.newPairs())
			}
		}
		l.countPairs(z, dirs, perSlice[z])
	}
	if by != Averaged2D && by != Merged2D {
		perSlice = perSlice[:1]
	}
	var sets [][]Feature
	for _, matrices := range perSlice {
		if by == Merged2D || by == Merged25D || by == Merged3D {
			for _, m := range matrices[1:] {
				matrices[0].add(m)
			}
			matrices = matrices[:1]
		}
		for _, m := range matrices {
			if set := glcmFeatures(m, l.Count); set != nil {
				sets = append(sets, set)
			}
		}
	}
	return average(sets)
}

// cooccurrence is a normalised symmetric matrix with its marginals. Index 0
// stands for level 1; sum[k] is the probability of i+j = k+2, difference[k]
// that of |i-j| = k.
type cooccurrence struct {
	n                    int
	p                    []float64
	margin               []float64
	sum, difference      []float64
	mean, variance       float64
	entropy, marginEntro float64
}

func newCooccurrence(counts pairCounts, n int) (c cooccurrence, ok bool) {
	side, total := n+1, 0.
	c = cooccurrence{n: n, p: make([]float64, n*n), margin: make([]float64, n), sum: make([]float64, 2*n-1), difference: make([]float64, n)}
	for i := range n {
		for j := range n {
			v := float64(counts[(i+1)*side+j+1]) + float64(counts[(j+1)*side+i+1])
			c.p[i*n+j] = v
			total += v
		}
	}
	if total == 0 {
		return c, false
	}
	for i := range n {
		for j := range n {
			p := c.p[i*n+j] / total
			c.p[i*n+j] = p
			c.margin[i] += p
			c.sum[i+j] += p
			c.difference[max(i-j, j-i)] += p
		}
	}
	for i, p := range c.margin {
		c.mean += float64(i+1) * p
	}
	for i, p := range c.margin {
		d := float64(i+1) - c.mean
		c.variance += d * d * p
	}
	c.entropy, c.marginEntro = entropy(c.p), entropy(c.margin)
	return c, true
}

// entropy is -sum p log2 p.
func entropy(p []float64) float64 {
	h := 0.
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log2(v)
		}
	}
	return h
}

// spread returns mean and variance of a distribution over first, first+1, ...
func spread(p []float64, first float64) (mean, variance float64) {
	for k, v := range p {
		mean += (first + float64(k)) * v
	}
	for k, v := range p {
		d := first + float64(k) - mean
		variance += d * d * v
	}
	return mean, variance
}

// cellSums are the sums over all cells of the matrix.
type cellSums struct {
	maximum, asm, contrast, inverse, inverseN, moment, momentN, inverseVariance float64
	autocorrelation, tendency, shade, prominence                                float64
}

func (c cooccurrence) sums() cellSums {
	var s cellSums
	n := float64(c.n)
	for i := range c.n {
		for j := range c.n {
			p := c.p[i*c.n+j]
			if p == 0 {
				continue
			}
			x, y := float64(i+1), float64(j+1)
			d := math.Abs(x - y)
			s.maximum = max(s.maximum, p)
			s.asm += p * p
			s.contrast += d * d * p
			s.inverse += p / (1 + d)
			s.inverseN += p / (1 + d/n)
			s.moment += p / (1 + d*d)
			s.momentN += p / (1 + d*d/(n*n))
			if i != j {
				s.inverseVariance += p / (d * d)
			}
			s.autocorrelation += x * y * p
			t := x + y - 2*c.mean
			s.tendency += t * t * p
			s.shade += t * t * t * p
			s.prominence += t * t * t * t * p
		}
	}
	return s
}

// information returns the two information correlations.
func (c cooccurrence) information() (first, second float64) {
	var cross, product float64 // HXY1, HXY2
	for i, px := range c.margin {
		for j, py := range c.margin {
			if q := px * py; q > 0 {
				log := math.Log2(q)
				cross -= c.p[i*c.n+j] * log
				product -= q * log
			}
		}
	}
	first = ratio(c.entropy-cross, c.marginEntro)
	second = math.Sqrt(max(0, 1-math.Exp(-2*(product-c.entropy))))
	return first, second
}

func glcmFeatures(counts pairCounts, n int) []Feature {
	c, ok := newCooccurrence(counts, n)
	if !ok {
		return nil
	}
	s := c.sums()
	sumMean, sumVariance := spread(c.sum, 2)
	diffMean, diffVariance := spread(c.difference, 0)
	first, second := c.information()
	correlation := 1. // of a single level, by convention
	if c.variance > 0 {
		correlation = (s.autocorrelation - c.mean*c.mean) / c.variance
	}
	return []Feature{
		{"glcm.joint_maximum", "GYBY", s.maximum},
		{"glcm.joint_average", "60VM", c.mean},
		{"glcm.joint_variance", "UR99", c.variance},
		{"glcm.joint_entropy", "TU9B", c.entropy},
		{"glcm.difference_average", "TF7R", diffMean},
		{"glcm.difference_variance", "D3YU", diffVariance},
		{"glcm.difference_entropy", "NTRS", entropy(c.difference)},
		{"glcm.sum_average", "ZGXS", sumMean},
		{"glcm.sum_variance", "OEEB", sumVariance},
		{"glcm.sum_entropy", "P6QZ", entropy(c.sum)},
		{"glcm.angular_second_moment", "8ZQL", s.asm},
		{"glcm.contrast", "ACUI", s.contrast},
		{"glcm.dissimilarity", "8S9J", diffMean},
		{"glcm.inverse_difference", "IB1Z", s.inverse},
		{"glcm.inverse_difference_normalised", "NDRX", s.inverseN},
		{"glcm.inverse_difference_moment", "WF0Z", s.moment},
		{"glcm.inverse_difference_moment_normalised", "1QCO", s.momentN},
		{"glcm.inverse_variance", "E8JP", s.inverseVariance},
		{"glcm.correlation", "NI2N", correlation},
		{"glcm.autocorrelation", "QWB0", s.autocorrelation},
		{"glcm.cluster_tendency", "DG8W", s.tendency},
		{"glcm.cluster_shade", "7NFM", s.shade},
		{"glcm.cluster_prominence", "AE86", s.prominence},
		{"glcm.information_correlation_1", "R8DG", first},
		{"glcm.information_correlation_2", "JN9H", second},
	}
}
