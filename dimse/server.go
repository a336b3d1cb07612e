package dimse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
)

// ServerConfig says what a Server provides and how much it bears. A nil
// handler means that the service is not offered.
type ServerConfig struct {
	// AETitle is the called AE title that is answered to.
	AETitle string
	// AnyCalledAE answers to every called AE title.
	AnyCalledAE bool
	// AcceptUnknownClasses takes storage of SOP classes that are not in the
	// standard's table, private ones among them.
	AcceptUnknownClasses bool
	// AcceptUnknownSyntaxes takes storage in transfer syntaxes that are not in
	// the standard's table.
	AcceptUnknownSyntaxes bool

	Echo         Echoer
	Store        Storer
	Find         Finder         // Patient Root and Study Root
	Worklist     Finder         // modality worklist
	Retrieve     Retriever      // C-GET and, with Destinations, C-MOVE
	Destinations Destinations   // nil: no C-MOVE
	Commit       Committer      // storage commitment, as provider
	Reports      ReportReceiver // storage commitment, as user: reports on associations the provider opens
	Steps        PerformedSteps // modality performed procedure step

	// Authorize decides whether an association may stand; nil lets everyone
	// in. The node's allow-list of peers lives there.
	Authorize func(ctx context.Context, a *Association, rq *ul.AssociateRQ) *ul.Reject
	// Allow decides which services a peer may use; its presentation contexts
	// for others are rejected. nil allows all. It is asked while the
	// association is negotiated.
	Allow func(ctx context.Context, a *Association, service Service) bool
	// Terms are the limits of one association beside those of Limits and UL;
	// nil: there are none. It is asked once the association is authorized.
	Terms func(ctx context.Context, a *Association) Terms
	// Identify checks the user identity that a peer offers, nil if it offers
	// none; an error refuses the association. The response is sent if the peer
	// asked for one. nil: identities are neither checked nor answered (PS3.7
	// D.3.3.7).
	Identify func(ctx context.Context, a *Association, id *ul.UserIdentity) (response []byte, err error)
	// Query says which extensions of C-FIND, C-MOVE and C-GET the handlers
	// know.
	Query QueryOptions
	// AsyncOperations is how many operations a peer that negotiates a window
	// may have under way (PS3.7 D.3.3.3); 0: 1.
	AsyncOperations uint16
	// Response limits waiting for the response to a request of this side, a
	// C-STORE of a C-GET for example; 0: 60 s.
	Response time.Duration
	// Ended is told when an accepted association is over. cause is nil after
	// an orderly release: evidence that the peer has sent all it wanted.
	Ended func(ctx context.Context, a *Association, cause error)

	// UL holds the limits and times of each association.
	UL ul.Config
	// Limits bounds what peers may use together.
	Limits Limits
	// Log gets one line for each association; nil: the default logger.
	Log *slog.Logger
}

// Terms of one association. A zero field means what holds for all.
type Terms struct {
	Associations int           // most at once of the calling AE title, from wherever it calls
	Silence      time.Duration // longest rest between messages, and within them and before responses at most
}

// Limits of a Server. A zero field means its default, a negative one none.
type Limits struct {
	Associations        int   // established ones; 256
	AssociationsPerPeer int   // per calling AE and host; 64
	Connections         int   // transport connections; 1024
	ConnectionsPerHost  int   // 256
	ObjectSize          int64 // bytes of one C-STORE data set; none
	Drain               int64 // bytes read to the end of a refused data set; 1 GiB
	Identifier          int64 // bytes of an identifier or attribute list; 4 MiB
}

func (l Limits) withDefaults() Limits {
	for _, n := range []struct {
		value *int
		usual int
	}{{&l.Associations, 256}, {&l.AssociationsPerPeer, 64}, {&l.Connections, 1024}, {&l.ConnectionsPerHost, 256}} {
		if *n.value == 0 {
			*n.value = n.usual
		}
	}
	if l.Drain == 0 {
		l.Drain = 1 << 30
	}
	if l.Identifier <= 0 {
		l.Identifier = 4 << 20
	}
	return l
}

