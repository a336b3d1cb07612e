package ul

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
)

// attach takes over a transport connection.
func (a *Association) attach(conn net.Conn) {
	a.conn = conn
	a.in.init(conn, a.cfg.Buffer)
}

// NewAcceptor begins an association on a transport that a peer has opened.
// The caller goes on with Receive and must end with Close.
func NewAcceptor(conn net.Conn, cfg Config) *Association {
	a := &Association{cfg: cfg.withDefaults(), acceptor: true, state: Sta1}
	a.attach(conn)
	// Event 5 is possible in Sta1 and AE-5 cannot fail.
	_ = a.remote(&occurrence{event: EventIndication})
	// A TLS handshake that the first read starts also writes.
	_ = conn.SetWriteDeadline(a.artim)
	return a
}

// Receive waits for the A-ASSOCIATE-RQ, at most for ARTIM. The caller answers
// with Accept or Reject.
func (a *Association) Receive() (*AssociateRQ, error) {
	o, err := a.nextEvent()
	if err != nil {
		return nil, err
	}
	if err := a.remote(o); err != nil {
		return nil, err
	}
	if a.State() != Sta3 {
		return nil, a.Cause()
	}
	return a.rq, nil
}

// Accept answers the request. MaxLength, protocol version, application context
// and the AE titles of ac are filled in.
func (a *Association) Accept(ac *AssociateAC) error {
	ac.ProtocolVersion = 1
	ac.CalledAE, ac.CallingAE = echoTitle(a.rq.CalledAE), echoTitle(a.rq.CallingAE)
	ac.ApplicationContext = ApplicationContext
	ac.User.MaxLength = a.cfg.MaxPDU
	a.ac = ac
	a.settle()
	return a.local(&occurrence{event: EventAccept, pdu: ac})
}

// echoTitle keeps the answer encodable whatever title the peer used; the
// field is not tested on receipt (PS3.8 9.3.3).
func echoTitle(s string) string {
	if !ValidAETitle(s) {
		return "UNKNOWN"
	}
	return s
}

// Reject answers the request with an A-ASSOCIATE-RJ. Close must follow.
func (a *Association) Reject(rj Reject) error {
	err := a.local(&occurrence{event: EventReject, pdu: &rj})
	_ = a.end(&rj)
	return err
}

// TooSmallPDU reports whether the requestor's maximum length is too small to
// carry messages sensibly.
func (rq *AssociateRQ) TooSmallPDU() bool {
	return rq.User.MaxLength != 0 && rq.User.MaxLength < minPeerPDU
}

// Dial opens an association and waits for the answer. A refusal is a *Reject
// error. Protocol version, application context and MaxLength of rq are filled
// in.
func Dial(ctx context.Context, address string, rq *AssociateRQ, cfg Config) (*Association, error) {
	a := &Association{cfg: cfg.withDefaults(), state: Sta1}
	rq.ProtocolVersion, rq.ApplicationContext, rq.User.MaxLength = 1, ApplicationContext, a.cfg.MaxPDU
	if _, err := Append(nil, rq); err != nil {
		return nil, err
	}
	a.rq = rq
	connecting, cancel := context.WithTimeout(ctx, a.cfg.Connect)
	defer cancel()
	if err := a.local(&occurrence{event: EventAssociateRequest, ctx: connecting, addr: address}); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = a.CloseNow() })
	defer stop()
	if err := a.confirm(rq); err != nil {
		if a.State() != Sta1 {
			_ = a.Close()
		}
		a.in.free()
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return nil, err
	}
	return a, nil
}

// confirm sends the request and reads the answer.
func (a *Association) confirm(rq *AssociateRQ) error {
	if err := a.local(&occurrence{event: EventConnected, pdu: rq}); err != nil {
		return err
	}
	o, err := a.nextEvent()
	if err != nil {
		return err
	}
	if err := a.remote(o); err != nil {
		return err
	}
	if a.State() != Sta6 {
		return a.Cause()
	}
	if m := a.ac.User.MaxLength; m != 0 && m < minPeerPDU {
		return fmt.Errorf("peer takes at most %d bytes a PDU, less than the %d that make sense", m, minPeerPDU)
	}
	return nil
}

// settle works out the accepted presentation contexts from request and answer.
func (a *Association) settle() {
	for _, c := range a.ac.Contexts {
		if c.Result != Acceptance {
			continue
		}
		i := slices.IndexFunc(a.rq.Contexts, func(p ContextRQ) bool { return p.ID == c.ID })
		if i < 0 {
			a.cfg.Log.Warn("peer accepted a presentation context that was not proposed", "id", c.ID)
			continue
		}
		proposed := a.rq.Contexts[i]
		// PS3.7 D.2: exactly one of the offered transfer syntaxes.
		if !slices.Contains(proposed.TransferSyntaxes, c.TransferSyntax) {
			a.cfg.Log.Warn("peer chose a transfer syntax that was not offered", "id", c.ID, "uid", c.TransferSyntax)
			continue
		}
		scu, scp := a.roles(proposed.AbstractSyntax)
		if !scu && !scp {
			continue
		}
		a.contexts[c.ID] = &Context{c.ID, proposed.AbstractSyntax, c.TransferSyntax, scu, scp}
	}
}

// roles is the outcome of role selection for the requestor (PS3.7 D.3.3.4):
// without a proposal and an answer it is SCU.
func (a *Association) roles(sopClass string) (scu, scp bool) {
	proposed, asked := a.rq.User.Role(sopClass)
	answered, ok := a.ac.User.Role(sopClass)
	if !asked || !ok {
		return true, false
	}
	return proposed.SCU && answered.SCU, proposed.SCP && answered.SCP
}

// Contexts returns the accepted presentation contexts in order of their ID.
func (a *Association) Contexts() []*Context {
	var list []*Context
	for _, c := range a.contexts {
		if c != nil {
			list = append(list, c)
		}
	}
	return list
}
