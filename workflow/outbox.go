package workflow

import (
	"context"
	"fmt"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// Outbox lists the deliveries of all reports, those that wait longest first.
func (w *Workflow) Outbox(ctx context.Context, f radnode.DeliveryFilter) ([]radnode.Delivery, int, error) {
	return w.store.Outbox(ctx, f)
}

// maxRetried bounds the deliveries that one call tries again.
const maxRetried = 10000

// Retry tries deliveries that failed, wait or could not be proved again at once;
// nil means all of them. It says how many there are.
func (w *Workflow) Retry(ctx context.Context, user radnode.User, ids []string) (int, error) {
	const op = "retry delivery"
	if user.Disabled || user.Role == radnode.Service {
		return 0, radnode.Errorf(radnode.Forbidden, op, "only people may retry a delivery")
	}
	at := now()
	n := 0
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n = 0
		all := ids == nil
		if all {
			var err error
			if ids, err = tx.Undelivered(ctx, maxRetried); err != nil {
				return err
			}
		}
		for _, id := range ids {
			if err := w.retry(ctx, tx, user, id); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err == nil {
		w.queue.Wake(at)
	}
	return n, err
}

// retry begins a new series of attempts.
func (w *Workflow) retry(ctx context.Context, tx *store.Tx, user radnode.User, id string) error {
	d, err := tx.Delivery(ctx, id)
	if err != nil {
		return err
	}
	at := now()
	switch d.State {
	case radnode.DeliveryProven:
		return radnode.Errorf(radnode.Conflict, "retry delivery", "the delivery to %s is proved already", d.Peer)
	case radnode.DeliveryFailed:
		d.State = radnode.DeliveryQueued
	case radnode.DeliveryUnprovable:
		d.State = radnode.DeliverySent
	}
	d.Proof, d.Error, d.NextAttempt, d.StartedAt, d.UpdatedAt = "", "", &at, at, at
	if err := tx.SetDelivery(ctx, &d); err != nil {
		return err
	}
	if err := jobs.Enqueue(ctx, tx, deliverJob, d.ID, at); err != nil {
		return err
	}
	err = audit.Record(ctx, tx, audit.Event{Action: audit.DeliveryRetried, Actor: user.Name, StudyUID: d.StudyInstanceUID, ObjectID: d.ID, Detail: d.Peer})
	if err != nil {
		return err
	}
	tx.AfterCommit(func() { w.deliveryChanged(&d) })
	return w.stand(ctx, tx, d.StudyInstanceUID)
}

// Destinations lists where signed reports go, and how that fares.
func (w *Workflow) Destinations(ctx context.Context) ([]radnode.Destination, error) {
	peers, err := w.store.Peers(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := w.store.DeliveryCounts(ctx)
	if err != nil {
		return nil, err
	}
	out := []radnode.Destination{}
	for _, p := range peers {
		if len(p.Deliver) == 0 && counts[p.Name] == nil {
			continue
		}
		out = append(out, radnode.Destination{
			Name: p.Name, Kind: "dimse", Address: fmt.Sprintf("%s@%s:%d", p.AETitle, p.Host, p.Port), Deliver: append([]string{}, p.Deliver...),
			Breaker: radnode.Breaker{State: radnode.BreakerClosed}, Deliveries: counts[p.Name], Learned: []string{},
		})
	}
	return out, nil
}