// Server accepts associations and hands requests to the handlers.
type Server struct {
	cfg         ServerConfig
	log         *slog.Logger
	connections *ul.Quota
	peers       *ul.Quota // by calling AE title and host
	titles      *ul.Quota // by calling AE title, for Terms

	mu        sync.Mutex
	listeners map[net.Listener]bool
	sessions  map[*session]bool
	closing   bool
	active    sync.WaitGroup
}

// NewServer makes a Server. It refuses a configuration that cannot work.
func NewServer(cfg ServerConfig) (*Server, error) {
	if !ul.ValidAETitle(cfg.AETitle) {
		return nil, radnode.Errorf(radnode.Invalid, "new DICOM server", "%q is not an AE title: use 1 to 16 printable ASCII characters without backslash", cfg.AETitle)
	}
	s := &Server{cfg: cfg, log: cfg.Log, listeners: map[net.Listener]bool{}, sessions: map[*session]bool{}}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.cfg.Limits = cfg.Limits.withDefaults()
	s.cfg.UL.Log = s.log
	if s.cfg.Response <= 0 {
		s.cfg.Response = time.Minute
	}
	s.cfg.AsyncOperations = max(s.cfg.AsyncOperations, 1)
	l := s.cfg.Limits
	s.connections = ul.NewQuota(l.Connections, l.ConnectionsPerHost)
	s.peers = ul.NewQuota(l.Associations, l.AssociationsPerPeer)
	s.titles = ul.NewQuota(0, 0)
	return s, nil
}

// errShutdown is why associations end when the server stops.
var errShutdown = errors.New("server is shutting down")

// Serve accepts connections on ln until Shutdown or until ctx ends, then
// returns nil; associations end at their next rest, and Shutdown waits for
// them. A listener of package tls serves TLS. Serve may be called for several
// listeners at once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if !s.track(ln) {
		_ = ln.Close()
		return nil
	}
	defer s.untrack(ln)
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	delay := time.Millisecond
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || s.stopping() {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return radnode.Errorf(radnode.Unavailable, "serve DICOM", "listener %s was closed: %w", ln.Addr(), err)
			}
			// Out of descriptors, or the peer went away in the backlog: wait
			// rather than die, as the next connection may succeed.
			s.log.Warn("dicom: accept", "error", err)
			timer := time.NewTimer(delay)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
			delay = min(2*delay, time.Second)
			continue
		}
		delay = time.Millisecond
		s.start(ctx, conn)
	}
}

// start runs a session in a goroutine of its own if there is room for it.
func (s *Server) start(ctx context.Context, conn net.Conn) {
	host := hostOf(conn.RemoteAddr().String())
	if !s.connections.Take(host) {
		s.log.Warn("dicom: too many connections", "peer", conn.RemoteAddr().String())
		_ = conn.Close()
		return
	}
	x := newSession(s, conn)
	x.ctx, x.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		s.connections.Return(host)
		_ = conn.Close()
		return
	}
	s.sessions[x] = true
	s.active.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.active.Done()
		defer s.connections.Return(host)
		defer s.forget(x)
		x.run(ctx)
	}()
}

// forget ends the account of a session. A panic in it costs the association,
// not the node.
func (s *Server) forget(x *session) {
	if p := recover(); p != nil {
		s.log.Error("dicom: association panicked", "peer", x.assoc.Conn().RemoteAddr().String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		x.kill()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, x)
}

func (s *Server) track(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[ln] = true
	return true
}

func (s *Server) untrack(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
	_ = ln.Close() // closed already if the server stops
}

func (s *Server) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// Shutdown stops accepting, lets requests that are under way come to their
// end, and aborts associations that rest. When ctx ends it closes whatever is
// left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for ln := range s.listeners {
		_ = ln.Close()
	}
	for x := range s.sessions {
		x.stop()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.active.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for x := range s.sessions {
		x.kill()
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}

// Associations returns the associations that stand, for the node's status.
func (s *Server) Associations() []*Association {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*Association
	for x := range s.sessions {
		if a := x.info.Load(); a != nil {
			list = append(list, a)
		}
	}
	return list
}
