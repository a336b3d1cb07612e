package pixel_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// monochrome makes a MONOCHROME2 object around native samples.
func monochrome(rows, columns, allocated, stored int, px []byte) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
	d.SetUID(dicom.SOPInstanceUID, "2.25.1")
	d.SetUID(dicom.StudyInstanceUID, "2.25.2")
	d.SetUID(dicom.SeriesInstanceUID, "2.25.3")
	d.SetInts(dicom.Rows, rows)
	d.SetInts(dicom.Columns, columns)
	d.SetInts(dicom.SamplesPerPixel, 1)
	d.SetText(dicom.PhotometricInterpretation, pixel.Monochrome2)
	d.SetInts(dicom.BitsAllocated, allocated)
	d.SetInts(dicom.BitsStored, stored)
	d.SetInts(dicom.HighBit, stored-1)
	d.SetInts(dicom.PixelRepresentation, 0)
	vr := dicom.OW
	if allocated <= 8 {
		vr = dicom.OB
	}
	if px != nil {
		d.SetBytes(dicom.PixelDataTag, vr, px)
	}
	return d
}

// reopen writes d to memory in transfer syntax ts and opens its pixels.
func reopen(tb testing.TB, d *dicom.Dataset, ts radnode.UID) (*pixel.Image, error) {
	tb.Helper()
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, ts); err != nil {
		tb.Fatal(err)
	}
	f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.DefaultLimits)
	if err != nil {
		tb.Fatal(err)
	}
	return pixel.Open(f, bytes.NewReader(b.Bytes()), pixel.DefaultLimits)
}

// object says what a synthetic native object is.
type object struct {
	name              string
	allocated, stored int
	high              int
	signed            bool
	ts                radnode.UID
}

// TestNativeSamplesOfEveryDepthAreRead writes random stored values with junk
// in the free bits in every depth and byte order and reads them back.
func TestNativeSamplesOfEveryDepthAreRead(t *testing.T) {
	var list []object
	for _, ts := range []radnode.UID{implicitLE, explicitLE, explicitBE, deflatedLE} {
		for _, allocated := range []int{8, 16, 32} {
			if allocated == 32 && ts == explicitBE {
				continue // a writer swaps OW by words; TestFramesEqualTheReference has a real one
			}
			for stored := 1; stored <= allocated; stored++ {
				for _, signed := range []bool{false, true} {
					for _, high := range []int{stored - 1, allocated - 1} {
						list = append(list, object{"", allocated, stored, high, signed, ts})
					}
				}
			}
		}
	}
	for _, o := range list {
		name := fmt.Sprintf("%d of %d bits, high bit %d, signed %v, %s", o.stored, o.allocated, o.high, o.signed, o.ts)
		const rows, columns, frames = 3, 5, 2
		want := make([]int64, rows*columns*frames)
		px := make([]byte, rows*columns*frames*o.allocated/8)
		rng := rand.New(rand.NewPCG(uint64(o.allocated), uint64(o.stored)))
		for i := range want {
			u := rng.Uint64() & (1<<o.stored - 1)
			want[i] = int64(u)
			if o.signed && u>>(o.stored-1) == 1 {
				want[i] -= 1 << o.stored
			}
			shift := o.high + 1 - o.stored
			junk := rng.Uint64() &^ ((1<<o.stored - 1) << shift)
			for k := range o.allocated / 8 {
				px[i*o.allocated/8+k] = byte((u<<shift | junk) >> (8 * k))
			}
		}
		d := monochrome(rows, columns, o.allocated, o.stored, px)
		d.SetInts(dicom.NumberOfFrames, frames)
		d.SetInts(dicom.HighBit, o.high)
		if o.signed {
			d.SetInts(dicom.PixelRepresentation, 1)
		}
		checkStored(t, name, d, o.ts, want, rows*columns)
	}
}

const (
	implicitLE radnode.UID = "1.2.840.10008.1.2"
	explicitLE radnode.UID = "1.2.840.10008.1.2.1"
	deflatedLE radnode.UID = "1.2.840.10008.1.2.1.99"
	explicitBE radnode.UID = "1.2.840.10008.1.2.2"
)

