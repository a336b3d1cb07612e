package dicomweb

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"sync"
)

// bodyParts takes a multipart body (RFC 2046 5.1) apart. The package
// mime/multipart would bring the bytes of an image through a buffer of 5 KB;
// here they go from the wide buffer to whoever reads.
type bodyParts struct {
	r         *bufio.Reader
	dashes    []byte // two hyphens and the boundary
	delimiter []byte // a line break before them
	mark      []byte // the start of it, as long as is searched for at once
	free      int    // bytes of the buffer that are known to be of the part
	state     partState
}

type partState int

const (
	beforeParts partState = iota
	partStart             // no byte of the part has been read
	withinPart
	partEnd // right behind the delimiter
)

const (
	wideBytes = 256 << 10
	// partHeader bounds the header fields of a part.
	partHeader = 16 << 10
	// searched is how much of the delimiter is searched for: the longest that
	// there are instructions for.
	searched = 32
)

var wideReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, wideBytes) }}

// newBodyParts takes a body apart. Call close at the end.
func newBodyParts(body io.Reader, boundary string) *bodyParts {
	wide := wideReaders.Get().(*bufio.Reader) //nolint:forcetypeassert // the pool holds nothing else
	wide.Reset(body)
	b := &bodyParts{r: wide, dashes: []byte("--" + boundary)}
	b.breaks("\r\n")
	return b
}

// breaks says how lines end.
func (b *bodyParts) breaks(end string) {
	b.delimiter = append([]byte(end), b.dashes...)
	b.mark = b.delimiter[:min(len(b.delimiter), searched)]
}

func (b *bodyParts) close() {
	b.r.Reset(nil)
	wideReaders.Put(b.r)
	b.r = nil
}

// next goes to the next part and returns its header fields; io.EOF after the
// last. What is left of the part before is passed over.
func (b *bodyParts) next() (textproto.MIMEHeader, error) {
	first := b.state == beforeParts
	if first {
		if err := b.preamble(); err != nil {
			return nil, err
		}
	}
	for b.state != partEnd {
		if err := b.find(); err != nil {
			return nil, err
		}
		if _, err := b.r.Discard(b.free); err != nil {
			return nil, err
		}
		b.free = 0
	}
	line, err := b.r.ReadSlice('\n')
	if rest := bytes.TrimRight(line, " \t\r\n"); string(rest) == "--" {
		return nil, io.EOF
	} else if err != nil {
		return nil, cutOff(err)
	} else if len(rest) > 0 {
		return nil, errors.New("a boundary is followed by something else")
	}
	if first && !bytes.HasSuffix(line, []byte("\r\n")) {
		b.breaks("\n") // against the standard, but met
	}
	b.state = partStart
	return b.header()
}

// preamble passes over what stands before the first boundary.
func (b *bodyParts) preamble() error {
	for whole := true; ; {
		start, err := b.r.Peek(len(b.dashes) + 2)
		if err != nil {
			return cutOff(err)
		}
		if whole && b.ends(start, b.dashes) {
			return nil
		}
		_, err = b.r.ReadSlice('\n')
		if whole = err == nil; err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return cutOff(err)
		}
	}
}

// header reads the header fields of a part.
func (b *bodyParts) header() (textproto.MIMEHeader, error) {
	var text []byte
	for {
		line, err := b.r.ReadSlice('\n')
		if err != nil {
			return nil, cutOff(err)
		}
		if len(text)+len(line) > partHeader {
			return nil, errors.New("the header fields of a part are too long")
		}
		text = append(text, line...)
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
	}
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(text))).ReadMIMEHeader()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return header, err
}

// Read reads the part that next found.
func (b *bodyParts) Read(p []byte) (int, error) {
	if b.free == 0 {
		if err := b.find(); err != nil {
			return 0, err
		}
	}
	if b.state == partEnd {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(len(p), b.free)])
	b.free -= n
	return n, err
}

// find looks for the end of the part in what is buffered, and has some of it
// buffered. Either bytes are free then, or the part is at its end.
func (b *bodyParts) find() error {
	if b.state == partEnd {
		return nil
	}
	// The delimiter and what tells it from a longer one.
	need := len(b.delimiter) + 2
	for b.free == 0 {
		buffered, err := b.r.Peek(need)
		if err != nil {
			return cutOff(err)
		}
		if b.state == partStart { // the line break of an empty part ended its header
			b.state = withinPart
			if b.ends(buffered, b.dashes) {
				return nil
			}
		}
		if b.ends(buffered, b.delimiter) {
			return nil
		}
		buffered, _ = b.r.Peek(b.r.Buffered()) // it is there
		if i := bytes.Index(buffered[1:], b.mark); i >= 0 {
			b.free = i + 1
		} else {
			b.free = len(buffered) - len(b.mark) + 1
		}
	}
	return nil
}

// ends reports whether a delimiter begins the text, and passes over it.
func (b *bodyParts) ends(text, delimiter []byte) bool {
	if !bytes.HasPrefix(text, delimiter) {
		return false
	}
	switch behind := text[len(delimiter):]; {
	case bytes.HasPrefix(behind, []byte("--")), behind[0] == '\r', behind[0] == '\n', behind[0] == ' ', behind[0] == '\t':
		_, _ = b.r.Discard(len(delimiter)) // it is there
		b.state = partEnd
		return true
	}
	return false
}

// cutOff is the error of a body that ends too early.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
