package workflow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// Completeness knows what speaks for and against a study being whole beside
// the time that nothing arrived.
type Completeness interface {
	// Quiet is how long nothing must have arrived from a source; 0: the usual
	// time.
	Quiet(source string) time.Duration
	// Judge weighs what is known of a study whose newest image came at a time.
	// ImagesWhole has it read now, ImagesMissing has it wait although nothing
	// arrives, ImagesArriving leaves it to the quiet time.
	Judge(ctx context.Context, study radnode.UID, last time.Time) (radnode.Completeness, error)
}

// missingCheck is how often a study is weighed again that waits for images.
const missingCheck = 15 * time.Second

// Hasten has a study weighed now, rather than after its quiet time.
func (w *Workflow) Hasten(ctx context.Context, study radnode.UID) error {
	at := w.Now()
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return jobs.Enqueue(ctx, tx, analyzeJob, string(study), at)
	})
	if err == nil {
		w.queue.Wake(at)
	}
	return err
}

// quietOf is how long nothing must have arrived from a source.
func (w *Workflow) quietOf(source string) time.Duration {
	if w.Completeness != nil {
		if own := w.Completeness.Quiet(source); own > 0 {
			return own
		}
	}
	return w.Quiet
}

// whole decides whether a study counts as whole, and if not, when to look
// again. There is no end of a study in the storage service: all evidence may be
// wrong, and a late image re-opens it.
func (w *Workflow) whole(ctx context.Context, pending []store.Record, job jobs.Job) (c radnode.Completeness, again time.Time, err error) {
	newest := slices.MaxFunc(pending, func(a, b store.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	var quiet time.Time
	patience := w.Patience
	for _, r := range pending {
		own := w.quietOf(r.Source)
		if at := r.ReceivedAt.Add(own); at.After(quiet) {
			quiet = at
		}
		if own != w.Quiet {
			patience = max(patience, own) // a device that needs longer than the usual patience gets it
		}
	}
	latest := job.CreatedAt.Add(patience)
	c = radnode.Completeness{State: radnode.ImagesArriving, Reason: store.ArrivingReason, Evidence: []string{}}
	if w.Completeness != nil {
		if c, err = w.Completeness.Judge(ctx, newest.StudyInstanceUID, newest.ReceivedAt); err != nil {
			return c, again, err
		}
	}
	now := w.Now()
	switch {
	case c.State == radnode.ImagesWhole:
	case !now.Before(latest):
		c.Reason = fmt.Sprintf("it is read after %s although images may be missing (%s)", patience, c.Reason)
		c.State = radnode.ImagesWhole
	case c.State == radnode.ImagesMissing:
		again = now.Add(missingCheck)
	case !now.Before(quiet):
		c.State, c.Reason = radnode.ImagesWhole, fmt.Sprintf("nothing arrived for %s", quiet.Sub(newest.ReceivedAt).Round(time.Millisecond))
		c.Evidence = append(c.Evidence, c.Reason)
	default:
		again = quiet
	}
	if again.After(latest) {
		again = latest
	}
	return c, again, nil
}

// sayCompleteness shows what was decided, once.
func (w *Workflow) sayCompleteness(ctx context.Context, study radnode.UID, c radnode.Completeness) error {
	known, err := w.store.Completeness(ctx, study)
	if err != nil || known.State == c.State && known.Reason == c.Reason && known.Here == c.Here && slices.Equal(known.Evidence, c.Evidence) {
		return err
	}
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		changed, err := tx.SetCompleteness(ctx, study, c)
		if err != nil || !changed {
			return err
		}
		tx.AfterCommit(func() { w.changed(study) })
		if c.State == radnode.ImagesWhole {
			return nil
		}
		return tx.SetState(ctx, study, radnode.Arriving, c.Reason)
	})
}
