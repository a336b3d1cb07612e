package ul_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/internal/peertest"
)

// table910 is PS3.8 Table 9-10 once more, written down row by row for this
// test: event | Sta1 … Sta13.
const table910 = `
1  | AE-1 .    .    .    .    .    .    .    .    .     .    .    .
2  | .    .    .    AE-2 .    .    .    .    .    .     .    .    .
3  | .    AA-1 AA-8 .    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
4  | .    AA-1 AA-8 .    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
5  | AE-5 .    .    .    .    .    .    .    .    .     .    .    .
6  | .    AE-6 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
7  | .    .    AE-7 .    .    .    .    .    .    .     .    .    .
8  | .    .    AE-8 .    .    .    .    .    .    .     .    .    .
9  | .    .    .    .    .    DT-1 .    AR-7 .    .     .    .    .
10 | .    AA-1 AA-8 .    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
11 | .    .    .    .    .    AR-1 .    .    .    .     .    .    .
12 | .    AA-1 AA-8 .    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
13 | .    AA-1 AA-8 .    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6
14 | .    .    .    .    .    .    .    AR-4 AR-9 .     .    AR-4 .
15 | .    .    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1 AA-1 .
16 | .    AA-2 AA-3 .    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3 AA-3 AA-2
17 | .    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4 AA-4 AR-5
18 | .    AA-2 .    .    .    .    .    .    .    .     .    .    AA-2
19 | .    AA-1 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
`

// outcome is what an action must lead to (PS3.8 Tables 9-6 to 9-9): the next
// state and what the peer sees.
type outcome struct {
	next ul.State
	sent []byte
}

var (
	associateRQ = peertest.AssociateRQ("RADNODE", "TEST", peertest.UserInformation(16384),
		peertest.Context{ID: 1, Abstract: "1.2.840.10008.1.1", Syntaxes: []string{"1.2.840.10008.1.2"}})
	associateAC = peertest.AssociateAC("RADNODE", "TEST", peertest.UserInformation(16384),
		peertest.Context{ID: 1, Syntaxes: []string{"1.2.840.10008.1.2"}})
	data          = peertest.PData(peertest.PDV(1, 3, []byte("ab")))
	userAbort     = peertest.Abort(0, 0)
	providerAbort = peertest.Abort(2, 2)
)

var outcomes = map[string]outcome{
	"AE-1": {ul.Sta4, nil},
	"AE-2": {ul.Sta5, associateRQ},
	"AE-3": {ul.Sta6, nil},
	"AE-4": {ul.Sta1, nil},
	"AE-5": {ul.Sta2, nil},
	"AE-6": {ul.Sta3, nil},
	"AE-7": {ul.Sta6, associateAC},
	"AE-8": {ul.Sta13, peertest.AssociateRJ(1, 1, 3)},
	"DT-1": {ul.Sta6, data}, "DT-2": {ul.Sta6, nil},
	"AR-1": {ul.Sta7, peertest.ReleaseRQ()},
	"AR-2": {ul.Sta8, nil}, "AR-3": {ul.Sta1, nil},
	"AR-4": {ul.Sta13, peertest.ReleaseRP()},
	"AR-5": {ul.Sta1, nil}, "AR-6": {ul.Sta7, nil},
	"AR-7":  {ul.Sta8, data},
	"AR-9":  {ul.Sta11, peertest.ReleaseRP()},
	"AR-10": {ul.Sta12, nil},
	"AA-1":  {ul.Sta13, userAbort},
	"AA-2":  {ul.Sta1, nil}, "AA-3": {ul.Sta1, nil}, "AA-4": {ul.Sta1, nil}, "AA-5": {ul.Sta1, nil},
	"AA-6": {ul.Sta13, nil},
	"AA-7": {ul.Sta13, providerAbort}, "AA-8": {ul.Sta13, providerAbort},
}

// played is what the peer does for the events it causes.
var played = map[ul.Event][]byte{
	ul.EventAssociateAC: associateAC,
	ul.EventAssociateRJ: peertest.AssociateRJ(1, 1, 1),
	ul.EventAssociateRQ: associateRQ,
	ul.EventPDataTF:     data,
	ul.EventReleaseRQ:   peertest.ReleaseRQ(),
	ul.EventReleaseRP:   peertest.ReleaseRP(),
	ul.EventAbort:       peertest.Abort(0, 0),
	ul.EventInvalidPDU:  {0x47, 0x45, 0x54, 0x20, 0x2f, 0x20}, // "GET / "
}