// checkStored compares all frames of d, written in ts, with the wanted values.
func checkStored(t *testing.T, name string, d *dicom.Dataset, ts radnode.UID, want []int64, perFrame int) {
	t.Helper()
	im, err := reopen(t, d, ts)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var fr pixel.Frame
	for n := 0; n*perFrame < len(want); n++ {
		if err := im.Decode(context.Background(), n, &fr); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if diff := cmp.Diff(want[n*perFrame:(n+1)*perFrame], samples(&fr)); diff != "" {
			t.Errorf("%s, frame %d (-want +got):\n%s", name, n, diff)
			return
		}
	}
}

// samples returns the stored values of a frame as numbers.
func samples(f *pixel.Frame) []int64 {
	var out []int64
	bytes := f.BitsAllocated / 8
	for p := f.Pix; len(p) >= bytes; p = p[bytes:] {
		u := uint64(0)
		for k := range bytes {
			u |= uint64(p[k]) << (8 * k)
		}
		v := int64(u)
		if f.Signed {
			v = int64(u<<(64-f.BitsAllocated)) >> (64 - f.BitsAllocated)
		}
		out = append(out, v)
	}
	return out
}

// TestPackedSamplesAreRead covers bits allocated that are no whole bytes:
// 1 bit across frame borders, and 12 bits as retired formats packed them.
func TestPackedSamplesAreRead(t *testing.T) {
	for _, allocated := range []int{1, 2, 4, 10, 12, 20, 24} {
		const rows, columns, frames = 3, 7, 3
		rng := rand.New(rand.NewPCG(7, uint64(allocated)))
		want := make([]int64, rows*columns*frames)
		px := make([]byte, (rows*columns*frames*allocated+15)/16*2)
		for i := range want {
			want[i] = int64(rng.Uint64() & (1<<allocated - 1))
			for k := range allocated {
				bit := i*allocated + k
				px[bit/8] |= byte(want[i]>>k&1) << (bit % 8)
			}
		}
		d := monochrome(rows, columns, allocated, allocated, px)
		d.SetInts(dicom.NumberOfFrames, frames)
		checkStored(t, fmt.Sprintf("%d bits", allocated), d, explicitLE, want, rows*columns)
	}
}

