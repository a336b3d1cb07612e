package dimse

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Finder answers C-FIND (PS3.4 C.4.1, K.4.1).
//
// Find calls send for each match, in order, with the attributes that the
// identifier asks for; an error of send must be returned. ctx ends when the
// peer cancels. nil ends the query with success, radnode.Invalid with A900, a
// *StatusError as it says (B001 where a limit cut the answers off).
type Finder interface {
	Find(ctx context.Context, req *FindRequest, identifier *dicom.Dataset, send func(*dicom.Dataset) error) error
}

// QueryOptions are the extensions of query and retrieve (PS3.4 C.5.1.1,
// C.5.2.1, C.5.3.1).
type QueryOptions struct {
	Relational       bool // relational queries or retrieval
	DateTime         bool // combined date-time matching
	FuzzyNames       bool // fuzzy semantic matching of person names
	TimezoneAdjust   bool // query by and answer in the requestor's time zone
	EnhancedMultiple bool // enhanced multi-frame conversion
}

// FindRequest is a C-FIND request (PS3.7 9.1.2).
type FindRequest struct {
	*Association
	MessageID   uint16
	SOPClassUID radnode.UID
	Priority    Priority
	// Negotiated holds the extensions both sides agreed on.
	Negotiated QueryOptions
	// UnsupportedKeys may be set by the handler before it sends: the matches
	// then carry FF01, optional keys were not supported.
	UnsupportedKeys bool
}

// find answers C-FIND.
func (x *session) find(_ context.Context, r *request) error {
	identifier, fault, err := x.identifier(r)
	if err != nil {
		return err
	}
	var finder Finder
	switch x.server.kindOf(radnode.UID(r.context.AbstractSyntax)) {
	case kindFind:
		finder = x.server.cfg.Find
	case kindWorklist:
		finder = x.server.cfg.Worklist
	}
	if finder == nil {
		fault = &StatusError{Status: StatusSOPClassNotSupported}
	}
	x.launch(r, func(ctx context.Context) error {
		err := fault
		if err == nil {
			err = x.matches(ctx, r, finder, identifier)
		}
		rsp := r.response()
		x.finalStatus(ctx, r, err, queryService).apply(rsp)
		return x.respond(r, rsp)
	})
	return nil
}

// finalStatus is the status of an operation that could be cancelled.
func (x *session) finalStatus(ctx context.Context, r *request, err error, s service) *StatusError {
	if errors.Is(context.Cause(ctx), errCancelled) {
		return &StatusError{Status: StatusCancel, Comment: "cancelled by the requestor"}
	}
	return x.failed(r, err, s)
}

// encodings recycles the memory of identifiers that are sent.
var encodings = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// matches runs the handler and sends what it finds.
func (x *session) matches(ctx context.Context, r *request, finder Finder, identifier *dicom.Dataset) error {
	req := &FindRequest{
		Association: r.Association, MessageID: r.cmd.MessageID, SOPClassUID: radnode.UID(r.context.AbstractSyntax),
		Priority: r.cmd.Priority, Negotiated: x.negotiated(r.context.AbstractSyntax),
	}
	syntax := radnode.UID(r.context.TransferSyntax)
	b, _ := encodings.Get().(*bytes.Buffer)
	defer encodings.Put(b)
	send := func(match *dicom.Dataset) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.Reset()
		if err := dicom.Write(b, match, syntax); err != nil {
			return err
		}
		rsp := r.response()
		rsp.Status, rsp.HasDataSet = StatusPending, true
		if req.UnsupportedKeys {
			rsp.Status = StatusPendingWarning
		}
		return sendCommand(x.assoc.Queue, r.context.ID, rsp, b)
	}
	return x.guard(r, func() error { return finder.Find(ctx, req, identifier, send) })
}
