package pixel

import (
	"bufio"
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	greyjpeg "github.com/radnode/radnode/dicom/pixel/jpeg"
	"github.com/radnode/radnode/worker"
)

// frameValues writes the stored values of one frame to a file.
func (s *server) frameValues(ctx context.Context, r worker.FrameRequest) (worker.FrameInfo, error) {
	src, release, err := s.opened.frame(r.Path, r.Frame)
	if err != nil {
		return worker.FrameInfo{}, err
	}
	defer release()
	defer s.frame.trim()
	if p := src.picture; p != nil {
		info := worker.FrameInfo{Rows: p.rows, Columns: p.columns, Samples: p.samples, BitsAllocated: 8, BitsStored: 8, Photometric: pixel.Monochrome2, Size: int64(len(p.pix))}
		if p.samples == 3 {
			info.Photometric = pixel.RGB
		}
		return info, writeBytes(r.Out, p.pix)
	}
	fr := &s.frame.stored
	decode := src.image.Decode
	if r.Stored && (src.image.Photometric == pixel.YBRFull || src.image.Photometric == pixel.YBRFull422) {
		decode = src.image.DecodeStored
	}
	if err := decode(ctx, r.Frame-1, fr); err != nil {
		return worker.FrameInfo{}, err
	}
	info := worker.FrameInfo{
		Rows: fr.Rows, Columns: fr.Columns, Samples: fr.Samples, BitsAllocated: fr.BitsAllocated,
		BitsStored: fr.BitsStored, Signed: fr.Signed, Float: fr.Float, Photometric: fr.Photometric, Size: int64(len(fr.Pix)),
	}
	return info, writeBytes(r.Out, fr.Pix)
}

// maxRendered bounds the longest side of a rendered picture.
const maxRendered = 16384

// render writes a picture of one frame as a reader sees it to a file.
func (s *server) render(ctx context.Context, r worker.RenderRequest) (worker.RenderInfo, error) {
	const op = "render frame"
	if r.Format != "jpeg" && r.Format != "png" {
		return worker.RenderInfo{}, radnode.Errorf(radnode.Invalid, op, "format must be jpeg or png, not %q", r.Format)
	}
	if r.Quality < 0 || r.Quality > 100 || r.MaxSize < 0 || r.MaxSize > maxRendered {
		return worker.RenderInfo{}, radnode.Errorf(radnode.Invalid, op, "quality lies within 1..100 and max_size within 1..%d", maxRendered)
	}
	src, release, err := s.opened.frame(r.Path, r.Frame)
	if err != nil {
		return worker.RenderInfo{}, err
	}
	defer release()
	defer s.frame.trim()
	fr := &s.frame
	if err := src.show(ctx, r, fr); err != nil {
		return worker.RenderInfo{}, err
	}
	ratio := 1.0
	if src.image != nil {
		ratio = src.image.AspectRatio(r.Frame - 1)
	}
	rows, columns := fit(fr.rows, fr.columns, ratio, r.MaxSize)
	img := toImage(shrink(fr.display, fr.rows, fr.columns, fr.samples, rows, columns), rows, columns, fr.samples)
	info := worker.RenderInfo{Rows: rows, Columns: columns, MediaType: "image/" + r.Format}
	err = writeFile(r.Out, func(w io.Writer) error {
		counted := &counter{w: w}
		err := encode(counted, img, r)
		info.Size = counted.n
		return err
	})
	return info, err
}

// show fills fr.display as a rendering wants it: by the header, a window or a
// presentation state.
func (s *source) show(ctx context.Context, r worker.RenderRequest, fr *frame) error {
	if s.image == nil {
		return s.fill(ctx, r.Frame-1, fr, false)
	}
	shown := s.image
	if r.State != "" {
		state, err := dicom.ReadFile(r.State, dicom.Limits{})
		if err != nil {
			return err
		}
		if shown, err = s.image.Present(state.Dataset); err != nil {
			return err
		}
	}
	if err := s.image.Decode(ctx, r.Frame-1, &fr.stored); err != nil {
		return err
	}
	var window *pixel.Window
	if w := r.Window; w != nil {
		window = &pixel.Window{Center: w.Center, Width: w.Width, Function: w.Function}
	}
	fr.rows, fr.columns, fr.samples = shown.Rows, shown.Columns, shown.DisplaySamples()
	fr.display = resize(fr.display, fr.rows*fr.columns*fr.samples)
	return shown.Display8(&fr.stored, r.Frame-1, window, fr.display)
}

func encode(w io.Writer, img image.Image, r worker.RenderRequest) error {
	if r.Format == "png" {
		return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, img)
	}
	quality := r.Quality
	if quality == 0 {
		quality = 90
	}
	if grey, ok := img.(*image.Gray); ok && grey.Stride == grey.Rect.Dx() {
		b, err := greyjpeg.EncodeGrey(nil, grey.Pix[:grey.Stride*grey.Rect.Dy()], grey.Rect.Dy(), grey.Rect.Dx(), quality)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	return jpeg.Encode(w, img, &jpeg.Options{Quality: quality})
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// fit gives the size of a picture with square pixels whose longest side is at
// most longest (0: any). ratio is the height of a source pixel over its width;
// the side along which pixels are denser is the one that shrinks.
func fit(rows, columns int, ratio float64, longest int) (int, int) {
	h, w := float64(rows), float64(columns)
	if ratio > 1 {
		w /= ratio
	} else if ratio > 0 {
		h *= ratio
	}
	if side := max(h, w); longest > 0 && side > float64(longest) {
		h, w = h*float64(longest)/side, w*float64(longest)/side
	}
	return max(1, int(math.Round(h))), max(1, int(math.Round(w)))
}

// shrink averages the pixels of src that lie under each pixel of the result.
func shrink(src []byte, rows, columns, samples, outRows, outColumns int) []byte {
	if rows == outRows && columns == outColumns {
		return src
	}
	out := make([]byte, outRows*outColumns*samples)
	for r := range outRows {
		top, bottom := span(r, rows, outRows)
		for c := range outColumns {
			left, right := span(c, columns, outColumns)
			for s := range samples {
				sum := 0
				for y := top; y < bottom; y++ {
					row := src[(y*columns+left)*samples+s : (y*columns+right-1)*samples+s+1]
					for x := 0; x < len(row); x += samples {
						sum += int(row[x])
					}
				}
				n := (bottom - top) * (right - left)
				out[(r*outColumns+c)*samples+s] = byte((sum + n/2) / n)
			}
		}
	}
	return out
}

// span is the range of source pixels under pixel i of n.
func span(i, source, n int) (from, to int) {
	from = i * source / n
	return from, max(from+1, (i+1)*source/n)
}

func toImage(pix []byte, rows, columns, samples int) image.Image {
	rect := image.Rect(0, 0, columns, rows)
	if samples == 1 {
		return &image.Gray{Pix: pix, Stride: columns, Rect: rect}
	}
	img := image.NewRGBA(rect)
	for i := range rows * columns {
		copy(img.Pix[4*i:4*i+3], pix[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	return img
}

// writeFile writes a file so that nobody ever sees half of it.
func writeFile(path string, write func(io.Writer) error) error {
	const op = "write result"
	f, err := os.CreateTemp(filepath.Dir(path), ".radnode-*")
	if err != nil {
		return radnode.Errorf(radnode.NoResources, op, "the file for the result cannot be made: %w", err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is left is swept with the folder
		return radnode.Errorf(radnode.NoResources, op, "the result cannot be written: %w", err)
	}
	return nil
}
