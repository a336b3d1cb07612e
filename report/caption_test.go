package report_test

import (
	"image"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/report"
)

func TestACaptionIsReadableAndNeverCut(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		fits          bool
	}{
		{"a film", 2000, 1500, true}, {"a slice", 256, 256, true}, {"a narrow strip", 40, 300, true}, {"a thumbnail", 40, 30, false}, {"one pixel", 1, 1, false},
	} {
		img := image.NewRGBA(image.Rect(0, 0, c.width, c.height))
		for i := range img.Pix {
			img.Pix[i] = 128
		}
		err := report.Caption(img, []string{"Yamada^Tarou=山田^太郎", "ID 12345"}, []string{"CR 2026-01-31"})
		if (err == nil) != c.fits || err != nil && radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: %v", c.name, err)
		}
		white, black := 0, 0
		for i := 0; i < len(img.Pix); i += 4 {
			if img.Pix[i] > 200 {
				white++
			} else if img.Pix[i] < 50 {
				black++
			}
		}
		if got := white > 20 && black > 20; got != c.fits {
			t.Errorf("%s: %d white and %d black pixels", c.name, white, black)
		}
	}
}
