package pixel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// rleFrames encodes frames of 2 x 3 8-bit samples.
func rleFrames(t *testing.T, values ...byte) [][]byte {
	t.Helper()
	var out [][]byte
	for _, v := range values {
		fr := pixel.Frame{Rows: 2, Columns: 3, Samples: 1, BitsAllocated: 8, BitsStored: 8, Pix: []byte{v, v, v, 0, 1, v}}
		b, err := pixel.Encode(context.Background(), pixel.RLELossless, &fr, nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// layout is how the frames of an object lie in fragments.
type layout struct {
	name      string
	fragments [][]byte
	basic     []uint32
	extended  []uint64
	lengths   []uint64
	frames    int
	want      radnode.Code
	warned    bool
}

// TestFramesAreFoundInTheirFragments covers PS3.5 A.4: offset tables, their
// absence, and tables that lie.
func TestFramesAreFoundInTheirFragments(t *testing.T) {
	f := rleFrames(t, 10, 20, 30)
	half := 66 // behind the header of 64 bytes
	split := [][]byte{f[0][:half], f[0][half:], f[1], f[2][:half], f[2][half:]}
	n := func(b ...[]byte) uint32 { // bytes of items
		total := 0
		for _, x := range b {
			total += 8 + len(x)
		}
		return uint32(total)
	}
	starts := []uint32{0, n(split[:2]...), n(split[:3]...)}
	wide := []uint64{0, uint64(n(f[0])), uint64(n(f[:2]...))}
	list := []layout{
		{name: "one fragment a frame", fragments: f, frames: 3},
		{name: "basic offset table over split frames", fragments: split, basic: starts, frames: 3},
		{name: "extended offset table", fragments: f, extended: wide, lengths: []uint64{uint64(len(f[0])), uint64(len(f[1])), uint64(len(f[2]))}, frames: 3},
		{name: "split frames found by their headers", fragments: split, frames: 3},
		{name: "one frame in several fragments", fragments: split[:2], frames: 1},
		{name: "a table off by two is not used", fragments: f, basic: []uint32{0, wide32(wide[1]) + 2, wide32(wide[2])}, frames: 3, warned: true},
		{name: "a table that runs backwards is not used", fragments: f, basic: []uint32{0, wide32(wide[2]), wide32(wide[1])}, frames: 3, warned: true},
		{name: "a table of too few frames is not used", fragments: f, basic: []uint32{0, wide32(wide[1])}, frames: 3, warned: true},
		{name: "frames that cannot be told apart", fragments: [][]byte{f[0], {1, 2}, {3, 4}}, frames: 2, want: radnode.Invalid},
		{name: "fewer fragments than frames", fragments: f[:2], frames: 3, want: radnode.Invalid},
		{name: "no fragment", frames: 1, want: radnode.Invalid},
	}
	for _, l := range list {
		t.Run(l.name, func(t *testing.T) { checkLayout(t, l) })
	}
}

func wide32(v uint64) uint32 { return uint32(v) }

func checkLayout(t *testing.T, l layout) {
	d := monochrome(2, 3, 8, 8, nil)
	d.SetInts(dicom.NumberOfFrames, l.frames)
	raw := encapsulate(t, d, l)
	file, err := dicom.Read(bytes.NewReader(raw), int64(len(raw)), dicom.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	im, err := pixel.Open(file, bytes.NewReader(raw), pixel.DefaultLimits)
	if got := radnode.CodeOf(err); got != l.want {
		t.Fatalf("got %q (%v), want %q", got, err, l.want)
	}
	if err != nil {
		return
	}
	if l.warned != (len(im.Warnings) > 0) {
		t.Errorf("warnings: %v", im.Warnings)
	}
	var fr pixel.Frame
	for n := range l.frames {
		if err := im.Decode(context.Background(), n, &fr); err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		v := byte(10 * (n + 1))
		if diff := cmp.Diff([]byte{v, v, v, 0, 1, v}, fr.Pix); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", n, diff)
		}
	}
}

// encapsulate writes d and, byte by byte, its encapsulated pixel data.
func encapsulate(t *testing.T, d *dicom.Dataset, l layout) []byte {
	t.Helper()
	le := binary.LittleEndian
	bytes64 := func(v []uint64) []byte {
		var b []byte
		for _, n := range v {
			b = le.AppendUint64(b, n)
		}
		return b
	}
	if l.extended != nil {
		d.SetBytes(dicom.ExtendedOffsetTable, dicom.OV, bytes64(l.extended))
		d.SetBytes(dicom.ExtendedOffsetTableLengths, dicom.OV, bytes64(l.lengths))
	}
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, pixel.RLELossless); err != nil {
		t.Fatal(err)
	}
	out := b.Bytes()
	item := func(v []byte) {
		out = append(out, 0xfe, 0xff, 0x00, 0xe0)
		out = le.AppendUint32(out, uint32(len(v)))
		out = append(out, v...)
	}
	out = append(out, 0xe0, 0x7f, 0x10, 0x00, 'O', 'B', 0, 0, 0xff, 0xff, 0xff, 0xff)
	var table []byte
	for _, n := range l.basic {
		table = le.AppendUint32(table, n)
	}
	item(table)
	for _, f := range l.fragments {
		item(f)
	}
	return append(out, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0)
}
