package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

// verdict says what an answer means for a delivery.
type verdict int

const (
	tryAgain     verdict = iota
	refused              // for good
	arrived              // the peer has it
	classRefused         // for good, but perhaps not the same content in another class
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
	radnode.Unsupported:  classRefused,
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
	if err != nil || finished(d) {
		return err
	}
	if job.Crashes >= jobs.MaxCrashes {
		return w.failed(ctx, &d, fmt.Sprintf("given up: the node ended %d times in a row while it delivered this", job.Crashes))
	}
	peer, err := w.store.Peer(ctx, d.Peer)
	if radnode.CodeOf(err) == radnode.NotFound {
		return w.failed(ctx, &d, radnode.MessageOf(err))
	}
	if err != nil {
		return err
	}
	if message(peer) != (d.Kind == KindFHIR || d.Kind == KindHL7) || message(peer) && d.Kind != peer.Kind {
		return w.failed(ctx, &d, "the destination is of another kind than it was when this was ordered")
	}
	if message(peer) {
		if done, err := w.amended(ctx, &d); done || err != nil {
			return err
		}
	}
	if ahead, err := w.store.Ahead(ctx, d); err != nil {
		return err
	} else if d.State == radnode.DeliveryQueued && len(ahead) > 0 {
		return jobs.Snooze(w.after(ahead)) // brought forward when that one has gone
	}
	if until, why, err := w.blocked(ctx, peer.Name); err != nil {
		return err
	} else if !until.IsZero() {
		return w.hold(ctx, &d, until, why)
	}
	return w.attempt(ctx, &d, peer)
}

// amended ends the delivery of a message after that of a later report of the
// study. A receiver keeps the last message: the earlier report would stand in
// place of the one that amends it, and cannot be found there any more.
func (w *Workflow) amended(ctx context.Context, d *store.DeliveryRow) (done bool, err error) {
	later, err := w.store.Overtaken(ctx, *d)
	switch {
	case err != nil || !later:
		return false, err
	case d.State == radnode.DeliverySent:
		return true, w.unprovable(ctx, d, "the report that amends it has taken its place there")
	}
	return true, w.failed(ctx, d, "not sent: the report that amends it is there already")
}

// attempt sends an object and asks for proof, as far as that is still to be
// done.
func (w *Workflow) attempt(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer) error {
	if d.State == radnode.DeliveryQueued {
		if stepped, err := w.stepAhead(ctx, d, peer); stepped || err != nil {
			return err
		}
	}
	object, err := w.object(ctx, d, peer)
	if radnode.CodeOf(err) == radnode.NotFound {
		return w.failed(ctx, d, radnode.MessageOf(err))
	}
	if err != nil {
		return w.putOff(ctx, d, own{err})
	}
	if d.State == radnode.DeliveryQueued {
		if over, err := w.sendObject(ctx, d, peer, object); over || err != nil {
			return err
		}
	}
	return w.prove(ctx, d, peer, object)
}

// finished reports whether nothing is left to do for a delivery.
func finished(d store.DeliveryRow) bool {
	return d.State == radnode.DeliveryProven || d.State == radnode.DeliveryFailed || d.State == radnode.DeliveryUnprovable
}

// object finds what a delivery carries. A message is made anew for each attempt
// and is the same each time.
func (w *Workflow) object(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer) (Object, error) {
	o := Object{SOPInstanceUID: d.SOPInstanceUID, StudyInstanceUID: d.StudyInstanceUID}
	if !message(peer) {
		rec, err := w.store.Instance(ctx, d.SOPInstanceUID)
		o.Path, o.SOPClassUID, o.SeriesInstanceUID, o.TransferSyntaxUID = w.store.Path(rec.File), rec.SOPClassUID, rec.SeriesInstanceUID, rec.TransferSyntaxUID
		return o, err
	}
	r, err := w.store.Report(ctx, d.ReportID)
	if err != nil {
		return o, err
	}
	doc, err := w.signedDocument(ctx, r)
	if err == nil {
		err = w.evidence(ctx, &doc)
	}
	if err == nil {
		o.Message, err = w.Author.Message(ctx, doc, peer.Kind)
	}
	return o, err
}

