package dimse_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/internal/peertest"
)

// associated opens an association by hand.
func associated(t *testing.T, address string) *peertest.Peer {
	t.Helper()
	p := peertest.Connect(t, address)
	p.Send(peertest.AssociateRQ("RADNODE", "EVIL", peertest.UserInformation(16384),
		peertest.Context{ID: 1, Abstract: string(secondaryCapture), Syntaxes: []string{string(dimse.ExplicitVRLittleEndian)}},
		peertest.Context{ID: 3, Abstract: string(dimse.Verification), Syntaxes: []string{string(dimse.ImplicitVRLittleEndian)}}))
	p.Expect(2)
	return p
}

// storeCommand is a C-STORE-RQ command set, written by hand.
func storeCommand() []byte {
	element := func(number byte, high byte, value []byte) []byte {
		return append([]byte{0, 0, number, high, byte(len(value)), 0, 0, 0}, value...)
	}
	var b []byte
	b = append(b, element(0x02, 0, []byte(secondaryCapture+"\x00"))...)
	b = append(b, element(0x00, 1, []byte{1, 0})...)
	b = append(b, element(0x10, 1, []byte{7, 0})...)
	b = append(b, element(0x00, 7, []byte{0, 0})...)
	b = append(b, element(0x00, 8, []byte{1, 0})...)
	b = append(b, element(0x00, 0x10, []byte("1.2.34"))...)
	return append(element(0, 0, []byte{byte(len(b)), 0, 0, 0}), b...)
}

func TestHostilePeersAreCutOffAndOthersGoOn(t *testing.T) {
	quick := ul.Config{ARTIM: 200 * time.Millisecond, Read: 300 * time.Millisecond, Idle: 300 * time.Millisecond, Write: 300 * time.Millisecond}
	address, server := startServer(t, dimse.ServerConfig{Store: &memoryStore{}, UL: quick, Limits: dimse.Limits{Drain: 1 << 20, ObjectSize: 1 << 20}})
	pad := make([]byte, 16000)
	tests := []struct {
		name string
		play func(t *testing.T) *peertest.Peer
		// want is the type of the PDU that must come before the transport
		// closes; 0: none.
		want byte
	}{
		{"HTTP request", func(t *testing.T) *peertest.Peer {
			p := peertest.Connect(t, address)
			p.Send([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
			return p
		}, 7},
		{"TLS client hello", func(t *testing.T) *peertest.Peer {
			p := peertest.Connect(t, address)
			p.Send([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3})
			return p
		}, 7},
		{"association request of 4 GB", func(t *testing.T) *peertest.Peer {
			p := peertest.Connect(t, address)
			p.Send([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0, 1})
			return p
		}, 7},
		{"silence", func(t *testing.T) *peertest.Peer { return peertest.Connect(t, address) }, 0},
		{"one byte at a time", func(t *testing.T) *peertest.Peer {
			p := peertest.Connect(t, address)
			rq := peertest.AssociateRQ("RADNODE", "SLOW", peertest.UserInformation(0), peertest.Context{ID: 1, Abstract: "1.2.840.10008.1.1", Syntaxes: []string{"1.2.840.10008.1.2"}})
			if n := p.Drip(rq, 10*time.Millisecond); n > 100 {
				t.Errorf("%d bytes were awaited", n)
			}
			return p
		}, 0},
		{"P-DATA of 4 GB", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send([]byte{4, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 10, 1, 3})
			return p
		}, 7},
		{"endless command", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			for range 5 {
				p.Send(peertest.PData(peertest.PDV(1, 1, pad)))
			}
			return p
		}, 7},
		{"endless data set", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send(peertest.PData(peertest.PDV(1, 3, storeCommand())))
			for range 200 {
				if _, err := p.Conn.Write(peertest.PData(peertest.PDV(1, 0, pad))); err != nil {
					break
				}
			}
			return p
		}, 4}, // out of resources, then the abort
		{"data set that stops half-way", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send(peertest.PData(peertest.PDV(1, 3, storeCommand())), peertest.PData(peertest.PDV(1, 0, pad))[:5000])
			return p
		}, 7},
		{"data set without a command", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send(peertest.PData(peertest.PDV(1, 2, pad)))
			return p
		}, 7},
		{"context that was not accepted", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send(peertest.PData(peertest.PDV(9, 3, storeCommand())))
			return p
		}, 7},
		{"fragment of another context within a data set", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send(peertest.PData(peertest.PDV(1, 3, storeCommand()), peertest.PDV(1, 0, pad[:10]), peertest.PDV(3, 2, pad[:10])))
			return p
		}, 7},
		{"garbage as a command", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send(peertest.PData(peertest.PDV(1, 3, pad[:33])))
			return p
		}, 7},
		{"idle association", func(t *testing.T) *peertest.Peer { return associated(t, address) }, 7},
		{"release in mid-message", func(t *testing.T) *peertest.Peer {
			p := associated(t, address)
			p.Send(peertest.PData(peertest.PDV(1, 3, storeCommand()), peertest.PDV(1, 0, pad[:10])), peertest.ReleaseRQ())
			return p
		}, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.play(t)
			if tt.want != 0 {
				p.Expect(tt.want)
			}
			p.Rest()
			c := dial(t, address, dimse.VerificationContexts())
			if err := c.Echo(context.Background()); err != nil {
				t.Errorf("the next peer is disturbed: %v", err)
			}
			_ = c.Close()
		})
	}
	waitFor(t, "all associations to be gone", func() bool { return len(server.Associations()) == 0 })
}

