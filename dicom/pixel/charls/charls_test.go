//go:build cgo

package charls_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dicom/pixel/charls"
)

// TestLosslessRoundTrip covers depth, sign and colour.
func TestLosslessRoundTrip(t *testing.T) {
	for _, samples := range []int{1, 3} {
		for bits := 2; bits <= 16; bits++ {
			c := pixel.Coded{Rows: 31, Columns: 45, Samples: samples, BitsAllocated: 8, Width: 8, BitsStored: bits}
			if bits > 8 {
				c.BitsAllocated, c.Width = 16, 16
			}
			src := make([]byte, c.Size())
			for i := range src {
				if v := i * i / 7; c.Width == 8 {
					src[i] = byte(v & (1<<bits - 1))
				} else if i%2 == 0 {
					v &= 1<<bits - 1
					src[i], src[i+1] = byte(v), byte(v>>8)
				}
			}
			stream, err := charls.Codec().Encode(context.Background(), pixel.JPEGLSLossless, src, c, []byte("kept"))
			if err != nil || string(stream[:4]) != "kept" {
				t.Fatalf("%d bits x %d: %v", bits, samples, err)
			}
			dst := make([]byte, len(src))
			if _, err := charls.Decode(context.Background(), stream[4:], c, dst); err != nil || !bytes.Equal(dst, src) {
				t.Errorf("%d bits x %d: equal %v, %v", bits, samples, bytes.Equal(dst, src), err)
			}
		}
	}
}

// TestWhatCannotBeWrittenIsRefused names each case's code.
func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	ok := pixel.Coded{Rows: 2, Columns: 2, Samples: 1, BitsAllocated: 8, Width: 8, BitsStored: 8}
	for name, edit := range map[string]func(c *pixel.Coded){
		"32 bits":         func(c *pixel.Coded) { c.Width = 32 },
		"one bit":         func(c *pixel.Coded) { c.BitsStored = 1 },
		"another size":    func(c *pixel.Coded) { c.Rows = 3 },
		"8 bits in words": func(c *pixel.Coded) { c.Width, c.Rows = 16, 1 },
	} {
		c := ok
		edit(&c)
		if _, err := charls.Codec().Encode(context.Background(), pixel.JPEGLSLossless, make([]byte, 4), c, nil); radnode.CodeOf(err) != radnode.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := charls.Codec().Encode(context.Background(), pixel.RLELossless, make([]byte, 4), ok, nil); radnode.CodeOf(err) != radnode.Unsupported {
		t.Errorf("another syntax: %v", err)
	}
}
