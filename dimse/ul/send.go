package ul

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"
)

// sender packs fragments of one message into P-DATA-TF PDUs and writes as
// many at once as its buffer holds.
type sender struct {
	a         *Association
	contextID byte
	buf       []byte
	n         int // bytes in buf
	fragment  int // longest fragment the peer takes
	out       occurrence
}

// sendRoom is the room beside one longest PDU: a command in front of it.
const sendRoom = 1024

var senders = sync.Pool{New: func() any {
	return &sender{buf: make([]byte, DefaultMaxPDU+pduHeader+sendRoom)}
}}

// Send sends a message: a command and, if data is not nil, the data set read
// from it to io.EOF. Messages of several goroutines do not mix. If data fails
// the association is aborted, since half a data set cannot be taken back.
func (a *Association) Send(contextID byte, command []byte, data io.Reader) error {
	a.messages.Lock()
	defer a.messages.Unlock()
	err := a.pack(contextID, command, data)
	return errors.Join(err, a.flush())
}

// queueDelay is how long a queued message may wait for company.
const queueDelay = 2 * time.Millisecond

// Queue sends a message like Send, but lets it wait a moment so that many
// small ones share a write. The next Send or Flush takes it along.
func (a *Association) Queue(contextID byte, command []byte, data io.Reader) error {
	a.messages.Lock()
	defer a.messages.Unlock()
	if err := a.pack(contextID, command, data); err != nil {
		return errors.Join(err, a.flush())
	}
	if !a.flushing {
		a.flushing = true
		time.AfterFunc(queueDelay, func() {
			a.messages.Lock()
			defer a.messages.Unlock()
			a.flushing = false
			// If it fails the association is over, as the reader will notice.
			_ = a.flush()
		})
	}
	return nil
}

// Flush writes what is queued.
func (a *Association) Flush() error {
	a.messages.Lock()
	defer a.messages.Unlock()
	return a.flush()
}

// pack puts a message into the sender's buffer and writes what does not fit;
// a.messages is held.
func (a *Association) pack(contextID byte, command []byte, data io.Reader) error {
	s := a.out
	if s == nil {
		s, _ = senders.Get().(*sender)
		a.out, s.a, s.n = s, a, 0
	}
	s.contextID = contextID
	limit := a.cfg.MaxPDU
	if m := a.peer().MaxLength; m != 0 && m < limit {
		limit = m
	}
	s.fragment = int(min(limit, DefaultMaxPDU)) - pdvHeader
	if s.fragment%2 == 1 { // fragments are of even length
		s.fragment--
	}
	if err := s.command(command); err != nil {
		return err
	}
	if data == nil {
		return nil
	}
	return s.data(data)
}

// flush writes the sender's buffer and gives it back; a.messages is held.
func (a *Association) flush() error {
	s := a.out
	if s == nil {
		return nil
	}
	a.out = nil
	err := s.flush()
	s.a = nil
	senders.Put(s)
	return err
}

func (s *sender) flush() error {
	if s.n == 0 {
		return nil
	}
	s.out = occurrence{event: EventDataRequest, raw: s.buf[:s.n]}
	s.n = 0
	return s.a.local(&s.out)
}

// header writes the headers of a PDU with one fragment at the end of buf.
func (s *sender) header(command, last bool, fragment int) {
	h := s.buf[s.n:]
	h[0], h[1] = byte(TypePDataTF), 0
	binary.BigEndian.PutUint32(h[2:], uint32(fragment+pdvHeader))
	binary.BigEndian.PutUint32(h[6:], uint32(fragment+2))
	h[10], h[11] = s.contextID, controlHeader(command, last)
	s.n += pduHeader + pdvHeader + fragment
}

func (s *sender) command(b []byte) error {
	for {
		n := min(len(b), s.fragment)
		if s.n+pduHeader+pdvHeader+n > len(s.buf) {
			if err := s.flush(); err != nil {
				return err
			}
		}
		copy(s.buf[s.n+pduHeader+pdvHeader:], b[:n])
		b = b[n:]
		s.header(true, len(b) == 0, n)
		if len(b) == 0 {
			return nil
		}
	}
}

// leastRoom is the free space of the buffer below which it is written rather
// than filled.
const leastRoom = 8 << 10

// room is the longest fragment of even length that fits in the buffer, with a
// byte ahead.
func (s *sender) room() int { return (len(s.buf) - s.n - pduHeader - pdvHeader - 1) &^ 1 }

// data reads one byte more than a fragment holds, to know which is the last.
func (s *sender) data(r io.Reader) error {
	const headers = pduHeader + pdvHeader
	var ahead [1]byte
	held := 0
	for {
		// A short message shares the buffer with those before it; a long one
		// does not begin with a scrap.
		if room := s.room(); room < min(s.fragment, leastRoom) {
			if err := s.flush(); err != nil {
				return err
			}
		}
		space := s.buf[s.n+headers : s.n+headers+min(s.fragment, s.room())+1]
		copy(space, ahead[:held])
		n, err := io.ReadFull(r, space[held:])
		n += held
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return errors.Join(err, s.a.Abort())
		}
		if !last {
			n--
			ahead[0], held = space[n], 1
		}
		s.header(false, last, n)
		if last {
			return nil
		}
	}
}
