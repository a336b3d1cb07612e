package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync/atomic"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
)

// session is one association on the server's side, from the transport
// connection to its close. Its goroutine is the reader of the association.
type session struct {
	server *Server
	assoc  *ul.Association
	info   atomic.Pointer[Association]
	cancel context.CancelFunc
	killed atomic.Bool
	buf    bytes.Buffer // command set being read
	out    []byte       // command set being sent
}

func newSession(s *Server, conn net.Conn) *session {
	return &session{server: s, assoc: ul.NewAcceptor(conn, s.cfg.UL)}
}

// stop ends the session at the next rest between two messages.
func (x *session) stop() {
	if x.info.Load() == nil { // no association yet: nothing to lose
		x.kill()
		return
	}
	x.assoc.Interrupt(errShutdown)
}

// kill ends the session at once.
func (x *session) kill() {
	x.killed.Store(true)
	_ = x.assoc.CloseNow()
}

// run serves the association until it ends.
func (x *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, x.stop)
	defer stop()
	defer func() {
		if err := x.assoc.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			x.server.log.Debug("dicom: close", "error", err)
		}
	}()
	a, ok := x.establish(ctx)
	if !ok {
		return
	}
	defer x.server.peers.Return(peerKey(a))
	x.info.Store(a)
	if x.server.stopping() { // Shutdown may have looked before info was there
		x.assoc.Interrupt(errShutdown)
	}
	cause := x.serve(ctx, a)
	if errors.Is(cause, ul.ErrReleased) {
		cause = x.assoc.ConfirmRelease()
	} else if x.assoc.State() == ul.Sta6 {
		if err := x.assoc.Abort(); err != nil {
			x.server.log.Debug("dicom: abort", "association", a.ID, "error", err)
		}
	}
	x.ended(context.WithoutCancel(ctx), a, cause)
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
	if rj == nil && !s.peers.Take(peerKey(a)) {
		rj = &ul.RejectLimit
	}
	if rj != nil {
		s.log.Warn("dicom: association refused", "association", a.ID, "calling", a.CallingAE, "called", a.CalledAE, "peer", a.RemoteAddr, "cause", rj.Error())
		if err := x.assoc.Reject(*rj); err != nil {
			s.log.Debug("dicom: reject", "association", a.ID, "error", err)
		}
		return nil, false
	}
	if err := x.assoc.Accept(s.negotiate(rq)); err != nil {
		s.peers.Return(peerKey(a))
		s.log.Info("dicom: no association", "association", a.ID, "peer", a.RemoteAddr, "cause", err)
		return nil, false
	}
	for _, w := range rq.User.Warnings {
		s.log.Warn("dicom: odd association request tolerated", "association", a.ID, "calling", a.CallingAE, "what", w)
	}
	return a, true
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
		if err != nil {
			return err
		}
		pc, cmd, err := x.command(stream)
		if err != nil {
			return err
		}
		op, ok := operations[cmd.Field]
		if !ok {
			if cmd.Field.IsResponse() {
				return fmt.Errorf("unasked for %s", cmd.Field)
			}
			op = operation{do: (*session).unrecognized}
		}
		r := &request{Association: a, cmd: cmd, context: pc}
		if err := x.perform(ctx, op, r); err != nil {
			return err
		}
	}
}

// command reads a command set.
func (x *session) command(stream *ul.Stream) (*ul.Context, *Command, error) {
	return readCommand(x.assoc, stream, &x.buf)
}

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

// request is a command on its way to a handler.
type request struct {
	*Association
	cmd     *Command
	context *ul.Context
	data    *ul.Stream // nil if no data set follows
}

// operation is a row of the table of operations that a Server performs.
type operation struct {
	// do handles the request and sends the responses. Its error ends the
	// association.
	do func(*session, context.Context, *request) error
}

// operations is the table of requests (PS3.7 9.1, 10.1).
var operations = map[Field]operation{
	CEchoRQ:  {(*session).echo},
	CStoreRQ: {(*session).store},
	// A cancel request that finds no operation has crossed its last response
	// (PS3.7 9.3.2.3) and is ignored.
	CCancelRQ: {func(*session, context.Context, *request) error { return nil }},
}

// perform gets the data set's stream, runs the operation, and leaves the
// stream at its end, so that the next command can be read whatever happened.
func (x *session) perform(ctx context.Context, op operation, r *request) error {
	if r.cmd.HasDataSet {
		stream, err := x.assoc.NextData()
		if err != nil {
			return err
		}
		if stream.Command || stream.ContextID != r.context.ID {
			return fmt.Errorf("data set of %s expected on presentation context %d", r.cmd.Field, r.context.ID)
		}
		r.data = stream
	}
	return op.do(x, ctx, r)
}

// finish reads what a handler left of the data set. An error ends the
// association: the peer is gone, stalls, or sends without end.
func (x *session) finish(r *request) error {
	if r.data == nil || r.data.Err() == io.EOF {
		return nil
	}
	if err := r.data.Err(); err != nil {
		return err
	}
	return r.data.Discard(x.server.cfg.Limits.Drain)
}

// guard calls a handler; a panic in it costs one request, not the node.
func (x *session) guard(r *request, call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			x.server.log.Error("dicom: handler panicked", "association", r.ID, "command", r.cmd.Field.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = radnode.Errorf(radnode.Internal, r.cmd.Field.String(), "handler panicked: %v", p)
		}
	}()
	return call()
}

// failed logs a handler's error and makes its status.
func (x *session) failed(r *request, err error, s service) *StatusError {
	status := statusOf(err, s)
	if status != nil && status.Status.Class() != Success {
		x.server.log.Warn("dicom: request not fulfilled", "association", r.ID, "calling", r.CallingAE, "command", r.cmd.Field.String(), "status", status.Status.String(), "error", err)
	}
	return status
}

// respond sends a response without a data set.
func (x *session) respond(r *request, rsp *Command) error {
	return x.send(r.context.ID, rsp, nil)
}

func (x *session) send(contextID byte, c *Command, data io.Reader) error {
	x.out = appendCommand(x.out[:0], c)
	return x.assoc.Send(contextID, x.out, data)
}

// response makes the response to r.
func (r *request) response() *Command {
	return &Command{
		Field: r.cmd.Field.Response(), MessageIDBeingRespondedTo: r.cmd.MessageID,
		AffectedSOPClassUID: r.cmd.AffectedSOPClassUID, AffectedSOPInstanceUID: r.cmd.AffectedSOPInstanceUID,
	}
}

// unrecognized answers requests that are not in the table.
func (x *session) unrecognized(_ context.Context, r *request) error {
	if err := x.finish(r); err != nil {
		return err
	}
	rsp := r.response()
	x.failed(r, &StatusError{Status: StatusUnrecognizedOperation}, normalizedService).apply(rsp)
	return x.respond(r, rsp)
}

// echo answers C-ECHO (PS3.7 9.1.5, PS3.4 Annex A).
func (x *session) echo(ctx context.Context, r *request) error {
	if err := x.finish(r); err != nil {
		return err
	}
	var err error
	if x.server.cfg.Echo != nil {
		err = x.guard(r, func() error { return x.server.cfg.Echo.Echo(ctx, r.Association) })
	}
	rsp := r.response()
	x.failed(r, err, normalizedService).apply(rsp)
	return x.respond(r, rsp)
}
