package ul_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/internal/peertest"
)

const verification = "1.2.840.10008.1.1"

// requestor opens an association with a scripted acceptor.
func requestor(t *testing.T, cfg ul.Config, maxLength uint32) (*ul.Association, *peertest.Peer) {
	t.Helper()
	l := peertest.Listen(t)
	peers := make(chan *peertest.Peer, 1)
	go func() {
		p := l.Accept()
		p.Expect(1)
		p.Send(peertest.AssociateAC("RADNODE", "TEST", peertest.UserInformation(maxLength), peertest.Context{ID: 1, Syntaxes: []string{"1.2.840.10008.1.2"}}))
		peers <- p
	}()
	a, err := ul.Dial(context.Background(), l.Address, proposal(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.CloseNow() })
	return a, <-peers
}

func proposal() *ul.AssociateRQ {
	return &ul.AssociateRQ{
		CalledAE: "RADNODE", CallingAE: "TEST",
		Contexts: []ul.ContextRQ{{ID: 1, AbstractSyntax: verification, TransferSyntaxes: []string{"1.2.840.10008.1.2"}}},
		User:     ul.UserInformation{ImplementationClassUID: "1.2.3"},
	}
}

// acceptor accepts the association of a scripted requestor.
func acceptor(t *testing.T, cfg ul.Config) (*ul.Association, *peertest.Peer) {
	t.Helper()
	p, conn := peertest.Pair(t)
	p.Send(associateRQ)
	a := ul.NewAcceptor(conn, cfg)
	if _, err := a.Receive(); err != nil {
		t.Fatal(err)
	}
	if err := a.Accept(&ul.AssociateAC{Contexts: []ul.ContextAC{{ID: 1, TransferSyntax: "1.2.840.10008.1.2"}}}); err != nil {
		t.Fatal(err)
	}
	p.Expect(2)
	return a, p
}

func TestReleaseCollisionsEndInOrderOnBothSides(t *testing.T) {
	t.Run("requestor answers first", func(t *testing.T) {
		a, p := requestor(t, ul.Config{}, 0)
		go func() {
			p.Expect(5)
			p.Send(peertest.ReleaseRQ())
			p.Expect(6)
			p.Send(peertest.ReleaseRP())
		}()
		if err := a.Release(context.Background()); err != nil {
			t.Error(err)
		}
		if a.State() != ul.Sta1 {
			t.Errorf("state %d", a.State())
		}
	})
	t.Run("acceptor answers last", func(t *testing.T) {
		a, p := acceptor(t, ul.Config{})
		go func() {
			p.Expect(5)
			p.Send(peertest.ReleaseRQ(), peertest.ReleaseRP())
			p.Expect(6)
			p.Close()
		}()
		if err := a.Release(context.Background()); err != nil {
			t.Error(err)
		}
		_ = a.Close()
		if a.State() != ul.Sta1 {
			t.Errorf("state %d", a.State())
		}
	})
}

