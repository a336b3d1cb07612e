package pixel_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// fuzzLimits are small, so that a runaway shows.
var fuzzLimits = pixel.Limits{
	FrameBytes: 4 << 20, CodedBytes: 1 << 20, WorkBytes: 32 << 20, Frames: 64,
	Ratio: 1000, FreeBytes: 1 << 20, Entries: 65536, Overlays: 1 << 20,
}

// FuzzOpen: whatever the bytes of an object, opening, describing, decoding and
// rendering its first frame end without panic, with an error that has a code,
// in bounded memory.
func FuzzOpen(f *testing.F) {
	for _, b := range synthetic(f) {
		f.Add(b)
	}
	if dir, ok := sharedIfThere(); ok {
		for _, name := range []string{
			"image/sc_rgb_3x3_jpeg.dcm", "image/sc_rgb_3x3_odd.dcm", "image/jpegls_near_16bit_50x10.dcm", "image/jpegls_near_8bit_45x10.dcm",
			"image/jpeg_rgb_no_color_transform_a.dcm", "nonimage/seg_liver_deflated_frames.dcm", "nonimage/seg_liver_1bit_rle.dcm",
			"image/mr_small_rle.dcm", "image/sc_jpeg_ybr420.dcm", "image/sc_jpeg_lossless_gdcm.dcm", "image/sm_tiny_25frames_jpegls_nobot.dcm",
			"nonimage/seg_liver_1bit_j2k.dcm", "charset/greek_iso_ir_126.dcm",
		} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { exercise(t, b) })
}

