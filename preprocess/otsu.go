package preprocess

import "github.com/radnode/radnode"

// histogram8 counts the values where inside is not zero; nil: everywhere.
func histogram8(pix, inside []byte) [256]int {
	var counts [256]int
	for i, v := range pix {
		if inside == nil || inside[i] != 0 {
			counts[v]++
		}
	}
	return counts
}

// different is how many values there are.
func different(counts [256]int) (n int) {
	for _, c := range counts {
		n += min(c, 1)
	}
	return n
}

// otsuThreshold is the level that separates two classes best, values up to
// it in the lower one; the first of equals. It follows OpenCV's arithmetic.
func otsuThreshold(counts [256]int) int {
	total, mu := 0, 0.
	for i, c := range counts {
		total += c
		mu += float64(i) * float64(c)
	}
	unit := 1 / float64(total)
	mu *= unit
	mu1, q1, best := 0., 0., 0.
	level := 0
	const epsilon = 1.1920928955078125e-07 // FLT_EPSILON
	for i, c := range counts {
		p := float64(c) * unit
		mu1 *= q1
		q1 += p
		q2 := 1 - q1
		if min(q1, q2) < epsilon || max(q1, q2) > 1-epsilon {
			continue
		}
		mu1 = (mu1 + float64(i)*p) / q1
		mu2 := (mu - q1*mu1) / q2
		if sigma := q1 * q2 * (mu1 - mu2) * (mu1 - mu2); sigma > best {
			best, level = sigma, i
		}
	}
	return level
}

// multiOtsu returns the thresholds between classes: values up to a threshold
// belong below it. Of equal splits the first in order counts.
func multiOtsu(counts [256]int, classes int) ([]int, error) {
	var bins []int // values that occur; a split between two of them is all that matters
	var weight, moment []float64
	w, m := 0., 0.
	for v, c := range counts {
		if c > 0 {
			bins = append(bins, v)
			w += float64(c)
			m += float64(v) * float64(c)
			weight, moment = append(weight, w), append(moment, m)
		}
	}
	if len(bins) < classes {
		return nil, radnode.Errorf(radnode.Invalid, "preprocess", "an image of %d different values has no %d classes", len(bins), classes)
	}
	// between is a class's part of the variance between classes: M^2/W.
	between := func(from, to int) float64 {
		w, m := weight[to], moment[to]
		if from > 0 {
			w, m = w-weight[from-1], m-moment[from-1]
		}
		return m * m / w
	}
	split := bestSplit(len(bins), classes, between)
	for i, at := range split {
		split[i] = bins[at]
	}
	return split, nil
}

// bestSplit finds the last index of each class but the last by dynamic
// programming: best[k][i] is the best sum for the first i+1 bins in k+1 classes.
func bestSplit(n, classes int, between func(from, to int) float64) []int {
	best, last := make([][]float64, classes), make([][]int, classes)
	for k := range classes {
		best[k], last[k] = make([]float64, n), make([]int, n)
		for i := k; i < n; i++ {
			if k == 0 {
				best[0][i] = between(0, i)
				continue
			}
			best[k][i] = -1
			for j := k - 1; j < i; j++ {
				if v := best[k-1][j] + between(j+1, i); v > best[k][i] {
					best[k][i], last[k][i] = v, j
				}
			}
		}
	}
	out := make([]int, classes-1)
	at := n - 1
	for k := classes - 1; k > 0; k-- {
		at = last[k][at]
		out[k-1] = at
	}
	return out
}
