package node

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
)

// commitments provides storage commitment (PS3.4 Annex J). A request is kept
// before it is answered; its report goes on the association of the request
// while that stands, else on one of its own, and is tried again until it was
// delivered or a day has passed.
type commitments struct {
	store   *store.Store
	callers *callers
	calling calling
	log     *slog.Logger

	wake   chan struct{}
	beside sync.WaitGroup // reports on associations of requests
	here   atomic.Int32   // how many of them are under way
}

var _ dimse.Committer = (*commitments)(nil)

const (
	// reportHere is how long the association of the request may take to carry
	// the report before another one is tried.
	reportHere = 90 * time.Second
	// reportsHere is how many requests at a time have their report on their
	// association; those of further ones go on associations of their own.
	reportsHere = 32
	// reportGiveUp is how long a report is tried.
	reportGiveUp = 24 * time.Hour
	// reportTime limits one attempt.
	reportTime = time.Minute
	// reportsAtOnce is how many peers are called at a time.
	reportsAtOnce = 4
	// maxReferences bounds the instances of one request.
	maxReferences = 50_000
)

// reportPauses are the pauses after the first, second … failed attempt; the
// last one repeats.
var reportPauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

// Commit implements dimse.Committer.
func (c *commitments) Commit(ctx context.Context, req *dimse.CommitRequest) error {
	if len(req.References) > maxReferences {
		return radnode.Errorf(radnode.NoResources, "storage commitment", "more than %d instances in one request", maxReferences)
	}
	now := time.Now().UTC()
	kept := store.Commitment{TransactionUID: req.TransactionUID, AETitle: req.CallingAE, Next: now.Add(reportHere), CreatedAt: now}
	for _, r := range req.References {
		kept.References = append(kept.References, store.Reference{Class: r.SOPClassUID, Instance: r.SOPInstanceUID})
	}
	crowded := c.here.Add(1) > reportsHere
	if crowded {
		kept.Next = now
	}
	err := c.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.AddCommitment(ctx, &kept) })
	if err != nil || crowded {
		c.here.Add(-1)
		return err
	}
	work := context.WithoutCancel(ctx)
	c.beside.Go(func() {
		defer c.here.Add(-1)
		c.reportHere(work, kept, req.Report)
	})
	return nil
}

// reportHere reports on the association of the request.
func (c *commitments) reportHere(ctx context.Context, kept store.Commitment, send func(context.Context, *dimse.CommitReport) error) {
	ctx, cancel := context.WithTimeout(ctx, reportHere)
	defer cancel()
	report, err := c.judge(ctx, kept)
	if err == nil {
		err = send(ctx, report)
	}
	if err == nil {
		err = c.drop(ctx, kept.TransactionUID)
	}
	if err == nil {
		return
	}
	c.log.Info("storage commitment report goes on an association of its own", "calling", kept.AETitle, "transaction", kept.TransactionUID, "error", err)
	later, done := context.WithTimeout(context.WithoutCancel(ctx), reportTime)
	defer done()
	if err := c.putOff(later, kept.TransactionUID, 0, time.Now()); err != nil {
		c.log.Error("storage commitment report waits for its time", "transaction", kept.TransactionUID, "error", err)
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

// failureReasons is what cannot be committed, and why (PS3.3 C.14.1.1).
var failureReasons = map[store.Keeping]dimse.Status{
	store.Unknown:    dimse.StatusNoSuchSOPInstance,
	store.OtherClass: dimse.StatusClassInstanceConflict,
	store.Damaged:    dimse.StatusProcessingFailure,
}

// judge looks at every instance of a request.
func (c *commitments) judge(ctx context.Context, kept store.Commitment) (*dimse.CommitReport, error) {
	report := &dimse.CommitReport{TransactionUID: kept.TransactionUID, RetrieveAETitle: c.calling.ae}
	for _, r := range kept.References {
		keeping, err := c.store.Keeps(ctx, r)
		if err != nil {
			return nil, err
		}
		reference := dimse.Reference{SOPClassUID: r.Class, SOPInstanceUID: r.Instance}
		if keeping == store.Kept {
			report.Committed = append(report.Committed, reference)
		} else {
			report.Failed = append(report.Failed, dimse.FailedReference{Reference: reference, Reason: failureReasons[keeping]})
		}
	}
	return report, nil
}

func (c *commitments) drop(ctx context.Context, transaction radnode.UID) error {
	return c.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DropCommitment(ctx, transaction) })
}

func (c *commitments) putOff(ctx context.Context, transaction radnode.UID, attempts int, next time.Time) error {
	return c.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutOffCommitment(ctx, transaction, attempts, next)
	})
}

// run delivers the reports that wait, those of an earlier run included, until
// ctx ends.
func (c *commitments) run(ctx context.Context) error {
	for ctx.Err() == nil {
		pause, err := c.round(ctx)
		if err != nil && ctx.Err() == nil {
			c.log.Error("storage commitment reports", "error", err)
			pause = time.Minute
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	c.beside.Wait()
	return nil
}

// round delivers what is due and says how long nothing will be.
func (c *commitments) round(ctx context.Context) (time.Duration, error) {
	waiting, err := c.store.Commitments(ctx, 4*reportsAtOnce)
	if err != nil {
		return 0, err
	}
	var group errgroup.Group
	group.SetLimit(reportsAtOnce)
	pause := time.Hour
	for _, kept := range waiting {
		if until := time.Until(kept.Next); until > 0 {
			pause = min(pause, until)
			break
		}
		pause = time.Second // look again: this one may have been put off
		group.Go(func() error { return c.attempt(ctx, kept) })
	}
	return pause, group.Wait()
}

// attempt reports on an association of its own.
func (c *commitments) attempt(ctx context.Context, kept store.Commitment) error {
	peer, known, err := c.callers.find(ctx, func(p radnode.Peer) bool { return p.AETitle == kept.AETitle })
	if err != nil {
		return err
	}
	if !known {
		c.log.Error("storage commitment report not delivered: the requestor released its association and is no configured peer", "calling", kept.AETitle, "transaction", kept.TransactionUID)
		return c.drop(ctx, kept.TransactionUID)
	}
	if err = c.reportTo(ctx, peer, kept); err == nil {
		return c.drop(ctx, kept.TransactionUID)
	}
	if ctx.Err() != nil {
		return nil // the next start goes on
	}
	attempts := kept.Attempts + 1
	next := time.Now().Add(reportPauses[min(attempts, len(reportPauses))-1])
	if next.Sub(kept.CreatedAt) > reportGiveUp {
		c.log.Error("storage commitment report given up", "calling", kept.AETitle, "transaction", kept.TransactionUID, "attempts", attempts, "error", err)
		return c.drop(ctx, kept.TransactionUID)
	}
	c.log.Warn("storage commitment report not delivered yet", "calling", kept.AETitle, "transaction", kept.TransactionUID, "attempts", attempts, "error", err)
	return c.putOff(ctx, kept.TransactionUID, attempts, next)
}

func (c *commitments) reportTo(ctx context.Context, peer radnode.Peer, kept store.Commitment) error {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	report, err := c.judge(ctx, kept)
	if err != nil {
		return err
	}
	client, err := c.calling.to(peer).dial(ctx, dimse.ReportContexts())
	if err != nil {
		return err
	}
	defer client.Close()
	return client.ReportCommitment(ctx, report)
}
