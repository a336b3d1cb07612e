package jpeg_test

import (
	"bytes"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"math"
	"math/rand"
	"testing"

	"github.com/radnode/radnode/dicom/pixel/jpeg"
)

// body is a picture with edges, slopes and noise.
func body(rows, columns int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, columns, rows))
	r := rand.New(rand.NewSource(1)) //nolint:gosec // a test
	for i := range img.Pix {
		x, y := i%columns, i/columns
		v := (x+y)/5%200 + r.Intn(24)
		if (x/40+y/30)%3 == 0 {
			v = 255 - v
		}
		img.Pix[i] = uint8(v)
	}
	return img
}

func distance(a, b *image.Gray) float64 {
	sum := 0.0
	for y := range a.Rect.Dy() {
		for x := range a.Rect.Dx() {
			d := float64(a.GrayAt(x, y).Y) - float64(b.GrayAt(x, y).Y)
			sum += d * d
		}
	}
	return math.Sqrt(sum / float64(len(a.Pix)))
}

// TestGreyPicturesComeBackAsFromTheStandardLibrary compares the loss and the
// size with those of another encoder of the same tables.
func TestGreyPicturesComeBackAsFromTheStandardLibrary(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {7, 9}, {8, 8}, {17, 300}, {512, 512}, {2000, 1501}, {70, 9000}} {
		for _, quality := range []int{1, 30, 75, 90, 100} {
			t.Run(fmt.Sprintf("%d x %d at %d", size[0], size[1], quality), func(t *testing.T) {
				img := body(size[0], size[1])
				got, err := jpeg.EncodeGrey(nil, img.Pix, size[0], size[1], quality)
				if err != nil {
					t.Fatal(err)
				}
				var want bytes.Buffer
				if err := stdjpeg.Encode(&want, img, &stdjpeg.Options{Quality: quality}); err != nil {
					t.Fatal(err)
				}
				ours, err1 := stdjpeg.Decode(bytes.NewReader(got))
				theirs, err2 := stdjpeg.Decode(&want)
				if err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				a, b := distance(img, ours.(*image.Gray)), distance(img, theirs.(*image.Gray)) //nolint:forcetypeassert // grey as written
				if a > b*1.02+0.05 || len(got) > want.Cap()*2 {
					t.Errorf("ours is off by %.3f in %d bytes, theirs by %.3f", a, len(got), b)
				}
			})
		}
	}
}

func TestWhatIsNoGreyPictureIsNotEncoded(t *testing.T) {
	for _, c := range []struct{ rows, columns, length, quality int }{{0, 1, 0, 90}, {2, 2, 3, 90}, {1, 70000, 70000, 90}, {1, 1, 1, 0}, {1, 1, 1, 101}} {
		if _, err := jpeg.EncodeGrey(nil, make([]byte, c.length), c.rows, c.columns, c.quality); err == nil {
			t.Errorf("%+v is encoded", c)
		}
	}
}

func BenchmarkEncodeGrey(b *testing.B) {
	img := body(512, 512)
	for name, encode := range map[string]func() error{
		"ours": func() error { _, err := jpeg.EncodeGrey(nil, img.Pix, 512, 512, 90); return err },
		"standard library": func() error {
			var w bytes.Buffer
			return stdjpeg.Encode(&w, img, &stdjpeg.Options{Quality: 90})
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
