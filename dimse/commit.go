package dimse

import (
	"bytes"
	"context"
	"io"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Reference names a SOP instance.
type Reference struct {
	SOPClassUID    radnode.UID
	SOPInstanceUID radnode.UID
}

// FailedReference is an instance that was not committed, and why.
type FailedReference struct {
	Reference
	Reason Status // failure reason (0008,1197), PS3.3 C.14.1.1
}

// CommitRequest asks for storage commitment (PS3.4 J.3.2).
type CommitRequest struct {
	*Association
	MessageID      uint16
	TransactionUID radnode.UID
	References     []Reference
	// Report sends the report on the association of the request, as long as it
	// stands (PS3.4 J.3.3). The requestor may release it at any time: then the
	// error is radnode.Unavailable, and the report goes on an association of
	// its own (Client.ReportCommitment). It must not be called before Commit
	// has returned.
	Report func(ctx context.Context, report *CommitReport) error
}

// CommitReport is the outcome of a storage commitment request: together its
// lists name every instance of the request.
type CommitReport struct {
	TransactionUID  radnode.UID
	Committed       []Reference
	Failed          []FailedReference
	RetrieveAETitle string
}

// Committer takes storage commitment requests. nil means that the request was
// accepted and a report will come, not that anything is stored.
type Committer interface {
	Commit(ctx context.Context, req *CommitRequest) error
}

// ReportReceiver takes reports on what this side has asked for.
type ReportReceiver interface {
	CommitReport(ctx context.Context, a *Association, report *CommitReport) error
}

// Action and event types of storage commitment (PS3.4 Tables J.3-1, J.3-2).
const (
	actionCommit         = 1
	eventCommitted       = 1
	eventCommittedFailed = 2
)

// action answers N-ACTION: requests for storage commitment.
func (x *session) action(ctx context.Context, r *request) error {
	d, fault, err := x.identifier(r)
	if err != nil {
		return err
	}
	// The report waits for the response: a requestor does not expect it before.
	answered := make(chan struct{})
	defer close(answered)
	if fault == nil {
		fault = x.guard(r, func() error { return x.commit(ctx, r, d, answered) })
	}
	rsp := r.response()
	rsp.ActionTypeID = r.cmd.ActionTypeID
	x.failed(r, fault, normalizedService).apply(rsp)
	return x.respond(r, rsp)
}

func (x *session) commit(ctx context.Context, r *request, d *dicom.Dataset, answered <-chan struct{}) error {
	handler := x.server.cfg.Commit
	switch {
	case handler == nil || radnode.UID(r.context.AbstractSyntax) != StorageCommitmentPushModel:
		return &StatusError{Status: StatusSOPClassNotSupported}
	case r.cmd.RequestedSOPInstanceUID != StorageCommitmentInstance:
		return &StatusError{Status: StatusNoSuchSOPInstance, Comment: "not the storage commitment instance"}
	case r.cmd.ActionTypeID != actionCommit:
		return &StatusError{Status: StatusNoSuchActionType}
	}
	req := &CommitRequest{
		Association: r.Association, MessageID: r.cmd.MessageID,
		TransactionUID: d.UID(dicom.TransactionUID), References: references(d.Items(dicom.ReferencedSOPSequence)),
	}
	if !req.TransactionUID.Valid() || len(req.References) == 0 {
		return &StatusError{Status: StatusInvalidArgumentValue, Comment: "transaction UID or referenced SOP sequence is missing"}
	}
	for _, ref := range req.References {
		if !ref.SOPClassUID.Usable() || !ref.SOPInstanceUID.Usable() {
			return &StatusError{Status: StatusInvalidArgumentValue, Comment: "referenced SOP sequence holds what is no UID"}
		}
	}
	req.Report = func(ctx context.Context, report *CommitReport) error {
		select {
		case <-answered:
			return x.report(ctx, r, report)
		case <-ctx.Done():
			return radnode.Errorf(radnode.Canceled, "N-EVENT-REPORT", "%w", context.Cause(ctx))
		}
	}
	return handler.Commit(ctx, req)
}

// report sends a report on the association of its request.
func (x *session) report(ctx context.Context, r *request, report *CommitReport) error {
	rq, data, err := report.encode(radnode.UID(r.context.TransferSyntax))
	if err != nil {
		return err
	}
	rsp, err := x.call(ctx, r.context.ID, rq, data)
	if err != nil {
		return radnode.Errorf(radnode.Unavailable, "N-EVENT-REPORT", "%w", err)
	}
	return newResponse(rsp).Err()
}

// eventReport answers N-EVENT-REPORT: reports on storage commitment.
func (x *session) eventReport(ctx context.Context, r *request) error {
	d, fault, err := x.identifier(r)
	if err != nil {
		return err
	}
	if fault == nil {
		fault = x.guard(r, func() error { return takeReport(ctx, r, d, x.server.cfg.Reports) })
	}
	rsp := r.response()
	rsp.EventTypeID = r.cmd.EventTypeID
	x.failed(r, fault, normalizedService).apply(rsp)
	return x.respond(r, rsp)
}

func takeReport(ctx context.Context, r *request, d *dicom.Dataset, to ReportReceiver) error {
	switch {
	case to == nil || radnode.UID(r.context.AbstractSyntax) != StorageCommitmentPushModel:
		return &StatusError{Status: StatusSOPClassNotSupported}
	case r.cmd.EventTypeID != eventCommitted && r.cmd.EventTypeID != eventCommittedFailed:
		return &StatusError{Status: StatusNoSuchEventType}
	}
	report := &CommitReport{
		TransactionUID: d.UID(dicom.TransactionUID), RetrieveAETitle: d.Text(dicom.RetrieveAETitle),
		Committed: references(d.Items(dicom.ReferencedSOPSequence)),
	}
	for _, item := range d.Items(dicom.FailedSOPSequence) {
		reason, ok := item.Int(dicom.FailureReason)
		if !ok {
			reason = int(StatusProcessingFailure)
		}
		report.Failed = append(report.Failed, FailedReference{reference(item), Status(reason)})
	}
	if !report.TransactionUID.Valid() {
		return &StatusError{Status: StatusInvalidArgumentValue, Comment: "transaction UID is missing"}
	}
	return to.CommitReport(ctx, r.Association, report)
}

func reference(item *dicom.Dataset) Reference {
	return Reference{item.UID(dicom.ReferencedSOPClassUID), item.UID(dicom.ReferencedSOPInstanceUID)}
}

func references(items []*dicom.Dataset) []Reference {
	list := make([]Reference, len(items))
	for i, item := range items {
		list[i] = reference(item)
	}
	return list
}

func (r Reference) item() *dicom.Dataset {
	item := dicom.NewDataset()
	item.SetUID(dicom.ReferencedSOPClassUID, r.SOPClassUID)
	item.SetUID(dicom.ReferencedSOPInstanceUID, r.SOPInstanceUID)
	return item
}

func items(refs []Reference) []*dicom.Dataset {
	list := make([]*dicom.Dataset, len(refs))
	for i, ref := range refs {
		list[i] = ref.item()
	}
	return list
}

// encode makes the N-EVENT-REPORT-RQ (PS3.4 Table J.3-2).
func (r *CommitReport) encode(syntax radnode.UID) (*Command, io.Reader, error) {
	d := dicom.NewDataset()
	d.SetUID(dicom.TransactionUID, r.TransactionUID)
	if r.RetrieveAETitle != "" {
		d.SetText(dicom.RetrieveAETitle, r.RetrieveAETitle)
	}
	if len(r.Committed) > 0 {
		d.SetItems(dicom.ReferencedSOPSequence, items(r.Committed)...)
	}
	event := uint16(eventCommitted)
	if len(r.Failed) > 0 {
		event = eventCommittedFailed
		var failed []*dicom.Dataset
		for _, f := range r.Failed {
			item := f.item()
			item.SetInts(dicom.FailureReason, int(f.Reason))
			failed = append(failed, item)
		}
		d.SetItems(dicom.FailedSOPSequence, failed...)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, d, syntax); err != nil {
		return nil, nil, err
	}
	return &Command{
		Field: NEventReportRQ, AffectedSOPClassUID: StorageCommitmentPushModel,
		AffectedSOPInstanceUID: StorageCommitmentInstance, EventTypeID: event, HasDataSet: true,
	}, &b, nil
}
