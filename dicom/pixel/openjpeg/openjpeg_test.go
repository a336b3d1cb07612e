//go:build cgo

package openjpeg_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dicom/pixel/openjpeg"
)

func picture(rows, columns, samples, bits int, signed bool) ([]byte, pixel.Coded) {
	c := pixel.Coded{Rows: rows, Columns: columns, Samples: samples, BitsAllocated: 8, Width: 8, BitsStored: bits, Signed: signed, MaxBytes: 64 << 20}
	if bits > 8 {
		c.BitsAllocated, c.Width = 16, 16
	}
	src := make([]byte, c.Size())
	for i := 0; i < len(src)*8/c.Width; i++ {
		v := (i*i/3 + i%17*9) & (1<<bits - 1)
		if signed && v>>(bits-1) == 1 {
			v -= 1 << bits
		}
		src[i*c.Width/8] = byte(v)
		if c.Width == 16 {
			src[2*i+1] = byte(v >> 8)
		}
	}
	return src, c
}

func encode(tb testing.TB, src []byte, c pixel.Coded) []byte {
	tb.Helper()
	b, err := openjpeg.Codec().Encode(context.Background(), pixel.JPEG2000Lossless, src, c, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestLosslessRoundTrip covers depth, sign, colour and odd sizes.
func TestLosslessRoundTrip(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 40}, {33, 17}, {130, 70}} {
		for _, samples := range []int{1, 3} {
			for bits := 1; bits <= 16; bits++ {
				for _, signed := range []bool{false, true} {
					if signed && samples > 1 {
						continue // PS3.5 8.2.4: only monochrome is signed
					}
					src, c := picture(size[0], size[1], samples, bits, signed)
					dst := make([]byte, len(src))
					got, err := openjpeg.Codec().Decode(context.Background(), encode(t, src, c), c, dst)
					if err != nil || !bytes.Equal(dst, src) {
						t.Fatalf("%v x %d, %d bits, signed %v: equal %v, %v", size, samples, bits, signed, bytes.Equal(dst, src), err)
					}
					if got.Bits != bits || got.Signed != signed || got.RGB != (samples == 3) {
						t.Errorf("%v x %d, %d bits, signed %v: %+v", size, samples, bits, signed, got)
					}
				}
			}
		}
	}
}

// TestHeadersThatDisagreeAreRefused: nothing reaches the library.
func TestHeadersThatDisagreeAreRefused(t *testing.T) {
	src, c := picture(20, 30, 1, 12, false)
	stream := encode(t, src, c)
	siz := 8 // of the SIZ values Xsiz, Ysiz …
	put := func(i int, v uint32) []byte {
		b := bytes.Clone(stream)
		binary.BigEndian.PutUint32(b[siz+4*i:], v)
		return b
	}
	tests := map[string]struct {
		stream []byte
		want   radnode.Code
	}{
		"nothing":            {nil, radnode.Invalid},
		"wider":              {put(0, 31), radnode.Invalid},
		"higher":             {put(1, 1<<31), radnode.Invalid},
		"offset beyond":      {put(2, 1<<20), radnode.Invalid},
		"no tile width":      {put(4, 0), radnode.Invalid},
		"a million tiles":    {tiled(c, 4000, 4000), radnode.TooLarge},
		"precincts of 1 x 1": {styled(c, 1, bytes.Repeat([]byte{0}, 6)), radnode.TooLarge},
		"65535 layers":       {styled(c, 65535, bytes.Repeat([]byte{0x44}, 6)), radnode.TooLarge},
		"cut in the header":  {stream[:60], radnode.Invalid},
		"cut in the data":    {stream[:len(stream)/2], radnode.Invalid},
		"a JP2 without data": {append([]byte("\x00\x00\x00\x0cjP  \r\n\x87\n"), 0, 0, 0, 9, 'f', 't'), radnode.Invalid},
	}
	for name, tt := range tests {
		want := c
		if tt.want == radnode.TooLarge {
			want.Rows, want.Columns = 4000, 4000
		}
		dst := make([]byte, want.Size())
		if _, err := openjpeg.Codec().Decode(context.Background(), tt.stream, want, dst); radnode.CodeOf(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// tiled makes the main header of a picture in tiles of one pixel.
func tiled(c pixel.Coded, w, h uint32) []byte {
	b := []byte{0xff, 0x4f, 0xff, 0x51, 0, 41, 0, 0}
	for _, v := range []uint32{w, h, 0, 0, 4, 4, 0, 0} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	b = append(b, 0, 1, byte(c.BitsStored-1), 1, 1)
	return append(b, 0xff, 0x90, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x93, 0, 0)
}

// styled makes the main header of a picture of 4000 x 4000 with layers and
// precinct sizes.
func styled(c pixel.Coded, layers uint16, precincts []byte) []byte {
	b := tiled(c, 4000, 4000)
	binary.BigEndian.PutUint32(b[24:], 4000)
	binary.BigEndian.PutUint32(b[28:], 4000)
	end := len(b) - 16
	cod := binary.BigEndian.AppendUint16([]byte{0xff, 0x52, 0, byte(12 + len(precincts)), 1, 0}, layers)
	cod = append(append(cod, 0, 5, 4, 4, 0, 1), precincts...)
	return append(append(bytes.Clone(b[:end]), cod...), b[end:]...)
}

// FuzzDecode: any bytes give samples or a coded error, and never end the
// process.
func FuzzDecode(f *testing.F) {
	for _, bits := range []int{1, 8, 12} {
		src, c := picture(24, 24, 1, bits, false)
		f.Add(encode(f, src, c))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, bits := range []int{8, 12} {
			_, c := picture(24, 24, 1, bits, false)
			if _, err := openjpeg.Codec().Decode(context.Background(), stream, c, make([]byte, c.Size())); radnode.CodeOf(err) == radnode.Internal {
				t.Errorf("error without cause in the input: %v", err)
			}
		}
	})
}

// FuzzEncode: the samples of any picture come back as they were.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("sixteen samples!"), uint8(8), uint8(4), false)
	f.Add(bytes.Repeat([]byte{0xff, 0x0f, 0x00, 0x08}, 9), uint8(11), uint8(3), true)
	f.Fuzz(func(t *testing.T, px []byte, bits, columns uint8, signed bool) {
		stored := 1 + int(bits)%16
		_, c := picture(1, 1+int(columns), 1, stored, signed)
		row := c.Columns * c.Width / 8
		if c.Rows = len(px) / row; c.Rows == 0 || c.Rows > 100 {
			return
		}
		src := bytes.Clone(px[:c.Size()])
		for i := 0; i < len(src); i += c.Width / 8 { // to the stored bits, the sign extended
			v := int(src[i])
			if c.Width == 16 {
				v |= int(src[i+1]) << 8
			}
			if v &= 1<<stored - 1; signed && v>>(stored-1) == 1 {
				v -= 1 << stored
			}
			src[i] = byte(v)
			if c.Width == 16 {
				src[i+1] = byte(v >> 8)
			}
		}
		dst := make([]byte, len(src))
		if _, err := openjpeg.Codec().Decode(context.Background(), encode(t, src, c), c, dst); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("%+v: equal %v, %v", c, bytes.Equal(dst, src), err)
		}
	})
}
