package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse/ul"
)

// Retriever finds what C-MOVE and C-GET shall send (PS3.4 C.4.2, C.4.3).
// radnode.Invalid means that the identifier does not fit the class.
type Retriever interface {
	Retrieve(ctx context.Context, req *RetrieveRequest, identifier *dicom.Dataset) ([]Object, error)
}

// Destinations knows where a C-MOVE destination is. radnode.NotFound means
// that the AE title is unknown, radnode.Forbidden that the requestor may not
// send there.
type Destinations interface {
	Destination(ctx context.Context, req *RetrieveRequest, aeTitle string) (Destination, error)
}

// RetrieveRequest is a C-MOVE or C-GET request (PS3.7 9.1.3, 9.1.4).
type RetrieveRequest struct {
	*Association
	MessageID   uint16
	SOPClassUID radnode.UID
	Priority    Priority
	Negotiated  QueryOptions
	// MoveDestination is the AE title a C-MOVE sends to; "" for a C-GET.
	MoveDestination string
}

// retrieval is a C-MOVE or C-GET under way.
type retrieval struct {
	x      *session
	r      *request
	counts SubOperations
	failed []radnode.UID
	told   time.Time // of the last pending response
}

// pendingEvery is how often the requestor is told of progress.
const pendingEvery = 200 * time.Millisecond

func (x *session) move(_ context.Context, r *request) error { return x.retrieve(r, (*retrieval).move) }
func (x *session) get(_ context.Context, r *request) error  { return x.retrieve(r, (*retrieval).get) }

// retrieve answers C-MOVE and C-GET; send carries the sub-operations out.
func (x *session) retrieve(r *request, send func(*retrieval, context.Context, *RetrieveRequest, []Object) error) error {
	identifier, fault, err := x.identifier(r)
	if err != nil {
		return err
	}
	k := x.server.kindOf(radnode.UID(r.context.AbstractSyntax))
	if k != kindMove && r.cmd.Field == CMoveRQ || k != kindGet && r.cmd.Field == CGetRQ {
		fault = &StatusError{Status: StatusSOPClassNotSupported}
	}
	x.launch(r, func(ctx context.Context) error {
		v := &retrieval{x: x, r: r}
		err := fault
		if err == nil {
			err = x.guard(r, func() error { return v.run(ctx, identifier, send) })
		}
		return v.final(ctx, err)
	})
	return nil
}

func (v *retrieval) run(ctx context.Context, identifier *dicom.Dataset, send func(*retrieval, context.Context, *RetrieveRequest, []Object) error) error {
	req := &RetrieveRequest{
		Association: v.r.Association, MessageID: v.r.cmd.MessageID, SOPClassUID: radnode.UID(v.r.context.AbstractSyntax),
		Priority: v.r.cmd.Priority, Negotiated: v.x.negotiated(v.r.context.AbstractSyntax), MoveDestination: v.r.cmd.MoveDestination,
	}
	objects, err := v.x.server.cfg.Retrieve.Retrieve(ctx, req, identifier)
	if err != nil {
		return err
	}
	if len(objects) > 0xffff {
		return &StatusError{Status: StatusCannotCountMatches, Comment: fmt.Sprintf("%d instances match; ask for parts", len(objects))}
	}
	v.counts.Remaining = uint16(len(objects))
	return send(v, ctx, req, objects)
}