// handed is what the local user hands over with its events.
func handed(t *testing.T, event ul.Event) (ul.PDU, []byte) {
	parse := func(b []byte) ul.PDU {
		pdu, err := ul.ReadPDU(bytes.NewReader(b), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return pdu
	}
	switch event {
	case ul.EventConnected:
		return parse(associateRQ), nil
	case ul.EventAccept:
		return parse(associateAC), nil
	case ul.EventReject:
		rj := ul.RejectCallingAE
		return &rj, nil
	case ul.EventDataRequest:
		return nil, data
	case ul.EventReleaseRequest:
		return &ul.ReleaseRQ{}, nil
	}
	return nil, nil
}

func TestEveryStateAndEventOfTable910(t *testing.T) {
	for _, row := range strings.Split(strings.TrimSpace(table910), "\n") {
		left, right, _ := strings.Cut(row, "|")
		var event ul.Event
		if _, err := fmt.Sscan(left, &event); err != nil {
			t.Fatal(err)
		}
		cells := strings.Fields(right)
		if len(cells) != 13 {
			t.Fatalf("event %d has %d cells", event, len(cells))
		}
		for i, want := range cells {
			state := ul.State(i + 1)
			if want == "." {
				want = "none"
			}
			if got := ul.Step(event, state); got != want {
				t.Errorf("event %d in state %d: action %s, want %s", event, state, got, want)
				continue
			}
			for _, acceptor := range []bool{false, true} {
				if want != "none" && playable(state, acceptor) {
					t.Run(fmt.Sprintf("event %d state %d acceptor %v", event, state, acceptor), func(t *testing.T) {
						playCell(t, event, state, acceptor, want)
					})
				}
			}
		}
	}
}

// playable: some states belong to one side only (PS3.8 9.2.1).
func playable(state ul.State, acceptor bool) bool {
	switch state {
	case ul.Sta2, ul.Sta3, ul.Sta10, ul.Sta12:
		return acceptor
	case ul.Sta4, ul.Sta5, ul.Sta9, ul.Sta11:
		return !acceptor
	}
	return true
}

func playCell(t *testing.T, event ul.Event, state ul.State, acceptor bool, action string) {
	peer, conn := peertest.Pair(t)
	rq, _ := handed(t, ul.EventConnected)
	cfg := ul.Config{}
	if event == ul.EventARTIM {
		cfg.ARTIM = 10 * time.Millisecond
	}
	a := ul.At(conn, state, acceptor, rq.(*ul.AssociateRQ), cfg)
	var err error
	switch event {
	case ul.EventClosed:
		peer.Close()
		err = a.PlayRemote()
	case ul.EventARTIM:
		err = a.PlayRemote()
	case ul.EventIndication:
		err = a.PlayIndication()
	default:
		if b, remote := played[event]; remote {
			peer.Send(b)
			err = a.PlayRemote()
		} else {
			pdu, raw := handed(t, event)
			err = a.PlayLocal(event, pdu, raw)
		}
	}
	want := outcomes[action]
	switch {
	case action == "AR-8" && acceptor:
		want.next = ul.Sta10
	case action == "AR-8":
		want.next = ul.Sta9
	case event == ul.EventInvalidPDU && want.sent != nil && !bytes.Equal(want.sent, userAbort):
		want.sent = peertest.Abort(2, 1) // unrecognised PDU
	}
	if got := a.State(); got != want.next {
		t.Errorf("%s leads to state %d, want %d (%v)", action, got, want.next, err)
	}
	// In state 1 the transport is closed, as the standard says; else it stands.
	if closed := conn.SetDeadline(time.Time{}) != nil; closed != (want.next == ul.Sta1) {
		t.Errorf("%s leaves the transport closed: %v", action, closed)
	}
	_ = a.CloseNow()
	if event == ul.EventClosed {
		return
	}
	if got := peer.Rest(); !bytes.Equal(got, want.sent) {
		t.Errorf("%s sent % X, want % X", action, got, want.sent)
	}
}

func TestLocalEventsInOtherStatesChangeNothing(t *testing.T) {
	for _, event := range []ul.Event{ul.EventAccept, ul.EventReject, ul.EventDataRequest, ul.EventReleaseRequest, ul.EventReleaseResponse, ul.EventAbortRequest} {
		for state := ul.Sta1; state <= ul.Sta13; state++ {
			if ul.Step(event, state) != "none" {
				continue
			}
			_, conn := peertest.Pair(t)
			a := ul.At(conn, state, true, nil, ul.Config{})
			if err := a.PlayLocal(event, nil, nil); err == nil {
				t.Errorf("event %d in state %d is possible", event, state)
			}
			if a.State() != state {
				t.Errorf("event %d in state %d led to state %d", event, state, a.State())
			}
		}
	}
}

func TestAProtocolVersionWithoutBit0IsRejected(t *testing.T) {
	peer, conn := peertest.Pair(t)
	a := ul.NewAcceptor(conn, ul.Config{})
	rq := bytes.Clone(associateRQ)
	rq[7] = 2
	peer.Send(rq)
	_, err := a.Receive()
	var rj *ul.Reject
	if !errors.As(err, &rj) || *rj != ul.RejectProtocolVersion {
		t.Errorf("got %v", err)
	}
	if got := peer.Expect(3); !bytes.Equal(got, []byte{0, 1, 2, 2}) {
		t.Errorf("A-ASSOCIATE-RJ % X", got)
	}
	peer.Close()
	if err := a.Close(); err == nil && a.State() != ul.Sta1 {
		t.Errorf("state %d after close", a.State())
	}
}