// sendObject sends once. over: this attempt is over, without success.
func (w *Workflow) sendObject(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer, object Object) (over bool, err error) {
	err = w.Sender.Store(ctx, peer, object)
	w.Trace("deliver.sent")
	switch storeVerdicts[radnode.CodeOf(err)] {
	case arrived:
		beside, err := w.pictures(ctx, d, object.SOPClassUID)
		if err != nil {
			return true, w.putOff(ctx, d, own{err})
		}
		return false, w.sent(ctx, d, object, beside)
	case classRefused:
		return true, w.stepDown(ctx, d, peer, object.SOPClassUID, err)
	case refused:
		d.Attempts++
		return true, w.failed(ctx, d, reasonOf(err), w.answered(d.Peer))
	}
	return true, w.putOff(ctx, d, err)
}

// after is shortly after the next attempt of the delivery in front.
func (w *Workflow) after(ahead []store.DeliveryRow) time.Time {
	at := w.Now()
	if n := ahead[0].NextAttempt; n != nil && n.After(at) {
		at = *n
	}
	return at.Add(time.Second)
}

// sent notes that the peer answered success, and orders what goes beside the
// object. Proof is outstanding.
func (w *Workflow) sent(ctx context.Context, d *store.DeliveryRow, object Object, beside *addition) error {
	d.State, d.Attempts, d.Error, d.NextAttempt = radnode.DeliverySent, d.Attempts+1, "", nil
	d.StartedAt = w.now() // the question for proof has a time of its own
	effects := []func(context.Context, *store.Tx) error{w.answered(d.Peer)}
	if object.SOPClassUID != "" {
		effects = append(effects, w.learn(d.Peer, map[radnode.UID]bool{object.SOPClassUID: true}))
	}
	if beside == nil {
		return w.fileDelivery(ctx, d, "", effects...)
	}
	defer w.discardAll(beside.docs)
	if err := w.fileDelivery(ctx, d, "", append(effects, beside.file)...); err != nil {
		return err
	}
	beside.keep()
	return nil
}

// prove asks whether the peer keeps the object.
func (w *Workflow) prove(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer, object Object) error {
	proof, err := w.Sender.Prove(ctx, peer, []Object{object})
	w.Trace("deliver.proved")
	no := denied{}
	switch code := radnode.CodeOf(err); {
	case code == "":
		d.State, d.Proof, d.Error, d.NextAttempt = radnode.DeliveryProven, proof, "", nil
		return w.fileDelivery(ctx, d, "delivered, proved by "+proof, w.answered(d.Peer))
	case code == radnode.NotFound:
		return w.lost(ctx, d, err)
	case errors.As(err, &no) && code == radnode.Unsupported:
		d.State = radnode.DeliveryQueued
		return w.stepDown(ctx, d, peer, object.SOPClassUID, err)
	case errors.As(err, &no):
		return w.failed(ctx, d, reasonOf(err), w.answered(d.Peer))
	case noProof[code]:
		return w.unprovable(ctx, d, reasonOf(err), w.answered(d.Peer))
	}
	return w.putOff(ctx, d, err)
}

// maxLosses is how often an object is sent to a peer that answers success and
// does not keep it.
const maxLosses = 5

// lost sends an object again whose arrival the peer answered with success and
// which it does not have, but not for ever.
func (w *Workflow) lost(ctx context.Context, d *store.DeliveryRow, cause error) error {
	d.State, d.Losses = radnode.DeliveryQueued, d.Losses+1
	if d.Losses >= maxLosses {
		return w.failed(ctx, d, fmt.Sprintf("the peer answered success %d times and does not keep the object; its last answer: %s",
			d.Losses, reasonOf(cause)), w.answered(d.Peer))
	}
	return w.putOff(ctx, d, radnode.Errorf(radnode.NotFound, "prove delivery", "the peer answered success but does not have the object: %w", cause))
}

// putOff plans the next attempt, or gives up when the time for it is over.
func (w *Workflow) putOff(ctx context.Context, d *store.DeliveryRow, cause error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return cause // the node stops: nobody's failure
	}
	ctx = context.WithoutCancel(ctx) // that the attempt took too long is filed as any other failure
	d.Attempts++
	d.Error = reasonOf(cause)
	if done, err := w.giveUp(ctx, d); done || err != nil {
		return err
	}
	pause := w.deliveryPause(d.Attempts)
	if n := (notBefore{}); errors.As(cause, &n) {
		pause = max(pause, n.pause)
	}
	at := w.now().Add(pause)
	d.NextAttempt = &at
	w.Log.Warn("delivery put off", "delivery", d.ID, "peer", d.Peer, "attempts", d.Attempts, "next", at, "error", cause)
	var effects []func(context.Context, *store.Tx) error
	mine := own{}
	switch {
	case errors.As(cause, &mine):
	case !IsAnswer(cause):
		effects = append(effects, w.unanswered(d.Peer, withoutWords(d.Error)))
	case radnode.CodeOf(cause) != radnode.Internal: // which is our own
		effects = append(effects, w.answered(d.Peer))
	}
	if err := w.fileDelivery(ctx, d, "", effects...); err != nil {
		return err
	}
	return jobs.Snooze(at)
}

