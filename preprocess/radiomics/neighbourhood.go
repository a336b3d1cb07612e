package radiomics

import "math"

// NGTDM computes the neighbourhood grey tone difference features (IBSI 3.10)
// at distance 1.
func NGTDM(l *Levels, by ZoneAggregation) []Feature {
	difference, _ := Neighbourhood(l, by)
	return difference
}

// NGLDM computes the neighbouring grey level dependence features (IBSI 3.11),
// also called GLDM, at distance 1 and with coarseness 0: a neighbour depends
// if it has the same level.
func NGLDM(l *Levels, by ZoneAggregation) []Feature {
	_, dependence := Neighbourhood(l, by)
	return dependence
}

// Neighbourhood computes both families in one pass.
func Neighbourhood(l *Levels, by ZoneAggregation) (ngtdm, ngldm []Feature) {
	var sets [][]Feature
	var ms []*sizeMatrix
	for _, t := range l.neighbourhoods(by) {
		if set := t.features(); set != nil {
			sets = append(sets, set)
		}
		ms = append(ms, t.dependence)
	}
	return average(sets), averageOf(ms, dependenceFeatures)
}

// tones gathers what both matrices need: for each level the voxels with
// neighbours, their number and the sum of their differences.
type tones struct {
	n          []float64 // voxels of level i+1 with at least one neighbour
	s          []float64 // sum of |level - mean of the neighbours|
	dependence *sizeMatrix
}

func (l *Levels) neighbourhoods(by ZoneAggregation) []*tones {
	dirs := directions2D
	if by == Zones3D {
		dirs = directions3D
	}
	var out []*tones
	for z := range l.Slices {
		if z == 0 || by == Zones2D {
			out = append(out, &tones{make([]float64, l.Count), make([]float64, l.Count), newSizeMatrix(l.Count)})
		}
		l.countTones(z, dirs, out[len(out)-1])
	}
	return out
}

func (l *Levels) countTones(z int, dirs []direction, t *tones) {
	// Sums of fractions with few denominators: gathered per number of
	// neighbours as integers, so that the result is exact in any order.
	most := 2 * len(dirs)
	sums := make([]int, l.Count*(most+1))
	l.tableOfTones(z, dirs, func(level, neighbours, same, n, sum int) {
		t.dependence.voxels += n
		t.dependence.small[(level-1)*smallSizes+same] += uint32(n) // the voxel depends on itself too
		if neighbours > 0 {
			t.n[level-1] += float64(n)
			sums[(level-1)*(most+1)+neighbours] += sum
		}
	})
	for i := range t.s {
		for n := 1; n <= most; n++ {
			t.s[i] += float64(sums[i*(most+1)+n]) / float64(n)
		}
	}
}

func (t *tones) features() []Feature {
	total, present := 0., 0.
	for _, n := range t.n {
		total += n
		if n > 0 {
			present++
		}
	}
	if total == 0 {
		return nil
	}
	var weighted, sumS, pairs, busy, complexity, strength float64
	for i, n := range t.n {
		if n == 0 {
			continue
		}
		x, px := float64(i+1), n/total
		weighted += px * t.s[i]
		sumS += t.s[i]
		for j, m := range t.n {
			if m == 0 {
				continue
			}
			y, py := float64(j+1), m/total
			pairs += px * py * (x - y) * (x - y)
			busy += math.Abs(x*px - y*py)
			complexity += math.Abs(x-y) * (px*t.s[i] + py*t.s[j]) / (px + py)
			strength += (px + py) * (x - y) * (x - y)
		}
	}
	coarseness := 1e6
	if weighted > 0 {
		coarseness = min(1/weighted, 1e6)
	}
	return []Feature{
		{"ngtdm.coarseness", "QCDE", coarseness},
		{"ngtdm.contrast", "65HE", ratio(pairs, present*(present-1)) * sumS / total},
		{"ngtdm.busyness", "NQ30", ratio(weighted, busy)},
		{"ngtdm.complexity", "HDEZ", complexity / total},
		{"ngtdm.strength", "1X9X", ratio(strength, sumS)},
	}
}

func dependenceFeatures(s sizeSums) []Feature {
	return []Feature{
		{"ngldm.low_dependence_emphasis", "SODN", s.smallSize},
		{"ngldm.high_dependence_emphasis", "IMOQ", s.largeSize},
		{"ngldm.low_grey_level_count_emphasis", "TL9H", s.lowLevel},
		{"ngldm.high_grey_level_count_emphasis", "OAE7", s.highLevel},
		{"ngldm.low_dependence_low_grey_level_emphasis", "EQ3F", s.smallLow},
		{"ngldm.low_dependence_high_grey_level_emphasis", "JA6D", s.smallHigh},
		{"ngldm.high_dependence_low_grey_level_emphasis", "NBZI", s.largeLow},
		{"ngldm.high_dependence_high_grey_level_emphasis", "9QMG", s.largeHigh},
		{"ngldm.grey_level_non_uniformity", "FP8K", s.levelNonUniformity},
		{"ngldm.grey_level_non_uniformity_normalised", "5SPA", s.levelNonUniformity / s.n},
		{"ngldm.dependence_count_non_uniformity", "Z87G", s.sizeNonUniformity},
		{"ngldm.dependence_count_non_uniformity_normalised", "OKJI", s.sizeNonUniformity / s.n},
		{"ngldm.dependence_count_percentage", "6XV8", s.percentage},
		{"ngldm.grey_level_variance", "1PFV", s.levelVariance},
		{"ngldm.dependence_count_variance", "DNX2", s.sizeVariance},
		{"ngldm.dependence_count_entropy", "FCBV", s.entropy},
		{"ngldm.dependence_count_energy", "CAS9", s.energy},
	}
}
