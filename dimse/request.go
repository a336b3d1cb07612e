package dimse

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse/ul"
)

// request is a command on its way to a handler.
type request struct {
	*Association
	cmd     *Command
	context *ul.Context
	data    *ul.Stream // nil if no data set follows
	op      *running   // nil: it is performed by the reader
}

// operation is a row of the table of operations that a Server performs.
type operation struct {
	// do handles the request, sends the responses and leaves the stream of the
	// data set at its end. Its error ends the association.
	do func(*session, context.Context, *request) error
}

// operations is the table of requests (PS3.7 9.1, 10.1). C-CANCEL stands in
// dispatch.
var operations = map[Field]operation{
	CEchoRQ:        {(*session).echo},
	CStoreRQ:       {(*session).store},
	CFindRQ:        {(*session).find},
	CMoveRQ:        {(*session).move},
	CGetRQ:         {(*session).get},
	NActionRQ:      {(*session).action},
	NEventReportRQ: {(*session).eventReport},
	NCreateRQ:      {(*session).createStep},
	NSetRQ:         {(*session).setStep},
}

// dataSet waits for the data set that the command announced.
func (x *session) dataSet(r *request) error {
	if !r.cmd.HasDataSet {
		return nil
	}
	stream, err := x.assoc.NextData()
	if err != nil {
		return err
	}
	if stream.Command || stream.ContextID != r.context.ID {
		return fmt.Errorf("data set of %s expected on presentation context %d", r.cmd.Field, r.context.ID)
	}
	r.data = stream
	return nil
}

// errNoDataSet is answered where a request needs a data set and has none.
var errNoDataSet = &StatusError{Status: StatusMistypedArgument, Comment: "the request needs a data set"}

// identifier reads the data set of a request into memory. The first error is
// the peer's fault and becomes a status, the second ends the association.
func (x *session) identifier(r *request) (*dicom.Dataset, error, error) {
	if r.data == nil {
		return nil, errNoDataSet, nil
	}
	d, err := readIdentifier(r.data, r.context, limitsOf(r.cmd.Field, x.server.cfg.Limits.Identifier))
	return d, err, x.finish(r)
}

// limitsOf bounds what a request may have kept in memory: the keys of queries
// are few, storage commitment and performed steps name many instances.
func limitsOf(f Field, bytes int64) dicom.Limits {
	l := dicom.Limits{HeaderBytes: bytes, ValueBytes: bytes, Elements: 1 << 17, Items: 1 << 16, Depth: 16, Until: 0xFFFFFFFE}
	if f == CFindRQ || f == CMoveRQ || f == CGetRQ {
		l.Elements, l.Items = 1<<12, 1<<10
	}
	return l
}

// buffered recycles the readers of identifiers.
var buffered = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4096) }}

// readIdentifier reads a data set into memory, whole.
func readIdentifier(data *ul.Stream, pc *ul.Context, limits dicom.Limits) (*dicom.Dataset, error) {
	if data == nil {
		return nil, errNoDataSet
	}
	r, _ := buffered.Get().(*bufio.Reader)
	defer buffered.Put(r)
	r.Reset(io.LimitReader(data, limits.HeaderBytes))
	defer r.Reset(nil)
	return dicom.ReadHeader(r, radnode.UID(pc.TransferSyntax), limits)
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
	if !rsp.Status.Pending() {
		x.answering(r)
	}
	return sendCommand(x.assoc.Send, r.context.ID, rsp, nil)
}

// writers recycles the memory of command sets.
var writers = sync.Pool{New: func() any { return new(commandWriter) }}

// sendCommand encodes c and sends it with its data set through one of the
// association's ways to send.
func sendCommand(send func(byte, []byte, io.Reader) error, contextID byte, c *Command, data io.Reader) error {
	w, _ := writers.Get().(*commandWriter)
	defer writers.Put(w)
	w.b = w.b[:0]
	w.command(c)
	return send(contextID, w.b, data)
}

// call sends a request of this side and waits for the response.
func (x *session) call(ctx context.Context, contextID byte, rq *Command, data io.Reader) (*Command, error) {
	answer := make(chan *Command, 1)
	x.mu.Lock()
	for x.lastID++; x.lastID == 0 || x.awaits(x.lastID); x.lastID++ {
	}
	rq.MessageID = x.lastID
	x.waiters[rq.MessageID] = answer
	x.mu.Unlock()
	if err := sendCommand(x.assoc.Send, contextID, rq, data); err != nil {
		x.giveUp(rq.MessageID)
		return nil, err
	}
	timer := time.NewTimer(x.response)
	defer timer.Stop()
	var rsp *Command
	select {
	case rsp = <-answer:
	case <-x.over:
		// The response may have come just before the end.
		select {
		case rsp = <-answer:
		default:
			return nil, fmt.Errorf("no response to %s: %w", rq.Field, ul.ErrClosed)
		}
	case <-timer.C:
		x.giveUp(rq.MessageID)
		return nil, fmt.Errorf("no response to %s within %v: %w", rq.Field, x.response, ul.ErrTimeout)
	}
	if rsp.Field != rq.Field.Response() {
		return nil, fmt.Errorf("peer answered %s with %s", rq.Field, rsp.Field)
	}
	return rsp, nil
}

// awaits reports whether a request with an ID has no response yet; x.mu is
// held.
func (x *session) awaits(id uint16) bool {
	_, asked := x.waiters[id]
	return asked
}

// giveUp ends the waiting for a response, which may still come.
func (x *session) giveUp(id uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.awaits(id) {
		x.waiters[id] = nil
	}
}

// answered hands a response to the waiting call, or drops one that comes too
// late. false: nobody asked.
func (x *session) answered(rsp *Command) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	id := rsp.MessageIDBeingRespondedTo
	asked := x.awaits(id)
	if answer := x.waiters[id]; answer != nil {
		answer <- rsp
	}
	delete(x.waiters, id)
	return asked
}

// response makes the response to r.
func (r *request) response() *Command {
	return &Command{
		Field: r.cmd.Field.Response(), MessageIDBeingRespondedTo: r.cmd.MessageID,
		AffectedSOPClassUID:    cmp.Or(r.cmd.AffectedSOPClassUID, r.cmd.RequestedSOPClassUID),
		AffectedSOPInstanceUID: cmp.Or(r.cmd.AffectedSOPInstanceUID, r.cmd.RequestedSOPInstanceUID),
	}
}
