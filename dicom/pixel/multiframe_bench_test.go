package pixel_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// rolls are real frames of each coding and the program of DCMTK that decodes it.
var rolls = []struct{ file, dcmtk string }{
	{"image/xa_cath_75frames_jpeg_modality_lut.dcm", "dcmdjpeg"},
	{"image/photo_cookies_jpeg422.dcm", "dcmdjpeg"},
	{"image/cr_rg3_extremity_jpeg_extended.dcm", "dcmdjpeg"},
	{"image/xa_cath_12frames_jpeg_lossless.dcm", "dcmdjpeg"},
	{"image/ct1_jpegls.dcm", "dcmdjpls"},
	{"image/ct1_rle.dcm", "dcmdrle"},
	{"image/us1_rle_rgb.dcm", "dcmdrle"},
	{"image/mr1_j2k_lossless.dcm", ""},
	{"image/cr_rg3_extremity_j2k_lossless.dcm", ""},
}

// roll writes the first frame of a file n times as one multi-frame object.
func roll(tb testing.TB, from *pixel.Image, file string, n int) string {
	tb.Helper()
	f, err := dicom.ReadFile(file, dicom.DefaultLimits)
	if err != nil {
		tb.Fatal(err)
	}
	d := f.Dataset.Clone()
	d.Remove(dicom.PixelDataTag)
	d.SetInts(dicom.NumberOfFrames, n)
	coded, err := from.Coded(0, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if len(coded)%2 == 1 {
		coded = append(coded, 0)
	}
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = coded
	}
	d.SetFragments(dicom.PixelDataTag, frames...)
	path := filepath.Join(tb.TempDir(), "roll.dcm")
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, f.TransferSyntax); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// BenchmarkRolls decodes a multi-frame object of each coding with one and two
// workers and lets pydicom with GDCM and DCMTK decode the same object. All
// figures are for one frame: cpu-ns processor time, wall-ns of the clock. Of
// DCMTK's programs the start is subtracted (a one-frame object), and the time
// that writing the decoded object costs (dcmconv of it).
func BenchmarkRolls(b *testing.B) {
	dir := shared(b)
	for _, r := range rolls {
		b.Run(strings.TrimSuffix(filepath.Base(r.file), ".dcm"), func(b *testing.B) {
			file := filepath.Join(dir, r.file)
			from := inMemory(b, file)
			// Enough frames that a start of a process is small beside them.
			n := int(min(64, max(24, (32<<20)/from.FrameBytes())))
			one, many := roll(b, from, file, 1), roll(b, from, file, n)
			for _, workers := range []int{1, 2} {
				b.Run("radnode/"+strconv.Itoa(workers), func(b *testing.B) { benchRoll(b, inMemory(b, many), workers) })
			}
			b.Run("pydicom", func(b *testing.B) {
				out, err := exec.Command("/usr/bin/python3", "-c", pydicomBench, many, "3").Output()
				s, bad := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
				if err != nil || bad != nil {
					b.Skip("python3 with pydicom and gdcm does not decode this here")
				}
				b.ReportMetric(s*1e9/float64(n), "cpu-ns/frame")
			})
			b.Run("dcmtk", func(b *testing.B) {
				if _, err := exec.LookPath(r.dcmtk); r.dcmtk == "" || err != nil {
					b.Skip("DCMTK has no decoder for it here")
				}
				out := filepath.Join(b.TempDir(), "out.dcm")
				all := leastRun(b, r.dcmtk, many, out) - leastRun(b, "dcmconv", out, out+".copy")
				start := leastRun(b, r.dcmtk, one, out) - leastRun(b, "dcmconv", out, out+".copy")
				b.ReportMetric(float64(all-start)/float64(n-1), "cpu-ns/frame")
			})
		})
	}
}

func benchRoll(b *testing.B, im *pixel.Image, workers int) {
	b.SetBytes(im.FrameBytes() * int64(im.Frames))
	least, shortest := time.Hour, time.Hour
	for b.Loop() {
		used, clock := cpu(), time.Now()
		if err := im.Each(context.Background(), 0, im.Frames, workers, func(int, *pixel.Frame) error { return nil }); err != nil {
			b.Fatal(err)
		}
		least, shortest = min(least, cpu()-used), min(shortest, time.Since(clock))
	}
	b.ReportMetric(float64(least)/float64(im.Frames), "cpu-ns/frame")
	b.ReportMetric(float64(shortest)/float64(im.Frames), "wall-ns/frame")
}

// leastRun is the smallest processor time of three runs of a program.
func leastRun(b *testing.B, program string, args ...string) time.Duration {
	b.Helper()
	best := time.Hour
	for range 3 {
		cmd := exec.Command(program, args...)
		if msg, err := cmd.CombinedOutput(); err != nil {
			b.Skipf("%s: %v %s", program, err, msg)
		}
		best = min(best, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	return best
}