// waitFor waits for something that another goroutine brings about.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestIdleConnectionsAreLimitedAndCostLittle(t *testing.T) {
	address, _ := startServer(t, dimse.ServerConfig{
		UL: ul.Config{ARTIM: 2 * time.Second}, Limits: dimse.Limits{ConnectionsPerHost: 400, AssociationsPerPeer: 300},
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 250 {
		associated(t, address)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 80<<20 {
		t.Errorf("250 associations took %d MB", grown>>20)
	}
	start := time.Now()
	c := dial(t, address, dimse.VerificationContexts())
	if err := c.Echo(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("an echo beside them took %v", d)
	}
	for range 200 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	// Beyond the limit the transport closes at once.
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("connection 452 of one host was accepted")
	}
}

func TestAPeerThatAbortsInMidImageIsNoticedByTheHandler(t *testing.T) {
	failed := make(chan error, 1)
	ended := make(chan error, 1)
	address, _ := startServer(t, dimse.ServerConfig{
		Store: storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
			_, err := io.Copy(io.Discard, data)
			failed <- err
			return err
		}),
		Ended: func(_ context.Context, _ *dimse.Association, cause error) { ended <- cause },
	})
	p := associated(t, address)
	p.Send(peertest.PData(peertest.PDV(1, 3, storeCommand()), peertest.PDV(1, 0, make([]byte, 5000))), peertest.Abort(0, 0))
	if err := <-failed; err == nil {
		t.Error("half a data set looked whole")
	}
	if cause := <-ended; cause == nil {
		t.Error("the abort looked like a release")
	}
}

func TestShutdownLetsAnObjectArrive(t *testing.T) {
	started, stored := make(chan struct{}), atomic.Bool{}
	cfg := dimse.ServerConfig{AETitle: "RADNODE", Store: storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
		close(started)
		_, err := io.Copy(io.Discard, data)
		stored.Store(err == nil)
		return err
	})}
	address, s := startServer(t, cfg)
	c := dial(t, address, dimse.StorageContexts(object("")))
	r, w := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		rsp, err := c.Store(context.Background(), object("1.2.3"), r)
		if err == nil {
			err = rsp.Err()
		}
		answered <- err
	}()
	_, _ = w.Write(make([]byte, 300_000))
	<-started
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	time.Sleep(20 * time.Millisecond)
	_, _ = w.Write(make([]byte, 300_000))
	_ = w.Close()
	if err := <-answered; err != nil || !stored.Load() {
		t.Errorf("object under way at shutdown: %v", err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if _, err := dimse.Dial(context.Background(), address, dimse.ClientConfig{CallingAE: "A", CalledAE: "RADNODE"}, dimse.VerificationContexts()); err == nil {
		t.Error("the server still accepts")
	}
}

func TestAClientThatIsGivenUpReturnsAtOnce(t *testing.T) {
	l := peertest.Listen(t)
	go func() {
		if p := l.Accept(); p != nil {
			p.Expect(1)
			p.Send(peertest.AssociateAC("RADNODE", "TEST", peertest.UserInformation(0), peertest.Context{ID: 1, Syntaxes: []string{string(dimse.ExplicitVRLittleEndian)}}))
			p.Rest() // takes everything and never answers
		}
	}()
	c := dial(t, l.Address, dimse.StorageContexts(object("")))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := c.Store(ctx, object("1.2"), bytes.NewReader(make([]byte, 100))); err == nil {
		t.Error("stored without an answer")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}
