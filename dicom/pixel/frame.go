package pixel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/radnode/radnode"
)

// Frame holds the stored values of one frame: row by row, colour by pixel,
// little endian, masked to the stored bits and sign-extended to the width.
type Frame struct {
	Rows, Columns, Samples int
	BitsAllocated          int // width of a sample in Pix: 8, 16, 32 or 64
	BitsStored             int // bits that carry the value
	Signed                 bool
	Float                  bool // IEEE 754 in 32 or 64 bits
	Photometric            string
	Pix                    []byte

	scratch []byte  // encoded bytes of a frame, kept between frames
	counts  []int32 // how often each bit pattern occurs, kept between frames
}

// Digest returns "sha256:" and the digest of the stored values, for the
// provenance of a result.
func (f *Frame) Digest() string {
	sum := sha256.Sum256(f.Pix)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// grow returns b with length n, reusing its memory where it suffices.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// prepare sets the description of f to what the header of im says and makes
// room for one frame.
func (f *Frame) prepare(im *Image) {
	f.Rows, f.Columns, f.Samples = im.Rows, im.Columns, im.Samples
	f.BitsAllocated, f.BitsStored = im.width(), im.BitsStored
	f.Signed, f.Float, f.Photometric = im.Signed, im.Float, im.Photometric
	f.Pix = grow(f.Pix, int(im.FrameBytes()))
}

// Decode reads frame n (from 0) into dst and reuses its buffers. Colour comes
// as RGB whatever the object stores; palette colour stays an index.
func (im *Image) Decode(ctx context.Context, n int, dst *Frame) error {
	if err := im.DecodeStored(ctx, n, dst); err != nil {
		return err
	}
	dst.toRGB()
	return nil
}

// DecodeStored is Decode without colour conversion: native, RLE and lossless
// YBR values stay as they are stored, with subsampled chroma repeated.
func (im *Image) DecodeStored(ctx context.Context, n int, dst *Frame) error {
	if n < 0 || n >= im.Frames {
		return radnode.Errorf(radnode.NotFound, opDecode, "there is no frame %d, the object has %d", n+1, im.Frames)
	}
	if err := ctx.Err(); err != nil {
		return radnode.Errorf(radnode.Canceled, opDecode, "stopped by the caller: %w", err)
	}
	if im.codec == nil {
		return im.readNative(n, dst, false)
	}
	limited, stop := ctx, context.CancelFunc(func() {})
	if im.lim.FrameTime > 0 {
		limited, stop = context.WithTimeout(ctx, im.lim.FrameTime)
	}
	defer stop()
	err := im.decodeCoded(limited, n, dst)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return radnode.Errorf(radnode.TooLarge, opDecode, "frame %d took longer than the limit of %v (option frame_time)", n+1, im.lim.FrameTime)
	}
	return err
}

// decodeCoded decodes an encapsulated frame through its codec.
func (im *Image) decodeCoded(ctx context.Context, n int, dst *Frame) error {
	src, err := im.Coded(n, dst.scratch)
	if err != nil {
		return err
	}
	dst.scratch = src
	if err := im.checkExpansion(int64(len(src))); err != nil {
		return err
	}
	dst.prepare(im)
	want := im.coded()
	got, err := im.codec.Decode(ctx, src, want, dst.Pix)
	if err != nil {
		return fmt.Errorf("frame %d: %w", n+1, err)
	}
	switch {
	case got.Raw:
		maskSamples(dst.Pix, want.Width, im.BitsStored, im.HighBit, im.Signed)
	case im.Signed && !got.Signed:
		// The codestream is unsigned: the sign is in the header (PS3.5 8.2).
		maskSamples(dst.Pix, want.Width, im.BitsStored, im.BitsStored-1, true)
	case got.Signed && !im.Signed && anyNegative(dst.Pix, want.Width):
		return radnode.Errorf(radnode.Invalid, opDecode, "frame %d: the codestream holds negative values, Pixel Representation says that there are none", n+1)
	}
	if im.Samples == 3 {
		dst.Photometric = colourAfter(im.Photometric, got.RGB)
	}
	return nil
}

// anyNegative reports whether a sample has its highest bit set.
func anyNegative(b []byte, width int) bool {
	for i := width/8 - 1; i < len(b); i += width / 8 {
		if b[i] > 0x7f {
			return true
		}
	}
	return false
}

// checkExpansion refuses a frame that its codestream cannot hold.
func (im *Image) checkExpansion(coded int64) error {
	size := im.FrameBytes()
	if ratio := im.codec.Ratio; ratio > 0 && size/ratio > coded {
		return radnode.Errorf(radnode.Invalid, opDecode, "a frame of %d bytes does not fit in a codestream of %d: %s expands at most %d times", size, coded, im.codec.Name, ratio)
	}
	if im.codec.Ratio == 0 && size > im.lim.FreeBytes && size/im.lim.Ratio > coded {
		return radnode.Errorf(radnode.TooLarge, opDecode, "a frame of %d bytes from a codestream of %d exceeds the expansion limit of %d (option max_expansion)", size, coded, im.lim.Ratio)
	}
	return nil
}

// CodecName names who decodes the object's frames, for provenance.
func (im *Image) CodecName() string {
	if im.codec == nil {
		return "native"
	}
	return im.codec.Name
}

// Each decodes frames first to last-1 with the given number of workers (0: one
// a processor) and hands each to f, in no certain order and from several
// goroutines. The frame belongs to f until it returns. The first error stops
// the rest.
func (im *Image) Each(ctx context.Context, first, last, workers int, f func(n int, fr *Frame) error) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = max(1, min(workers, last-first))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var fr Frame
			for n := range next {
				err := im.Decode(ctx, n, &fr)
				if err == nil {
					err = f(n, &fr)
				}
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	err := feed(ctx, next, first, last)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func feed(ctx context.Context, next chan<- int, first, last int) error {
	defer close(next)
	for n := first; n < last; n++ {
		select {
		case next <- n:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// readAt reads exactly len(b) bytes of the source.
func (im *Image) readAt(b []byte, off int64) error {
	n, err := im.src.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		return radnode.Errorf(radnode.Invalid, opDecode, "the file ends inside the pixel data")
	}
	return radnode.Errorf(radnode.Internal, opDecode, "read pixel data: %w", err)
}
