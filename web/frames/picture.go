package frames

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/pixel"
)

// Rendering says how a picture of a frame is made.
type Rendering struct {
	Window  *pixel.Window // nil: that of the object
	State   string        // file of a presentation state that says how; "": none
	Size    int           // longest side; 0: as it is
	Format  string        // pixel.FormatJPEG or pixel.FormatPNG
	Quality int           // of JPEG, 1 to 100
}

func (r Rendering) String() string {
	s := fmt.Sprintf("picture %d %s %d %s", r.Size, r.Format, r.Quality, r.State)
	if w := r.Window; w != nil {
		s += fmt.Sprintf(" %g %g %s", w.Center, w.Width, w.Function)
	}
	return s
}

// previewQuality is enough for a first look.
const previewQuality = 85

// Render returns a JPEG of a frame (1-based), at most size pixels wide and high.
func (c *Cache) Render(ctx context.Context, path string, inst radnode.Instance, frame, size int) (io.ReadSeekCloser, error) {
	return c.Picture(ctx, path, inst, frame, Rendering{Size: size, Format: pixel.FormatJPEG, Quality: previewQuality})
}

// Picture returns a picture of a frame (1-based).
func (c *Cache) Picture(ctx context.Context, path string, inst radnode.Instance, frame int, how Rendering) (io.ReadSeekCloser, error) {
	return c.file(ctx, key(inst, how.String(), frame), func(out string) error {
		if c.easel.draw(ctx, path, frame, how, out) {
			return nil
		}
		return c.decoder.Picture(ctx, path, frame, how, out)
	})
}

// mostDrawn bounds the frames that are drawn here, mostKept the buffers that
// are kept for the next.
const (
	mostDrawn = 32 << 20
	mostKept  = 4 << 20
)

// easel draws pictures of native frames, which no codec touches: a worker
// would cost more than the drawing. It holds what may be drawn at a time.
type easel chan canvas

// canvas is the memory of one picture.
type canvas struct {
	frame   pixel.Frame
	display []byte
}

func newEasel() easel {
	e := make(easel, runtime.GOMAXPROCS(0))
	for range cap(e) {
		e <- canvas{}
	}
	return e
}

// draw writes a picture to the file out. It reports false where a worker has
// to do so, or to say what is wrong.
func (e easel) draw(ctx context.Context, path string, frame int, how Rendering, out string) bool {
	if how.State != "" {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // opened for reading
	im, ok := openNative(file)
	if !ok || im.FrameBytes() > mostDrawn {
		return false
	}
	select {
	case can := <-e:
		defer func() { e <- can.kept() }()
		return can.draw(ctx, im, frame-1, how, out)
	case <-ctx.Done():
		return false
	}
}

func (c *canvas) draw(ctx context.Context, im *pixel.Image, n int, how Rendering, out string) bool {
	shown, err := im.Render(ctx, n, how.Window, &c.frame, c.display)
	if err != nil {
		return false
	}
	c.display = shown.Pix
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false
	}
	err = shown.Fit(im.AspectRatio(n), how.Size).Encode(file, how.Format, how.Quality)
	if err := errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(out) // the worker writes it anew
		return false
	}
	return true
}

// kept is c for the next picture, without what one large one left behind.
func (c *canvas) kept() canvas {
	if cap(c.frame.Pix) > mostKept || cap(c.display) > mostKept {
		return canvas{}
	}
	return *c
}
