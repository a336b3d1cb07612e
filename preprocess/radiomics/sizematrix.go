package radiomics

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// sizeMatrix counts things of one grey level by their size: runs by length,
// zones by voxels, voxels by the number of dependent neighbours.
type sizeMatrix struct {
	small  []uint32 // level-1 by size-1, sizes up to smallSizes
	large  map[[2]int]uint32
	levels int
	voxels int // Nv
}

const smallSizes = 64 // SMALL_SIZES of kernels.h

func newSizeMatrix(levels int) *sizeMatrix {
	return &sizeMatrix{small: make([]uint32, levels*smallSizes), large: map[[2]int]uint32{}, levels: levels}
}

func (m *sizeMatrix) count(level uint16, size int) {
	if size <= smallSizes {
		m.small[(int(level)-1)*smallSizes+size-1]++
		return
	}
	m.large[[2]int{int(level), size}]++
}

func (m *sizeMatrix) add(o *sizeMatrix) {
	for i, c := range o.small {
		m.small[i] += c
	}
	for k, c := range o.large {
		m.large[k] += c
	}
	m.voxels += o.voxels
}

// cell is one entry of the matrix.
type cell struct{ level, size, count float64 }

// cells returns what is not zero, ordered, so that sums never differ.
func (m *sizeMatrix) cells() []cell {
	var out []cell
	for i, c := range m.small {
		if c > 0 {
			out = append(out, cell{float64(i/smallSizes + 1), float64(i%smallSizes + 1), float64(c)})
		}
	}
	keys := slices.SortedFunc(maps.Keys(m.large), func(a, b [2]int) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	for _, k := range keys {
		out = append(out, cell{float64(k[0]), float64(k[1]), float64(m.large[k])})
	}
	return out
}

// sizeSums are the sums that the features of all size matrices share.
type sizeSums struct {
	n                                                        float64 // Ns
	smallSize, largeSize, lowLevel, highLevel                float64
	smallLow, smallHigh, largeLow, largeHigh                 float64
	levelNonUniformity, sizeNonUniformity                    float64
	levelVariance, sizeVariance, entropy, energy, percentage float64
}

func (m *sizeMatrix) sums() (s sizeSums, ok bool) {
	cells := m.cells()
	byLevel, bySize := map[float64]float64{}, map[float64]float64{}
	var levelMean, sizeMean float64
	for _, c := range cells {
		s.n += c.count
		byLevel[c.level] += c.count
		bySize[c.size] += c.count
		levelMean += c.count * c.level
		sizeMean += c.count * c.size
	}
	if s.n == 0 {
		return s, false
	}
	levelMean, sizeMean = levelMean/s.n, sizeMean/s.n
	for _, c := range cells {
		p, i2, j2 := c.count/s.n, c.level*c.level, c.size*c.size
		s.smallSize += p / j2
		s.largeSize += p * j2
		s.lowLevel += p / i2
		s.highLevel += p * i2
		s.smallLow += p / (i2 * j2)
		s.smallHigh += p * i2 / j2
		s.largeLow += p * j2 / i2
		s.largeHigh += p * i2 * j2
		s.levelVariance += p * (c.level - levelMean) * (c.level - levelMean)
		s.sizeVariance += p * (c.size - sizeMean) * (c.size - sizeMean)
		s.entropy -= p * math.Log2(p)
		s.energy += p * p
	}
	s.levelNonUniformity = squares(byLevel) / s.n // sums of squared integers: exact in any order
	s.sizeNonUniformity = squares(bySize) / s.n
	s.percentage = s.n / float64(m.voxels)
	return s, true
}

func squares(m map[float64]float64) float64 {
	sum := 0.
	for _, v := range m {
		sum += v * v
	}
	return sum
}

// matricesBy gathers one matrix per slice and direction into the matrices
// whose features are averaged.
func matricesBy(by Aggregation, perSlice [][]*sizeMatrix) []*sizeMatrix {
	var out []*sizeMatrix
	merge := func(ms []*sizeMatrix) *sizeMatrix {
		for _, m := range ms[1:] {
			ms[0].add(m)
		}
		return ms[0]
	}
	switch by {
	case Averaged2D, Averaged3D:
		for _, ms := range perSlice {
			out = append(out, ms...)
		}
	case Merged2D, Merged3D:
		for _, ms := range perSlice {
			out = append(out, merge(ms))
		}
	case Averaged25D:
		for k := range perSlice[0] {
			var same []*sizeMatrix
			for _, ms := range perSlice {
				same = append(same, ms[k])
			}
			out = append(out, merge(same))
		}
	case Merged25D:
		var all []*sizeMatrix
		for _, ms := range perSlice {
			all = append(all, ms...)
		}
		out = append(out, merge(all))
	}
	return out
}

// averageOf computes features of each matrix that is not empty and averages.
func averageOf(matrices []*sizeMatrix, features func(sizeSums) []Feature) []Feature {
	var sets [][]Feature
	for _, m := range matrices {
		if s, ok := m.sums(); ok {
			sets = append(sets, features(s))
		}
	}
	return average(sets)
}
