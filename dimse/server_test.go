package dimse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
)

// memoryStore keeps what it gets.
type memoryStore struct {
	mu      sync.Mutex
	objects map[radnode.UID][]byte
	last    *dimse.StoreRequest
	calls   int
}

func (m *memoryStore) Store(_ context.Context, req *dimse.StoreRequest, data io.Reader) error {
	var b bytes.Buffer
	if _, err := io.Copy(&b, data); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects == nil {
		m.objects = map[radnode.UID][]byte{}
	}
	m.objects[req.AffectedSOPInstanceUID] = b.Bytes()
	m.last = req
	m.calls++
	return nil
}

func (m *memoryStore) object(uid radnode.UID) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[uid]
	return b, ok
}

func (m *memoryStore) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// request returns the last request.
func (m *memoryStore) request() *dimse.StoreRequest {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// storeFunc makes a Storer of a function.
type storeFunc func(context.Context, *dimse.StoreRequest, io.Reader) error

func (f storeFunc) Store(ctx context.Context, req *dimse.StoreRequest, data io.Reader) error {
	return f(ctx, req, data)
}

// startServer runs a server on a loopback port until the test ends.
func startServer(t testing.TB, cfg dimse.ServerConfig) (address string, s *dimse.Server) {
	t.Helper()
	if cfg.AETitle == "" {
		cfg.AETitle = "RADNODE"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := dimse.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return ln.Addr().String(), s
}

// dial opens an association as AE TEST or fails the test.
func dial(t testing.TB, address string, contexts []dimse.Proposal) *dimse.Client {
	t.Helper()
	c, err := dimse.Dial(context.Background(), address, dimse.ClientConfig{CallingAE: "TEST", CalledAE: "RADNODE"}, contexts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const secondaryCapture radnode.UID = "1.2.840.10008.5.1.4.1.1.7"

func object(uid radnode.UID) dimse.StoreOptions {
	return dimse.StoreOptions{SOPClassUID: secondaryCapture, SOPInstanceUID: uid, TransferSyntaxUID: dimse.ExplicitVRLittleEndian}
}

func TestClientAndServer(t *testing.T) {
	store := &memoryStore{}
	ended := make(chan error, 1)
	address, _ := startServer(t, dimse.ServerConfig{
		Store: store,
		Ended: func(_ context.Context, _ *dimse.Association, cause error) { ended <- cause },
	})
	contexts := append(dimse.VerificationContexts(), dimse.StorageContexts(object(""))...)
	c := dial(t, address, contexts)
	ctx := context.Background()
	if err := c.Echo(ctx); err != nil {
		t.Fatal(err)
	}
	sizes := []int{0, 1, 2, 16377, 16378, 131065, 131066, 131067, 1 << 20, 5<<20 + 3}
	for i, n := range sizes {
		want := bytes.Repeat([]byte{byte(i + 1)}, n)
		o := object(radnode.UID(fmt.Sprintf("1.2.%d", i)))
		rsp, err := c.Store(ctx, o, bytes.NewReader(want))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if rsp.Status != dimse.StatusSuccess {
			t.Fatalf("%d bytes: status %v", n, rsp.Status)
		}
		if got, _ := store.object(o.SOPInstanceUID); !bytes.Equal(got, want) {
			t.Errorf("%d bytes sent, %d other bytes kept", n, len(got))
		}
	}
	if err := c.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if cause := <-ended; cause != nil {
		t.Errorf("after release the server was told %v", cause)
	}
}

func TestHandlerErrorsBecomeStatusesAndTheAssociationGoesOn(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want dimse.Status
	}{
		{"invalid input cannot be understood", radnode.Errorf(radnode.Invalid, "x", "bad"), dimse.StatusCannotUnderstand},
		{"a full disk is lack of resources", radnode.Errorf(radnode.NoResources, "x", "full"), dimse.StatusOutOfResources},
		{"another content is a duplicate", radnode.Errorf(radnode.Conflict, "x", "other"), dimse.StatusDuplicateSOPInstance},
		{"a stranger is not authorized", radnode.Errorf(radnode.Forbidden, "x", "no"), dimse.StatusNotAuthorized},
		{"a part of the store that is gone is worth a retry", radnode.Errorf(radnode.NotFound, "x", "no folder"), dimse.StatusOutOfResources},
		{"an unknown error is worth a retry", errors.New("boom"), dimse.StatusOutOfResources},
		{"a status of the handler's choice stays", &dimse.StatusError{Status: dimse.StatusCoercion}, dimse.StatusCoercion},
		{"success", nil, dimse.StatusSuccess},
	}
	var next error
	address, _ := startServer(t, dimse.ServerConfig{Store: storeFunc(func(context.Context, *dimse.StoreRequest, io.Reader) error {
		return next // without reading a byte
	})})
	c := dial(t, address, dimse.StorageContexts(object("")))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			next = tt.err
			rsp, err := c.Store(context.Background(), object("1.2.3"), bytes.NewReader(make([]byte, 300_000)))
			if err != nil {
				t.Fatal(err)
			}
			if rsp.Status != tt.want {
				t.Errorf("status %v, want %v", rsp.Status, tt.want)
			}
		})
	}
}

func TestAHandlerThatPanicsCostsOneRequest(t *testing.T) {
	fail := true
	address, _ := startServer(t, dimse.ServerConfig{Store: storeFunc(func(context.Context, *dimse.StoreRequest, io.Reader) error {
		if fail {
			panic("defect")
		}
		return nil
	})})
	c := dial(t, address, dimse.StorageContexts(object("")))
	for _, want := range []dimse.Status{dimse.StatusOutOfResources, dimse.StatusSuccess} {
		rsp, err := c.Store(context.Background(), object("1.2.3"), bytes.NewReader(make([]byte, 1000)))
		if err != nil {
			t.Fatal(err)
		}
		if rsp.Status != want {
			t.Errorf("status %v, want %v", rsp.Status, want)
		}
		fail = false
	}
}

func TestRefusals(t *testing.T) {
	address, _ := startServer(t, dimse.ServerConfig{
		Store:  &memoryStore{},
		Limits: dimse.Limits{AssociationsPerPeer: 1},
		Authorize: func(_ context.Context, a *dimse.Association, _ *ul.AssociateRQ) *ul.Reject {
			if a.CallingAE == "STRANGER" {
				return &ul.RejectCallingAE
			}
			return nil
		},
	})
	open := func(calling, called string) error {
		c, err := dimse.Dial(context.Background(), address, dimse.ClientConfig{CallingAE: calling, CalledAE: called}, dimse.VerificationContexts())
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return err
	}
	tests := []struct {
		name            string
		calling, called string
		want            *ul.Reject
		code            radnode.Code
	}{
		{"the first association stands", "TEST", "RADNODE", nil, ""},
		{"the second of the same peer is over the limit", "TEST", "RADNODE", &ul.RejectLimit, radnode.Unavailable},
		{"another peer has its own limit", "OTHER", "RADNODE", nil, ""},
		{"an unknown caller is refused for good", "STRANGER", "RADNODE", &ul.RejectCallingAE, radnode.Forbidden},
		{"another called AE title is refused for good", "TEST", "SOMEONE", &ul.RejectCalledAE, radnode.Forbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := open(tt.calling, tt.called)
			var got *ul.Reject
			errors.As(err, &got)
			if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if radnode.CodeOf(err) != tt.code {
				t.Errorf("code %q, want %q", radnode.CodeOf(err), tt.code)
			}
		})
	}
}
