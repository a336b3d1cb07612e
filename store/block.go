package store

import (
	"sync"
	"unsafe"
)

const (
	// blockSize is how much of an object is in memory at a time, twice while
	// one block is written and the next one fills.
	blockSize = 256 << 10
	// blockAlign is what writing past the page cache asks of memory, offset and
	// length: no disk has larger sectors.
	blockAlign = 4096
	// directSize is the length from which a first write goes past the page
	// cache. Below it the copy costs less than the wait for the disk.
	directSize = 128 << 10
)

// block is aligned memory.
type block struct {
	data []byte
}

var blocks = sync.Pool{New: func() any {
	b := make([]byte, blockSize+blockAlign)
	skip := -uintptr(unsafe.Pointer(&b[0])) % blockAlign
	return &block{b[skip : skip+blockSize]}
}}

func newBlock() *block { return blocks.Get().(*block) }

func (b *block) free() {
	if b != nil {
		blocks.Put(b)
	}
}
