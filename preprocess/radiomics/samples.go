package radiomics

// #cgo CFLAGS: -O3 -std=c11
// #cgo LDFLAGS: -lm
// #include "kernels.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Samples are the values of an image, as bytes or, where Bytes is nil, floats.
type Samples struct {
	Rows, Columns int
	Bytes         []byte
	Floats        []float32
}

func (s Samples) check() error {
	if n := max(len(s.Bytes), len(s.Floats)); s.Rows < 1 || s.Columns < 1 || n != s.Rows*s.Columns {
		return fmt.Errorf("an image of %d x %d needs as many samples, got %d", s.Rows, s.Columns, n)
	}
	return nil
}

// row writes the samples of a row.
func (s Samples) row(y int, out []float32) {
	from, end := y*s.Columns, (y+1)*s.Columns
	if s.Bytes == nil {
		copy(out, s.Floats[from:end])
		return
	}
	C.radnode_floats(u8(s.Bytes[from:end]), C.size_t(s.Columns), f32(out))
}

func f32(s []float32) *C.float     { return (*C.float)(unsafe.Pointer(unsafe.SliceData(s))) }
func f64(s []float64) *C.double    { return (*C.double)(unsafe.Pointer(unsafe.SliceData(s))) }
func offsets(s []int) *C.ptrdiff_t { return (*C.ptrdiff_t)(unsafe.Pointer(unsafe.SliceData(s))) }
