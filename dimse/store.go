package dimse

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
)

// Storer takes objects in (PS3.4 Annex B).
//
// Store reads the data set from data, which streams from the socket and is
// encoded in req.TransferSyntaxUID without Part 10 header. data also
// implements io.WriterTo, so that io.Copy needs no buffer. Store returns nil
// only once the object is safe. A *StatusError chooses the status, warnings
// included; any other error becomes a failure by its radnode code. What Store
// leaves unread is drained. data must not be used after Store has returned.
type Storer interface {
	Store(ctx context.Context, req *StoreRequest, data io.Reader) error
}

// StoreRequest is a C-STORE request (PS3.7 9.1.1).
type StoreRequest struct {
	*Association
	MessageID               uint16
	AffectedSOPClassUID     radnode.UID
	AffectedSOPInstanceUID  radnode.UID
	TransferSyntaxUID       radnode.UID
	Priority                Priority
	MoveOriginatorAE        string // set if the object comes by a C-MOVE
	MoveOriginatorMessageID uint16
}

// store answers C-STORE.
func (x *session) store(ctx context.Context, r *request) error {
	if r.data != nil && x.window() > 1 {
		return x.storeBeside(r)
	}
	err := x.guard(r, func() error { return x.storeObject(ctx, r, r.data) })
	// Never a success before the whole data set has come (PS3.7 9.1.1); a failure
	// may come early (9.3.1), and does where the rest is too long to be read.
	if cut := x.finish(r); cut != nil {
		if err != nil && errors.Is(cut, ul.ErrTooLong) {
			cut = errors.Join(cut, x.stored(r, err))
		}
		return cut
	}
	return x.stored(r, err)
}

// storeBeside runs the handler beside the reader, which goes on with the next
// message as soon as the data set has been read: with an asynchronous window
// the next object travels while this one is made safe.
func (x *session) storeBeside(r *request) error {
	data := &handover{stream: r.data, done: make(chan struct{})}
	finished := make(chan struct{})
	x.launch(r, func(ctx context.Context) error {
		err := x.guard(r, func() error { return x.storeObject(ctx, r, data) })
		data.handOver()
		<-finished
		return x.stored(r, err)
	})
	<-data.done
	defer close(finished)
	return x.finish(r)
}

// stored sends the response to a C-STORE.
func (x *session) stored(r *request, err error) error {
	rsp := r.response()
	x.failed(r, err, storeService).apply(rsp)
	return x.respond(r, rsp)
}

// handover lends a stream to a handler until its end or the handler's.
type handover struct {
	stream *ul.Stream
	once   sync.Once
	done   chan struct{} // closed when the stream is the reader's again
	err    error         // what the handler sees from then on
}

func (h *handover) handOver() {
	h.once.Do(func() { close(h.done) })
}

func (h *handover) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.stream.Read(p)
	if err != nil {
		h.err = err
		h.handOver()
	}
	return n, err
}

// WriteTo implements io.WriterTo without a copy.
func (h *handover) WriteTo(w io.Writer) (int64, error) {
	if h.err == io.EOF {
		return 0, nil
	}
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.stream.WriteTo(w)
	if h.stream.Err() != nil {
		h.err = h.stream.Err()
		h.handOver()
	}
	return n, err
}

// storeObject checks a request and calls the handler.
func (x *session) storeObject(ctx context.Context, r *request, data io.Reader) error {
	cfg := &x.server.cfg
	if cfg.Store == nil || x.server.kindOf(radnode.UID(r.context.AbstractSyntax)) != kindStorage {
		return &StatusError{Status: StatusSOPClassNotSupported}
	}
	if !r.context.RequestorSCU { // negotiated for the objects of a C-GET only
		return &StatusError{Status: StatusNotAuthorized, Comment: "storage was not negotiated in this direction"}
	}
	req, err := newStoreRequest(r)
	if err != nil {
		return err
	}
	if cfg.Limits.ObjectSize > 0 {
		data = &limitedObject{data, cfg.Limits.ObjectSize}
	}
	return cfg.Store.Store(ctx, req, data)
}

func newStoreRequest(r *request) (*StoreRequest, error) {
	switch {
	case r.data == nil:
		return nil, &StatusError{Status: StatusCannotUnderstand, Comment: "no data set"}
	case !r.cmd.AffectedSOPInstanceUID.Usable():
		return nil, &StatusError{Status: StatusInvalidSOPInstance, Comment: "affected SOP instance UID is not a UID"}
	}
	return &StoreRequest{
		Association: r.Association, MessageID: r.cmd.MessageID,
		AffectedSOPClassUID: r.cmd.AffectedSOPClassUID, AffectedSOPInstanceUID: r.cmd.AffectedSOPInstanceUID,
		TransferSyntaxUID: radnode.UID(r.context.TransferSyntax), Priority: r.cmd.Priority,
		MoveOriginatorAE: r.cmd.MoveOriginatorAE, MoveOriginatorMessageID: r.cmd.MoveOriginatorMessageID,
	}, nil
}

// limitedObject fails with radnode.TooLarge when a data set is longer than
// the limit.
type limitedObject struct {
	r    io.Reader
	left int64
}

func (l *limitedObject) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, radnode.Errorf(radnode.TooLarge, "read data set", "object is larger than this node accepts")
	}
	return n, err
}

// WriteTo keeps the way from the receive buffer to w free of copies.
func (l *limitedObject) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(limitedWriter{l, w}, l.r)
}

type limitedWriter struct {
	l *limitedObject
	w io.Writer
}

func (w limitedWriter) Write(p []byte) (int, error) {
	if w.l.left -= int64(len(p)); w.l.left < 0 {
		return 0, radnode.Errorf(radnode.TooLarge, "read data set", "object is larger than this node accepts")
	}
	return w.w.Write(p)
}
