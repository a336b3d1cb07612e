package radiomics

// GLRLM computes the grey level run length features (IBSI 3.7). A run ends at
// the border of the region.
func GLRLM(l *Levels, by Aggregation) []Feature {
	var perSlice [][]*sizeMatrix
	length := l.notes()
	if by.volume() {
		var ms []*sizeMatrix
		for _, d := range directions3D {
			ms = append(ms, l.runs(0, l.Slices, d, length))
		}
		perSlice = append(perSlice, ms)
	} else {
		for z := range l.Slices {
			var ms []*sizeMatrix
			for _, d := range directions2D {
				ms = append(ms, l.runs(z, z+1, d, length))
			}
			perSlice = append(perSlice, ms)
		}
	}
	return averageOf(matricesBy(by, perSlice), runFeatures)
}

// runs counts the runs of slices from to end in one direction. length holds
// for each voxel how long its run is up to there; a run is counted at its end.
func (l *Levels) runs(from, end int, d direction, length []int32) *sizeMatrix {
	m := newSizeMatrix(l.Count)
	off := l.offset(d)
	for z := from; z < end; z++ {
		for y := range l.Rows {
			at := (z+1)*l.plane + (y+1)*l.stride + 1
			for i := at; i < at+l.Columns; i++ {
				v := l.voxels[i]
				if v == 0 {
					continue
				}
				m.voxels++
				n := int32(1)
				if l.voxels[i-off] == v {
					n += length[i-off]
				}
				length[i] = n
				if l.voxels[i+off] != v {
					m.count(v, int(n))
				}
			}
		}
	}
	return m
}

func runFeatures(s sizeSums) []Feature {
	return []Feature{
		{"glrlm.short_run_emphasis", "22OV", s.smallSize},
		{"glrlm.long_run_emphasis", "W4KF", s.largeSize},
		{"glrlm.low_grey_level_run_emphasis", "V3SW", s.lowLevel},
		{"glrlm.high_grey_level_run_emphasis", "G3QZ", s.highLevel},
		{"glrlm.short_run_low_grey_level_emphasis", "HTZT", s.smallLow},
		{"glrlm.short_run_high_grey_level_emphasis", "GD3A", s.smallHigh},
		{"glrlm.long_run_low_grey_level_emphasis", "IVPO", s.largeLow},
		{"glrlm.long_run_high_grey_level_emphasis", "3KUM", s.largeHigh},
		{"glrlm.grey_level_non_uniformity", "R5YN", s.levelNonUniformity},
		{"glrlm.grey_level_non_uniformity_normalised", "OVBL", s.levelNonUniformity / s.n},
		{"glrlm.run_length_non_uniformity", "W92Y", s.sizeNonUniformity},
		{"glrlm.run_length_non_uniformity_normalised", "IC23", s.sizeNonUniformity / s.n},
		{"glrlm.run_percentage", "9ZK5", s.percentage},
		{"glrlm.grey_level_variance", "8CE5", s.levelVariance},
		{"glrlm.run_length_variance", "SXLW", s.sizeVariance},
		{"glrlm.run_entropy", "HJ9O", s.entropy},
	}
}
