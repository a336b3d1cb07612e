package ul

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Errors that callers tell apart.
var (
	// ErrReleased means that the association ended in order. Next returns it
	// when the peer asks for release; Close then confirms.
	ErrReleased = errors.New("association released")
	// ErrClosed means that the transport went away without release or abort.
	ErrClosed = errors.New("transport connection closed by the peer without release")
	// ErrAborted means that this side aborted the association.
	ErrAborted = errors.New("association aborted by this side")
	// ErrIdle means that nothing came for Config.Idle. The association still
	// stands.
	ErrIdle = errors.New("association idle for too long")
	// ErrTimeout means that the peer stalled within a PDU, a message or a
	// write.
	ErrTimeout = errors.New("peer stalled")
	// errState means that a service is not possible in the present state.
	errState = errors.New("not possible in the present state of the association")
)

// Association is one end of an association and of its transport connection.
type Association struct {
	cfg      Config
	conn     net.Conn
	acceptor bool
	rq       *AssociateRQ
	ac       *AssociateAC
	contexts [256]*Context

	mu          sync.Mutex // state and deadlines
	state       State
	artim       time.Time // end of the ARTIM timer; zero: stopped
	waiting     bool      // reader waits for the first byte of a PDU between messages
	interrupted error     // what Next returns at the next message boundary
	cause       error     // why the association ended

	messages sync.Mutex // one message at a time; guards out and flushing
	out      *sender    // messages packed and not yet written; nil: none
	flushing bool       // a timer will flush
	writes   sync.Mutex // one PDU at a time
	broken   bool       // a write failed half-way: nothing may follow; guarded by writes

	in receiver
}

// Context is an accepted presentation context.
type Context struct {
	ID             byte
	AbstractSyntax string
	TransferSyntax string
	// RequestorSCU and RequestorSCP are the roles that the association
	// requestor may play (PS3.7 D.3.3.4).
	RequestorSCU bool
	RequestorSCP bool
}

// occurrence is an event with what belongs to it.
type occurrence struct {
	event  Event
	pdu    PDU            // received, or to be sent
	raw    []byte         // to be sent as it is
	breach *ProtocolError // what is wrong with the received PDU
	err    error          // why the transport closed
	ctx    context.Context
	addr   string
}

// State returns the present state.
func (a *Association) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// Request returns what the requestor proposed.
func (a *Association) Request() *AssociateRQ { return a.rq }

// Answer returns what the acceptor answered; nil before.
func (a *Association) Answer() *AssociateAC { return a.ac }

// Context returns the accepted presentation context with an ID; nil if there
// is none.
func (a *Association) Context(id byte) *Context { return a.contexts[id] }

// Conn returns the transport connection, for its addresses and TLS state.
func (a *Association) Conn() net.Conn { return a.conn }

// peer returns what the other side said about itself.
func (a *Association) peer() *UserInformation {
	if a.acceptor {
		return &a.rq.User
	}
	return &a.ac.User
}

// Peer returns the user information that the other side sent.
func (a *Association) Peer() *UserInformation { return a.peer() }

// step looks up the transition for o and takes it. The caller then performs
// the action.
func (a *Association) step(o *occurrence) (Action, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	action := transitions[o.event][a.state]
	if action == 0 {
		return 0, fmt.Errorf("event %d in state %d: %w", o.event, a.state, a.stateError())
	}
	next := actions[action].next
	if next == 0 {
		next = actions[action].branch(a, o)
	}
	a.enter(next, action)
	return action, nil
}

// stateError says why the association is no longer there; a.mu is held.
func (a *Association) stateError() error {
	if a.cause != nil {
		return a.cause
	}
	return errState
}

// enter changes the state and runs the ARTIM timer, which counts in Sta2 and
// Sta13 only (PS3.8 9.1.4); a.mu is held.
func (a *Association) enter(next State, by Action) {
	restart := next != a.state || by == AA1
	a.state = next
	if next != Sta2 && next != Sta13 {
		a.artim = time.Time{}
		return
	}
	if restart {
		a.artim = time.Now().Add(a.cfg.ARTIM)
		// A reader that already waits must wake in time as well.
		_ = a.conn.SetReadDeadline(a.artim)
	}
}

// local handles an event that this side causes. The order of what is sent
// follows the order of the states because writes is held over both.
func (a *Association) local(o *occurrence) error {
	a.writes.Lock()
	defer a.writes.Unlock()
	action, err := a.step(o)
	if err != nil {
		return err
	}
	return actions[action].do(a, o)
}

