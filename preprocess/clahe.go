package preprocess

// #cgo CFLAGS: -O3 -std=c11
// #include "clahe.h"
import "C"

import (
	"unsafe"

	"github.com/radnode/radnode"
)

// claheInto equalises pix into out, which has the same size.
func claheInto(out, pix []byte, rows, columns int, clip float64, tiles int) error {
	first := func(s []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(s))) }
	if C.radnode_clahe(first(pix), C.int(rows), C.int(columns), C.double(clip), C.int(tiles), first(out)) == 0 {
		return radnode.Errorf(radnode.NoResources, "preprocess", "no memory to equalise an image of %d x %d", rows, columns)
	}
	return nil
}
