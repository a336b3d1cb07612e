package dimse

import (
	"bytes"
	"context"
	"errors"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// CommitContexts proposes storage commitment as its user.
func CommitContexts() []Proposal { return []Proposal{proposal(StorageCommitmentPushModel)} }

// ReportContexts proposes storage commitment as its provider, to report on an
// association of its own (PS3.4 J.3.3).
func ReportContexts() []Proposal {
	p := proposal(StorageCommitmentPushModel)
	p.Provide = true
	return []Proposal{p}
}

// RequestCommitment asks a peer to commit itself to instances (PS3.4 J.3.2).
// nil means that the peer took the request; what it commits to stands in its
// report, which comes on this association (AwaitReport) or on one that it
// opens (ServerConfig.Reports).
func (c *Client) RequestCommitment(ctx context.Context, transaction radnode.UID, refs []Reference) error {
	const op = "N-ACTION"
	pc := c.accepted(StorageCommitmentPushModel)
	if pc == nil {
		return radnode.Errorf(radnode.Unsupported, op, "peer does not offer storage commitment on this association")
	}
	d := dicom.NewDataset()
	d.SetUID(dicom.TransactionUID, transaction)
	d.SetItems(dicom.ReferencedSOPSequence, items(refs)...)
	var b bytes.Buffer
	if err := dicom.Write(&b, d, radnode.UID(pc.TransferSyntax)); err != nil {
		return err
	}
	rq := c.newRequest(NActionRQ, "")
	rq.RequestedSOPClassUID, rq.RequestedSOPInstanceUID = StorageCommitmentPushModel, StorageCommitmentInstance
	rq.ActionTypeID, rq.HasDataSet = actionCommit, true
	return c.outcome(c.call(ctx, op, pc.ID, rq, &b))
}

// outcome makes an error of a response that is neither success nor warning.
func (c *Client) outcome(rsp *Command, err error) error {
	if err != nil {
		return err
	}
	return newResponse(rsp).Err()
}

// errReported ends the waiting for a report.
var errReported = errors.New("report received")

// maxReports limits the reports that are kept until someone asks for them.
const maxReports = 64

// CommitReport keeps a report that comes on this association, which may be
// before the request has been answered.
func (c *reportKeeper) CommitReport(_ context.Context, _ *Association, r *CommitReport) error {
	if len(c.reports) == maxReports {
		return radnode.Errorf(radnode.NoResources, "N-EVENT-REPORT", "%d reports wait already", maxReports)
	}
	c.reports = append(c.reports, r)
	if c.arrived != nil {
		c.arrived()
	}
	return nil
}

// reportKeeper is the ReportReceiver of a Client.
type reportKeeper struct {
	reports []*CommitReport
	arrived func() // told of each report; nil: nobody waits
}

var _ ReportReceiver = (*reportKeeper)(nil)

// take removes and returns the report of a transaction, nil if it is not here.
func (c *reportKeeper) take(transaction radnode.UID) *CommitReport {
	for i, r := range c.reports {
		if r.TransactionUID == transaction {
			c.reports = append(c.reports[:i], c.reports[i+1:]...)
			return r
		}
	}
	return nil
}

// AwaitReport waits for the report of a transaction on this association, as
// long as ctx and the configured response time allow. If none comes the
// association still stands; the report may come on another one.
func (c *Client) AwaitReport(ctx context.Context, transaction radnode.UID) (*CommitReport, error) {
	const op = "N-EVENT-REPORT"
	c.reports.arrived = func() { c.assoc.Interrupt(errReported) }
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		c.assoc.Interrupt(context.Cause(ctx))
	})
	defer func() {
		if !stop() {
			<-interrupted // it must not come after the association is free again
		}
		c.reports.arrived = nil
		c.assoc.Interrupt(nil)
	}()
	for {
		if report := c.reports.take(transaction); report != nil {
			return report, nil
		}
		_, _, err := c.receive(ctx, nil)
		if ctx.Err() != nil {
			return nil, radnode.Errorf(radnode.Canceled, op, "%w", context.Cause(ctx))
		}
		if !errors.Is(err, errReported) {
			return nil, radnode.Errorf(radnode.Unavailable, op, "no report on this association: %w", err)
		}
		c.assoc.Interrupt(nil)
	}
}

// ReportCommitment reports on a storage commitment request over an association
// that was opened with ReportContexts.
func (c *Client) ReportCommitment(ctx context.Context, report *CommitReport) error {
	const op = "N-EVENT-REPORT"
	for _, pc := range c.assoc.Contexts() {
		if pc.AbstractSyntax != string(StorageCommitmentPushModel) {
			continue
		}
		// A peer that ignores role selection may still take the report.
		rq, data, err := report.encode(radnode.UID(pc.TransferSyntax))
		if err != nil {
			return err
		}
		rq.MessageID = c.newRequest(rq.Field, "").MessageID
		return c.outcome(c.call(ctx, op, pc.ID, rq, data))
	}
	return radnode.Errorf(radnode.Unsupported, op, "peer does not take storage commitment reports on this association")
}

// StepContexts proposes modality performed procedure step.
func StepContexts() []Proposal { return []Proposal{proposal(ModalityPerformedStep)} }

// CreateStep creates a performed procedure step (PS3.4 F.7.2.1).
func (c *Client) CreateStep(ctx context.Context, instance radnode.UID, attributes *dicom.Dataset) error {
	rq := c.newRequest(NCreateRQ, ModalityPerformedStep)
	rq.AffectedSOPInstanceUID = instance
	return c.sendStep(ctx, rq, attributes)
}

// SetStep changes a performed procedure step (PS3.4 F.7.2.2).
func (c *Client) SetStep(ctx context.Context, instance radnode.UID, changes *dicom.Dataset) error {
	rq := c.newRequest(NSetRQ, "")
	rq.RequestedSOPClassUID, rq.RequestedSOPInstanceUID = ModalityPerformedStep, instance
	return c.sendStep(ctx, rq, changes)
}

func (c *Client) sendStep(ctx context.Context, rq *Command, d *dicom.Dataset) error {
	op := rq.Field.String()
	pc := c.accepted(ModalityPerformedStep)
	if pc == nil {
		return radnode.Errorf(radnode.Unsupported, op, "peer does not offer performed procedure steps on this association")
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, d, radnode.UID(pc.TransferSyntax)); err != nil {
		return err
	}
	rq.HasDataSet = true
	return c.outcome(c.call(ctx, op, pc.ID, rq, &b))
}
