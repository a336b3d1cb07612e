package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
)

// session is one association on the server's side, from the transport
// connection to its close. Its goroutine is the reader of the association;
// operations that a cancel request may interrupt run in goroutines of their
// own, which the session waits for before it ends.
type session struct {
	server *Server
	assoc  *ul.Association
	info   atomic.Pointer[Association]
	cancel context.CancelCauseFunc // ends the handlers' contexts
	// response limits waiting for the response to a request of this side
	response time.Duration
	ctx      context.Context
	buf      bytes.Buffer // command set being read

	mu      sync.Mutex
	stopped bool                       // end at the next rest
	running map[uint16]*running        // by message ID
	free    *sync.Cond                 // signals that an operation ended
	waiters map[uint16]chan<- *Command // own requests, by message ID; nil: given up
	lastID  uint16
	over    chan struct{} // closed when nothing more is read
}

// running is an operation under way.
type running struct {
	cancel   context.CancelCauseFunc
	field    Field
	answered bool // its last response goes out: the peer may ask anew
}

// errCancelled is why an operation's context ended: the peer sent C-CANCEL.
var errCancelled = errors.New("cancelled by the peer")

func newSession(s *Server, conn net.Conn) *session {
	x := &session{
		server: s, assoc: ul.NewAcceptor(conn, s.cfg.UL), response: s.cfg.Response, running: map[uint16]*running{},
		waiters: map[uint16]chan<- *Command{}, over: make(chan struct{}),
	}
	x.free = sync.NewCond(&x.mu)
	return x
}

// stop ends the session at the next rest between two operations.
func (x *session) stop() {
	if x.info.Load() == nil { // no association yet: nothing to lose
		x.kill()
		return
	}
	x.assoc.Hurry(shutdownPatience)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stopped = true
	if len(x.running) == 0 {
		x.assoc.Interrupt(errShutdown)
	}
}

// kill ends the session at once.
func (x *session) kill() {
	if x.cancel != nil {
		x.cancel(errShutdown)
	}
	_ = x.assoc.CloseNow()
}

// run serves the association until it ends. The handlers' contexts do not end
// with ctx, but with the association: what is under way is completed.
func (x *session) run(ctx context.Context) {
	defer x.cancel(nil)
	stop := context.AfterFunc(ctx, x.stop)
	defer stop()
	defer x.close()
	a, ok := x.establish(ctx)
	if !ok {
		return
	}
	defer x.giveBack(a)
	x.info.Store(a)
	if x.server.stopping() || ctx.Err() != nil { // stop may have come before info was there
		x.stop()
	}
	cause := x.serve(x.ctx, a)
	close(x.over)
	x.cancel(fmt.Errorf("association ended: %w", cause))
	x.wait()
	if errors.Is(cause, ul.ErrReleased) {
		cause = x.assoc.ConfirmRelease()
	} else if x.assoc.State() == ul.Sta6 {
		if err := x.assoc.Abort(); err != nil {
			x.server.log.Debug("dicom: abort", "association", a.ID, "error", err)
		}
	}
	x.ended(context.WithoutCancel(ctx), a, cause)
}

// shutdownPatience is how long a peer may take to close the transport when the
// server stops.
const shutdownPatience = 500 * time.Millisecond

// close ends the association and its transport.
func (x *session) close() {
	if err := x.assoc.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		x.server.log.Debug("dicom: close", "error", err)
	}
}

// wait waits until no operation is under way.
func (x *session) wait() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.running) > 0 {
		x.free.Wait()
	}
}

// launch runs an operation in a goroutine of its own. An error of do means
// that the association cannot go on.
func (x *session) launch(r *request, do func(ctx context.Context) error) {
	ctx, cancel := context.WithCancelCause(x.ctx)
	op := &running{cancel: cancel, field: r.cmd.Field}
	x.mu.Lock()
	x.running[r.cmd.MessageID], r.op = op, op
	x.mu.Unlock()
	go func() {
		defer cancel(nil)
		err := x.guard(r, func() error { return do(ctx) })
		if err != nil {
			x.server.log.Info("dicom: operation broke off", "association", r.ID, "command", r.cmd.Field.String(), "error", err)
			_ = x.assoc.Abort() // the reader learns of it
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.running[r.cmd.MessageID] == op {
			delete(x.running, r.cmd.MessageID)
		}
		if x.stopped && len(x.running) == 0 {
			x.assoc.Interrupt(errShutdown)
		}
		x.free.Broadcast()
	}()
}

func (x *session) underWay(id uint16) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	op := x.running[id]
	return op != nil && !op.answered
}