func TestDataUnderWayDoesNotDisturbARelease(t *testing.T) {
	a, p := requestor(t, ul.Config{}, 0)
	go func() {
		p.Expect(5)
		p.Send(data, data, peertest.ReleaseRP())
	}()
	if err := a.Release(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestARefusalIsAnErrorThatSaysWhy(t *testing.T) {
	l := peertest.Listen(t)
	go func() {
		p := l.Accept()
		p.Expect(1)
		p.Send(peertest.AssociateRJ(2, 3, 2))
	}()
	_, err := ul.Dial(context.Background(), l.Address, proposal(), ul.Config{})
	var rj *ul.Reject
	if !errors.As(err, &rj) || *rj != ul.RejectLimit || !rj.Transient() {
		t.Errorf("got %v", err)
	}
}

func TestAnAcceptorThatIsSilentIsGivenUp(t *testing.T) {
	l := peertest.Listen(t)
	go func() { l.Accept().Rest() }()
	start := time.Now()
	_, err := ul.Dial(context.Background(), l.Address, proposal(), ul.Config{Response: 50 * time.Millisecond, ARTIM: 50 * time.Millisecond})
	if !errors.Is(err, ul.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func TestAcceptedContextsMustHaveBeenProposed(t *testing.T) {
	l := peertest.Listen(t)
	go func() {
		p := l.Accept()
		p.Expect(1)
		p.Send(peertest.AssociateAC("RADNODE", "TEST", peertest.UserInformation(0),
			peertest.Context{ID: 1, Syntaxes: []string{"1.2.840.10008.1.2.4.50"}}, // was not offered
			peertest.Context{ID: 7, Syntaxes: []string{"1.2.840.10008.1.2"}}))     // was not proposed
	}()
	a, err := ul.Dial(context.Background(), l.Address, proposal(), ul.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.CloseNow()
	if n := len(a.Contexts()); n != 0 {
		t.Errorf("%d contexts stand", n)
	}
}

func TestSentPDUsRespectThePeersLimit(t *testing.T) {
	for _, limit := range []uint32{128, 129, 1000, 16384, 0} {
		a, p := requestor(t, ul.Config{}, limit)
		command, object := bytes.Repeat([]byte{1}, 300), bytes.Repeat([]byte{2}, 300_000)
		sent := make(chan error, 1)
		go func() { sent <- a.Send(1, command, bytes.NewReader(object)) }()
		var gotCommand, gotObject []byte
		for last := false; !last; {
			body := p.Expect(4)
			if limit > 0 && len(body) > int(limit) {
				t.Fatalf("PDU of %d bytes, the limit is %d", len(body), limit)
			}
			pdu, err := ul.Parse(ul.TypePDataTF, body)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range pdu.(*ul.PDataTF).Values {
				if v.Command {
					gotCommand = append(gotCommand, v.Fragment...)
					continue
				}
				gotObject = append(gotObject, v.Fragment...)
				last = v.Last
			}
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		if !bytes.Equal(gotCommand, command) || !bytes.Equal(gotObject, object) {
			t.Errorf("limit %d: message changed on the way", limit)
		}
		_ = a.CloseNow()
	}
}

func TestFragmentsAreJoinedHoweverTheyCome(t *testing.T) {
	want := make([]byte, 70_000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	tests := []struct {
		name string
		size int
		read func(*ul.Stream) ([]byte, error)
	}{
		{"read in small pieces", 1000, func(s *ul.Stream) ([]byte, error) {
			var b []byte
			for p := make([]byte, 333); ; {
				n, err := s.Read(p)
				b = append(b, p[:n]...)
				if err == io.EOF {
					return b, nil
				}
				if err != nil {
					return b, err
				}
			}
		}},
		{"read past the buffer", 30_000, func(s *ul.Stream) ([]byte, error) {
			b := make([]byte, len(want))
			n, err := io.ReadFull(s, b)
			return b[:n], err
		}},
		{"written out", 16_000, func(s *ul.Stream) ([]byte, error) {
			var b bytes.Buffer
			_, err := s.WriteTo(&b)
			return b.Bytes(), err
		}},
		{"written out in fragments of one byte", 1, func(s *ul.Stream) ([]byte, error) {
			var b bytes.Buffer
			_, err := s.WriteTo(&b)
			return b.Bytes(), err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, p := acceptor(t, ul.Config{})
			go func() {
				var all []byte
				for rest := want; len(rest) > 0; {
					n := min(tt.size, len(rest))
					control := byte(0)
					if n == len(rest) {
						control = 2
					}
					all = append(all, peertest.PData(peertest.PDV(1, control, rest[:n]))...)
					rest = rest[n:]
				}
				p.Send(all, peertest.ReleaseRQ())
			}()
			s, err := a.Next()
			if err != nil {
				t.Fatal(err)
			}
			got, err := tt.read(s)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes came, not those sent", len(got))
			}
			if _, err := io.Copy(io.Discard, s); err != nil {
				t.Error(err)
			}
			if _, err := a.Next(); !errors.Is(err, ul.ErrReleased) {
				t.Errorf("after the message: %v", err)
			}
			p.Close()
			_ = a.Close()
		})
	}
}

func TestAnInterruptWakesAReaderAndLosesNothing(t *testing.T) {
	a, p := acceptor(t, ul.Config{})
	enough := errors.New("enough")
	time.AfterFunc(20*time.Millisecond, func() { a.Interrupt(enough) })
	if _, err := a.Next(); !errors.Is(err, enough) {
		t.Fatalf("got %v", err)
	}
	a.Interrupt(nil)
	p.Send(data)
	s, err := a.Next()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(s); err != nil || string(b) != "ab" {
		t.Errorf("%q %v", b, err)
	}
	p.Close()
	_ = a.Close()
}

func TestAPeerThatDoesNotReadIsGivenUp(t *testing.T) {
	a, _ := requestor(t, ul.Config{Write: 100 * time.Millisecond, ARTIM: 100 * time.Millisecond}, 0)
	start := time.Now()
	err := a.Send(1, []byte{1}, io.LimitReader(zeros{}, 1<<30))
	if !errors.Is(err, ul.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	_ = a.Close()
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("took %v", d)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestHalfAnObjectIsNeverPassedOffAsWhole(t *testing.T) {
	a, p := requestor(t, ul.Config{ARTIM: 100 * time.Millisecond}, 0)
	broken := errors.New("disk error")
	if err := a.Send(1, []byte{1}, io.MultiReader(bytes.NewReader(make([]byte, 500_000)), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	for {
		kind, body, err := p.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if kind == 7 {
			break
		}
		pdu, err := ul.Parse(ul.TypePDataTF, body)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range pdu.(*ul.PDataTF).Values {
			if !v.Command && v.Last {
				t.Fatal("the data set was ended")
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestQuotaCountsInTotalAndPerPeer(t *testing.T) {
	q := ul.NewQuota(3, 2)
	for i, want := range []bool{true, true, false} {
		if got := q.Take("a"); got != want {
			t.Errorf("take %d of a: %v", i, got)
		}
	}
	if !q.Take("b") || q.Take("c") {
		t.Error("the total of three is not kept")
	}
	q.Return("a")
	if !q.Take("c") || q.Used() != 3 {
		t.Error("what was returned cannot be taken")
	}
}

func TestAnARTIMTimerEndsASilentTransport(t *testing.T) {
	_, conn := peertest.Pair(t)
	a := ul.NewAcceptor(conn, ul.Config{ARTIM: 30 * time.Millisecond})
	if _, err := a.Receive(); !errors.Is(err, ul.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if err := a.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
