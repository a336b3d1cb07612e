package ul

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Stream is the fragments of one command or one data set, from the first to
// the one marked last (PS3.8 E.2), read as they come from the transport. It
// is valid until the next call of Next. It implements io.Reader and
// io.WriterTo; the latter copies nothing.
type Stream struct {
	ContextID byte
	Command   bool
	a         *Association
	last      bool
	err       error // sticky; io.EOF after the last fragment
	size      int64
}

// Next waits for the next command or data set. The previous Stream must have
// been read to io.EOF. Errors: ErrReleased when the peer asks for release
// (Close confirms it), ErrIdle, ErrTimeout, the error given to Interrupt, and
// what ended the association. After ErrIdle and Interrupt the association
// still stands.
func (a *Association) Next() (*Stream, error) { return a.next(false) }

// NextData waits for the data set that belongs to the command just read. It
// must come soon: Config.Read counts, not Config.Idle.
func (a *Association) NextData() (*Stream, error) { return a.next(true) }

func (a *Association) next(within bool) (*Stream, error) {
	in := &a.in
	s := &in.stream
	if s.a != nil && s.err == nil {
		return nil, fmt.Errorf("previous message not read to its end: %w", errState)
	}
	in.message = within
	control, err := a.nextPDV()
	in.message = false
	if err != nil {
		return nil, err
	}
	*s = Stream{ContextID: control[0], Command: control[1]&1 != 0, last: control[1]&2 != 0, a: a}
	return s, nil
}

// nextPDV goes to the next presentation data value and returns its context ID
// and message control header.
func (a *Association) nextPDV() (control [2]byte, err error) {
	in := &a.in
	for in.pduLeft == 0 {
		o, err := a.nextEvent()
		if err != nil {
			return control, err
		}
		if err := a.remote(o); err != nil {
			return control, err
		}
		if s := a.State(); s != Sta6 && s != Sta7 {
			return control, fmt.Errorf("no data in state %d: %w", s, errState)
		}
		if o.event == EventPDataTF && in.pduLeft == 0 {
			return control, a.breach("P-DATA-TF without a presentation data value")
		}
	}
	if in.pduLeft < pdvHeader {
		return control, a.breach("%d bytes are left over in a P-DATA-TF", in.pduLeft)
	}
	for in.w-in.r < pdvHeader {
		if err := a.fill(false); err != nil {
			return control, a.cut(err)
		}
	}
	n := binary.BigEndian.Uint32(in.buf[in.r:])
	if n < 2 || n > in.pduLeft-4 {
		return control, a.breach("presentation data value of %d bytes does not fit its PDU", n)
	}
	control = [2]byte{in.buf[in.r+4], in.buf[in.r+5]}
	in.r += pdvHeader
	in.pduLeft -= n + 4
	in.pdvLeft = n - 2
	return control, nil
}

// breach aborts the association because of what the peer sent.
func (a *Association) breach(format string, args ...any) error {
	return a.remote(a.invalid(invalidf(format, args...)))
}

// cut handles a transport that fails within a PDU.
func (a *Association) cut(err error) error {
	o, err := a.transport(err)
	if err != nil {
		return err
	}
	return a.remote(o)
}

// fragment makes unread bytes of the stream available, io.EOF at its end.
func (s *Stream) fragment() error {
	for s.err == nil && s.a.in.pdvLeft == 0 {
		if s.last {
			s.err = io.EOF
			break
		}
		s.a.in.message = true
		control, err := s.a.nextPDV()
		s.a.in.message = false
		switch {
		case errors.Is(err, ErrReleased):
			s.err = fmt.Errorf("release requested within a message: %w", io.ErrUnexpectedEOF)
		case err != nil:
			s.err = fmt.Errorf("message cut off: %w", err)
		case control[0] != s.ContextID || (control[1]&1 != 0) != s.Command:
			// PS3.8 E.2: fragments of one message are not mixed with another's.
			s.err = s.a.breach("fragment of context %d within a message of context %d", control[0], s.ContextID)
		default:
			s.last = control[1]&2 != 0
		}
	}
	return s.err
}

// direct is the size from which a read goes past the buffer.
const direct = 16 << 10

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.fragment(); err != nil {
		return 0, err
	}
	in := &s.a.in
	if in.r == in.w {
		if left := min(len(p), int(in.pdvLeft)); left >= direct {
			n, err := s.a.read(p[:left], false)
			return s.took(n), s.fail(err)
		}
		if err := s.a.fill(false); err != nil {
			return 0, s.fail(err)
		}
	}
	n := copy(p[:min(len(p), int(in.pdvLeft))], in.buf[in.r:in.w])
	in.r += n
	return s.took(n), nil
}

func (s *Stream) took(n int) int {
	s.a.in.pdvLeft -= uint32(n)
	s.size += int64(n)
	return n
}

func (s *Stream) fail(err error) error {
	if err == nil {
		return nil
	}
	s.err = fmt.Errorf("message cut off: %w", s.a.cut(err))
	return s.err
}

// WriteTo implements io.WriterTo: fragments go from the receive buffer to w.
// An error of w leaves the rest of the stream unread.
func (s *Stream) WriteTo(w io.Writer) (int64, error) {
	start := s.size
	in := &s.a.in
	for {
		if err := s.fragment(); err != nil {
			if err == io.EOF {
				err = nil
			}
			return s.size - start, err
		}
		if in.r == in.w {
			if err := s.a.fill(false); err != nil {
				return s.size - start, s.fail(err)
			}
		}
		n, err := w.Write(in.buf[in.r:min(in.w, in.r+int(in.pdvLeft))])
		in.r += n
		s.took(n)
		if err != nil {
			return s.size - start, err
		}
	}
}

// Size returns how many bytes of the stream have been read.
func (s *Stream) Size() int64 { return s.size }

// Err returns why the stream ended: nil while it goes on, io.EOF at its end.
func (s *Stream) Err() error { return s.err }

// ErrTooLong means that a stream was longer than it may be.
var ErrTooLong = errors.New("message too long")

// Discard reads the rest of the stream, at most limit bytes.
func (s *Stream) Discard(limit int64) error {
	in := &s.a.in
	for {
		if err := s.fragment(); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if in.r == in.w {
			if err := s.a.fill(false); err != nil {
				return s.fail(err)
			}
		}
		n := min(in.w-in.r, int(in.pdvLeft))
		if limit -= int64(n); limit < 0 {
			return ErrTooLong
		}
		in.r += n
		s.took(n)
	}
}
