package pixel

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
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
	if r.Format != pixel.FormatJPEG && r.Format != pixel.FormatPNG {
		return worker.RenderInfo{}, radnode.Errorf(radnode.Invalid, op, "format must be %s or %s, not %q", pixel.FormatJPEG, pixel.FormatPNG, r.Format)
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
	shown, aspect, err := src.show(ctx, r, &s.frame)
	if err != nil {
		return worker.RenderInfo{}, err
	}
	shown = shown.Fit(aspect, r.MaxSize)
	info := worker.RenderInfo{Rows: shown.Rows, Columns: shown.Columns, MediaType: "image/" + r.Format}
	err = writeFile(r.Out, func(w io.Writer) error {
		counted := &counter{w: w}
		err := shown.Encode(counted, r.Format, r.Quality)
		info.Size = counted.n
		return err
	})
	return info, err
}

// show makes the picture that a rendering wants: by the header, a window or a
// presentation state. It tells how high its pixels are for their width.
func (s *source) show(ctx context.Context, r worker.RenderRequest, fr *frame) (pixel.Picture, float64, error) {
	if p := s.picture; p != nil {
		return pixel.Picture{Rows: p.rows, Columns: p.columns, Samples: p.samples, Pix: p.pix}, 1, nil
	}
	im := s.image
	if r.State != "" {
		state, err := dicom.ReadFile(r.State, dicom.Limits{})
		if err != nil {
			return pixel.Picture{}, 0, err
		}
		if im, err = im.Present(state.Dataset); err != nil {
			return pixel.Picture{}, 0, err
		}
	}
	var window *pixel.Window
	if w := r.Window; w != nil {
		window = &pixel.Window{Center: w.Center, Width: w.Width, Function: w.Function}
	}
	shown, err := im.Render(ctx, r.Frame-1, window, &fr.stored, fr.display)
	fr.display = shown.Pix
	return shown, im.AspectRatio(r.Frame - 1), err
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
