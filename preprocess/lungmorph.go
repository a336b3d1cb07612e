package preprocess

import "math"

// The morphology of lung masks: 0 and 1 on the small square, discs as kernels.

func eroded(mask []byte, radius int) []byte  { return byDisc(mask, radius, 0) }
func dilated(mask []byte, radius int) []byte { return byDisc(mask, radius, 1) }

func opened(mask []byte, radius int) []byte { return dilated(eroded(mask, radius), radius) }
func closed(mask []byte, radius int) []byte { return eroded(dilated(mask, radius), radius) }

// byDisc spreads value over a disc around each pixel that has it: a pixel
// gets it if, in some column of its disc, the nearest one is near enough.
func byDisc(mask []byte, radius int, value byte) []byte {
	column := columnDistances(mask, value)
	reach := make([]byte, 2*radius+1) // half the height of the disc in each column
	for dx := -radius; dx <= radius; dx++ {
		reach[dx+radius] = byte(math.Sqrt(float64(radius*radius - dx*dx)))
	}
	out := make([]byte, len(mask))
	for y := range lungSide {
		row := column[y*lungSide : (y+1)*lungSide]
		for x := range row {
			v := 1 - value
			from := max(0, x-radius)
			for k, d := range row[from:min(lungSide, x+radius+1)] {
				if d <= reach[from+k-x+radius] {
					v = value
					break
				}
			}
			out[y*lungSide+x] = v
		}
	}
	return out
}

// columnDistances says for each pixel how many rows away the nearest pixel
// with value is in its column, at most 255.
func columnDistances(mask []byte, value byte) []byte {
	out := make([]byte, len(mask))
	for x := range lungSide {
		d := 255
		for y := range lungSide {
			d = nearest(mask[y*lungSide+x] == value, d)
			out[y*lungSide+x] = byte(d)
		}
		d = 255
		for y := lungSide - 1; y >= 0; y-- {
			d = nearest(mask[y*lungSide+x] == value, d)
			out[y*lungSide+x] = min(out[y*lungSide+x], byte(d))
		}
	}
	return out
}

func nearest(here bool, d int) int {
	if here {
		return 0
	}
	return min(255, d+1)
}

// filled fills what a mask encloses.
func filled(mask []byte) []byte {
	outside := make([]byte, len(mask))
	var seeds []int
	for i := range lungSide {
		seeds = append(seeds, i, (lungSide-1)*lungSide+i, i*lungSide, i*lungSide+lungSide-1)
	}
	flood(outside, lungSide, lungSide, 4, seeds, func(i int) bool { return mask[i] == 0 })
	out := make([]byte, len(mask))
	for i, v := range outside {
		if v == 0 {
			out[i] = 1
		}
	}
	return out
}
