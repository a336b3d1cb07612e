package radiomics

import (
	"fmt"
	"math"
)

// waveletFilters are the low-pass decomposition filters; the high-pass follows.
var waveletFilters = map[string][]float64{
	"haar": {math.Sqrt2 / 2, math.Sqrt2 / 2},
	"db2":  {-0.12940952255126037, 0.2241438680420134, 0.8365163037378079, 0.48296291314453416},
}

// Wavelet computes the mean energy of each band of a decomposition by "haar"
// or "db2" (Daubechies, 4 taps), periodic at the edges, level by level while
// both sides are at least as long as the filter. Odd sides lose no sample:
// the last one is repeated. temp lends memory by name, as make would.
func Wavelet(pix []float32, rows, columns int, name string, levels int, temp func(name string, n int) []float32) ([]Feature, error) {
	low, ok := waveletFilters[name]
	if !ok {
		return nil, fmt.Errorf("wavelet %q is unknown; haar and db2 can be used", name)
	}
	if rows < 1 || columns < 1 || len(pix) != rows*columns {
		return nil, fmt.Errorf("wavelet of %d x %d needs as many samples, got %d", rows, columns, len(pix))
	}
	high := make([]float64, len(low))
	for i := range low {
		high[i] = low[len(low)-1-i]
		if i%2 == 0 {
			high[i] = -high[i]
		}
	}
	image := pix
	var out []Feature
	for level := 1; level <= levels && min(rows, columns) >= len(low); level++ {
		approx, bands := decompose(image, rows, columns, low, high, func(k string, n int) []float32 {
			return temp(fmt.Sprintf("wavelet %d %s", level, k), n)
		})
		rows, columns = (rows+1)/2, (columns+1)/2
		for i, band := range []string{"horizontal", "vertical", "diagonal"} {
			out = append(out, Feature{Name: fmt.Sprintf("wavelet.%s_%d_%s", name, level, band), Value: bands[i] / float64(rows*columns)})
		}
		image = approx
	}
	return out, nil
}

// decompose makes one level: the half-size approximation and the sums of
// squares of the horizontal, vertical and diagonal details.
func decompose(image []float32, rows, columns int, low, high []float64, temp func(string, int) []float32) ([]float32, [3]float64) {
	halfColumns, halfRows := (columns+1)/2, (rows+1)/2
	l, h := temp("low", rows*halfColumns), temp("high", rows*halfColumns)
	for y := range rows {
		row := image[y*columns : (y+1)*columns]
		filterDown(row, low, high, l[y*halfColumns:], h[y*halfColumns:])
	}
	approx, detail := temp("approximation", halfRows*halfColumns), temp("detail", halfRows*halfColumns)
	var energy [3]float64
	filterColumns(l, rows, halfColumns, low, high, approx, detail)
	energy[0] = sumSquares(detail) // low across, high down: horizontal edges
	other := temp("other", halfRows*halfColumns)
	filterColumns(h, rows, halfColumns, low, high, other, detail)
	energy[1], energy[2] = sumSquares(other), sumSquares(detail)
	return approx, energy
}

// filterDown convolves a row with both filters and keeps every second result.
func filterDown(in []float32, low, high []float64, outLow, outHigh []float32) {
	n := len(in)
	even := n + n%2
	for k := range even / 2 {
		var a, d float64
		for t := range low {
			v := float64(in[min((2*k+len(low)/2-t+even)%even, n-1)])
			a += low[t] * v
			d += high[t] * v
		}
		outLow[k], outHigh[k] = float32(a), float32(d)
	}
}

// filterColumns does the same down all columns, row by row of the result.
func filterColumns(in []float32, rows, columns int, low, high []float64, outLow, outHigh []float32) {
	even := rows + rows%2
	for k := range even / 2 {
		a, d := outLow[k*columns:(k+1)*columns], outHigh[k*columns:(k+1)*columns]
		clear(a)
		clear(d)
		for t := range low {
			y := min((2*k+len(low)/2-t+even)%even, rows-1)
			lo, hi := float32(low[t]), float32(high[t])
			for x, v := range in[y*columns : (y+1)*columns] {
				a[x] += lo * v
				d[x] += hi * v
			}
		}
	}
}

func sumSquares(values []float32) float64 {
	sum := 0.
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return sum
}
