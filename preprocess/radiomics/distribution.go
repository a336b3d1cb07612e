package radiomics

import (
	"math"
	"slices"
)

// Distribution holds the values of a region in rising order, each once, with
// how often it occurs.
type Distribution struct {
	Values []float64
	Counts []int
	N      int
}

// NewDistribution sorts values, which it reorders.
func NewDistribution(values []float32) (Distribution, error) {
	if len(values) == 0 {
		return Distribution{}, ErrEmpty
	}
	slices.Sort(values)
	different := 1
	for i := 1; i < len(values); i++ {
		if values[i] != values[i-1] {
			different++
		}
	}
	d := Distribution{N: len(values), Values: make([]float64, 0, different), Counts: make([]int, 0, different)}
	for i := 0; i < len(values); {
		j := i
		for j < len(values) && values[j] == values[i] {
			j++
		}
		d.Values = append(d.Values, float64(values[i]))
		d.Counts = append(d.Counts, j-i)
		i = j
	}
	return d, nil
}

// FromCounts makes a distribution of the integers 0..len(counts)-1.
func FromCounts(counts []int) (Distribution, error) {
	var d Distribution
	for v, c := range counts {
		if c > 0 {
			d.Values = append(d.Values, float64(v))
			d.Counts = append(d.Counts, c)
			d.N += c
		}
	}
	if d.N == 0 {
		return d, ErrEmpty
	}
	return d, nil
}

// mean is the mean of f over the values.
func (d Distribution) mean(f func(x float64) float64) float64 {
	sum := 0.
	for i, v := range d.Values {
		sum += float64(d.Counts[i]) * f(v)
	}
	return sum / float64(d.N)
}

// Percentile interpolates linearly between order statistics.
func (d Distribution) Percentile(percent float64) float64 {
	pos := percent / 100 * float64(d.N-1)
	k := int(pos)
	low := d.at(k)
	if k+1 >= d.N {
		return low
	}
	return low + (pos-float64(k))*(d.at(k+1)-low)
}

func (d Distribution) at(k int) float64 {
	for i, c := range d.Counts {
		if k -= c; k < 0 {
			return d.Values[i]
		}
	}
	return d.Values[len(d.Values)-1]
}

// moments are what first-order and histogram features share.
type moments struct {
	mean, variance, skewness, kurtosis         float64
	median, low, p10, p25, p75, p90, high      float64
	meanDeviation, robustDeviation, medianDev  float64
	variation, dispersion, energy, rootMeanSqr float64
}

func (d Distribution) moments() moments {
	var m moments
	m.mean = d.mean(func(x float64) float64 { return x })
	m.variance = d.mean(func(x float64) float64 { return (x - m.mean) * (x - m.mean) })
	third := d.mean(func(x float64) float64 { return math.Pow(x-m.mean, 3) })
	fourth := d.mean(func(x float64) float64 { return math.Pow(x-m.mean, 4) })
	m.skewness = ratio(third, math.Pow(m.variance, 1.5))
	if m.variance > 0 {
		m.kurtosis = fourth/(m.variance*m.variance) - 3
	}
	m.low, m.high = d.Values[0], d.Values[len(d.Values)-1]
	m.median = d.Percentile(50)
	m.p10, m.p25, m.p75, m.p90 = d.Percentile(10), d.Percentile(25), d.Percentile(75), d.Percentile(90)
	m.meanDeviation = d.mean(func(x float64) float64 { return math.Abs(x - m.mean) })
	m.medianDev = d.mean(func(x float64) float64 { return math.Abs(x - m.median) })
	m.robustDeviation = d.robustDeviation(m.p10, m.p90)
	m.variation = ratio(math.Sqrt(m.variance), m.mean)
	m.dispersion = ratio(m.p75-m.p25, m.p75+m.p25)
	squares := d.mean(func(x float64) float64 { return x * x })
	m.energy = squares * float64(d.N)
	m.rootMeanSqr = math.Sqrt(squares)
	return m
}

// robustDeviation is the mean absolute deviation of the values between two
// limits around the mean of those values (IBSI 1128).
func (d Distribution) robustDeviation(low, high float64) float64 {
	var n, sum float64
	for i, v := range d.Values {
		if v >= low && v <= high {
			n += float64(d.Counts[i])
			sum += float64(d.Counts[i]) * v
		}
	}
	mean := ratio(sum, n)
	dev := 0.
	for i, v := range d.Values {
		if v >= low && v <= high {
			dev += float64(d.Counts[i]) * math.Abs(v-mean)
		}
	}
	return ratio(dev, n)
}

