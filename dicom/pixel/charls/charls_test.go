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
		"32 bits":          func(c *pixel.Coded) { c.Width = 32 },
		"one bit":          func(c *pixel.Coded) { c.BitsStored = 1 },
		"another size":     func(c *pixel.Coded) { c.Rows = 3 },
		"12 bits in bytes": func(c *pixel.Coded) { c.BitsStored = 12 },
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

// FuzzEncode: the samples of any picture come back as they were, through this
// package's decoder and through the decoder written in Go, and any bytes give
// the decoder samples or an error with a code.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("sixteen samples!"), uint8(8), false)
	f.Add([]byte("\x00\x01\xff\x0f\x12\x03\x00\x00\x01\x00\x02\x00"), uint8(12), true)
	f.Add(bytes.Repeat([]byte{0, 255}, 60), uint8(16), false)
	f.Fuzz(func(t *testing.T, px []byte, bits uint8, colour bool) {
		c := pixel.Coded{Rows: 1, Samples: 1, BitsStored: 2 + int(bits)%15, BitsAllocated: 8, Width: 8}
		if c.BitsStored > 8 {
			c.BitsAllocated, c.Width = 16, 16
		}
		if colour {
			c.Samples = 3
		}
		c.Columns = min(len(px)*8/c.Width/c.Samples, 4096)
		if c.Columns == 0 {
			return
		}
		src := bytes.Clone(px[:c.Size()])
		for i := range src {
			if c.Width == 8 {
				src[i] &= byte(1<<c.BitsStored - 1)
			} else if i%2 == 1 {
				src[i] &= byte(1<<(c.BitsStored-8) - 1)
			}
		}
		stream, err := charls.Codec().Encode(context.Background(), pixel.JPEGLSLossless, src, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, len(src))
		if _, err := charls.Decode(context.Background(), stream, c, dst); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("%d bits: equal %v, %v", c.BitsStored, bytes.Equal(dst, src), err)
		}
		codec, _ := pixel.CodecFor(pixel.JPEGLSLossless)
		clear(dst)
		if _, err := codec.Decode(context.Background(), stream, c, dst); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("%d bits, in Go: equal %v, %v", c.BitsStored, bytes.Equal(dst, src), err)
		}
		if _, err := charls.Decode(context.Background(), px, c, dst); radnode.CodeOf(err) == radnode.Internal {
			t.Errorf("error without cause in the input: %v", err)
		}
	})
}
