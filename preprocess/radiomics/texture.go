package radiomics

// #cgo CFLAGS: -O3 -std=c11
// #include "kernels.h"
import "C"

import "unsafe"

func u16(s []uint16) *C.uint16_t { return (*C.uint16_t)(unsafe.Pointer(unsafe.SliceData(s))) }
func u32(s []uint32) *C.uint32_t { return (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(s))) }
func u8(s []byte) *C.uint8_t     { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(s))) }

// scratch is the memory that the matrices of one Levels need besides it. It
// grows to the largest request and stays for the next image.
type scratch struct {
	ends    []byte
	large   []uint32
	lengths []uint16
	runs    [2][]C.radnode_run
	parents []int32
	level   []uint16
	work    []uint16
	table   []uint64
	pairs   []uint32
}

// grown returns a slice of n in the memory of *s if that is enough.
func grown[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n)
	}
	*s = (*s)[:n]
	return *s
}

// place is where the voxels of a row begin.
func (l *Levels) place(y, z int) int { return (z+1)*l.plane + (y+1)*l.stride + 1 }

// voxel gives the voxels from place i on to C.
func (l *Levels) voxel(i int) *C.uint16_t { return u16(l.voxels[i:]) }

// endMarks and largeSizes lend the room that C needs for one row.
func (l *Levels) endMarks() *C.uint8_t { return u8(grown(&l.scratch.ends, l.Columns+8)) }
func (l *Levels) largeSizes() *C.uint32_t {
	return u32(grown(&l.scratch.large, 2*l.Columns))
}

// takeLarge enters the first n numbers of largeSizes: pairs of level and size.
func (m *sizeMatrix) takeLarge(pairs []uint32, n C.size_t) {
	for k := 0; k < int(n); k += 2 {
		m.large[[2]int{int(pairs[k]), int(pairs[k+1])}]++
	}
}

// runs counts the runs of slices from to end in one direction. A run ends at
// the border of the region.
func (l *Levels) runs(from, end int, d direction) *sizeMatrix {
	m := newSizeMatrix(l.Count)
	m.voxels = l.region(from, end)
	ends, small, large, n := l.endMarks(), u32(m.small), l.largeSizes(), C.size_t(l.Columns)
	if d.dy == 0 && d.dz == 0 {
		l.eachRow(from, end, func(at, _, _ int) {
			m.takeLarge(l.scratch.large, C.radnode_runs_along(l.voxel(at), n, ends, small, large))
		})
		return m
	}
	// Of the lengths so far only those one step back are needed: of the row
	// before, or of the slice before.
	lines := 2
	if d.dz != 0 {
		lines = 2 * (l.Rows + 2)
	}
	lengths := grown(&l.scratch.lengths, lines*l.stride)
	line := func(y, z int) int {
		if d.dz == 0 {
			return (y & 1) * l.stride
		}
		return ((z&1)*(l.Rows+2) + y + 1) * l.stride
	}
	off := l.offset(d)
	l.eachRow(from, end, func(at, y, z int) {
		behind, here := line(y-d.dy, z-d.dz)+1-d.dx, line(y, z)+1
		larges := C.radnode_runs_across(l.voxel(at), l.voxel(at-off), l.voxel(at+off), n, u16(lengths[behind:]), u16(lengths[here:]), ends, small, large)
		m.takeLarge(l.scratch.large, larges)
	})
	return m
}

// zones2D finds the zones of one slice, connected by eight neighbours, by
// joining the runs of its rows.
func (l *Levels) zones2D(z int) *sizeMatrix {
	m := newSizeMatrix(l.Count)
	m.voxels = l.region(z, z+1)
	s := &l.scratch
	ends := l.endMarks()
	above, runs := grown(&s.runs[0], l.Columns), grown(&s.runs[1], l.Columns)
	parents, level := grown(&s.parents, l.plane), grown(&s.level, l.plane)
	var zones C.int32_t
	var nAbove C.size_t
	l.eachRow(z, z+1, func(at, _, _ int) {
		n := C.radnode_row_runs(l.voxel(at), C.size_t(l.Columns), ends, unsafe.SliceData(runs))
		zones = C.radnode_join_runs(unsafe.SliceData(above), nAbove, unsafe.SliceData(runs), n,
			(*C.int32_t)(unsafe.SliceData(parents)), u16(level), zones)
		above, runs, nAbove = runs, above, n
	})
	for i, parent := range parents[:zones] {
		if parent < 0 {
			m.count(level[i], int(-parent))
		}
	}
	return m
}

// tableOfTones counts the voxels of slice z by level, number of neighbours in
// the region and number of equal ones, and sums |level x neighbours - sum of
// neighbours|: both halves of an entry (radnode_tones), handed to add.
func (l *Levels) tableOfTones(z int, dirs []direction, add func(level, neighbours, same, n, sum int)) {
	offsets := make([]C.ptrdiff_t, 0, 2*len(dirs))
	for _, d := range dirs {
		offsets = append(offsets, C.ptrdiff_t(l.offset(d)), C.ptrdiff_t(-l.offset(d)))
	}
	side := len(offsets) + 1
	table := grown(&l.scratch.table, (l.Count+1)*side*side)
	clear(table)
	flush := func() {
		for i, v := range table[side*side:] {
			if v != 0 {
				add(i/(side*side)+1, i/side%side, i%side, int(v>>32), int(v&0xffffffff))
			}
		}
		clear(table)
	}
	work := grown(&l.scratch.work, 2*l.Columns)
	// A sum stays below 2^32 for 2^17 voxels of difference 2^15.
	const most = 1 << 17
	seen := 0
	l.eachRow(z, z+1, func(at, _, _ int) {
		if seen += l.Columns; seen > most {
			flush()
			seen = l.Columns
		}
		C.radnode_tones(l.voxel(at), C.size_t(l.Columns), unsafe.SliceData(offsets), C.size_t(len(offsets)), C.size_t(l.stride), u16(work), (*C.uint64_t)(unsafe.SliceData(table)))
	})
	flush()
}

// countPairs adds the pairs of one slice in each direction.
func (l *Levels) countPairs(z int, dirs []direction, into []pairCounts) {
	side := l.Count + 1
	odd := grown(&l.scratch.pairs, side*side)
	for k, d := range dirs {
		clear(odd)
		off := l.offset(d)
		l.eachRow(z, z+1, func(at, _, _ int) {
			C.radnode_pairs(l.voxel(at), l.voxel(at+off), C.size_t(l.Columns), C.size_t(side), u32(into[k]), u32(odd))
		})
		for i, v := range odd {
			into[k][i] += v
		}
	}
}

// counts counts the voxels of each level, those outside the region as level 0.
func (l *Levels) counts() []int {
	side := l.Count + 1
	four := make([]uint32, 4*side)
	l.eachRow(0, l.Slices, func(at, _, _ int) {
		C.radnode_count_levels(l.voxel(at), C.size_t(l.Columns), C.size_t(side), u32(four))
	})
	counts := make([]int, side)
	for i, v := range four {
		counts[i%side] += int(v)
	}
	return counts
}

// region counts the voxels of the region in slices from to end.
func (l *Levels) region(from, end int) int {
	n := 0
	l.eachRow(from, end, func(at, _, _ int) { n += int(C.radnode_region(l.voxel(at), C.size_t(l.Columns))) })
	return n
}
