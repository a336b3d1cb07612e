package pixel_test

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// sharedIfThere finds the folder of real sample files beside the repository.
func sharedIfThere() (string, bool) {
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			s := filepath.Join(filepath.Dir(dir), "shared", "dicom")
			_, err := os.Stat(s)
			return s, err == nil
		}
	}
	return "", false
}

// shared returns the folder of sample files or skips the test.
func shared(tb testing.TB) string {
	tb.Helper()
	dir, ok := sharedIfThere()
	if !ok {
		tb.Skip("the sample files (../shared/dicom beside the repository) are not on this machine")
	}
	return dir
}

// open opens a file's pixels; the file is closed with the test.
func open(tb testing.TB, path string) (*pixel.Image, error) {
	tb.Helper()
	f, err := dicom.ReadFile(path, dicom.DefaultLimits)
	if err != nil {
		return nil, err
	}
	r, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return pixel.Open(f, r, pixel.DefaultLimits)
}

func mustOpen(tb testing.TB, path string) *pixel.Image {
	tb.Helper()
	im, err := open(tb, path)
	if err != nil {
		tb.Fatalf("%s: %v", filepath.Base(path), err)
	}
	return im
}

// reference is one row of pixel_reference.csv.
type reference struct {
	file                             string
	frame                            int
	colour, lossy, use, sha          string
	min, max, mean                   float64
	rows, columns, frames, samples   int
	valueType, decoder, disagreement string
}

func references(tb testing.TB, dir string) []reference {
	tb.Helper()
	f, err := os.Open(filepath.Join(dir, "pixel_reference.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	col := map[string]int{}
	for i, name := range lines[0] {
		col[name] = i
	}
	var list []reference
	for _, l := range lines[1:] {
		get := func(k string) string { return l[col[k]] }
		num := func(k string) int { n, _ := strconv.Atoi(get(k)); return n }
		real := func(k string) float64 { n, _ := strconv.ParseFloat(get(k), 64); return n }
		list = append(list, reference{
			file: get("file"), frame: num("frame"), colour: get("colour"), lossy: get("lossy"), use: get("hash_use"),
			sha: get("sha256"), min: real("min"), max: real("max"), mean: real("mean"),
			rows: num("rows"), columns: num("columns"), frames: num("frames"), samples: num("samples"),
			valueType: get("value_type"), decoder: get("decoder"), disagreement: get("disagreement"),
		})
	}
	return list
}

// values returns minimum, maximum and mean of the samples of a frame.
func values(f *pixel.Frame) (low, high, mean float64) {
	low, high = math.Inf(1), math.Inf(-1)
	n, bytes := 0, f.BitsAllocated/8
	for p := f.Pix; len(p) >= bytes; p = p[bytes:] {
		var v float64
		switch {
		case f.Float && bytes == 4:
			v = float64(math.Float32frombits(binary.LittleEndian.Uint32(p)))
		case bytes == 1 && f.Signed:
			v = float64(int8(p[0]))
		case bytes == 1:
			v = float64(p[0])
		case bytes == 2 && f.Signed:
			v = float64(int16(binary.LittleEndian.Uint16(p)))
		case bytes == 2:
			v = float64(binary.LittleEndian.Uint16(p))
		default:
			v = float64(binary.LittleEndian.Uint32(p))
		}
		low, high, mean, n = min(low, v), max(high, v), mean+v, n+1
	}
	return low, high, mean / float64(n)
}

// TestFramesEqualTheReference walks pixel_reference.csv: exact rows must be
// equal by digest, the others within the tolerance its README names.
func TestFramesEqualTheReference(t *testing.T) {
	t.Parallel()
	dir := shared(t)
	var fr pixel.Frame
	count := map[string]int{}
	for _, ref := range references(t, dir) {
		name := fmt.Sprintf("%s#%d %s", ref.file, ref.frame, ref.colour)
		im, err := open(t, filepath.Join(dir, ref.file))
		if err != nil {
			if radnode.CodeOf(err) == radnode.Unsupported {
				count["unsupported"]++
				t.Logf("unsupported: %s: %v", name, err)
				if _, all := pixel.CodecFor(pixel.JPEG2000); all || !strings.Contains(err.Error(), "2000") && !strings.Contains(err.Error(), "HTJ2K") && !strings.Contains(err.Error(), "High-Throughput") {
					t.Errorf("%s has no codec any more", name)
				}
				continue
			}
			t.Errorf("%s: %v", name, err)
			continue
		}
		decode := im.Decode
		if strings.HasPrefix(ref.colour, "as stored") {
			decode = im.DecodeStored
		}
		if err := decode(context.Background(), ref.frame, &fr); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if im.Rows != ref.rows || im.Columns != ref.columns || im.Frames != ref.frames || im.Samples != ref.samples {
			t.Errorf("%s: is %dx%d, %d frames, %d samples", name, im.Rows, im.Columns, im.Frames, im.Samples)
		}
		compare(t, name, ref, &fr, count)
	}
	t.Logf("rows: %v", count)
}

func compare(t *testing.T, name string, ref reference, fr *pixel.Frame, count map[string]int) {
	t.Helper()
	if fr.Digest() == "sha256:"+ref.sha {
		count["equal, "+ref.use]++
		return
	}
	low, high, mean := values(fr)
	text := fmt.Sprintf("min %g max %g mean %f, reference %g %g %f (%s)", low, high, mean, ref.min, ref.max, ref.mean, ref.decoder)
	if ref.use == "exact" {
		t.Errorf("%s differs: %s", name, text)
		return
	}
	scale := 1.0
	if fr.BitsAllocated > 8 {
		scale = max(1, (ref.max-ref.min)/255)
	}
	if math.Abs(mean-ref.mean) > 0.5*scale || math.Abs(low-ref.min) > 6*scale || math.Abs(high-ref.max) > 6*scale {
		t.Errorf("%s is beyond tolerance: %s", name, text)
		return
	}
	count["within tolerance, "+ref.use]++
	t.Logf("within tolerance: %s: %s", name, text)
}