// synthetic makes a small object of each kind of encoding, with LUTs, overlay
// and palette.
func synthetic(tb testing.TB) [][]byte {
	tb.Helper()
	native := monochrome(4, 4, 16, 12, words(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 4095))
	native.SetItems(dicom.ModalityLUTSequence, lutItem(0, 12, 5, 6, 7))
	native.SetItems(dicom.VOILUTSequence, packedItem(0, 1, 2, 3, 4))
	native.SetInts(dicom.PixelPaddingValue, 3)
	native.SetInts(0x60000010, 4)
	native.SetInts(0x60000011, 4)
	native.SetBytes(0x60003000, dicom.OW, []byte{0x5a, 0xa5})
	colours := paletteObject(16, func(d *dicom.Dataset, c int) {
		d.SetBytes(paletteDescriptors[c], dicom.US, words(9, 0, 16))
		d.SetBytes(paletteSegments[c], dicom.OW, words(0, 2, 0x1000, 0x2000, 1, 4, 0x6000, 2, 1, 0, 0, 0, 1, 0xff00))
	}, 0, 1, 2, 8)
	var picture bytes.Buffer
	if err := (pixel.Picture{Rows: 4, Columns: 4, Samples: 1, Pix: []byte("sixteen samples!")}).Encode(&picture, pixel.FormatJPEG, 80); err != nil {
		tb.Fatal(err)
	}
	rle, err := pixel.Encode(context.Background(), pixel.RLELossless, &pixel.Frame{
		Rows: 4, Columns: 4, Samples: 1, BitsAllocated: 8, BitsStored: 8, Pix: []byte("sixteen samples!"),
	}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	fragments := func(b ...[]byte) *dicom.Dataset {
		d := monochrome(4, 4, 8, 8, nil)
		d.SetInts(dicom.NumberOfFrames, len(b))
		d.SetFragments(dicom.PixelDataTag, b...)
		return d
	}
	var out [][]byte
	for _, o := range []struct {
		d  *dicom.Dataset
		ts radnode.UID
	}{
		{native, explicitLE}, {native, implicitLE}, {native, deflatedLE}, {native, explicitBE}, {colours, explicitLE},
		{fragments(picture.Bytes()), pixel.JPEGBaseline8Bit}, {fragments(rle, rle), pixel.RLELossless},
		{fragments([]byte("\x01\x10\x00\xef\xffsixteen samples!\x00")), pixel.DeflatedImageFrame},
	} {
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, o.d, o.ts); err != nil {
			tb.Fatal(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

func exercise(t *testing.T, b []byte) {
	file, err := dicom.Read(bytes.NewReader(b), int64(len(b)), dicom.Limits{HeaderBytes: 1 << 20, InflatedBytes: 8 << 20})
	if err != nil {
		return
	}
	im, err := pixel.Open(file, bytes.NewReader(b), fuzzLimits)
	if err != nil {
		hasCause(t, err)
		return
	}
	im.Describe(0)
	for _, o := range im.Overlays() {
		if _, err := im.OverlayPlane(context.Background(), o, 0, make([]byte, o.Rows*o.Columns)); err != nil {
			hasCause(t, err)
		}
	}
	var fr pixel.Frame
	if err := im.Decode(context.Background(), im.Frames-1, &fr); err != nil {
		hasCause(t, err)
		return
	}
	if err := im.Display8(&fr, im.Frames-1, nil, make([]byte, im.Rows*im.Columns*im.DisplaySamples())); err != nil {
		hasCause(t, err)
	}
	samePlace(t, im, b, &fr)
}

// samePlace compares a frame that is said to lie in the file as it is.
func samePlace(t *testing.T, im *pixel.Image, b []byte, fr *pixel.Frame) {
	t.Helper()
	l, ok := im.Layout()
	if !ok {
		return
	}
	plain, err := l.Plain(bytes.NewReader(b), im.Frames-1)
	if err != nil {
		hasCause(t, err)
		return
	}
	at := l.Offset + int64(im.Frames-1)*l.Size
	if plain && !bytes.Equal(b[at:at+l.Size], fr.Pix) {
		t.Error("the bytes of the file are not the values of the frame")
	}
}

// hasCause fails the test for an error that is nobody's word.
func hasCause(t *testing.T, err error) {
	t.Helper()
	if radnode.CodeOf(err) == radnode.Internal {
		t.Errorf("error without cause in the input: %v", err)
	}
}

// FuzzRLE: a codestream either fills the frame or is refused, and what was
// encoded decodes to itself.
func FuzzRLE(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x40\x00\x00\x00"), uint8(1), uint8(4))
	f.Add(bytes.Repeat([]byte{1, 1, 1, 2, 3, 250}, 30), uint8(2), uint8(9))
	f.Fuzz(func(t *testing.T, b []byte, bytesPer, columns uint8) {
		codec, _ := pixel.CodecFor(pixel.RLELossless)
		width := 8 << (bytesPer % 3)
		want := pixel.Coded{Rows: 3, Columns: int(columns) + 1, Samples: 1, BitsAllocated: width, Width: width, BitsStored: width, Photometric: pixel.Monochrome2}
		dst := make([]byte, want.Size())
		if _, err := codec.Decode(context.Background(), b, want, dst); err != nil {
			hasCause(t, err)
		}
		src := make([]byte, want.Size())
		copy(src, b)
		stream, err := codec.Encode(context.Background(), pixel.RLELossless, src, want, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := codec.Decode(context.Background(), stream, want, dst); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("round trip: %v", err)
		}
	})
}

// TestMutatedObjectsAreHandled flips, cuts and repeats bytes of real objects
// of every coding: no panic, each answer within two seconds, little memory.
func TestMutatedObjectsAreHandled(t *testing.T) {
	t.Parallel()
	dir := shared(t)
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	names := []string{
		"image/sc_jpeg_ybr420.dcm", "image/sc_jpeg_lossless_gdcm.dcm", "image/mr_small_rle.dcm", "image/mr_8stored_jpeg_lossless.dcm",
		"image/jpegls_near_16bit_50x10.dcm", "image/sm_tiny_25frames_jpegls.dcm", "nonimage/seg_liver_1bit_j2k.dcm", "image/mr_esaote_jpeg_baseline.dcm",
		"nonimage/seg_liver_deflated_frames.dcm", "image/nm1_bone_jpeg_extended.dcm", "image/ct_chest_jpeg_progressive_55.dcm", "image/j2k_text_gbr.dcm",
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	slowest := time.Duration(0)
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		seed := uint32(len(name))
		next := func(n int) int {
			seed = seed*1664525 + 1013904223
			return int(seed>>8) % n
		}
		for range rounds {
			m := bytes.Clone(b)
			head := min(len(m)*9/10, 2000+next(len(m)))
			switch next(4) {
			case 0: // a few bytes anywhere behind the header
				for range 1 + next(8) {
					m[head+next(len(m)-head)] = byte(next(256))
				}
			case 1: // one bit
				m[head+next(len(m)-head)] ^= 1 << next(8)
			case 2: // cut short
				m = m[:head]
			case 3: // a stretch repeated
				copy(m[head:], m[head-min(head, 64):])
			}
			start := time.Now()
			exercise(t, m)
			took := time.Since(start)
			slowest = max(slowest, took)
		}
	}
	runtime.ReadMemStats(&after)
	t.Logf("slowest answer %v, %d MB allocated in all", slowest, (after.TotalAlloc-before.TotalAlloc)>>20)
	if slowest > 2*time.Second {
		t.Errorf("an answer took %v", slowest)
	}
}
