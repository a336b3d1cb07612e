package pixel

import (
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"github.com/radnode/radnode"
	codestream "github.com/radnode/radnode/dicom/pixel/jpeg"
)

// Picture is display values, as Display8 gives them: row by row, grey or RGB.
type Picture struct {
	Rows, Columns, Samples int
	Pix                    []byte
}

// The formats that a Picture is written in.
const (
	FormatJPEG = "jpeg"
	FormatPNG  = "png"
)

// DefaultQuality is that of a JPEG that nobody asked for another of.
const DefaultQuality = 90

// Render decodes frame n and shows it through window w; nil means
// DefaultWindow. fr and dst give their memory where it suffices.
func (im *Image) Render(ctx context.Context, n int, w *Window, fr *Frame, dst []byte) (Picture, error) {
	if err := im.Decode(ctx, n, fr); err != nil {
		return Picture{}, err
	}
	p := Picture{Rows: im.Rows, Columns: im.Columns, Samples: im.DisplaySamples()}
	p.Pix = grow(dst, p.Rows*p.Columns*p.Samples)
	return p, im.Display8(fr, n, w, p.Pix)
}

// Fit returns p with square pixels and a longest side of at most longest (0:
// any), averaging the pixels that lie under each of the result. aspect is the
// height of a pixel of p over its width; the side along which pixels are denser
// is the one that shrinks.
func (p Picture) Fit(aspect float64, longest int) Picture {
	rows, columns := fit(p.Rows, p.Columns, aspect, longest)
	if rows == p.Rows && columns == p.Columns {
		return p
	}
	out := Picture{rows, columns, p.Samples, make([]byte, rows*columns*p.Samples)}
	for r := range rows {
		top, bottom := span(r, p.Rows, rows)
		for c := range columns {
			left, right := span(c, p.Columns, columns)
			n := (bottom - top) * (right - left)
			for s := range p.Samples {
				sum := 0
				for y := top; y < bottom; y++ {
					row := p.Pix[(y*p.Columns+left)*p.Samples+s : (y*p.Columns+right-1)*p.Samples+s+1]
					for x := 0; x < len(row); x += p.Samples {
						sum += int(row[x])
					}
				}
				out.Pix[(r*columns+c)*p.Samples+s] = byte((sum + n/2) / n) //nolint:gosec // a mean of bytes
			}
		}
	}
	return out
}

// fit gives the size of a picture with square pixels.
func fit(rows, columns int, aspect float64, longest int) (int, int) {
	h, w := float64(rows), float64(columns)
	if aspect > 1 {
		w /= aspect
	} else if aspect > 0 {
		h *= aspect
	}
	if side := max(h, w); longest > 0 && side > float64(longest) {
		h, w = h*float64(longest)/side, w*float64(longest)/side
	}
	return max(1, int(math.Round(h))), max(1, int(math.Round(w)))
}

// span is the range of source pixels under pixel i of n.
func span(i, source, n int) (from, to int) {
	from = i * source / n
	return from, max(from+1, (i+1)*source/n)
}

// Encode returns p as a PNG, or as a baseline JPEG of the given quality (1 to
// 100, 0: DefaultQuality): for people's eyes, never a diagnostic source.
func (p Picture) Encode(w io.Writer, format string, quality int) error {
	if p.Rows < 1 || p.Columns < 1 || p.Samples != 1 && p.Samples != 3 || len(p.Pix) != p.Rows*p.Columns*p.Samples {
		return radnode.Errorf(radnode.Invalid, opEncode, "%d display values do not make a picture of %d x %d x %d", len(p.Pix), p.Rows, p.Columns, p.Samples)
	}
	if quality == 0 {
		quality = DefaultQuality
	}
	switch {
	case format == FormatPNG:
		return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, p.Image())
	case format != FormatJPEG:
		return radnode.Errorf(radnode.Invalid, opEncode, "pictures are written as %s or %s, not as %.16q", FormatJPEG, FormatPNG, format)
	case quality < 1 || quality > 100:
		return radnode.Errorf(radnode.Invalid, opEncode, "the quality of a JPEG lies within 1 and 100, it is not %d", quality)
	case p.Samples == 1:
		b, err := codestream.EncodeGrey(nil, p.Pix, p.Rows, p.Columns, quality)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	return jpeg.Encode(w, p.Image(), &jpeg.Options{Quality: quality})
}

// Image returns p in the fastest form that the encoders of the standard
// library know; a grey one shares the memory of p.
func (p Picture) Image() image.Image {
	bounds := image.Rect(0, 0, p.Columns, p.Rows)
	if p.Samples == 1 {
		return &image.Gray{Pix: p.Pix, Stride: p.Columns, Rect: bounds}
	}
	out := image.NewRGBA(bounds)
	for i, o := 0, 0; i+2 < len(p.Pix); i, o = i+3, o+4 {
		out.Pix[o], out.Pix[o+1], out.Pix[o+2], out.Pix[o+3] = p.Pix[i], p.Pix[i+1], p.Pix[i+2], 255
	}
	return out
}
