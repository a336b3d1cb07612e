package frames

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

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
	name := key(inst, how.String(), frame)
	b, ok := c.pictures.get(name)
	if !ok {
		if b = c.easel.draw(ctx, path, frame, how); b != nil {
			c.pictures.put(name, b)
		}
	}
	if b != nil {
		return memory{bytes.NewReader(b)}, nil
	}
	return c.file(ctx, name, func(out string) error {
		return c.decoder.Picture(ctx, path, frame, how, out)
	})
}

// memory is a picture that needs no file.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// mostPictures bounds the bytes of each of the two generations of pictures
// that are kept in memory.
const mostPictures = 8 << 20

// pictures are those used lately: what was not asked for while as much again
// was drawn is let go.
type pictures struct {
	mu         sync.Mutex
	young, old map[string][]byte
	size       int // of the young ones
}

func (p *pictures) get(name string) ([]byte, bool) {
	p.mu.Lock()
	b, ok := p.young[name]
	old, aged := p.old[name]
	p.mu.Unlock()
	if !ok && aged {
		p.put(name, old)
		return old, true
	}
	return b, ok
}

func (p *pictures) put(name string, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.young == nil || p.size+len(b) > mostPictures {
		p.young, p.old, p.size = map[string][]byte{}, p.young, 0
	}
	if _, ok := p.young[name]; !ok && len(b) <= mostPictures {
		p.young[name] = b
		p.size += len(b)
	}
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

// draw returns a picture, nil where a worker has to make it, or to say what is
// wrong.
func (e easel) draw(ctx context.Context, path string, frame int, how Rendering) []byte {
	if how.State != "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close() //nolint:errcheck // opened for reading
	im, ok := openNative(file)
	if !ok || im.FrameBytes() > mostDrawn {
		return nil
	}
	select {
	case can := <-e:
		defer func() { e <- can.kept() }()
		return can.draw(ctx, im, frame-1, how)
	case <-ctx.Done():
		return nil
	}
}

func (c *canvas) draw(ctx context.Context, im *pixel.Image, n int, how Rendering) []byte {
	shown, err := im.Render(ctx, n, how.Window, &c.frame, c.display)
	if err != nil {
		return nil
	}
	c.display = shown.Pix
	var out bytes.Buffer
	if err := shown.Fit(im.AspectRatio(n), how.Size).Encode(&out, how.Format, how.Quality); err != nil {
		return nil
	}
	return out.Bytes()
}

// kept is c for the next picture, without what one large one left behind.
func (c *canvas) kept() canvas {
	if cap(c.frame.Pix) > mostKept || cap(c.display) > mostKept {
		return canvas{}
	}
	return *c
}