// answering notes that the last response to a request is about to go out. What
// the peer sends upon it must not meet the operation as one under way.
func (x *session) answering(r *request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.op != nil {
		r.op.answered = true
	}
}

func (x *session) busy() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.running) > 0
}

// cancelled ends the operation that a C-CANCEL-RQ names. One that finds none
// has crossed the last response and is ignored (PS3.7 9.3.2.3).
func (x *session) cancelled(id uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if op := x.running[id]; op != nil {
		op.cancel(errCancelled)
	}
}

func (x *session) ended(ctx context.Context, a *Association, cause error) {
	if cause != nil {
		x.server.log.Info("dicom: association ended without release", "association", a.ID, "calling", a.CallingAE, "peer", a.RemoteAddr, "cause", cause)
	} else {
		x.server.log.Debug("dicom: association released", "association", a.ID, "calling", a.CallingAE)
	}
	if x.server.cfg.Ended != nil {
		x.server.cfg.Ended(ctx, a, cause)
	}
}

// peerKey is what the limit per peer counts.
func peerKey(a *Association) string { return a.CallingAE + "@" + a.Host() }

// establish receives the request and answers it. If the association stands a
// slot has been taken.
func (x *session) establish(ctx context.Context) (*Association, bool) {
	s := x.server
	rq, err := x.assoc.Receive()
	if err != nil {
		s.log.Info("dicom: no association", "peer", x.assoc.Conn().RemoteAddr().String(), "cause", err)
		return nil, false
	}
	a := newAssociation(x.assoc, rq)
	rj := s.decide(ctx, a, rq)
	var ac *ul.AssociateAC
	if rj == nil {
		if ac, err = s.negotiate(ctx, a, rq); err != nil {
			s.log.Warn("dicom: user identity refused", "association", a.ID, "calling", a.CallingAE, "offered", rq.User.Identity != nil, "error", err)
			rj = &ul.RejectIdentity
		}
	}
	if rj == nil && !x.take(ctx, a) {
		rj = &ul.RejectLimit
	}
	if rj != nil {
		s.log.Warn("dicom: association refused", "association", a.ID, "calling", a.CallingAE, "called", a.CalledAE, "peer", a.RemoteAddr, "cause", rj.Error())
		if err := x.assoc.Reject(*rj); err != nil {
			s.log.Debug("dicom: reject", "association", a.ID, "error", err)
		}
		return nil, false
	}
	if err := x.assoc.Accept(ac); err != nil {
		x.giveBack(a)
		s.log.Info("dicom: no association", "association", a.ID, "peer", a.RemoteAddr, "cause", err)
		return nil, false
	}
	for _, w := range rq.User.Warnings {
		s.log.Warn("dicom: odd association request tolerated", "association", a.ID, "calling", a.CallingAE, "what", w)
	}
	return a, true
}

// take takes a slot for an association, within the limit for all and that of
// its peer.
func (x *session) take(ctx context.Context, a *Association) bool {
	s := x.server
	var terms Terms
	if s.cfg.Terms != nil {
		terms = s.cfg.Terms(ctx, a)
	}
	if !s.peers.Take(peerKey(a)) {
		return false
	}
	if !s.titles.TakeOf(a.CallingAE, terms.Associations) {
		s.peers.Return(peerKey(a))
		return false
	}
	if terms.Silence > 0 {
		x.assoc.SetSilence(terms.Silence)
		x.response = min(x.response, terms.Silence)
	}
	return true
}

