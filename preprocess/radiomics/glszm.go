package radiomics

// ZoneAggregation says how matrices without directions are gathered.
type ZoneAggregation int

// The aggregations of zones and neighbourhoods, with IBSI codes.
const (
	Zones2D  ZoneAggregation = iota // 8QNN: per slice, mean over slices
	Zones25D                        // 62GR: per slice, slices merged
	Zones3D                         // KOBO: in the volume
)

// GLSZM computes the grey level size zone features (IBSI 3.8): zones are
// connected by 8 neighbours in a slice, 26 in a volume.
func GLSZM(l *Levels, by ZoneAggregation) []Feature {
	var ms []*sizeMatrix
	if by == Zones3D {
		ms = append(ms, l.zones3D())
	} else {
		for z := range l.Slices {
			ms = append(ms, l.zones2D(z))
		}
	}
	if by == Zones25D {
		for _, m := range ms[1:] {
			ms[0].add(m)
		}
		ms = ms[:1]
	}
	return averageOf(ms, zoneFeatures)
}

// zones3D finds the zones of the volume by union of each voxel with the
// neighbours behind it. parent holds for each voxel the index of an earlier
// one of its zone, or for the first one minus the size.
func (l *Levels) zones3D() *sizeMatrix {
	m := newSizeMatrix(l.Count)
	m.voxels = l.region(0, l.Slices)
	parent := grown(&l.scratch.parents, len(l.voxels))
	offsets := make([]int, len(directions3D))
	for i, d := range directions3D {
		offsets[i] = l.offset(d)
	}
	l.eachRow(0, l.Slices, func(at, _, _ int) {
		for i := at; i < at+l.Columns; i++ {
			v := l.voxels[i]
			if v == 0 {
				continue
			}
			parent[i] = -1
			root := int32(i)
			for _, off := range offsets {
				if j := i - off; l.voxels[j] == v {
					root = join(parent, root, find(parent, int32(j)))
				}
			}
		}
	})
	l.eachRow(0, l.Slices, func(at, _, _ int) {
		for i := at; i < at+l.Columns; i++ {
			if l.voxels[i] != 0 && parent[i] < 0 {
				m.count(l.voxels[i], int(-parent[i]))
			}
		}
	})
	return m
}

// find returns the root of i and halves the way for the next time.
func find(parent []int32, i int32) int32 {
	for parent[i] >= 0 {
		if up := parent[parent[i]]; up >= 0 {
			parent[i] = up
		}
		i = parent[i]
	}
	return i
}

// join unites two roots; the earlier one stays.
func join(parent []int32, a, b int32) int32 {
	if a == b {
		return a
	}
	if b > a {
		a, b = b, a
	}
	parent[b] += parent[a]
	parent[a] = b
	return b
}

func zoneFeatures(s sizeSums) []Feature {
	return []Feature{
		{"glszm.small_zone_emphasis", "5QRC", s.smallSize},
		{"glszm.large_zone_emphasis", "48P8", s.largeSize},
		{"glszm.low_grey_level_zone_emphasis", "XMSY", s.lowLevel},
		{"glszm.high_grey_level_zone_emphasis", "5GN9", s.highLevel},
		{"glszm.small_zone_low_grey_level_emphasis", "5RAI", s.smallLow},
		{"glszm.small_zone_high_grey_level_emphasis", "HW1V", s.smallHigh},
		{"glszm.large_zone_low_grey_level_emphasis", "YH51", s.largeLow},
		{"glszm.large_zone_high_grey_level_emphasis", "J17V", s.largeHigh},
		{"glszm.grey_level_non_uniformity", "JNSA", s.levelNonUniformity},
		{"glszm.grey_level_non_uniformity_normalised", "Y1RO", s.levelNonUniformity / s.n},
		{"glszm.zone_size_non_uniformity", "4JP3", s.sizeNonUniformity},
		{"glszm.zone_size_non_uniformity_normalised", "VB3A", s.sizeNonUniformity / s.n},
		{"glszm.zone_percentage", "P30P", s.percentage},
		{"glszm.grey_level_variance", "BYLV", s.levelVariance},
		{"glszm.zone_size_variance", "3NSA", s.sizeVariance},
		{"glszm.zone_size_entropy", "GU8N", s.entropy},
	}
}
