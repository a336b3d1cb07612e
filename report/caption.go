package report

import (
	"image"
	"image/color"

	"github.com/radnode/radnode"
)

// The size of captions: a fraction of the longer side of the picture, within
// what can be read and what does not hide it.
const (
	captionPart     = 40
	captionSmallest = 9
	captionLargest  = 36
)

// Caption writes lines into a picture: the first from its upper left corner
// downwards, the others above the lower left. A name is never cut: Invalid says
// that the picture is too small for its lines.
func Caption(img *image.RGBA, upper, lower []string) error {
	p, err := newPen()
	if err != nil {
		return err
	}
	b := img.Bounds()
	largest := min(max(float64(max(b.Dx(), b.Dy()))/captionPart, captionSmallest), captionLargest)
	for size := largest; size >= captionSmallest; size-- {
		top, bottom := p.captionLines(upper, b, size), p.captionLines(lower, b, size)
		if need := float64(len(top)+len(bottom)+1) * size * captionLeading; need > float64(b.Dy()) {
			continue
		}
		for i, s := range top {
			p.caption(img, float64(i+1)*size*captionLeading, size, s)
		}
		for i, s := range bottom {
			p.caption(img, float64(b.Dy())-(float64(len(bottom)-i)-0.7)*size*captionLeading, size, s)
		}
		return nil
	}
	return radnode.Errorf(radnode.Invalid, "write caption", "the picture of %d by %d pixels is too small for what is to be written into it", b.Dx(), b.Dy())
}

const captionLeading = 1.3

// captionLines breaks lines at the width of the picture.
func (p *pen) captionLines(lines []string, b image.Rectangle, size float64) (out []string) {
	for _, s := range lines {
		out = append(out, p.wrap(s, false, float64(b.Dx())/size-1)...)
	}
	return out
}

// caption writes one line, white with a dark edge, so that it can be read on
// any image.
func (p *pen) caption(img *image.RGBA, y, size float64, s string) {
	x, y := float64(img.Bounds().Min.X)+size/2, y+float64(img.Bounds().Min.Y)
	edge := max(1, size/12)
	for _, d := range [][2]float64{{-1, -1}, {0, -1}, {1, -1}, {-1, 0}, {1, 0}, {-1, 1}, {0, 1}, {1, 1}} {
		p.draw(img, x+d[0]*edge, y+d[1]*edge, size, color.RGBA{A: 255}, s)
	}
	p.draw(img, x, y, size, color.RGBA{255, 255, 255, 255}, s)
}
