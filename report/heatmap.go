package report

import (
	"image"
	"image/color"
	"image/draw"

	"github.com/radnode/radnode"
)

// heatOpacity is how much of the picture the maximum of a heat map hides.
const heatOpacity = 0.6

// heatColours run from none to the maximum; they rise evenly in lightness, so
// that they order for every eye (the colour map "inferno", sampled).
var heatColours = []color.RGBA{{0, 0, 4, 255}, {66, 10, 104, 255}, {147, 38, 103, 255}, {221, 81, 58, 255}, {252, 165, 10, 255}, {252, 255, 164, 255}}

// HeatPicture lays the heat map of a finding over a picture of its frame, which
// has rows and columns pixels as stored. A legend stands below.
func HeatPicture(picture image.Image, rows, columns int, f radnode.ReportFinding) (*image.RGBA, error) {
	h, bounds := f.Finding.Heatmap, picture.Bounds()
	size := bounds.Size()
	switch {
	case h == nil:
		return nil, radnode.Errorf(radnode.NotFound, op, "the finding %s has no heat map", f.Finding.Label)
	case h.Rows <= 0 || h.Columns <= 0 || len(h.Values) != h.Rows*h.Columns || !(h.Width > 0) || !(h.Height > 0):
		return nil, radnode.Errorf(radnode.Internal, op, "the heat map of %s has %d values for %d × %d", f.Finding.Label, len(h.Values), h.Rows, h.Columns)
	case rows < 1 || columns < 1 || size.X < 1 || size.Y < 1 || size.X > maxPicture || size.Y > maxPicture:
		return nil, radnode.Errorf(radnode.Invalid, op, "a picture of %d x %d pixels of a frame of %d x %d", size.X, size.Y, columns, rows)
	}
	text, err := newPen()
	if err != nil {
		return nil, err
	}
	letters := float64(max(9, size.X/42))
	lines := text.wrap(Unverified+" 人工智能结果，未经医生确认\n"+Sentence(f)+"\n"+mapName(h)+": where the model looked, not the extent of a lesion", false, float64(size.X)/letters-1)
	img := image.NewRGBA(image.Rect(0, 0, size.X, size.Y+int((1.35*float64(len(lines))+1)*letters)))
	fill(img, img.Bounds(), black)
	draw.Draw(img, image.Rectangle{Max: size}, picture, bounds.Min, draw.Src)
	heat(img, size, scaled(*h, float64(size.X)/float64(columns), float64(size.Y)/float64(rows)))
	for i, l := range lines {
		text.draw(img, letters/2, float64(size.Y)+(1.35*float64(i)+1.4)*letters, letters, textColour, l)
	}
	return img, nil
}

// scaled is a heat map in the coordinates of a smaller or larger picture.
func scaled(h radnode.Heatmap, x, y float64) *radnode.Heatmap {
	h.Left, h.Width, h.Top, h.Height = h.Left*x, h.Width*x, h.Top*y, h.Height*y
	return &h
}

// heat blends a heat map over the upper left part of an image.
func heat(img *image.RGBA, size image.Point, h *radnode.Heatmap) {
	at := 0
	render(h, size.Y, size.X, func(v float64) {
		i := img.PixOffset(at%size.X, at/size.X)
		at++
		c, a := heatColour(v), heatOpacity*v
		for k, hot := range c {
			img.Pix[i+k] = byte(float64(img.Pix[i+k])*(1-a) + hot*a + 0.5)
		}
	})
}

// heatColour is the colour of a share of the maximum.
func heatColour(v float64) [3]float64 {
	x := min(max(v, 0), 1) * float64(len(heatColours)-1)
	i := min(int(x), len(heatColours)-2)
	a, b, d := heatColours[i], heatColours[i+1], x-float64(i)
	mix := func(p, q uint8) float64 { return float64(p)*(1-d) + float64(q)*d }
	return [3]float64{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B)}
}
