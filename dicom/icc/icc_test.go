package icc_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode/dicom/icc"
)

var names = []string{"srgb", "adobergb", "rommrgb"}

func mustNamed(tb testing.TB, name string) *icc.Profile {
	tb.Helper()
	p, ok := icc.Named(name)
	if !ok {
		tb.Fatalf("no profile %s", name)
	}
	return p
}

// ramp is every combination of a few values of red, green and blue.
func ramp() []byte {
	var pix []byte
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				pix = append(pix, byte(r), byte(g), byte(b), 255)
			}
		}
	}
	return pix
}

func TestAProfileThatWasWrittenIsReadAlike(t *testing.T) {
	for _, name := range names {
		p := mustNamed(t, name)
		again, err := icc.Parse(p.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		pix := ramp()
		icc.NewTransform(p, again).Apply(pix)
		if !bytes.Equal(pix, ramp()) {
			t.Errorf("%s: its own copy changes colours", name)
		}
	}
}

// TestColoursAreThoseOfLittleCMS compares with another colour management system,
// which reads the very profiles written here.
func TestColoursAreThoseOfLittleCMS(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "from PIL import ImageCms").Run() != nil {
		t.Skip("python3-pil is not installed")
	}
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), mustNamed(t, name).Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, pair := range [][2]string{{"srgb", "adobergb"}, {"srgb", "rommrgb"}, {"adobergb", "srgb"}, {"rommrgb", "adobergb"}} {
		pix := ramp()
		from, to, in, out := filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1]), filepath.Join(dir, "in"), filepath.Join(dir, "out")
		if err := os.WriteFile(in, pix, 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command(python, "-c", `import sys
from PIL import Image, ImageCms
pix = open(sys.argv[3], "rb").read()
a, b = ImageCms.getOpenProfile(sys.argv[1]), ImageCms.getOpenProfile(sys.argv[2])
image = Image.frombytes("RGBA", (len(pix) // 4, 1), pix).convert("RGB")
# Intent 1 is relative colorimetry; 0x0100 keeps the library from rounding early.
made = ImageCms.applyTransform(image, ImageCms.buildTransform(a, b, "RGB", "RGB", renderingIntent=1, flags=0x0100 | 0x0400))
open(sys.argv[4], "wb").write(made.tobytes())`, from, to, in, out).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		want, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		icc.NewTransform(mustNamed(t, pair[0]), mustNamed(t, pair[1])).Apply(pix)
		worst, off := 0, 0
		for i := range len(pix) / 4 {
			for c := range 3 {
				d := int(pix[4*i+c]) - int(want[3*i+c])
				worst = max(worst, d, -d)
				if d != 0 {
					off++
				}
			}
		}
		if worst > 1 {
			t.Errorf("%s to %s: differs by %d", pair[0], pair[1], worst)
		}
		t.Logf("%s to %s: %d of %d values differ by 1", pair[0], pair[1], off, len(want))
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range names {
		f.Add(mustNamed(f, name).Bytes())
	}
	f.Add([]byte("acsp"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := icc.Parse(b)
		if err != nil {
			return
		}
		pix := []byte{0, 127, 255, 255}
		icc.NewTransform(p, mustNamed(t, "srgb")).Apply(pix)
		icc.NewTransform(mustNamed(t, "srgb"), p).Apply(pix)
	})
}
