package jpeg

import (
	"bytes"
	"sync"
)

// scratch is the memory of a decoder that outlives a picture: the frames of a
// multi-frame object are alike, down to their Huffman tables.
type scratch struct {
	planes   [4][]uint16
	coef     [4][]int16
	lines    [8][]uint16
	segment  []byte // unstuffed bytes of the current entropy-coded segment
	tables   [8]definedTable
	replaced int // place in tables that was filled last
}

// definedTable is a Huffman table and the bytes that defined it.
type definedTable struct {
	definition []byte
	table      *huffman
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxKept bounds the bytes of planes that are kept between pictures.
const maxKept = 32 << 20

// release keeps s for the next picture, unless this one was unusually large.
func (s *scratch) release() {
	size := cap(s.segment)
	for i := range s.planes {
		size += 2*cap(s.planes[i]) + 2*cap(s.coef[i])
	}
	if size <= maxKept {
		scratches.Put(s)
	}
}

// room returns n samples in the memory of *b. They are not cleared.
func room[T int16 | uint16](b *[]T, n int) []T {
	if cap(*b) < n {
		*b = make([]T, n)
	}
	return (*b)[:n]
}

// huffmanTable returns the table of a definition: 16 counts and the symbols.
func (s *scratch) huffmanTable(definition []byte) (*huffman, error) {
	for i := range s.tables {
		if k := &s.tables[i]; k.table != nil && bytes.Equal(k.definition, definition) {
			return k.table, nil
		}
	}
	h, err := newHuffman((*[16]byte)(definition), definition[16:])
	if err != nil {
		return nil, err
	}
	s.replaced = (s.replaced + 1) % len(s.tables)
	s.tables[s.replaced] = definedTable{bytes.Clone(definition), h}
	return h, nil
}

// yccOf keeps the tables of the two precisions that lossy pictures have.
var yccOf = map[int]func() *yccTables{
	8:  sync.OnceValue(func() *yccTables { return newYCC(8) }),
	12: sync.OnceValue(func() *yccTables { return newYCC(12) }),
}
