package ul

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// receiver is the reading side of an association: one buffer, and where in
// the stream of PDUs and fragments it stands. Only the reader touches it.
type receiver struct {
	buf       []byte
	r, w      int // unread bytes are buf[r:w]
	pduLeft   uint32
	pdvLeft   uint32
	budget    time.Duration // waiting that the present PDU has left
	message   bool          // within a message: the next PDU must come soon
	lingering int           // bytes to swallow in Sta13; 0: no limit yet
	lost      bool          // an invalid PDU: where the next begins is unknown
	stream    Stream
	data      occurrence // for P-DATA-TF, so that fragments cost no allocation
	quick     func()
	pooled    *[]byte
}

var buffers = sync.Pool{New: func() any { b := make([]byte, defaultBuffer); return &b }}

func (in *receiver) init(conn net.Conn, size int) {
	if size == defaultBuffer {
		in.pooled, _ = buffers.Get().(*[]byte)
		in.buf = *in.pooled
	} else {
		in.buf = make([]byte, max(size, 1024))
	}
	in.data.event = EventPDataTF
	in.quick = tune(conn)
}

func (in *receiver) free() {
	if in.pooled != nil {
		buffers.Put(in.pooled)
	}
	in.pooled, in.buf, in.r, in.w = nil, nil, 0, 0
}

// deadline prepares a read: in Sta2 and Sta13 ARTIM counts, between messages
// the idle time, within a PDU what is left of its budget. first: no byte of
// the PDU has come yet.
func (a *Association) deadline(first bool, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	end := a.artim
	switch {
	case a.state == Sta1:
		return a.stateError()
	case !end.IsZero():
	case !first:
		end = now.Add(a.in.budget)
	case a.state != Sta6:
		end = now.Add(a.cfg.Response)
	case a.in.message:
		end = now.Add(a.cfg.Read)
	case a.interrupted != nil:
		return a.interrupted
	default:
		end = now.Add(a.cfg.Idle)
		a.waiting = true
	}
	return a.conn.SetReadDeadline(end)
}

