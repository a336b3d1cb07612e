package radiomics

// GLRLM computes the grey level run length features (IBSI 3.7). A run ends at
// the border of the region.
func GLRLM(l *Levels, by Aggregation) []Feature {
	var perSlice [][]*sizeMatrix
	if by.volume() {
		var ms []*sizeMatrix
		for _, d := range directions3D {
			ms = append(ms, l.runs(0, l.Slices, d))
		}
		perSlice = append(perSlice, ms)
	} else {
		for z := range l.Slices {
			var ms []*sizeMatrix
			for _, d := range directions2D {
				ms = append(ms, l.runs(z, z+1, d))
			}
			perSlice = append(perSlice, ms)
		}
	}
	return averageOf(matricesBy(by, perSlice), runFeatures)
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
