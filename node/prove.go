package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/workflow"
)

// commitTime is how long a peer may take to report on a storage commitment
// request before it is asked by query instead.
const commitTime = 45 * time.Second

// proofs waits for the storage commitment reports that peers send on
// associations of their own (PS3.4 J.3.3).
type proofs struct {
	mu      sync.Mutex
	waiting map[radnode.UID]chan *dimse.CommitReport
}

var _ dimse.ReportReceiver = (*proofs)(nil)

// CommitReport implements dimse.ReportReceiver.
func (p *proofs) CommitReport(_ context.Context, _ *dimse.Association, report *dimse.CommitReport) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.waiting[report.TransactionUID]
	if waiting == nil {
		// Late, or not ours: the object is asked for again anyway.
		return &dimse.StatusError{Status: dimse.StatusInvalidArgumentValue, Comment: "no such transaction"}
	}
	waiting <- report
	delete(p.waiting, report.TransactionUID)
	return nil
}

// expect registers a transaction; the returned function ends the waiting.
func (p *proofs) expect(transaction radnode.UID) (<-chan *dimse.CommitReport, func()) {
	report := make(chan *dimse.CommitReport, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting = map[radnode.UID]chan *dimse.CommitReport{}
	}
	p.waiting[transaction] = report
	return report, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, transaction)
	}
}

// Prove implements workflow.Sender: storage commitment where the peer offers
// it, else a query for the exact instances. Unsupported: it offers neither.
func (s sender) Prove(ctx context.Context, peer radnode.Peer, objects []workflow.Object) (string, error) {
	contexts := slices.Concat(dimse.CommitContexts(), dimse.QueryContexts(dimse.StudyRootFind, dimse.QueryOptions{}), dimse.VerificationContexts())
	client, err := s.calling.to(peer).dial(ctx, contexts)
	if err != nil {
		return "", err
	}
	defer client.Close()
	offers := map[radnode.UID]bool{}
	for _, outcome := range client.Outcomes() {
		offers[outcome.SOPClassUID] = offers[outcome.SOPClassUID] || outcome.TransferSyntaxUID != ""
	}
	if offers[dimse.StorageCommitmentPushModel] {
		if proof, answered, err := s.proveByCommitment(ctx, client, objects); answered {
			return proof, err
		}
		if !offers[dimse.StudyRootFind] {
			return "", workflow.ErrPending
		}
		// The peer may still report late on the first association: a fresh one
		// keeps the two conversations apart.
		_ = client.Close()
		if client, err = s.calling.to(peer).dial(ctx, dimse.QueryContexts(dimse.StudyRootFind, dimse.QueryOptions{})); err != nil {
			return "", err
		}
		defer client.Close()
	}
	if !offers[dimse.StudyRootFind] {
		_ = client.Release(ctx)
		return "", radnode.Errorf(radnode.Unsupported, "prove delivery", "the peer offers neither storage commitment nor query")
	}
	for _, object := range objects {
		if err := s.proveByQuery(ctx, client, object); err != nil {
			return "", err
		}
	}
	_ = client.Release(ctx) // the answer is there, whatever the peer does now
	return "query", nil
}

// proveByCommitment asks for storage commitment and waits for the report, on
// this association or on one that the peer opens to us. answered is false
// when no report came.
func (s sender) proveByCommitment(ctx context.Context, client *dimse.Client, objects []workflow.Object) (proof string, answered bool, err error) {
	transaction := radnode.NewUID()
	elsewhere, forget := s.proofs.expect(transaction)
	defer forget()
	references := make([]dimse.Reference, len(objects))
	for i, o := range objects {
		references[i] = dimse.Reference{SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID}
	}
	if err := client.RequestCommitment(ctx, transaction, references); err != nil {
		return "", false, nil // a peer that says no to the request may still answer a query
	}
	here, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	reports := make(chan *dimse.CommitReport, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if report, err := client.AwaitReport(here, transaction); err == nil {
			reports <- report
		}
	}()
	defer func() { cancel(); <-done }()
	select {
	case report := <-reports:
		err = judge(report, objects)
	case report := <-elsewhere:
		err = judge(report, objects)
	case <-here.Done():
		return "", false, nil
	}
	return "storage commitment", true, err
}

// failureCodes is what the failure reason of a storage commitment report
// means for a delivery (PS3.3 C.14.1.1).
var failureCodes = map[dimse.Status]radnode.Code{
	dimse.StatusNoSuchSOPInstance:     radnode.NotFound,
	dimse.StatusProcessingFailure:     radnode.Unavailable,
	dimse.StatusResourceLimitation:    radnode.Unavailable,
	dimse.StatusClassInstanceConflict: radnode.Invalid,
	dimse.StatusSOPClassNotSupported:  radnode.Unsupported,
}

// judge reports whether every object was committed.
func judge(report *dimse.CommitReport, objects []workflow.Object) error {
	const op = "prove delivery"
	for _, o := range objects {
		if slices.ContainsFunc(report.Committed, func(r dimse.Reference) bool { return r.SOPInstanceUID == o.SOPInstanceUID }) {
			continue
		}
		at := slices.IndexFunc(report.Failed, func(r dimse.FailedReference) bool { return r.SOPInstanceUID == o.SOPInstanceUID })
		if at < 0 {
			return workflow.Answered(radnode.Errorf(radnode.Unavailable, op, "the storage commitment report does not name the object"))
		}
		code, known := failureCodes[report.Failed[at].Reason]
		if !known {
			code = radnode.Unavailable
		}
		err := workflow.Answered(radnode.Errorf(code, op, "the peer did not commit to the object: failure reason %04X", uint16(report.Failed[at].Reason)))
		if code == radnode.Invalid || code == radnode.Unsupported {
			return workflow.Denied(err)
		}
		return err
	}
	return nil
}

// proveByQuery finds one instance by its UIDs (PS3.4 C.6.2.1).
func (s sender) proveByQuery(ctx context.Context, client *dimse.Client, object workflow.Object) error {
	const op = "prove delivery"
	file, err := dicom.ReadFile(object.Path, dicom.Limits{})
	if err != nil {
		return radnode.Errorf(radnode.Internal, op, "our own document cannot be read: %w", err)
	}
	keys := dicom.NewDataset()
	keys.SetText(dicom.QueryRetrieveLevel, "IMAGE")
	keys.SetUID(dicom.StudyInstanceUID, file.Dataset.UID(dicom.StudyInstanceUID))
	keys.SetUID(dicom.SeriesInstanceUID, file.Dataset.UID(dicom.SeriesInstanceUID))
	keys.SetUID(dicom.SOPInstanceUID, object.SOPInstanceUID)
	found := false
	response, err := client.Find(ctx, dimse.StudyRootFind, keys, func(match *dicom.Dataset) error {
		found = found || match.UID(dicom.SOPInstanceUID) == object.SOPInstanceUID
		return nil
	})
	if err == nil {
		err = response.Err()
	}
	switch {
	case err != nil && radnode.CodeOf(err) == radnode.Internal:
		return workflow.Answered(radnode.Errorf(radnode.Unavailable, op, "the query failed: %w", err))
	case err != nil:
		return err
	case !found:
		return radnode.Errorf(radnode.NotFound, op, "a query of the peer does not find the object")
	}
	return nil
}
