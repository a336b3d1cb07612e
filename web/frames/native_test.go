package frames_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/web/frames"
)

var errWorker = errors.New("the worker was asked")

// TestNativeFramesComeFromTheirFile compares the bytes of every frame that
// needs no worker with what the decoder gives, over the whole collection.
func TestNativeFramesComeFromTheirFile(t *testing.T) {
	files, err := filepath.Glob("../../../shared/dicom/*/*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("needs the collection of DICOM files")
	}
	cache, _ := mustOpen(t, 1, &decoder{err: errWorker})
	direct, asked := map[string]bool{}, 0
	for _, path := range files {
		f, err := dicom.ReadFile(path, dicom.DefaultLimits)
		if err != nil || f.PixelData == nil {
			continue
		}
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		im, err := pixel.Open(f, r, pixel.DefaultLimits)
		if err != nil {
			continue
		}
		for n := range min(im.Frames, 3) {
			inst := radnode.Instance{SOPInstanceUID: "1.2", Digest: path, Frames: im.Frames}
			part, err := cache.Frame(context.Background(), path, inst, n+1)
			if errors.Is(err, errWorker) {
				asked++
				continue
			}
			got := mustRead(t, part, err)
			var want pixel.Frame
			if err := im.Decode(context.Background(), n, &want); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal([]byte(got), want.Pix) {
				t.Errorf("%s frame %d: the bytes of the file are not its values", filepath.Base(path), n+1)
			}
			direct[filepath.Base(path)] = true
		}
	}
	for _, name := range []string{"ct1_explicit_le.dcm", "ct1_implicit_le.dcm", "parametric_map_float32.dcm", "sc_rgb_explicit_le.dcm", "enhct_explicit_le.dcm", "tp_palette_16bit_lut.dcm"} {
		if !direct[name] {
			t.Errorf("%s needs a worker", name)
		}
	}
	for _, name := range []string{"mr_12bit_unsigned_junk_nibble.dcm", "sc_ybr_full_uncompressed.dcm", "mr_small_bigendian.dcm", "ct_chest_deflated.dcm", "ct1_rle.dcm"} {
		if direct[name] {
			t.Errorf("%s was not decoded", name)
		}
	}
	t.Logf("%d files need no worker; it was asked for %d frames", len(direct), asked)
}

// BenchmarkNativeFrame opens a frame of 10 MB in its file, for the first time
// (the samples are looked through) and again.
func BenchmarkNativeFrame(b *testing.B) {
	path := filepath.Join(b.TempDir(), "cr.dcm")
	d := dicom.NewDataset()
	for tag, v := range map[dicom.Tag]int{dicom.Rows: 2500, dicom.Columns: 2048, dicom.SamplesPerPixel: 1, dicom.BitsAllocated: 16,
		dicom.BitsStored: 12, dicom.HighBit: 11, dicom.PixelRepresentation: 0} {
		d.SetInts(tag, v)
	}
	d.SetUID(dicom.SOPClassUID, dicom.ComputedRadiographyImageStorage)
	d.SetUID(dicom.SOPInstanceUID, "2.25.1")
	d.SetText(dicom.PhotometricInterpretation, pixel.Monochrome2)
	d.SetBytes(dicom.PixelDataTag, dicom.OW, make([]byte, 2500*2048*2))
	var file bytes.Buffer
	if err := dicom.WriteFile(&file, d, dicom.ExplicitVRLittleEndian); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	for name, digest := range map[string]func(int) string{"first": strconv.Itoa, "again": func(int) string { return "" }} {
		b.Run(name, func(b *testing.B) {
			cache, _ := mustOpen(b, 1, &decoder{err: errWorker})
			for n := 0; b.Loop(); n++ {
				part, err := cache.Frame(context.Background(), path, radnode.Instance{SOPInstanceUID: "1", Digest: digest(n), Frames: 1}, 1)
				if err != nil {
					b.Fatal(err)
				}
				part.Close()
			}
		})
	}
}

// TestPicturesDrawnHereAreThoseOfTheWorker compares the pictures of native
// frames with what the display chain gives, over the whole collection, and
// leaves to the worker what is not native.
func TestPicturesDrawnHereAreThoseOfTheWorker(t *testing.T) {
	files, err := filepath.Glob("../../../shared/dicom/image/*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("needs the collection of DICOM files")
	}
	cache, _ := mustOpen(t, 1, &decoder{err: errWorker})
	how := frames.Rendering{Format: pixel.FormatJPEG, Quality: 90}
	drawn := 0
	for _, path := range files {
		f, err := dicom.ReadFile(path, dicom.DefaultLimits)
		if err != nil || f.PixelData == nil {
			continue
		}
		inst := radnode.Instance{SOPInstanceUID: "1.2", Digest: path}
		got, err := cache.Picture(context.Background(), path, inst, 1, how)
		if err != nil {
			if !errors.Is(err, errWorker) {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		if f.PixelData.Encapsulated {
			t.Errorf("%s is encoded and was drawn here", path)
			continue
		}
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		im, err := pixel.Open(f, r, pixel.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		want, err := im.Render(context.Background(), 0, nil, new(pixel.Frame), nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := want.Fit(im.AspectRatio(0), 0).Encode(&b, pixel.FormatJPEG, 90); err != nil {
			t.Fatal(err)
		}
		if again, err := cache.Picture(context.Background(), path, inst, 1, how); mustRead(t, got, nil) != b.String() || mustRead(t, again, err) != b.String() {
			t.Errorf("%s: another picture", path)
		}
		drawn++
	}
	if drawn < 30 {
		t.Errorf("only %d pictures were drawn", drawn)
	}
}

// TestPicturesInMemoryStayFew asks for far more than is kept.
func TestPicturesInMemoryStayFew(t *testing.T) {
	const path = "../../../shared/dicom/image/ct1_explicit_le.dcm"
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs the collection of DICOM files")
	}
	cache, _ := mustOpen(t, 1, &decoder{err: errWorker})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 250 { // 40 MB
		r, err := cache.Picture(context.Background(), path, radnode.Instance{SOPInstanceUID: "1.2", Digest: strconv.Itoa(i)}, 1, frames.Rendering{Format: pixel.FormatJPEG, Quality: 100})
		mustRead(t, r, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("%d MB are kept", grown>>20)
	}
	runtime.KeepAlive(cache)
}
