package workflow

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"

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
	at := w.now()
	n := 0
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n = 0
		wanted := ids
		if ids == nil {
			var err error
			if wanted, err = tx.Undelivered(ctx, maxRetried); err != nil {
				return err
			}
		}
		for _, id := range wanted {
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
	at := w.now()
	switch d.State {
	case radnode.DeliveryProven:
		return radnode.Errorf(radnode.Conflict, "retry delivery", "the delivery to %s is proved already", d.Peer)
	case radnode.DeliveryFailed:
		d.State = radnode.DeliveryQueued
		if err := w.afresh(ctx, tx, &d); err != nil {
			return err
		}
	case radnode.DeliveryUnprovable:
		d.State = radnode.DeliverySent
	}
	d.Proof, d.Error, d.NextAttempt, d.StartedAt, d.UpdatedAt, d.Losses = "", "", &at, at, at, 0
	if err := tx.SetDelivery(ctx, &d); err != nil {
		return err
	}
	if err := w.callNow(ctx, tx, d.Peer); err != nil {
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

// afresh forgets what a destination refused: who retries has changed something.
// A report begins in its best class again.
func (w *Workflow) afresh(ctx context.Context, tx *store.Tx, d *store.DeliveryRow) error {
	if err := tx.ForgetClasses(ctx, d.Peer); err != nil || !isReport(d) {
		return err
	}
	r, err := tx.Report(ctx, d.ReportID)
	if err != nil {
		return err
	}
	d.SOPInstanceUID, d.Note = r.SOPInstanceUID, ""
	return nil
}

// Destinations lists where signed reports go, and how that fares.
func (w *Workflow) Destinations(ctx context.Context) ([]radnode.Destination, error) {
	peers, err := w.store.KnownPeers(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := w.store.DeliveryCounts(ctx)
	if err != nil {
		return nil, err
	}
	breakers, err := w.store.Breakers(ctx)
	if err != nil {
		return nil, err
	}
	out := []radnode.Destination{}
	for _, p := range peers {
		if len(p.Deliver) == 0 && counts[p.Name] == nil {
			continue
		}
		one := radnode.Destination{
			Name: p.Name, Kind: cmp.Or(p.Kind, "dimse"), Address: address(p), Deliver: append([]string{}, p.Deliver...),
			Breaker: radnode.Breaker{State: radnode.BreakerClosed}, Deliveries: counts[p.Name], Learned: learnedOf(classesOf(p.Abilities, w.now())),
		}
		for _, b := range breakers {
			if b.Peer == p.Name {
				one.Breaker = w.breaker(b)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// address is where a destination is.
func address(p radnode.Peer) string {
	switch p.Kind {
	case KindSTOW, KindFHIR:
		return p.URL
	case KindHL7:
		return net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
	}
	return fmt.Sprintf("%s@%s", p.AETitle, net.JoinHostPort(p.Host, strconv.Itoa(p.Port)))
}

// learnedOf tells what the answers of a destination taught.
func learnedOf(classes []radnode.PeerAbility) []string {
	out := []string{}
	for _, c := range classes {
		name := string(c.SOPClassUID)
		for _, r := range ladder {
			if r.class == c.SOPClassUID {
				name = r.name
			}
		}
		verb := "refuses"
		if c.Accepted {
			verb = "takes"
		}
		out = append(out, fmt.Sprintf("it %s %s (%s)", verb, name, c.At.Format("2006-01-02 15:04 MST")))
	}
	return out
}
