package pixel

import (
	"bytes"
	"io"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Layout tells where native frames lie in their file, sample by sample as
// Decode gives them, so that the bytes of the file can be handed on.
type Layout struct {
	Offset int64 // of the first frame
	Size   int64 // of each frame
	Frames int

	width, stored, high int
	signed, exact       bool // exact: there are no bits that carry no value
}

// Layout returns the layout of the frames; false where decoding does more than
// clearing bits.
func (im *Image) Layout() (Layout, bool) {
	ts, known := dicom.LookupTransferSyntax(im.TransferSyntax)
	_, converted := ybrMatrices[im.Photometric]
	if !known || im.codec != nil || ts.Deflated || im.swapUnit() != 1 || im.BitsAllocated != im.width() ||
		im.Samples > 1 && im.Planar == 1 || converted {
		return Layout{}, false
	}
	return Layout{
		Offset: im.data.Offset, Size: im.FrameBytes(), Frames: im.Frames,
		width: im.width(), stored: im.BitsStored, high: im.HighBit, signed: im.Signed,
		exact: im.Float || im.BitsStored == im.BitsAllocated,
	}, true
}

// Plain reports whether the bytes of frame n (from 0) in r are its values:
// bits above Bits Stored may hold something else (PS3.3 C.7.6.3.1).
func (l Layout) Plain(r io.ReaderAt, n int) (bool, error) {
	if n < 0 || n >= l.Frames {
		return false, radnode.Errorf(radnode.NotFound, opDecode, "there is no frame %d, the object has %d", n+1, l.Frames)
	}
	if l.exact {
		return true, nil
	}
	offset, left := l.Offset+int64(n)*l.Size, l.Size
	was, is := make([]byte, min(piece, left)), make([]byte, min(piece, left))
	for left > 0 {
		was, is = was[:min(int64(len(was)), left)], is[:min(int64(len(is)), left)]
		if k, err := r.ReadAt(was, offset); k < len(was) {
			return false, radnode.Errorf(radnode.Invalid, opDecode, "the pixel data cannot be read: %w", err)
		}
		copy(is, was)
		maskSamples(is, l.width, l.stored, l.high, l.signed)
		if !bytes.Equal(was, is) {
			return false, nil
		}
		offset, left = offset+int64(len(was)), left-int64(len(was))
	}
	return true, nil
}
