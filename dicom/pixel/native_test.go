package pixel_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/radnode/radnode/dicom/pixel"
)

// A bit above the stored ones is taken away wherever it is: most objects have
// none, and a frame is searched for them in long strides.
func TestOneStrayBitAnywhereIsFound(t *testing.T) {
	const rows, columns = 7, 61 // no multiple of a stride
	for at := range rows * columns {
		px := make([]byte, 2*rows*columns)
		for i := range rows * columns {
			binary.LittleEndian.PutUint16(px[2*i:], uint16(i))
		}
		px[2*at+1] |= 0x80
		im, err := reopen(t, monochrome(rows, columns, 16, 12, px), "1.2.840.10008.1.2.1")
		if err != nil {
			t.Fatal(err)
		}
		var fr pixel.Frame
		if err := im.Decode(context.Background(), 0, &fr); err != nil {
			t.Fatal(err)
		}
		for i := range rows * columns {
			if got := binary.LittleEndian.Uint16(fr.Pix[2*i:]); got != uint16(i) {
				t.Fatalf("stray bit in sample %d: sample %d is %d", at, i, got)
			}
		}
	}
}