// giveUp ends a delivery that was tried for too long.
func (w *Workflow) giveUp(ctx context.Context, d *store.DeliveryRow) (done bool, err error) {
	switch {
	case w.Now().Sub(d.StartedAt) <= w.GiveUp:
		return false, nil
	case d.State == radnode.DeliverySent:
		return true, w.unprovable(ctx, d, d.Error)
	}
	return true, w.failed(ctx, d, fmt.Sprintf("given up after %d attempts since %s; the last answer: %s", d.Attempts,
		d.StartedAt.Format("2006-01-02 15:04"), d.Error))
}

// hold lets a delivery wait for a destination that does not answer.
func (w *Workflow) hold(ctx context.Context, d *store.DeliveryRow, until time.Time, why string) error {
	if d.Error == "" {
		d.Error = why
	}
	if done, err := w.giveUp(ctx, d); done || err != nil {
		return err
	}
	if d.NextAttempt == nil || !d.NextAttempt.Equal(until) {
		d.NextAttempt = &until
		if err := w.fileDelivery(ctx, d, ""); err != nil {
			return err
		}
	}
	return jobs.Snooze(until)
}

// unprovable notes that the destination took the object and will not say that it
// keeps it. That is not delivered.
func (w *Workflow) unprovable(ctx context.Context, d *store.DeliveryRow, reason string, effects ...func(context.Context, *store.Tx) error) error {
	d.State, d.Proof, d.Error, d.NextAttempt = radnode.DeliveryUnprovable, "sent, not provable: "+reason, "", nil
	return w.fileDelivery(ctx, d, d.Proof, effects...)
}

// failed notes a refusal for good.
func (w *Workflow) failed(ctx context.Context, d *store.DeliveryRow, reason string, effects ...func(context.Context, *store.Tx) error) error {
	d.State, d.Error, d.NextAttempt = radnode.DeliveryFailed, reason, nil
	return w.fileDelivery(ctx, d, "failed: "+reason, effects...)
}

// fileDelivery writes where a delivery stands and what that means for its
// study, for what waits behind it and, by effects, for its destination. An
// outcome is audited; a step on the way is not.
func (w *Workflow) fileDelivery(ctx context.Context, d *store.DeliveryRow, outcome string, effects ...func(context.Context, *store.Tx) error) error {
	d.UpdatedAt = w.now()
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.SetDelivery(ctx, d); err != nil {
			return err
		}
		for _, effect := range effects {
			if err := effect(ctx, tx); err != nil {
				return err
			}
		}
		if d.State != radnode.DeliveryQueued {
			if err := w.nextInLine(ctx, tx, d); err != nil {
				return err
			}
		}
		if outcome != "" {
			err := audit.Record(ctx, tx, audit.Event{
				Action: audit.ReportDelivered, Actor: "node", StudyUID: d.StudyInstanceUID, ObjectID: d.ID,
				Failed: d.State == radnode.DeliveryFailed, Detail: d.Peer + ", " + d.Kind + ": " + withoutWords(outcome),
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

// nextInLine brings forward what waited for a delivery to go.
func (w *Workflow) nextInLine(ctx context.Context, tx *store.Tx, d *store.DeliveryRow) error {
	all, err := tx.StudyDeliveries(ctx, d.StudyInstanceUID)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.Peer == d.Peer && o.State == radnode.DeliveryQueued && o.ID != d.ID {
			tx.AfterCommit(func() { w.queue.Wake(w.Now()) })
			return jobs.Enqueue(ctx, tx, deliverJob, o.ID, w.Now())
		}
	}
	return nil
}

func (w *Workflow) deliveryChanged(d *store.DeliveryRow) {
	w.events.publish(radnode.Event{Kind: "delivery", StudyInstanceUID: d.StudyInstanceUID, ID: d.ID})
	w.changed(d.StudyInstanceUID)
}

// isReport reports whether a delivery carries the report itself, in whatever
// class.
func isReport(d *store.DeliveryRow) bool { return d.Kind == report.KindSR }
