package ul

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// The actions of PS3.8 Tables 9-6 to 9-9. Those that send run with a.writes
// held (see sends).

// sends marks the actions that may write although the event came from the
// peer.
var sends = [actionCount]bool{AE6: true, AA1: true, AA7: true, AA8: true}

func (a *Association) nothing(*occurrence) error { return nil }

// connect opens the transport; Dial goes on with its confirmation.
func (a *Association) connect(o *occurrence) error {
	conn, err := a.cfg.DialContext(o.ctx, "tcp", o.addr)
	if err != nil {
		return err
	}
	a.attach(conn)
	return nil
}

// send writes the PDU or the raw bytes that the local user hands over.
func (a *Association) send(o *occurrence) error {
	raw := o.raw
	if o.pdu != nil {
		var err error
		if raw, err = Append(nil, o.pdu); err != nil {
			return err
		}
	}
	return a.write(raw, a.cfg.Write)
}

// write writes whole PDUs. After half a PDU nothing may follow.
func (a *Association) write(b []byte, limit time.Duration) error {
	if a.broken {
		return fmt.Errorf("write: %w", ErrTimeout)
	}
	if err := a.conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return fmt.Errorf("set write time limit: %w", err)
	}
	if _, err := a.conn.Write(b); err != nil {
		a.broken = true
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("peer did not read for %v: %w", limit, ErrTimeout)
		}
		return fmt.Errorf("write to peer: %w", err)
	}
	return nil
}

// acceptable decides AE-6: the provider accepts a request whose protocol
// version has bit 0 set (PS3.8 9.3.2: other bits are not tested).
func (a *Association) acceptable(o *occurrence) State {
	if rq, ok := o.pdu.(*AssociateRQ); ok && rq.ProtocolVersion&1 == 1 {
		return Sta3
	}
	return Sta13
}

func (a *Association) indicateAssociate(o *occurrence) error {
	a.rq, _ = o.pdu.(*AssociateRQ)
	if a.State() == Sta3 {
		return nil
	}
	rj := RejectProtocolVersion
	if err := a.send(&occurrence{pdu: &rj}); err != nil {
		return a.end(err)
	}
	return a.end(&rj)
}

func (a *Association) confirmAccept(o *occurrence) error {
	a.ac, _ = o.pdu.(*AssociateAC)
	a.settle()
	return nil
}

func (a *Association) confirmReject(o *occurrence) error {
	rj, _ := o.pdu.(*Reject)
	cause := a.end(rj)
	a.closeTransport()
	return cause
}

// collisionSide decides AR-8: where both sides ask for release at once, the
// requestor answers first (PS3.8 9.2.3).
func (a *Association) collisionSide(*occurrence) State {
	if a.acceptor {
		return Sta10
	}
	return Sta9
}

func (a *Association) indicateRelease(*occurrence) error { return ErrReleased }

func (a *Association) confirmRelease(*occurrence) error {
	cause := a.end(ErrReleased)
	a.closeTransport()
	return cause
}

func (a *Association) sendReleaseRP(*occurrence) error {
	if err := a.send(&occurrence{pdu: &ReleaseRP{}}); err != nil {
		return a.end(err)
	}
	if a.State() == Sta13 {
		_ = a.end(ErrReleased)
	}
	return nil
}

// abortAsUser is AA-1. It answers an abort request of the local user, and a
// first PDU that is no association request.
func (a *Association) abortAsUser(o *occurrence) error {
	var cause error = ErrAborted
	if o.event != EventAbortRequest {
		cause = unexpected(o)
	}
	return a.abort(&Abort{Source: AbortUser}, cause)
}

// abortAsProvider is AA-7 and AA-8.
func (a *Association) abortAsProvider(o *occurrence) error {
	breach := unexpected(o)
	return a.abort(&Abort{Source: AbortProvider, Reason: breach.Reason}, breach)
}

func (a *Association) abort(pdu *Abort, cause error) error {
	cause = a.end(cause)
	raw, err := Append(nil, pdu)
	if err == nil {
		err = a.write(raw, time.Second)
	}
	if err != nil {
		a.cfg.Log.Debug("a-abort not sent", "error", err)
	}
	if errors.Is(cause, ErrAborted) {
		return nil
	}
	return cause
}

// unexpected says what is wrong with a PDU that the state does not allow.
func unexpected(o *occurrence) *ProtocolError {
	if o.breach != nil {
		return o.breach
	}
	return &ProtocolError{AbortUnexpectedPDU, fmt.Sprintf("PDU of event %d is not allowed in the present state", o.event)}
}

func (a *Association) indicateAbort(o *occurrence) error {
	abort, _ := o.pdu.(*Abort)
	cause := a.end(abort)
	a.closeTransport()
	return cause
}

// closed ends the association with its transport: AA-2, AA-4, AA-5, AR-5.
func (a *Association) closed(o *occurrence) error {
	var cause error
	switch {
	case o.pdu != nil:
		cause, _ = o.pdu.(*Abort)
	case o.event == EventARTIM:
		cause = fmt.Errorf("ARTIM timer expired: %w", ErrTimeout)
	case o.event == EventAbortRequest:
		cause = ErrAborted
	case o.err != nil:
		cause = fmt.Errorf("%w: %w", ErrClosed, o.err)
	default:
		cause = ErrClosed
	}
	cause = a.end(cause)
	a.closeTransport()
	return cause
}

func (a *Association) closeTransport() {
	if a.conn == nil {
		return
	}
	if err := a.conn.Close(); err != nil {
		a.cfg.Log.Debug("transport not closed cleanly", "error", err)
	}
}
