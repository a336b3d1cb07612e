package jpeg_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel/jpeg"
)

// film makes a grey picture with edges and noise.
func film(rows, columns int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, columns, rows))
	for y := range rows {
		for x := range columns {
			m.SetGray(x, y, color.Gray{Y: uint8(x*3 + y*y/7 + x*y%13*9)})
		}
	}
	return m
}

func encode(tb testing.TB, m image.Image, quality int) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, m, &stdjpeg.Options{Quality: quality}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestBaselineAgreesWithTheStandardLibrary allows for its other inverse DCT.
func TestBaselineAgreesWithTheStandardLibrary(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {8, 8}, {17, 31}, {64, 9}, {100, 101}} {
		src := encode(t, film(size[0], size[1]), 90)
		want, err := stdjpeg.Decode(bytes.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, size[0]*size[1])
		res, err := jpeg.Decode(context.Background(), src, jpeg.Options{Width: 8}, got)
		if err != nil {
			t.Errorf("%v: %v", size, err)
			continue
		}
		if res.Rows != size[0] || res.Columns != size[1] || res.Precision != 8 || res.Lossless {
			t.Errorf("%v: header %+v", size, res)
		}
		for i, v := range got {
			w := want.(*image.Gray).GrayAt(i%size[1], i/size[1]).Y
			if d := int(v) - int(w); d > 2 || d < -2 {
				t.Fatalf("%v: sample %d is %d, image/jpeg says %d", size, i, v, w)
			}
		}
	}
}

// TestDamagedCodestreamsAreRefused cuts a codestream at every place before
// its last scan byte and breaks its markers.
func TestDamagedCodestreamsAreRefused(t *testing.T) {
	src := encode(t, film(40, 40), 80)
	dst := make([]byte, 1600)
	for n := range len(src) - 8 {
		if _, err := jpeg.Decode(context.Background(), src[:n], jpeg.Options{Width: 8}, dst); radnode.CodeOf(err) != radnode.Invalid {
			t.Fatalf("cut at %d of %d: %v", n, len(src), err)
		}
	}
	for name, broken := range map[string][]byte{
		"nothing":                nil,
		"no SOI":                 src[2:],
		"arithmetic coding":      bytes.Replace(src, []byte{0xff, 0xc0}, []byte{0xff, 0xc9}, 1),
		"hierarchical":           bytes.Replace(src, []byte{0xff, 0xc0}, []byte{0xff, 0xc5}, 1),
		"baseline read lossless": bytes.Replace(src, []byte{0xff, 0xc0}, []byte{0xff, 0xc3}, 1),
		"no Huffman table":       bytes.Replace(src, []byte{0xff, 0xc4}, []byte{0xff, 0xe5}, 1),
		"no quantization table":  bytes.Replace(src, []byte{0xff, 0xdb}, []byte{0xff, 0xe5}, 1),
	} {
		_, err := jpeg.Decode(context.Background(), broken, jpeg.Options{Width: 8}, dst)
		if c := radnode.CodeOf(err); c != radnode.Invalid && c != radnode.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheCallerSeesTheHeaderFirst: nothing is decoded that the caller refuses,
// and the memory limit holds.
func TestTheCallerSeesTheHeaderFirst(t *testing.T) {
	src := encode(t, film(40, 40), 80)
	refusal := radnode.Errorf(radnode.Invalid, "test", "no")
	_, err := jpeg.Decode(context.Background(), src, jpeg.Options{Width: 8, Check: func(h jpeg.Header) error {
		if h.Rows != 40 || h.Columns != 40 || h.Components != 1 {
			t.Errorf("header %+v", h)
		}
		return refusal
	}}, nil)
	if err != error(refusal) {
		t.Errorf("got %v", err)
	}
	if _, err := jpeg.Decode(context.Background(), src, jpeg.Options{Width: 8, MaxBytes: 100}, make([]byte, 1600)); radnode.CodeOf(err) != radnode.TooLarge {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := jpeg.Decode(ctx, src, jpeg.Options{Width: 8}, make([]byte, 1600)); radnode.CodeOf(err) != radnode.Canceled {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode: any bytes give samples or a coded error.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, film(16, 16), 50))
	f.Add(encode(f, film(9, 33), 95))
	m := image.NewRGBA(image.Rect(0, 0, 20, 20))
	for i := range m.Pix {
		m.Pix[i] = byte(i * i)
	}
	f.Add(encode(f, m, 75))
	f.Add(lossless(1, 8, []byte{0x12, 0x34, 0x56, 0x78}))
	f.Add(lossless(7, 16, bytes.Repeat([]byte{0xa5, 0x00, 0xff, 0x00}, 20)))
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, width := range []int{8, 16} {
			var dst []byte
			check := func(h jpeg.Header) error {
				if n := h.Rows * h.Columns * h.Components * width / 8; n <= 1<<20 {
					dst = make([]byte, n)
				}
				return radnode.Errorf(radnode.Invalid, "test", "only the size was wanted")
			}
			if _, err := jpeg.Decode(context.Background(), src, jpeg.Options{Width: width, Check: check}, nil); err == nil || dst == nil {
				continue
			}
			if _, err := jpeg.Decode(context.Background(), src, jpeg.Options{Width: width, MaxBytes: 8 << 20}, dst); radnode.CodeOf(err) == radnode.Internal {
				t.Errorf("error without code: %v", err)
			}
		}
	})
}

