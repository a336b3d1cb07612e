package workflow

import (
	"context"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// A destination that does not answer is not called for each of its deliveries:
// after breakAfter failures in a row its circuit breaker opens, and everything
// for it waits. When the pause is over one delivery is let through (half open);
// its outcome closes the breaker or opens it for longer. The state is in the
// database, so that a restart neither forgets nor repeats it.
const breakAfter = 3

// blocked says until when a destination is not called, and why; the zero time
// lets one through. Of the deliveries that ask when the pause is over, one is
// let through; the lease that the others wait for ends after its attempt's
// time, should the node end meanwhile.
func (w *Workflow) blocked(ctx context.Context, peer string) (until time.Time, why string, err error) {
	all, err := w.store.Breakers(ctx)
	if err != nil {
		return until, "", err
	}
	open := false
	for _, b := range all {
		open = open || b.Peer == peer && b.Failures >= breakAfter
	}
	if !open {
		return until, "", nil
	}
	err = w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		until, why = time.Time{}, ""
		b, err := tx.Breaker(ctx, peer)
		if err != nil || b.Failures < breakAfter {
			return err
		}
		now := w.now()
		if b.Next.After(now) {
			until, why = b.Next, "waits for the destination, which does not answer: "+b.Reason
			return nil
		}
		b.Probing, b.Next = true, now.Add(w.DeliveryTimeout)
		return tx.SetBreaker(ctx, b)
	})
	return until, why, err
}

// unanswered is the effect of a failed call on the breaker of a destination.
func (w *Workflow) unanswered(peer, reason string) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		b, err := tx.Breaker(ctx, peer)
		if err != nil {
			return err
		}
		now := w.now()
		if b.Failures == 0 {
			b.Since = now
		}
		b.Failures++
		b.Reason, b.Probing, b.Next = reason, false, now.Add(w.deliveryPause(b.Failures))
		return tx.SetBreaker(ctx, b)
	}
}

// answered is the effect of any answer on the breaker of a destination: it is
// closed, and what waited goes on.
func (w *Workflow) answered(peer string) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		b, err := tx.Breaker(ctx, peer)
		if err != nil || b.Failures == 0 {
			return err
		}
		if err := tx.SetBreaker(ctx, store.Breaker{Peer: peer}); err != nil || b.Failures < breakAfter {
			return err
		}
		return w.wakeAll(ctx, tx, peer)
	}
}

// wakeAll brings forward every delivery that waits for a destination.
func (w *Workflow) wakeAll(ctx context.Context, tx *store.Tx, peer string) error {
	waiting, err := tx.Waiting(ctx, peer)
	if err != nil {
		return err
	}
	for _, id := range waiting {
		if err := jobs.Enqueue(ctx, tx, deliverJob, id, w.Now()); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { w.queue.Wake(w.Now()) })
	return nil
}

// callNow lets the next delivery through to a destination that did not answer:
// somebody says that it is back.
func (w *Workflow) callNow(ctx context.Context, tx *store.Tx, peer string) error {
	b, err := tx.Breaker(ctx, peer)
	if err != nil || b.Failures == 0 {
		return err
	}
	b.Next, b.Probing = w.now(), false
	return tx.SetBreaker(ctx, b)
}

// breaker is how the page shows a breaker.
func (w *Workflow) breaker(b store.Breaker) radnode.Breaker {
	out := radnode.Breaker{State: radnode.BreakerClosed, Failures: b.Failures, Reason: b.Reason}
	if b.Failures == 0 {
		return out
	}
	out.Since = &b.Since
	if b.Failures >= breakAfter {
		out.State, out.Next = radnode.BreakerOpen, &b.Next
		if b.Probing {
			out.State = radnode.BreakerHalfOpen
		}
	}
	return out
}