// move sends the objects over an association of its own (PS3.4 C.4.2.2).
func (v *retrieval) move(ctx context.Context, req *RetrieveRequest, objects []Object) error {
	to, err := v.x.server.cfg.Destinations.Destination(ctx, req, req.MoveDestination)
	if radnode.CodeOf(err) == radnode.NotFound {
		return &StatusError{Status: StatusMoveDestinationUnknown, Comment: "move destination unknown", Err: err}
	}
	if err != nil || len(objects) == 0 {
		return err
	}
	from := StoreOptions{Priority: req.Priority, MoveOriginatorAE: req.CallingAE, MoveOriginatorMessageID: req.MessageID}
	sent := 0
	err = SendObjects(ctx, to, objects, from, func(o Object, rsp Response, err error) error {
		sent++
		return v.count(o, rsp, err)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, o := range objects[sent:] { // not tried: the destination is away
		if countErr := v.count(o, Response{}, err); countErr != nil {
			return countErr
		}
	}
	return nil
}

// get sends the objects over the association of the request, on which the
// requestor provides storage (PS3.4 C.4.3.2).
func (v *retrieval) get(ctx context.Context, req *RetrieveRequest, objects []Object) error {
	for _, o := range objects {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rsp, err := v.store(ctx, req, o)
		if v.x.assoc.State() != ul.Sta6 {
			return err
		}
		if err := v.count(o, rsp, err); err != nil {
			return err
		}
	}
	return nil
}

// store is one C-STORE sub-operation of a C-GET.
func (v *retrieval) store(ctx context.Context, req *RetrieveRequest, o Object) (Response, error) {
	pc := providerContext(v.x.assoc, o)
	if pc == nil {
		return Response{}, radnode.Errorf(radnode.Unsupported, "C-GET", "requestor does not take SOP class %s in a transfer syntax it can be sent in", o.SOPClassUID)
	}
	data, err := o.Open(ctx, radnode.UID(pc.TransferSyntax))
	if err != nil {
		return Response{}, err
	}
	rq := &Command{
		Field: CStoreRQ, AffectedSOPClassUID: o.SOPClassUID, AffectedSOPInstanceUID: o.SOPInstanceUID,
		Priority: req.Priority, HasDataSet: true,
	}
	rsp, err := v.x.call(ctx, pc.ID, rq, data)
	if errors.Is(err, ul.ErrTimeout) {
		// It would take as long for each of the others.
		_ = v.x.assoc.Abort()
	}
	if err = errors.Join(err, data.Close()); err != nil {
		return Response{}, err
	}
	return newResponse(rsp), nil
}

// providerContext finds the context on which the requestor takes an object.
func providerContext(assoc *ul.Association, o Object) *ul.Context {
	contexts := assoc.Contexts()
	for _, ts := range o.Syntaxes {
		for _, pc := range contexts {
			if pc.RequestorSCP && pc.AbstractSyntax == string(o.SOPClassUID) && pc.TransferSyntax == string(ts) {
				return pc
			}
		}
	}
	return nil
}

// failuresLogged is how many failures of one retrieval are logged one by one.
const failuresLogged = 3

// count records the outcome of one sub-operation and tells the requestor.
func (v *retrieval) count(o Object, rsp Response, err error) error {
	v.counts.Remaining--
	switch {
	case err == nil && rsp.Status.Class() == Success:
		v.counts.Completed++
	case err == nil && rsp.Status.Class() == Warning:
		v.counts.Warning++
	default:
		v.counts.Failed++
		v.failed = append(v.failed, o.SOPInstanceUID)
		if err == nil {
			err = rsp.Err()
		}
		if v.counts.Failed <= failuresLogged {
			v.x.server.log.Warn("dicom: sub-operation failed", "association", v.r.ID, "command", v.r.cmd.Field.String(), "uid", o.SOPInstanceUID, "error", err)
		}
	}
	if v.counts.Remaining == 0 || time.Since(v.told) < pendingEvery {
		return nil
	}
	v.told = time.Now()
	pending := v.r.response()
	counts := v.counts
	pending.Status, pending.SubOperations = StatusPending, &counts
	return v.x.respond(v.r, pending)
}

// final sends the last response with the counts and, if something failed, the
// list of failed instances (PS3.4 C.4.2.1.4.2).
func (v *retrieval) final(ctx context.Context, err error) error {
	if v.counts.Failed > failuresLogged {
		v.x.server.log.Warn("dicom: sub-operations failed", "association", v.r.ID, "command", v.r.cmd.Field.String(), "failed", v.counts.Failed)
	}
	rsp := v.r.response()
	status := v.x.finalStatus(ctx, v.r, err, retrieveService)
	switch {
	case status != nil:
	case v.counts.Failed > 0 && v.counts.Completed == 0 && v.counts.Warning == 0:
		status = &StatusError{Status: StatusCannotDoSubOperations, Comment: "no sub-operation succeeded"}
	case v.counts.Failed > 0 || v.counts.Warning > 0:
		status = &StatusError{Status: StatusCoercion, Comment: "some sub-operations failed or gave warnings"}
	}
	status.apply(rsp)
	rsp.SubOperations = &v.counts
	if len(v.failed) == 0 {
		return v.x.respond(v.r, rsp)
	}
	list := dicom.NewDataset()
	var uids []string
	length := 0
	for _, uid := range v.failed {
		// The value must fit the 16-bit length of explicit VR (PS3.5 7.1.2).
		if length += len(uid) + 1; length > 0xfffe {
			break
		}
		uids = append(uids, string(uid))
	}
	list.SetText(dicom.FailedSOPInstanceUIDList, uids...)
	var b bytes.Buffer
	if err := dicom.Write(&b, list, radnode.UID(v.r.context.TransferSyntax)); err != nil {
		return err
	}
	rsp.HasDataSet = true
	v.x.answering(v.r)
	return sendCommand(v.x.assoc.Send, v.r.context.ID, rsp, &b)
}
