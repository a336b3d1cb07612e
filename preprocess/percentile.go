package preprocess

import (
	"slices"

	"github.com/radnode/radnode"
)

// percentiles returns two percentiles of the modality values without padding,
// with linear interpolation between order statistics.
func (r *run) percentiles(low, high float64) (float64, float64, error) {
	img := r.img
	if len(img.Stored) > 0 {
		return img.storedPercentiles(low, high)
	}
	values := img.Values
	switch {
	case len(values) > 0:
	case img.Pix8 != nil:
		lo, hi := percentiles8(img.Pix8, low, high)
		return lo, hi, nil
	default:
		values = img.PixF
	}
	sorted := r.w.floatSlice("sorted", len(values))[:0]
	for _, v := range values {
		if p := img.Padding; p == nil || float64(v) < p.Low || float64(v) > p.High {
			sorted = append(sorted, v)
		}
	}
	if len(sorted) == 0 {
		return 0, 0, radnode.Errorf(radnode.Invalid, "preprocess", "every pixel is padding")
	}
	slices.Sort(sorted)
	at := func(k int) float64 { return float64(sorted[k]) }
	return orderStatistic(at, len(sorted), low), orderStatistic(at, len(sorted), high), nil
}

// orderStatistic is the percentile of n sorted values by linear interpolation.
func orderStatistic(at func(int) float64, n int, percent float64) float64 {
	pos := percent / 100 * float64(n-1)
	k := int(pos)
	if k >= n-1 {
		return at(n - 1)
	}
	return at(k) + (pos-float64(k))*(at(k+1)-at(k))
}

// storedPercentiles counts patterns in place of sorting pixels.
func (img *Image) storedPercentiles(low, high float64) (float64, float64, error) {
	counts := make([]uint32, 1<<16)
	flip := uint16(0)
	if img.Signed {
		flip = 0x8000
	}
	for _, v := range img.Stored {
		counts[v^flip]++
	}
	total := 0
	for k := range counts {
		x := img.modality(uint16(k) ^ flip)
		if p := img.Padding; p != nil && x >= p.Low && x <= p.High {
			counts[k] = 0
		}
		total += int(counts[k])
	}
	if total == 0 {
		return 0, 0, radnode.Errorf(radnode.Invalid, "preprocess", "every pixel is padding")
	}
	if img.Slope < 0 { // a falling rescale turns the order round
		low, high = 100-high, 100-low
	}
	at := func(k int) float64 { return img.modality(uint16(ranked(counts, k)) ^ flip) }
	lo, hi := orderStatistic(at, total, low), orderStatistic(at, total, high)
	return min(lo, hi), max(lo, hi), nil
}

// ranked returns the bin that holds the k-th value, from 0.
func ranked(counts []uint32, k int) int {
	for i, c := range counts {
		if k -= int(c); k < 0 {
			return i
		}
	}
	return len(counts) - 1
}

func percentiles8(pix []byte, low, high float64) (float64, float64) {
	counts := make([]uint32, 256)
	for _, v := range pix {
		counts[v]++
	}
	at := func(k int) float64 { return float64(ranked(counts, k)) }
	return orderStatistic(at, len(pix), low), orderStatistic(at, len(pix), high)
}