// remote handles an event that the peer or the transport causes. The error is
// the indication to the reader.
func (a *Association) remote(o *occurrence) error {
	action, err := a.step(o)
	if err != nil {
		return err
	}
	if sends[action] {
		if a.conn != nil && action != AE6 {
			// A writer that is stuck in a full socket must let the A-ABORT through.
			_ = a.conn.SetWriteDeadline(time.Now().Add(time.Second))
		}
		a.writes.Lock()
		defer a.writes.Unlock()
	}
	return actions[action].do(a, o)
}

// end records why the association ended; the first cause counts.
func (a *Association) end(cause error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause == nil {
		a.cause = cause
	}
	return a.cause
}

// Cause returns why the association ended: ErrReleased, ErrClosed, ErrAborted,
// *Abort, *Reject, *ProtocolError; nil while it stands.
func (a *Association) Cause() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cause
}

// Interrupt makes Next return err at the next message boundary, at once if
// nothing is under way. Bytes that have arrived are not lost.
func (a *Association) Interrupt(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.interrupted = err
	if a.waiting {
		_ = a.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// Abort ends the association with an A-ABORT of the service user, from any
// goroutine. The transport stays open until Close.
func (a *Association) Abort() error {
	// A writer that is stuck in a full socket must let the A-ABORT through.
	_ = a.conn.SetWriteDeadline(time.Now().Add(time.Second))
	err := a.local(&occurrence{event: EventAbortRequest})
	if errors.Is(err, ErrAborted) {
		return nil
	}
	return err
}

// Close ends the association whatever its state: it confirms a release that
// was asked for, aborts one that stands, waits at most ARTIM for the peer to
// close the transport, and closes it. The reader calls it, last.
func (a *Association) Close() error {
	switch a.State() {
	case Sta8, Sta12:
		if err := a.local(&occurrence{event: EventReleaseResponse}); err != nil {
			_ = a.end(err)
		}
	case Sta3, Sta5, Sta6, Sta7, Sta9, Sta10, Sta11:
		_ = a.Abort()
	}
	a.linger()
	a.in.free()
	return a.conn.Close()
}

// Hurry lowers the patience with a peer that does not close the transport
// after the association has ended, whether that is now or later.
func (a *Association) Hurry(limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cfg.ARTIM = min(a.cfg.ARTIM, limit)
	if end := time.Now().Add(limit); end.Before(a.artim) {
		a.artim = end
		_ = a.conn.SetReadDeadline(end)
	}
}

// SetSilence sets how long the association may rest between messages, and
// lowers the patience within them to that. It is called before the first Next
// and the first Send.
func (a *Association) SetSilence(limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cfg.Idle, a.cfg.Read, a.cfg.Write = limit, min(a.cfg.Read, limit), min(a.cfg.Write, limit)
}

// CloseNow closes the transport without another word; a peer that gets no
// slot does not get the time of a lingering close either.
func (a *Association) CloseNow() error {
	_ = a.end(ErrAborted)
	return a.conn.Close()
}

// linger reads and drops what the peer still sends until it closes the
// transport or ARTIM expires, so that the last PDU sent reaches it: closing
// with unread bytes would reset the connection.
func (a *Association) linger() {
	a.in.lingering = lingerBytes
	for a.State() == Sta13 {
		o, err := a.nextEvent()
		if err != nil {
			return
		}
		_ = a.remote(o) // the association has ended; its cause is recorded
	}
}

// Release asks the peer for release and waits for its confirmation. Data that
// is still under way is dropped.
func (a *Association) Release(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = a.Abort() })
	defer stop()
	if err := a.local(&occurrence{event: EventReleaseRequest, pdu: &ReleaseRQ{}}); err != nil {
		return err
	}
	for {
		o, err := a.nextEvent()
		if err != nil {
			return err
		}
		err = a.remote(o)
		if s := a.State(); s == Sta9 || s == Sta12 { // PS3.8 9.2.3: both sides asked at once
			err = a.local(&occurrence{event: EventReleaseResponse})
		}
		switch a.State() {
		case Sta1, Sta13:
			return releaseOutcome(a.end(ErrReleased))
		}
		if err != nil && !errors.Is(err, ErrReleased) {
			return err
		}
	}
}

func releaseOutcome(cause error) error {
	if errors.Is(cause, ErrReleased) {
		return nil
	}
	return cause
}

// ConfirmRelease answers a release that the peer asked for; Next has returned
// ErrReleased. Close must follow.
func (a *Association) ConfirmRelease() error {
	return a.local(&occurrence{event: EventReleaseResponse})
}
