package ul

import (
	"context"
	"net"
	"testing"
	"time"
)

// RecheckTLS sets how often certificate files are looked at, for one test.
func RecheckTLS(t *testing.T, d time.Duration) {
	old := recheck
	recheck = d
	t.Cleanup(func() { recheck = old })
}

// At makes an association that already is in a state.
func At(conn net.Conn, state State, acceptor bool, rq *AssociateRQ, cfg Config) *Association {
	a := &Association{cfg: cfg.withDefaults(), acceptor: acceptor, rq: rq, ac: &AssociateAC{}}
	a.cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	a.attach(conn)
	a.mu.Lock()
	a.enter(state, 0)
	a.mu.Unlock()
	return a
}

// PlayRemote waits for an event from the peer and performs its action.
func (a *Association) PlayRemote() error {
	o, err := a.nextEvent()
	if err != nil {
		return err
	}
	return a.remote(o)
}

// PlayLocal performs the action of an event of this side.
func (a *Association) PlayLocal(event Event, pdu PDU, raw []byte) error {
	return a.local(&occurrence{event: event, pdu: pdu, raw: raw, ctx: context.Background()})
}

// PlayIndication performs AE-5.
func (a *Association) PlayIndication() error {
	return a.remote(&occurrence{event: EventIndication})
}

// Step looks a cell of Table 9-10 up.
func Step(event Event, state State) string { return transitions[event][state].String() }
