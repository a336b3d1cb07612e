package workflow

import (
	"context"
	"slices"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// Completeness knows what speaks for a study being whole before it has been quiet
// for long enough.
type Completeness interface {
	// Whole says in one sentence why a study is whole whose newest image came
	// at a time; "": nothing says so.
	Whole(ctx context.Context, study radnode.UID, last time.Time) (reason string, err error)
}

// Hasten has a study read now if there is evidence that it is whole, rather
// than after its quiet time.
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

// wait is until when a study is given time for more images, and else why it
// counts as whole.
func (w *Workflow) wait(ctx context.Context, pending []store.Record, job jobs.Job) (until time.Time, reason string, err error) {
	quiet := w.quietAt(pending, job)
	if !w.Now().Before(quiet) {
		return time.Time{}, "nothing arrived for a while", nil
	}
	if w.Completeness == nil {
		return quiet, "", nil
	}
	newest := slices.MaxFunc(pending, func(a, b store.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	reason, err = w.Completeness.Whole(ctx, newest.StudyInstanceUID, newest.ReceivedAt)
	return quiet, reason, err
}
