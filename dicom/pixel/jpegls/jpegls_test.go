package jpegls_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel/jpegls"
)

// annexH is the example of T.87 H.3: 4 x 4 samples of 8 bits.
var annexH = []byte{
	0xff, 0xd8, 0xff, 0xf7, 0x00, 0x0b, 0x08, 0x00, 0x04, 0x00, 0x04, 0x01, 0x01, 0x11, 0x00,
	0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00,
	0xc0, 0x00, 0x00, 0x6c, 0x80, 0x20, 0x8e, 0x01, 0xc0, 0x00, 0x00, 0x57, 0x40, 0x00, 0x00, 0x6e, 0xe6, 0x00, 0x00, 0x01, 0xbc, 0x18, 0x00, 0x00, 0x05, 0xd8, 0x00, 0x00, 0x91, 0x60,
	0xff, 0xd9,
}

// TestTheExampleOfTheStandardDecodes is T.87 H.3.
func TestTheExampleOfTheStandardDecodes(t *testing.T) {
	want := []byte{0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145}
	got := make([]byte, 16)
	h, err := jpegls.Decode(context.Background(), annexH, jpegls.Options{Width: 8}, got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(jpegls.Header{Precision: 8, Rows: 4, Columns: 4, Components: 1}, h); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	wide := make([]byte, 32)
	if _, err := jpegls.Decode(context.Background(), annexH, jpegls.Options{Width: 16}, wide); err != nil || wide[4] != 90 || wide[5] != 0 {
		t.Errorf("in 16 bits: %v %v", wide, err)
	}
}

// TestDamagedCodestreamsAreRefused cuts the example and breaks its markers.
func TestDamagedCodestreamsAreRefused(t *testing.T) {
	dst := make([]byte, 16)
	for n := range len(annexH) - 6 {
		if _, err := jpegls.Decode(context.Background(), annexH[:n], jpegls.Options{Width: 8}, dst); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for name, broken := range map[string][]byte{
		"near beyond the range": bytes.Replace(annexH, []byte{1, 1, 0, 0, 0, 0, 0xc0}, []byte{1, 1, 0, 200, 0, 0, 0xc0}, 1),
		"point transform":       bytes.Replace(annexH, []byte{1, 1, 0, 0, 0, 0, 0xc0}, []byte{1, 1, 0, 0, 0, 9, 0xc0}, 1),
		"mapping table":         bytes.Replace(annexH, []byte{1, 1, 0, 0, 0, 0, 0xc0}, []byte{1, 1, 3, 0, 0, 0, 0xc0}, 1),
		"JPEG":                  bytes.Replace(annexH, []byte{0xff, 0xf7}, []byte{0xff, 0xc3}, 1),
		"no scan":               append(bytes.Clone(annexH[:15]), 0xff, 0xd9),
	} {
		if _, err := jpegls.Decode(context.Background(), broken, jpegls.Options{Width: 8}, dst); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode: any bytes give samples or a coded error, soon.
func FuzzDecode(f *testing.F) {
	f.Add(annexH)
	preset := append([]byte{0xff, 0xd8, 0xff, 0xf8, 0x00, 0x0d, 1, 0, 255, 0, 3, 0, 7, 0, 21, 0, 64}, annexH[2:]...)
	f.Add(preset)
	f.Add(bytes.Replace(annexH, []byte{1, 1, 0, 0, 0, 0, 0xc0}, []byte{1, 1, 0, 3, 0, 0, 0xc0}, 1))
	f.Fuzz(func(t *testing.T, src []byte) {
		var dst []byte
		check := func(h jpegls.Header) error {
			if n := h.Rows * h.Columns * h.Components * 2; n <= 1<<18 {
				dst = make([]byte, n)
			}
			return radnode.Errorf(radnode.Invalid, "test", "only the size was wanted")
		}
		if _, err := jpegls.Decode(context.Background(), src, jpegls.Options{Width: 16, Check: check}, nil); err == nil || dst == nil {
			return
		}
		if _, err := jpegls.Decode(context.Background(), src, jpegls.Options{Width: 16}, dst); radnode.CodeOf(err) == radnode.Internal {
			t.Errorf("error without code: %v", err)
		}
	})
}