func (x *session) giveBack(a *Association) {
	x.server.peers.Return(peerKey(a))
	x.server.titles.Return(a.CallingAE)
}

// decide returns the rejection of an association, nil if it may stand.
func (s *Server) decide(ctx context.Context, a *Association, rq *ul.AssociateRQ) *ul.Reject {
	switch {
	case rq.ApplicationContext != ul.ApplicationContext:
		return &ul.RejectApplicationContext
	case !ul.ValidAETitle(a.CallingAE):
		return &ul.RejectCallingAE
	case !ul.ValidAETitle(a.CalledAE), !s.cfg.AnyCalledAE && a.CalledAE != s.cfg.AETitle:
		return &ul.RejectCalledAE
	case len(rq.Contexts) == 0, rq.TooSmallPDU():
		return &ul.RejectNoReason
	case s.stopping():
		return &ul.RejectCongestion
	}
	if s.cfg.Authorize != nil {
		return s.cfg.Authorize(ctx, a, rq)
	}
	return nil
}

// serve reads commands and performs them. The error says why it ended.
func (x *session) serve(ctx context.Context, a *Association) error {
	for {
		stream, err := x.assoc.Next()
		if errors.Is(err, ul.ErrIdle) && x.busy() {
			continue
		}
		if err != nil {
			return err
		}
		pc, cmd, err := readCommand(x.assoc, stream, &x.buf)
		if err != nil {
			return err
		}
		r := &request{Association: a, cmd: cmd, context: pc}
		if err := x.dispatch(ctx, r); err != nil {
			return err
		}
	}
}

// dispatch performs a request, or hands a response to whoever waits for it.
func (x *session) dispatch(ctx context.Context, r *request) error {
	if err := x.dataSet(r); err != nil {
		return err
	}
	switch {
	case r.cmd.Field == CCancelRQ:
		x.cancelled(r.cmd.MessageIDBeingRespondedTo)
		return x.finish(r)
	case r.cmd.Field.IsResponse():
		if !x.answered(r.cmd) {
			return fmt.Errorf("unasked for %s", r.cmd.Field)
		}
		return x.finish(r)
	}
	op, ok := operations[r.cmd.Field]
	if !ok {
		op = operation{do: (*session).unrecognized}
	}
	if err := x.admit(r); err != nil {
		return err
	}
	if x.underWay(r.cmd.MessageID) {
		return x.refuse(r, StatusDuplicateInvocation)
	}
	return op.do(x, ctx, r)
}

// admit lets an operation begin. A peer that sends more than the window allows
// waits (PS3.7 D.3.3.3), but not while a C-GET is under way: that needs the
// reader for the peer's answers.
func (x *session) admit(r *request) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.running) >= x.window() {
		for _, op := range x.running {
			if op.field == CGetRQ && !op.answered {
				return fmt.Errorf("%s while as many operations as agreed are under way, a C-GET among them", r.cmd.Field)
			}
		}
		x.free.Wait()
	}
	return nil
}

// window is how many operations the peer may have under way.
func (x *session) window() int {
	async := x.assoc.Answer().User.Async
	if async == nil || async.Invoked == 0 {
		return 1
	}
	return int(async.Invoked)
}

// readCommand reads a command set and finds its presentation context.
func readCommand(assoc *ul.Association, stream *ul.Stream, buf *bytes.Buffer) (*ul.Context, *Command, error) {
	pc := assoc.Context(stream.ContextID)
	if pc == nil {
		return nil, nil, fmt.Errorf("message on presentation context %d, which was not accepted", stream.ContextID)
	}
	if !stream.Command {
		return nil, nil, fmt.Errorf("data set without a command on presentation context %d", stream.ContextID)
	}
	buf.Reset()
	n, err := buf.ReadFrom(io.LimitReader(stream, maxCommand+1))
	switch {
	case err != nil:
		return nil, nil, err
	case n > maxCommand:
		return nil, nil, fmt.Errorf("command set is longer than %d bytes", maxCommand)
	}
	cmd, err := parseCommand(buf.Bytes(), radnode.UID(pc.AbstractSyntax))
	return pc, cmd, err
}