// lossless makes a codestream of process 14 for 4 x 4 samples around coded
// bits: all seventeen categories have codes of five bits.
func lossless(predictor, precision byte, bits []byte) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xc4, 0, 19 + 17, 0x00}
	counts := make([]byte, 16)
	counts[4] = 17
	b = append(b, counts...)
	for k := range 17 {
		b = append(b, byte(k))
	}
	b = append(b, 0xff, 0xc3, 0, 11, precision, 0, 4, 0, 4, 1, 1, 0x11, 0)
	b = append(b, 0xff, 0xda, 0, 8, 1, 1, 0, predictor, 0, 0)
	b = append(b, bits...)
	return append(b, 0xff, 0xd9)
}

// FuzzEncodeLossless: the samples of any picture come back as they were.
func FuzzEncodeLossless(f *testing.F) {
	f.Add([]byte("sixteen samples!"), uint8(8), uint8(4), false)
	f.Add(bytes.Repeat([]byte{0xff, 0x7f, 0x00, 0x80}, 9), uint8(16), uint8(3), false)
	f.Add(bytes.Repeat([]byte{0, 255, 17}, 12), uint8(7), uint8(2), true)
	f.Fuzz(func(t *testing.T, px []byte, bits, columns uint8, colour bool) {
		h := jpeg.Header{Precision: 2 + int(bits)%15, Columns: 1 + int(columns), Components: 1}
		if colour {
			h.Components = 3
		}
		width := 8
		if h.Precision > 8 {
			width = 16
		}
		row := h.Columns * h.Components * width / 8
		if h.Rows = len(px) / row; h.Rows == 0 || h.Rows > 200 {
			return
		}
		src := bytes.Clone(px[:h.Rows*row])
		for i := range src {
			switch {
			case width == 8:
				src[i] &= byte(1<<h.Precision - 1)
			case i%2 == 1:
				src[i] &= byte(1<<(h.Precision-8) - 1)
			}
		}
		stream, err := jpeg.EncodeLossless(context.Background(), src, h, width, nil)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, len(src))
		res, err := jpeg.Decode(context.Background(), stream, jpeg.Options{Width: width}, dst)
		if err != nil || !bytes.Equal(dst, src) || res.Precision != h.Precision || !res.Lossless {
			t.Errorf("%+v: equal %v, %+v, %v", h, bytes.Equal(dst, src), res, err)
		}
	})
}