// read reads once from the transport. The error is ErrIdle, ErrTimeout, what
// Interrupt was given, or the transport's.
func (a *Association) read(p []byte, first bool) (int, error) {
	for {
		start := time.Now()
		if err := a.deadline(first, start); err != nil {
			return 0, err
		}
		n, err := a.conn.Read(p)
		if n > 0 {
			a.arrived(n, len(p), first, start)
			return n, nil
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := a.expired(first); err != nil {
			return 0, err
		}
	}
}

func (a *Association) arrived(n, asked int, first bool, start time.Time) {
	if first {
		a.in.budget = a.cfg.Read
		a.mu.Lock()
		a.waiting = false
		a.mu.Unlock()
	} else {
		a.in.budget -= time.Since(start)
	}
	if n < asked && a.in.quick != nil {
		// The socket is empty: a sender that leaves Nagle's algorithm on holds
		// the last piece back until all before it is acknowledged.
		a.in.quick()
	}
}

// errARTIM is the expiry of ARTIM on its way to the event.
var errARTIM = errors.New("ARTIM timer expired")

// expired explains why a read ran out of time; nil: it did not, read again.
func (a *Association) expired(first bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting := a.waiting
	a.waiting = false
	switch {
	case !a.artim.IsZero():
		if time.Now().Before(a.artim) {
			return nil
		}
		return errARTIM
	case waiting && a.interrupted != nil:
		return a.interrupted
	case waiting:
		return ErrIdle
	case first:
		return fmt.Errorf("no PDU came in time: %w", ErrTimeout)
	}
	return fmt.Errorf("PDU did not come whole within %v: %w", a.cfg.Read, ErrTimeout)
}

// fill reads more bytes into the buffer, which has room.
func (a *Association) fill(first bool) error {
	in := &a.in
	if in.r == in.w {
		in.r, in.w = 0, 0
	} else if in.w == len(in.buf) {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	n, err := a.read(in.buf[in.w:], first)
	in.w += n
	if in.lingering > 0 {
		if in.lingering -= n; in.lingering <= 0 {
			return errARTIM
		}
	}
	return err
}

// nextEvent reads the next PDU up to its body for P-DATA-TF and whole for all
// others, and says which event it is. Local conditions (ErrIdle, ErrTimeout,
// Interrupt) are errors and change nothing.
func (a *Association) nextEvent() (*occurrence, error) {
	if err := a.skip(); err != nil {
		return a.transport(err)
	}
	in := &a.in
	for in.w-in.r < pduHeader {
		if err := a.fill(in.w == in.r); err != nil {
			return a.transport(err)
		}
	}
	header := in.buf[in.r : in.r+pduHeader]
	kind, length := Type(header[0]), binary.BigEndian.Uint32(header[2:])
	in.r += pduHeader
	in.budget = a.cfg.Read // each PDU has its own
	if kind == TypePDataTF {
		if uint64(length) > uint64(a.cfg.MaxPDU)+pduTolerance {
			return a.invalid(invalidf("P-DATA-TF claims %d bytes; %d were agreed (option max_pdu_kb)", length, a.cfg.MaxPDU)), nil
		}
		in.pduLeft, in.pdvLeft = length, 0
		return &in.data, nil
	}
	limit, known := bodyLimits[kind]
	if !known {
		_, err := Parse(kind, nil)
		return a.invalid(err), nil
	}
	if length > limit {
		return a.invalid(invalidf("PDU of type %02XH claims %d bytes; the limit is %d", byte(kind), length, limit)), nil
	}
	return a.whole(kind, int(length))
}

// whole reads the body of a PDU and parses it.
func (a *Association) whole(kind Type, length int) (*occurrence, error) {
	in := &a.in
	var body []byte
	for len(body) < length {
		if in.r == in.w {
			if err := a.fill(false); err != nil {
				return a.transport(err)
			}
		}
		n := min(in.w-in.r, length-len(body))
		body = append(body, in.buf[in.r:in.r+n]...)
		in.r += n
	}
	pdu, err := Parse(kind, body)
	if err != nil {
		return a.invalid(err), nil
	}
	return &occurrence{event: pduEvents[kind], pdu: pdu}, nil
}

// invalid makes event 19.
func (a *Association) invalid(err error) *occurrence {
	a.in.lost = true
	a.in.pduLeft, a.in.pdvLeft = 0, 0
	var breach *ProtocolError
	if !errors.As(err, &breach) {
		breach = invalidf("%v", err)
	}
	return &occurrence{event: EventInvalidPDU, breach: breach}
}

// transport turns what went wrong with reading into an event, or hands a
// local condition on.
func (a *Association) transport(err error) (*occurrence, error) {
	switch {
	case errors.Is(err, errARTIM):
		return &occurrence{event: EventARTIM}, nil
	case errors.Is(err, ErrIdle), errors.Is(err, ErrTimeout), a.isInterrupt(err), a.State() == Sta1:
		return nil, err
	case errors.Is(err, io.EOF):
		return &occurrence{event: EventClosed}, nil
	}
	return &occurrence{event: EventClosed, err: err}, nil
}

func (a *Association) isInterrupt(err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.interrupted != nil && errors.Is(err, a.interrupted)
}

// skip passes over what is left of a P-DATA-TF whose fragments nobody reads,
// and over everything once the PDU boundaries are lost.
func (a *Association) skip() error {
	in := &a.in
	for in.lost {
		in.r, in.w = 0, 0
		if err := a.fill(false); err != nil {
			return err
		}
	}
	left := in.pduLeft + in.pdvLeft
	in.pduLeft, in.pdvLeft = 0, 0
	for left > 0 {
		if in.r == in.w {
			if err := a.fill(false); err != nil {
				return err
			}
		}
		n := min(uint32(in.w-in.r), left)
		in.r += int(n)
		left -= n
	}
	return nil
}
