package dicom

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/radnode/radnode"
)

// source is a stream that knows where it is, and, where it can seek, how much
// is left.
type source struct {
	br   *bufio.Reader
	seek io.ReadSeeker // nil: bytes that are passed over are read
	off  int64
	size int64 // -1: unknown
}

const sourceBuffer = 16 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, sourceBuffer) }}

// newSource reads from r; release gives its buffer back.
func newSource(r io.Reader, seek io.ReadSeeker, size int64) (s *source, release func()) {
	if br, ok := r.(*bufio.Reader); ok && br.Size() >= 16 {
		return &source{br: br, size: size}, func() {}
	}
	br := buffers.Get().(*bufio.Reader)
	br.Reset(r)
	return &source{br: br, seek: seek, size: size}, func() {
		br.Reset(nil)
		buffers.Put(br)
	}
}

// left returns how many bytes remain, -1 if unknown.
func (s *source) left() int64 {
	if s.size < 0 {
		return -1
	}
	return s.size - s.off
}

// peek returns the next n bytes without taking them; fewer at the end.
func (s *source) peek(n int) ([]byte, error) {
	b, err := s.br.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, wrapRead(err)
	}
	return b, nil
}

// take moves on by n bytes that were peeked.
func (s *source) take(n int) {
	m, _ := s.br.Discard(n) // cannot fail: the bytes are in the buffer
	s.off += int64(m)
}

// read fills p; it reports an incomplete value.
func (s *source) read(p []byte) error {
	n, err := io.ReadFull(s.br, p)
	s.off += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return wrapRead(err)
}

// skip moves on by n bytes.
func (s *source) skip(n int64) error {
	if l := s.left(); l >= 0 && n > l {
		return errTruncated
	}
	if s.seek != nil && n > int64(s.br.Buffered()) {
		if _, err := s.seek.Seek(s.off+n, io.SeekStart); err != nil {
			return wrapRead(err)
		}
		s.br.Reset(s.seek)
		s.off += n
		return nil
	}
	for n > 0 {
		m, err := s.br.Discard(int(min(n, 1<<30)))
		s.off += int64(m)
		n -= int64(m)
		if errors.Is(err, io.EOF) {
			return errTruncated
		}
		if err != nil {
			return wrapRead(err)
		}
	}
	return nil
}

// errTruncated says that the data end within a value.
var errTruncated = errors.New("the data end early")

// wrapRead keeps the code of an error of the stream below (a limit of the
// inflater, a closed association).
func wrapRead(err error) error {
	if err == nil {
		return nil
	}
	var coded *radnode.Error
	if errors.As(err, &coded) {
		return err
	}
	return radnode.Errorf(radnode.Unavailable, "read data set", "read: %w", err)
}
