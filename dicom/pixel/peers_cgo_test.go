//go:build cgo

package pixel_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dicom/pixel/charls"
)

// TestJPEGLSAgreesWithCharLS decodes frames that CharLS encoded, of all depths,
// and real ones, with both decoders.
func TestJPEGLSAgreesWithCharLS(t *testing.T) {
	ours, _ := pixel.CodecFor(pixel.JPEGLSLossless)
	theirs, _ := pixel.EncoderFor(pixel.JPEGLSLossless)
	check := func(name string, src []byte, want pixel.Coded) {
		t.Helper()
		a, b := make([]byte, want.Size()), make([]byte, want.Size())
		_, errA := ours.Decode(context.Background(), src, want, a)
		_, errB := charls.Decode(context.Background(), src, want, b)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: equal %v, errors %v, %v", name, bytes.Equal(a, b), errA, errB)
		}
	}
	for bits := 2; bits <= 16; bits++ {
		for _, n := range []int{1, 3} {
			want := pixel.Coded{Rows: 61, Columns: 53, Samples: n, BitsAllocated: 8, Width: 8, BitsStored: bits}
			if bits > 8 {
				want.BitsAllocated, want.Width = 16, 16
			}
			src := make([]byte, want.Size())
			for i := 0; i < len(src)*8/want.Width; i++ {
				v := (i/3*i/7 + i%11) & (1<<bits - 1)
				if i/53/n > 30 { // runs, with single interruptions
					v = i / 97 % 2
				}
				src[i*want.Width/8] = byte(v)
				if want.Width == 16 {
					src[i*2+1] = byte(v >> 8)
				}
			}
			stream, err := theirs.Encode(context.Background(), pixel.JPEGLSLossless, src, want, nil)
			if err != nil {
				t.Fatal(err)
			}
			check("synthetic", stream, want)
			back := make([]byte, len(src))
			if _, err := ours.Decode(context.Background(), stream, want, back); err != nil || !bytes.Equal(back, src) {
				t.Errorf("%d bits x %d: not the samples that were encoded: %v", bits, n, err)
			}
		}
	}
	dir, ok := sharedIfThere()
	if !ok {
		return
	}
	for _, name := range []string{"image/ct1_jpegls_near.dcm", "image/jpegls_rgb_ilv1.dcm", "image/tp_jpegls_near_rgb.dcm", "image/jpegls_near_16bit_50x10.dcm"} {
		im := mustOpen(t, filepath.Join(dir, name))
		src, err := im.Coded(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		width := 8
		if im.BitsAllocated > 8 {
			width = 16
		}
		check(name, src, pixel.Coded{Rows: im.Rows, Columns: im.Columns, Samples: im.Samples, BitsAllocated: width, Width: width, BitsStored: im.BitsStored})
	}
}

// TestASignThatOnlyTheCodestreamKnowsIsNotLost: a JPEG 2000 codestream with
// negative values under a header that knows none is refused, not shown as
// large values.
func TestASignThatOnlyTheCodestreamKnowsIsNotLost(t *testing.T) {
	for _, c := range []struct {
		low  int
		want radnode.Code
	}{{0, ""}, {-5, radnode.Invalid}} {
		fr := pixel.Frame{Rows: 16, Columns: 16, Samples: 1, BitsAllocated: 16, BitsStored: 16, Signed: true, Photometric: pixel.Monochrome2}
		for i := range 256 {
			fr.Pix = append(fr.Pix, words(c.low+i)...)
		}
		stream, err := pixel.Encode(context.Background(), pixel.JPEG2000Lossless, &fr, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := monochrome(16, 16, 16, 16, nil)
		d.SetFragments(dicom.PixelDataTag, append(stream, make([]byte, len(stream)%2)...))
		im, err := reopen(t, d, pixel.JPEG2000Lossless)
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Decode(context.Background(), 0, new(pixel.Frame)); radnode.CodeOf(err) != c.want {
			t.Errorf("values from %d on: %v", c.low, err)
		}
	}
}
