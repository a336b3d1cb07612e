package preprocess

// The morphology of lung masks: 0 and 1 on the small square, discs as kernels.

func eroded(mask []byte, radius int) []byte  { return byDisc(mask, radius, 0) }
func dilated(mask []byte, radius int) []byte { return byDisc(mask, radius, 1) }

func opened(mask []byte, radius int) []byte { return dilated(eroded(mask, radius), radius) }
func closed(mask []byte, radius int) []byte { return eroded(dilated(mask, radius), radius) }

// byDisc spreads value over a disc around each pixel that has it, by the
// squared distance to the nearest one, which is exact and does not depend on
// the radius.
func byDisc(mask []byte, radius int, value byte) []byte {
	const far = 1 << 20
	column := make([]int, len(mask))
	for x := range lungSide {
		d := far
		for y := range lungSide {
			d = nearest(mask[y*lungSide+x] == value, d)
			column[y*lungSide+x] = d
		}
		d = far
		for y := lungSide - 1; y >= 0; y-- {
			d = nearest(mask[y*lungSide+x] == value, d)
			column[y*lungSide+x] = min(column[y*lungSide+x], d)
		}
	}
	out := make([]byte, len(mask))
	for y := range lungSide {
		for x := range lungSide {
			i := y*lungSide + x
			out[i] = 1 - value
			for dx := -radius; dx <= radius; dx++ {
				if nx := x + dx; nx >= 0 && nx < lungSide {
					if d := column[i+dx]; d*d+dx*dx <= radius*radius {
						out[i] = value
						break
					}
				}
			}
		}
	}
	return out
}

func nearest(here bool, d int) int {
	if here {
		return 0
	}
	return d + 1
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
