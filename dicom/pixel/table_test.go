package pixel_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// TestATableHoldsWhatEachSampleWouldGet compares frames of every bit pattern,
// which are shown through a table, with the same samples a few at a time,
// which are not.
func TestATableHoldsWhatEachSampleWouldGet(t *testing.T) {
	windows := []pixel.Window{
		{Center: 40, Width: 400, Function: pixel.Linear}, {Center: 0, Width: 65536, Function: pixel.LinearExact}, {Center: -20000, Width: 1, Function: pixel.Linear},
		{Center: 1e9, Width: 10, Function: pixel.Linear}, {Center: 100.3, Width: 3.7, Function: pixel.LinearExact}, {Center: 500, Width: 9000, Function: pixel.Sigmoid},
	}
	const entries, few = 1 << 16, 1 << 13
	for _, signed := range []int{0, 1} {
		for _, slope := range []float64{1, -2.5, 1e-4} {
			for _, w := range windows {
				t.Run(fmt.Sprintf("signed %d, slope %g, %s %g/%g", signed, slope, w.Function, w.Center, w.Width), func(t *testing.T) {
					shown := func(from, n int) []byte {
						samples := make([]int, n)
						for i := range samples {
							samples[i] = from + i
						}
						d := monochrome(1, n, 16, 16, words(samples...))
						if n == entries {
							d = monochrome(2, n/2, 16, 16, words(samples...))
						}
						d.SetInts(dicom.PixelRepresentation, signed)
						d.SetFloats(dicom.RescaleSlope, slope)
						d.SetFloats(dicom.RescaleIntercept, -100)
						d.SetInts(dicom.PixelPaddingValue, 140)
						d.SetInts(dicom.PixelPaddingRangeLimit, 160)
						im, err := reopen(t, d, explicitLE)
						if err != nil {
							t.Fatal(err)
						}
						p, err := im.Render(context.Background(), 0, &w, new(pixel.Frame), nil)
						if err != nil {
							t.Fatal(err)
						}
						return p.Pix
					}
					all := shown(0, entries)
					for at := 0; at < entries; at += few {
						if want := shown(at, few); !bytes.Equal(all[at:at+few], want) {
							t.Fatalf("samples from %d on differ", at)
						}
					}
				})
			}
		}
	}
}
