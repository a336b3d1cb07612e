package dimse

import (
	"context"
	"io"

	"github.com/radnode/radnode"
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
	err := x.guard(r, func() error { return x.storeObject(ctx, r) })
	// Never a success before the whole data set has come (PS3.7 9.1.1).
	if err := x.finish(r); err != nil {
		return err
	}
	rsp := r.response()
	x.failed(r, err, storeService).apply(rsp)
	return x.respond(r, rsp)
}

func (x *session) storeObject(ctx context.Context, r *request) error {
	cfg := &x.server.cfg
	switch {
	case cfg.Store == nil || x.server.kindOf(radnode.UID(r.context.AbstractSyntax)) != kindStorage:
		return &StatusError{Status: StatusSOPClassNotSupported}
	case r.data == nil:
		return &StatusError{Status: StatusCannotUnderstand, Comment: "no data set"}
	case !plausible(r.cmd.AffectedSOPInstanceUID):
		return &StatusError{Status: StatusInvalidSOPInstance, Comment: "affected SOP instance UID is not a UID"}
	}
	req := &StoreRequest{
		Association: r.Association, MessageID: r.cmd.MessageID,
		AffectedSOPClassUID: r.cmd.AffectedSOPClassUID, AffectedSOPInstanceUID: r.cmd.AffectedSOPInstanceUID,
		TransferSyntaxUID: radnode.UID(r.context.TransferSyntax), Priority: r.cmd.Priority,
		MoveOriginatorAE: r.cmd.MoveOriginatorAE, MoveOriginatorMessageID: r.cmd.MoveOriginatorMessageID,
	}
	var data io.Reader = r.data
	if cfg.Limits.ObjectSize > 0 {
		data = &limitedObject{r.data, cfg.Limits.ObjectSize}
	}
	return cfg.Store.Store(ctx, req, data)
}

// plausible is the least a SOP instance UID must be: digits and dots, at most
// 64 (PS3.5 9.1). Devices are met that break the rule on leading zeros, and
// their images are needed too.
func plausible(u radnode.UID) bool {
	if len(u) == 0 || len(u) > radnode.MaxUIDLength {
		return false
	}
	for i := 0; i < len(u); i++ {
		if u[i] != '.' && (u[i] < '0' || u[i] > '9') {
			return false
		}
	}
	return true
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
