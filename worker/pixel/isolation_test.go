package pixel_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom"
	display "github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/worker"
)

// tenMegabytes writes a native computed radiograph of 2500 × 2048 samples.
func tenMegabytes(tb testing.TB) string {
	tb.Helper()
	const rows, columns = 2500, 2048
	px := make([]byte, 2*rows*columns)
	for i := 0; i < len(px); i += 2 {
		v := (i/2%columns + i/2/columns*3) & 4095
		px[i], px[i+1] = byte(v), byte(v>>8)
	}
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.ComputedRadiographyImageStorage)
	d.SetUID(dicom.SOPInstanceUID, "2.25.1")
	d.SetInts(dicom.Rows, rows)
	d.SetInts(dicom.Columns, columns)
	d.SetInts(dicom.SamplesPerPixel, 1)
	d.SetText(dicom.PhotometricInterpretation, display.Monochrome2)
	d.SetInts(dicom.BitsAllocated, 16)
	d.SetInts(dicom.BitsStored, 12)
	d.SetInts(dicom.HighBit, 11)
	d.SetInts(dicom.PixelRepresentation, 0)
	d.SetBytes(dicom.PixelDataTag, dicom.OW, px)
	path := filepath.Join(tb.TempDir(), "cr.dcm")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := dicom.WriteFile(f, d, "1.2.840.10008.1.2.1"); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// decodeHere is what a node without isolation would do.
func decodeHere(path string, fr *display.Frame) error {
	f, err := dicom.ReadFile(path, dicom.DefaultLimits)
	if err != nil {
		return err
	}
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	im, err := display.Open(f, r, display.DefaultLimits)
	if err != nil {
		return err
	}
	return im.Decode(context.Background(), 0, fr)
}

// isolated are the frames whose isolation is measured: coded ones of each
// kind, and the film that needs no worker.
func isolated(b *testing.B) map[string]string {
	list := map[string]string{"small": upstream(b, "1.dcm"), "film of 10 MB": tenMegabytes(b)}
	for name, file := range map[string]string{
		"RLE 0.5 MB":            "image/ct1_rle.dcm",
		"JPEG lossless 14.7 MB": "image/mg_ge_mlo_voilut_jpeg_lossless.dcm",
		"JPEG-LS 7.2 MB":        "chest/cr_wg04_rg1_jpegls_near.dcm",
		"JPEG 6.2 MB, 12 bits":  "image/cr_rg3_extremity_jpeg_extended.dcm",
	} {
		list[name] = shared(b, file)
	}
	return list
}

// BenchmarkIsolation is what the process of its own costs a frame: decoding in
// this process, and asking the worker for a file of the values, which a viewer
// is then sent without being read here. Each frame gets a file of its own, as
// in the cache of the node.
func BenchmarkIsolation(b *testing.B) {
	for name, path := range isolated(b) {
		best := func(b *testing.B, one func() error) {
			shortest := time.Hour
			for b.Loop() {
				start := time.Now()
				if err := one(); err != nil {
					b.Fatal(err)
				}
				shortest = min(shortest, time.Since(start))
			}
			b.ReportMetric(float64(shortest.Nanoseconds()), "best-ns/op")
		}
		b.Run(name+"/here", func(b *testing.B) {
			var fr display.Frame
			best(b, func() error { return decodeHere(path, &fr) })
		})
		b.Run(name+"/worker", func(b *testing.B) {
			p, dir := mustStart(b), b.TempDir()
			n := 0
			best(b, func() error {
				n++
				out := filepath.Join(dir, strconv.Itoa(n))
				_, err := p.Frame(context.Background(), worker.FrameRequest{Path: path, Frame: 1, Out: out})
				if old := filepath.Join(dir, strconv.Itoa(n-20)); n > 20 && err == nil {
					err = os.Remove(old) // the cache lets old ones go
				}
				return err
			})
		})
	}
}
