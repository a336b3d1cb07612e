package dicom

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"

	"github.com/radnode/radnode"
)

// inflater inflates a deflated data set (PS3.5 A.5) within Limits.
type inflater struct {
	in       *countingReader
	z        io.ReadCloser
	lim      Limits
	produced int64
}

// countingReader counts what the inflater took. As an io.ByteReader it is not
// read ahead of need.
type countingReader struct {
	br *bufio.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.br.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.br.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// ratioFree is the output above which the ratio counts.
const ratioFree = 1 << 20

func newInflater(br *bufio.Reader, lim Limits) (*inflater, error) {
	// Some writers put a zlib header (RFC 1950) around the stream.
	if b, err := br.Peek(2); err == nil && b[0] == 0x78 && (uint16(b[0])<<8|uint16(b[1]))%31 == 0 {
		if _, err := br.Discard(2); err != nil {
			return nil, wrapRead(err)
		}
	}
	in := &countingReader{br: br}
	return &inflater{in: in, z: flate.NewReader(in), lim: lim}, nil
}

func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.z.Read(p)
	i.produced += int64(n)
	if i.produced > i.lim.InflatedBytes {
		return n, radnode.Errorf(radnode.TooLarge, readOp, "the deflated data set holds more than %d bytes (option max_inflated_mb)", i.lim.InflatedBytes)
	}
	if i.produced > ratioFree && i.produced/i.lim.InflateRatio > i.in.n {
		return n, radnode.Errorf(radnode.TooLarge, readOp, "the deflated data set grows more than %d times (option max_inflation)", i.lim.InflateRatio)
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return n, radnode.Errorf(radnode.Invalid, readOp, "the deflated data set is corrupt: %w", err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, radnode.Errorf(radnode.Invalid, readOp, "the deflated data set is truncated")
	}
	return n, err
}

func inflateAll(r io.Reader, lim Limits) ([]byte, error) {
	z, err := newInflater(bufio.NewReader(r), lim)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = out.ReadFrom(z)
	if err != nil {
		return nil, wrapRead(err)
	}
	return out.Bytes(), nil
}

// readDeflated reads a deflated data set from a file. It is inflated twice
// where the pixels are wanted: first as a stream for the header, here to know
// its length and the place of the pixels.
func readDeflated(f *File, src *source, declared TransferSyntax, lim Limits, w *warnings) (*File, error) {
	z, err := newInflater(src.br, lim)
	if err != nil {
		return nil, err
	}
	inner, release := newSource(z, nil, streamEnd)
	defer release()
	found, err := sniff(inner, declared, true, w)
	if err != nil {
		return nil, err
	}
	return readBody(f, newReader(inner, found, lim, w))
}

// streamEnd stands for the unknown size of an inflated file: pixel data are
// passed over, and truncation shows when the stream ends.
const streamEnd = int64(1) << 62