// FirstOrder computes the intensity-based statistics (IBSI 3.3).
func FirstOrder(d Distribution) []Feature {
	m := d.moments()
	return []Feature{
		{"firstorder.mean", "Q4LE", m.mean},
		{"firstorder.variance", "ECT3", m.variance},
		{"firstorder.skewness", "KE2A", m.skewness},
		{"firstorder.kurtosis", "IPH6", m.kurtosis},
		{"firstorder.median", "Y12H", m.median},
		{"firstorder.minimum", "1GSF", m.low},
		{"firstorder.percentile_10", "QG58", m.p10},
		{"firstorder.percentile_90", "8DWT", m.p90},
		{"firstorder.maximum", "84IY", m.high},
		{"firstorder.interquartile_range", "SALO", m.p75 - m.p25},
		{"firstorder.range", "2OJQ", m.high - m.low},
		{"firstorder.mean_absolute_deviation", "4FUA", m.meanDeviation},
		{"firstorder.robust_mean_absolute_deviation", "1128", m.robustDeviation},
		{"firstorder.median_absolute_deviation", "N72L", m.medianDev},
		{"firstorder.coefficient_of_variation", "7TET", m.variation},
		{"firstorder.quartile_coefficient_of_dispersion", "9S40", m.dispersion},
		{"firstorder.energy", "N8CA", m.energy},
		{"firstorder.root_mean_square", "5ZWQ", m.rootMeanSqr},
	}
}

// Histogram computes the intensity histogram features of discretised levels
// (IBSI 3.4).
func Histogram(l *Levels) ([]Feature, error) {
	counts := l.counts()
	counts[0] = 0
	d, err := FromCounts(counts)
	if err != nil {
		return nil, err
	}
	m := d.moments()
	entropy, uniformity := 0., 0.
	for _, c := range d.Counts {
		p := float64(c) / float64(d.N)
		entropy -= p * math.Log2(p)
		uniformity += p * p
	}
	high, highAt, low, lowAt := gradient(counts[1:])
	return []Feature{
		{"histogram.mean", "X6K6", m.mean},
		{"histogram.variance", "CH89", m.variance},
		{"histogram.skewness", "88K1", m.skewness},
		{"histogram.kurtosis", "C3I7", m.kurtosis},
		{"histogram.median", "WIFQ", m.median},
		{"histogram.minimum", "1PR8", m.low},
		{"histogram.percentile_10", "GPMT", m.p10},
		{"histogram.percentile_90", "OZ0C", m.p90},
		{"histogram.maximum", "3NCY", m.high},
		{"histogram.mode", "AMMC", mode(d, m.mean)},
		{"histogram.interquartile_range", "WR0O", m.p75 - m.p25},
		{"histogram.range", "5Z3W", m.high - m.low},
		{"histogram.mean_absolute_deviation", "D2ZX", m.meanDeviation},
		{"histogram.robust_mean_absolute_deviation", "WRZB", m.robustDeviation},
		{"histogram.median_absolute_deviation", "4RNL", m.medianDev},
		{"histogram.coefficient_of_variation", "CWYJ", m.variation},
		{"histogram.quartile_coefficient_of_dispersion", "SLWD", m.dispersion},
		{"histogram.entropy", "TLU2", entropy},
		{"histogram.uniformity", "BJ5W", uniformity},
		{"histogram.maximum_gradient", "12CE", high},
		{"histogram.maximum_gradient_level", "8E6O", highAt},
		{"histogram.minimum_gradient", "VQB3", low},
		{"histogram.minimum_gradient_level", "RHQZ", lowAt},
	}, nil
}

// mode is the commonest level; of equals the one nearest the mean (AMMC).
func mode(d Distribution, mean float64) float64 {
	best := 0
	for i, c := range d.Counts {
		nearer := math.Abs(d.Values[i]-mean) < math.Abs(d.Values[best]-mean)
		if c > d.Counts[best] || c == d.Counts[best] && nearer {
			best = i
		}
	}
	return d.Values[best]
}

// gradient returns the extremes of the histogram's slope and their levels.
func gradient(h []int) (high, highAt, low, lowAt float64) {
	if len(h) < 2 {
		return 0, 1, 0, 1
	}
	high, low = math.Inf(-1), math.Inf(1)
	for i := range h {
		slope := 0.
		switch i {
		case 0:
			slope = float64(h[1] - h[0])
		case len(h) - 1:
			slope = float64(h[i] - h[i-1])
		default:
			slope = float64(h[i+1]-h[i-1]) / 2
		}
		if slope > high {
			high, highAt = slope, float64(i+1)
		}
		if slope < low {
			low, lowAt = slope, float64(i+1)
		}
	}
	return high, highAt, low, lowAt
}
