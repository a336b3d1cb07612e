package dicomweb

import (
	"bytes"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/icc"
)

// headerLimits let what is written into a picture be read, a colour profile
// among it.
var headerLimits = dicom.Limits{ValueBytes: icc.MaxBytes}

// draw makes a picture in another form from a PNG: the part that the viewport
// names, flipped and scaled to fit, keeping its shape; then colours; then text.
func (s *Service) draw(from io.Reader, o Object, inst radnode.Instance, frame int, r rendering) ([]byte, error) {
	img, err := png.Decode(from)
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, opRender, "a rendered picture cannot be read: %w", err)
	}
	if r.viewport != nil {
		if img, err = fitted(img, r.viewport.on(img.Bounds(), inst)); err != nil {
			return nil, err
		}
	}
	if len(r.annotation) == 0 && r.profile == "" {
		return encodePicture(img, r.format, r.quality)
	}
	header, err := dicom.ReadFile(o.Path, headerLimits)
	if err != nil {
		return nil, err
	}
	coloured := asRGBA(img)
	var profile []byte
	if r.profile != "" {
		profile = r.inColour(coloured, header.Dataset)
	}
	if len(r.annotation) > 0 {
		upper, lower := r.captions(header.Dataset, inst, frame)
		if err := s.Writer.Write(coloured, upper, lower); err != nil {
			return nil, err
		}
	}
	b, err := encodePicture(coloured, r.format, r.quality)
	if err != nil || profile == nil {
		return b, err
	}
	return embed(b, r.format, profile)
}

// asRGBA is a picture of opaque colours.
func asRGBA(img image.Image) *image.RGBA {
	if c, ok := img.(*image.RGBA); ok {
		return c
	}
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Src)
	return out
}

func encodePicture(img image.Image, format string, quality int) ([]byte, error) {
	var out bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&out, img)
	case "gif":
		err = gif.Encode(&out, paletted(img), nil)
	default:
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: quality})
	}
	return out.Bytes(), err
}

// on is the viewport in the pixels of a rendered picture, which are square even
// where those of the image are not.
func (v *viewport) on(b image.Rectangle, inst radnode.Instance) *viewport {
	if !v.crops || inst.Rows <= 0 || inst.Columns <= 0 {
		return v
	}
	x, y := float64(b.Dx())/float64(inst.Columns), float64(b.Dy())/float64(inst.Rows)
	scaled := *v
	scaled.x, scaled.sw, scaled.y, scaled.sh = v.x*x, v.sw*x, v.y*y, v.sh*y
	return &scaled
}

// paletted is exact for grey pictures.
func paletted(img image.Image) image.Image {
	grey, ok := img.(*image.Gray)
	if !ok {
		p := image.NewPaletted(img.Bounds(), palette.Plan9)
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
			for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
				p.Set(x, y, img.At(x, y))
			}
		}
		return p
	}
	levels := make(color.Palette, 256)
	for i := range levels {
		levels[i] = color.Gray{Y: uint8(i)} //nolint:gosec // below 256
	}
	return &image.Paletted{Pix: grey.Pix, Stride: grey.Stride, Rect: grey.Rect, Palette: levels}
}

// fitted cuts out and scales.
func fitted(src image.Image, v *viewport) (image.Image, error) {
	b := src.Bounds()
	w, h := math.Abs(v.sw), math.Abs(v.sh)
	if w == 0 {
		w = float64(b.Dx()) - v.x
	}
	if h == 0 {
		h = float64(b.Dy()) - v.y
	}
	w, h = min(w, float64(b.Dx())-v.x), min(h, float64(b.Dy())-v.y)
	if w < 1 || h < 1 {
		return nil, badRendering("the viewport lies outside the image")
	}
	scale := min(v.width/w, v.height/h)
	to := image.Rect(0, 0, max(1, int(math.Round(w*scale))), max(1, int(math.Round(h*scale))))
	s := sampler{src: src, v: v, w: w, h: h, to: to}
	if grey, ok := src.(*image.Gray); ok {
		s.grey = grey
		out := image.NewGray(to)
		s.each(func(x, y int, c [3]float64) { out.Pix[y*out.Stride+x] = uint8(c[0] + 0.5) })
		return out, nil
	}
	out := image.NewRGBA(to)
	s.each(func(x, y int, c [3]float64) {
		out.SetRGBA(x, y, color.RGBA{uint8(c[0] + 0.5), uint8(c[1] + 0.5), uint8(c[2] + 0.5), 255})
	})
	return out, nil
}

// sampler reads a part of a picture at another resolution.
type sampler struct {
	src  image.Image
	grey *image.Gray
	v    *viewport
	w, h float64
	to   image.Rectangle
}

// each gives every pixel of the result: the mean of what it covers, or between
// pixels the value interpolated.
func (s sampler) each(set func(x, y int, c [3]float64)) {
	columns := weights(s.to.Dx(), s.v.x, s.w, s.v.sw < 0, s.src.Bounds().Dx())
	rows := weights(s.to.Dy(), s.v.y, s.h, s.v.sh < 0, s.src.Bounds().Dy())
	for y, row := range rows {
		for x, column := range columns {
			var sum [3]float64
			for i, wy := range row.weight {
				for j, wx := range column.weight {
					c := s.at(column.first+j, row.first+i)
					for k := range sum {
						sum[k] += wx * wy * c[k]
					}
				}
			}
			set(x, y, sum)
		}
	}
}

func (s sampler) at(x, y int) [3]float64 {
	if s.grey != nil {
		return [3]float64{float64(s.grey.Pix[y*s.grey.Stride+x])}
	}
	b := s.src.Bounds()
	r, g, bl, _ := s.src.At(b.Min.X+x, b.Min.Y+y).RGBA()
	return [3]float64{float64(r >> 8), float64(g >> 8), float64(bl >> 8)}
}

// span is what one pixel of the result takes of a row or column of the source.
type span struct {
	first  int
	weight []float64
}

// weights divides the length from..from+length of a side of size pixels into n
// spans.
func weights(n int, from, length float64, flip bool, size int) []span {
	list := make([]span, n)
	step := length / float64(n)
	for i := range list {
		centre := from + (float64(i)+0.5)*step
		reach := max(step, 1) / 2
		lo, hi := max(centre-reach, 0), min(centre+reach, float64(size))
		first := min(int(math.Floor(lo)), size-1)
		s := span{first: first}
		total := 0.0
		for p := first; p < size && float64(p) < hi; p++ {
			w := min(hi, float64(p+1)) - max(lo, float64(p))
			s.weight = append(s.weight, w)
			total += w
		}
		if total <= 0 {
			s.weight, total = []float64{1}, 1
		}
		for k := range s.weight {
			s.weight[k] /= total
		}
		at := i
		if flip {
			at = n - 1 - i
		}
		list[at] = s
	}
	return list
}