// TestHeadersThatLieAreRefused names for each lie the code of the refusal.
func TestHeadersThatLieAreRefused(t *testing.T) {
	tests := []struct {
		name string
		edit func(d *dicom.Dataset)
		want radnode.Code
	}{
		{"no rows", func(d *dicom.Dataset) { d.Remove(dicom.Rows) }, radnode.Invalid},
		{"no bits allocated", func(d *dicom.Dataset) { d.Remove(dicom.BitsAllocated) }, radnode.Unsupported},
		{"more bits stored than allocated", func(d *dicom.Dataset) { d.SetInts(dicom.BitsStored, 17) }, radnode.Invalid},
		{"high bit outside", func(d *dicom.Dataset) { d.SetInts(dicom.HighBit, 16) }, radnode.Invalid},
		{"pixels missing", func(d *dicom.Dataset) { d.SetInts(dicom.Rows, 60000) }, radnode.Invalid},
		{"frames missing", func(d *dicom.Dataset) { d.SetInts(dicom.NumberOfFrames, 5) }, radnode.Invalid},
		{"too many frames", func(d *dicom.Dataset) { d.SetInts(dicom.NumberOfFrames, 1<<30) }, radnode.TooLarge},
		{"a frame beyond the limit", func(d *dicom.Dataset) { d.SetInts(dicom.Rows, 65535); d.SetInts(dicom.Columns, 65535) }, radnode.TooLarge},
		{"three samples of monochrome", func(d *dicom.Dataset) { d.SetInts(dicom.SamplesPerPixel, 3) }, radnode.Invalid},
		{"CMYK", func(d *dicom.Dataset) { d.SetText(dicom.PhotometricInterpretation, "CMYK") }, radnode.Unsupported},
		{"palette without tables", func(d *dicom.Dataset) { d.SetText(dicom.PhotometricInterpretation, pixel.PaletteColor) }, radnode.Invalid},
		{"no pixels at all", func(d *dicom.Dataset) { d.Remove(dicom.PixelDataTag) }, radnode.Unsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := monochrome(4, 4, 16, 12, make([]byte, 32))
			tt.edit(d)
			_, err := reopen(t, d, explicitLE)
			if got := radnode.CodeOf(err); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

// TestSyntaxesWithoutCodecAreNamed covers video and JPEG XL.
func TestSyntaxesWithoutCodecAreNamed(t *testing.T) {
	for _, ts := range []radnode.UID{"1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.110"} {
		d := monochrome(4, 4, 8, 8, nil)
		d.SetFragments(dicom.PixelDataTag, []byte{1, 2})
		_, err := reopen(t, d, ts)
		if radnode.CodeOf(err) != radnode.Unsupported || !strings.Contains(err.Error(), "is not decoded here: the object is kept and handed on") {
			t.Errorf("%s: %v", ts, err)
		}
		if video, _ := dicom.LookupTransferSyntax(ts); video.Video {
			f := &dicom.File{Dataset: d, TransferSyntax: ts, PixelData: &dicom.PixelData{Encapsulated: true, Tag: dicom.PixelDataTag}}
			if _, err := pixel.OpenHeader(f, pixel.DefaultLimits); radnode.CodeOf(err) != radnode.Unsupported {
				t.Errorf("%s by its header: %v", ts, err)
			}
		}
	}
}

// TestEncodedFramesDecodeToTheSame is the round trip of every encoder.
func TestEncodedFramesDecodeToTheSame(t *testing.T) {
	for _, ts := range []radnode.UID{pixel.RLELossless, pixel.JPEGLosslessSV1, pixel.JPEGLossless, pixel.JPEGLSLossless, pixel.JPEG2000Lossless, pixel.JPEG2000} {
		if _, ok := pixel.EncoderFor(ts); !ok {
			t.Logf("%s: codec is not in this build", ts)
			continue
		}
		for _, c := range []struct {
			stored, samples int
			signed          bool
		}{{8, 1, false}, {8, 3, false}, {12, 1, false}, {12, 1, true}, {16, 1, true}, {16, 1, false}, {6, 1, true}} {
			name := fmt.Sprintf("%s %d bits x %d, signed %v", ts, c.stored, c.samples, c.signed)
			roundTrip(t, name, ts, c.stored, c.samples, c.signed)
		}
	}
}

func roundTrip(t *testing.T, name string, ts radnode.UID, stored, n int, signed bool) {
	t.Helper()
	const rows, columns = 37, 29
	allocated := 8
	if stored > 8 {
		allocated = 16
	}
	fr := pixel.Frame{
		Rows: rows, Columns: columns, Samples: n, BitsAllocated: allocated, BitsStored: stored, Signed: signed,
		Photometric: pixel.Monochrome2, Pix: make([]byte, rows*columns*n*allocated/8),
	}
	for i := 0; i < rows*columns*n; i++ {
		v := (i*i/5 + i%7*300 + i/columns*40) & (1<<stored - 1)
		if signed && v>>(stored-1) == 1 {
			v -= 1 << stored
		}
		for k := range allocated / 8 {
			fr.Pix[i*allocated/8+k] = byte(v >> (8 * k))
		}
	}
	coded, err := pixel.Encode(context.Background(), ts, &fr, nil)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	d := monochrome(rows, columns, allocated, stored, nil)
	d.SetInts(dicom.SamplesPerPixel, n)
	if n == 3 {
		d.SetText(dicom.PhotometricInterpretation, pixel.RGB)
		d.SetInts(dicom.PlanarConfiguration, 0)
	}
	if signed {
		d.SetInts(dicom.PixelRepresentation, 1)
	}
	d.SetFragments(dicom.PixelDataTag, coded)
	im, err := reopen(t, d, ts)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var back pixel.Frame
	if err := im.Decode(context.Background(), 0, &back); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if !bytes.Equal(back.Pix, fr.Pix) {
		t.Errorf("%s: decoded samples differ from the encoded ones", name)
	}
}
