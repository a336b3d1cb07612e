package pixel_test

import (
	"bytes"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
)

// TestPicturesForTheEyeAreWritten as PNG, exactly, and as JPEG, nearly.
func TestPicturesForTheEyeAreWritten(t *testing.T) {
	for _, samples := range []int{1, 3} {
		p := pixel.Picture{Rows: 5, Columns: 4, Samples: samples, Pix: make([]byte, 5*4*samples)}
		for i := range p.Pix {
			p.Pix[i] = byte(100 + i%samples*20)
		}
		var b bytes.Buffer
		if err := p.Encode(&b, pixel.FormatPNG, 0); err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(&b)
		if err != nil || m.Bounds().Dx() != 4 || m.Bounds().Dy() != 5 {
			t.Fatalf("PNG: %v", err)
		}
		if r, _, _, _ := m.At(2, 3).RGBA(); byte(r>>8) != 100 {
			t.Errorf("PNG sample is %d", r>>8)
		}
		b.Reset()
		if err := p.Encode(&b, pixel.FormatJPEG, 0); err != nil {
			t.Fatal(err)
		}
		m, err = jpeg.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if r, _, _, _ := m.At(2, 3).RGBA(); r>>8 < 97 || r>>8 > 103 {
			t.Errorf("JPEG sample is %d", r>>8)
		}
	}
}

func TestWhatIsNoPictureIsNotWritten(t *testing.T) {
	grey := pixel.Picture{Rows: 1, Columns: 2, Samples: 1, Pix: []byte{1, 2}}
	for name, err := range map[string]error{
		"two samples": pixel.Picture{Rows: 5, Columns: 4, Samples: 2, Pix: make([]byte, 40)}.Encode(&bytes.Buffer{}, pixel.FormatPNG, 0),
		"too short":   pixel.Picture{Rows: 5, Columns: 4, Samples: 1, Pix: make([]byte, 19)}.Encode(&bytes.Buffer{}, pixel.FormatJPEG, 0),
		"a format":    grey.Encode(&bytes.Buffer{}, "gif", 0),
		"a quality":   grey.Encode(&bytes.Buffer{}, pixel.FormatJPEG, 101),
	} {
		if radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPictureShrinksByAveraging(t *testing.T) {
	p := pixel.Picture{Rows: 2, Columns: 4, Samples: 1, Pix: []byte{0, 100, 200, 100, 0, 100, 200, 100}}.Fit(1, 2)
	if diff := cmp.Diff(pixel.Picture{Rows: 1, Columns: 2, Samples: 1, Pix: []byte{50, 150}}, p); diff != "" {
		t.Error(diff)
	}
	if p := (pixel.Picture{Rows: 1000, Columns: 500, Samples: 1, Pix: make([]byte, 500_000)}).Fit(2, 0); p.Rows != 1000 || p.Columns != 250 {
		t.Errorf("pixels twice as high as wide: %d × %d", p.Rows, p.Columns)
	}
	if p := (pixel.Picture{Rows: 300, Columns: 200, Samples: 3, Pix: make([]byte, 180_000)}).Fit(1, 60); p.Rows != 60 || p.Columns != 40 || len(p.Pix) != 7200 {
		t.Errorf("got %d × %d", p.Rows, p.Columns)
	}
}
