package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// verdict says what an answer means for a delivery.
type verdict int

const (
	tryAgain verdict = iota
	refused          // for good
	arrived          // the peer has it
)

// storeVerdicts is the table of workflow.md section 4 by error code: what
// may pass is tried again, a refusal is not. What is not listed may pass.
var storeVerdicts = map[radnode.Code]verdict{
	"":                   arrived,
	radnode.Conflict:     arrived, // duplicate SOP instance: only we make objects of this UID, so it is the same
	radnode.Unavailable:  tryAgain,
	radnode.NoResources:  tryAgain,
	radnode.Canceled:     tryAgain,
	radnode.Internal:     tryAgain,
	radnode.Forbidden:    refused,
	radnode.Unauthorized: refused,
	radnode.Unsupported:  refused,
	radnode.Invalid:      refused,
	radnode.TooLarge:     refused,
	radnode.NotFound:     refused,
}

// noProof lists the answers to a question for proof after which asking again
// is no use: the object counts as sent, and the page says why not more.
var noProof = map[radnode.Code]bool{
	radnode.Unsupported: true, radnode.Forbidden: true, radnode.Unauthorized: true, radnode.Invalid: true, radnode.TooLarge: true,
}

// deliveryPauses are the pauses after failed attempts: quick at first, for a
// peer that restarts, then hourly until Options.GiveUp has passed.
var deliveryPauses = []time.Duration{
	5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 40 * time.Minute, time.Hour,
}

func (w *Workflow) deliveryPause(attempt int) time.Duration {
	return jobs.Jitter(w.Pauses[max(0, min(attempt, len(w.Pauses))-1)])
}

// deliver is the handler of deliver jobs: queued → sent → delivered. The same
// object with the same UID goes out on every attempt.
func (w *Workflow) deliver(ctx context.Context, job jobs.Job) error {
	d, err := w.store.Delivery(ctx, job.Key)
	if radnode.CodeOf(err) == radnode.NotFound {
		return nil // nothing to deliver is left
	}
	if err != nil {
		return err
	}
	if finished(d) {
		return nil
	}
	peer, object, err := w.destination(ctx, d)
	if radnode.CodeOf(err) == radnode.NotFound {
		return w.failed(ctx, &d, radnode.MessageOf(err))
	}
	if err != nil {
		return err
	}
	if d.State == radnode.DeliveryQueued {
		if again, err := w.sendObject(ctx, &d, peer, object); again || err != nil {
			return err
		}
	}
	return w.prove(ctx, &d, peer, object)
}

// finished reports whether nothing is left to do for a delivery.
func finished(d store.DeliveryRow) bool {
	return d.State == radnode.DeliveryProven || d.State == radnode.DeliveryFailed || d.State == radnode.DeliveryUnprovable
}

// destination finds the peer and the object of a delivery.
func (w *Workflow) destination(ctx context.Context, d store.DeliveryRow) (radnode.Peer, Object, error) {
	peer, err := w.store.Peer(ctx, d.Peer)
	if err != nil {
		return peer, Object{}, err
	}
	rec, err := w.store.Instance(ctx, d.SOPInstanceUID)
	return peer, Object{
		Path: w.store.Path(rec.File), SOPClassUID: rec.SOPClassUID, SOPInstanceUID: rec.SOPInstanceUID, TransferSyntaxUID: rec.TransferSyntaxUID,
	}, err
}

// sendObject sends once. again: this attempt is over, without success.
func (w *Workflow) sendObject(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer, object Object) (again bool, err error) {
	if ahead, err := w.store.Ahead(ctx, *d); err != nil {
		return true, err
	} else if len(ahead) > 0 {
		return true, jobs.Snooze(after(ahead))
	}
	err = w.Sender.Store(ctx, peer, object)
	w.Trace("deliver.sent")
	switch storeVerdicts[radnode.CodeOf(err)] {
	case arrived:
		return false, w.sent(ctx, d)
	case refused:
		d.Attempts++
		return true, w.failed(ctx, d, radnode.MessageOf(err))
	}
	return true, w.putOff(ctx, d, err)
}

// after is shortly after the next attempt of the delivery in front.
func after(ahead []store.DeliveryRow) time.Time {
	at := time.Now()
	if n := ahead[0].NextAttempt; n != nil && n.After(at) {
		at = *n
	}
	return at.Add(time.Second)
}

// sent notes that the peer answered success. Proof is outstanding.
func (w *Workflow) sent(ctx context.Context, d *store.DeliveryRow) error {
	d.State, d.Attempts, d.Error, d.NextAttempt = radnode.DeliverySent, d.Attempts+1, "", nil
	d.StartedAt = now() // the question for proof has a time of its own
	return w.fileDelivery(ctx, d, "")
}

// prove asks whether the peer keeps the object.
func (w *Workflow) prove(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer, object Object) error {
	proof, err := w.Sender.Prove(ctx, peer, []Object{object})
	w.Trace("deliver.proved")
	switch code := radnode.CodeOf(err); {
	case code == "":
		d.State, d.Proof, d.Error, d.NextAttempt = radnode.DeliveryProven, proof, "", nil
		return w.fileDelivery(ctx, d, "delivered, proved by "+proof)
	case code == radnode.NotFound:
		// It said success and does not have it: send it again.
		d.State = radnode.DeliveryQueued
		return w.putOff(ctx, d, fmt.Errorf("the peer answered success but does not have the object: %w", err))
	case noProof[code]:
		return w.unprovable(ctx, d, radnode.MessageOf(err))
	}
	return w.putOff(ctx, d, err)
}

// putOff plans the next attempt, or gives up when the time for it is over.
func (w *Workflow) putOff(ctx context.Context, d *store.DeliveryRow, cause error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return cause // the node stops: nobody's failure
	}
	ctx = context.WithoutCancel(ctx) // that the attempt took too long is filed as any other failure
	d.Attempts++
	d.Error = radnode.MessageOf(cause)
	if time.Since(d.StartedAt) > w.GiveUp {
		if d.State == radnode.DeliverySent {
			return w.unprovable(ctx, d, d.Error)
		}
		return w.failed(ctx, d, fmt.Sprintf("given up after %d attempts since %s; the last one: %s", d.Attempts,
			d.StartedAt.Format("2006-01-02 15:04"), d.Error))
	}
	at := now().Add(w.deliveryPause(d.Attempts))
	d.NextAttempt = &at
	w.Log.Warn("delivery put off", "delivery", d.ID, "peer", d.Peer, "attempts", d.Attempts, "next", at, "error", cause)
	if err := w.fileDelivery(ctx, d, ""); err != nil {
		return err
	}
	return jobs.Snooze(at)
}

// unprovable notes that the destination took the object and will not say that it
// keeps it. That is not delivered.
func (w *Workflow) unprovable(ctx context.Context, d *store.DeliveryRow, reason string) error {
	d.State, d.Proof, d.Error, d.NextAttempt = radnode.DeliveryUnprovable, "sent, not provable: "+reason, "", nil
	return w.fileDelivery(ctx, d, d.Proof)
}

// failed notes a refusal for good.
func (w *Workflow) failed(ctx context.Context, d *store.DeliveryRow, reason string) error {
	d.State, d.Error, d.NextAttempt = radnode.DeliveryFailed, reason, nil
	return w.fileDelivery(ctx, d, "failed: "+reason)
}

// fileDelivery writes where a delivery stands and what that means for its
// study. An outcome is audited; a step on the way is not.
func (w *Workflow) fileDelivery(ctx context.Context, d *store.DeliveryRow, outcome string) error {
	d.UpdatedAt = now()
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.SetDelivery(ctx, d); err != nil {
			return err
		}
		if outcome != "" {
			err := audit.Record(ctx, tx, audit.Event{
				Action: audit.ReportDelivered, Actor: "node", StudyUID: d.StudyInstanceUID, ObjectID: d.ID,
				Failed: d.State == radnode.DeliveryFailed, Detail: d.Peer + ": " + outcome,
			})
			if err != nil {
				return err
			}
		}
		tx.AfterCommit(func() { w.deliveryChanged(d) })
		return w.stand(ctx, tx, d.StudyInstanceUID)
	})
	w.Trace("deliver.filed")
	return err
}

func (w *Workflow) deliveryChanged(d *store.DeliveryRow) {
	w.events.publish(radnode.Event{Kind: "delivery", StudyInstanceUID: d.StudyInstanceUID, ID: d.ID})
	w.changed(d.StudyInstanceUID)
}
