package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/radnode/radnode"
)

// Options say what a queue works with.
type Options struct {
	// Write runs fn in a transaction and returns after its commit.
	Write func(ctx context.Context, fn func(context.Context, Tx) error) error
	Read  *sql.DB
	// Owner names this node among those that share the database.
	Owner string
	Log   *slog.Logger
	// Trace is told the name of each durable step; tests end the process there.
	Trace func(step string)
	// Now is the clock; nil: time.Now. One that is set forward needs a Wake.
	Now func() time.Time
}

// Kind says how jobs of one kind are worked.
type Kind struct {
	Name    string
	Handler Handler
	Workers int
	Timeout time.Duration           // of one attempt
	Backoff func(int) time.Duration // after the n-th failed attempt; nil: Backoff
}

// Queue works the jobs of its kinds.
type Queue struct {
	opts   Options
	kinds  []*lane
	wake   chan struct{}
	target atomic.Int64 // when the dispatcher looks again, in microseconds
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// lane is a kind with the state of its workers. Only the dispatcher counts.
type lane struct {
	Kind
	free atomic.Int64
}

// lookAgain is how often the queue looks for jobs that another process put
// there; its own are announced by Wake.
const lookAgain = 2 * time.Second

// New makes a queue; Start sets it to work.
func New(opts Options, kinds ...Kind) *Queue {
	q := &Queue{opts: opts, wake: make(chan struct{}, 1)}
	if q.opts.Log == nil {
		q.opts.Log = slog.New(slog.DiscardHandler)
	}
	if q.opts.Trace == nil {
		q.opts.Trace = func(string) {}
	}
	if q.opts.Now == nil {
		q.opts.Now = time.Now
	}
	for _, k := range kinds {
		if k.Backoff == nil {
			k.Backoff = Backoff
		}
		l := &lane{Kind: k}
		l.free.Store(int64(max(1, k.Workers)))
		q.kinds = append(q.kinds, l)
	}
	return q
}

// Backoff doubles from two seconds to ten minutes, with a fifth of jitter so
// that many jobs that failed together do not come back together.
func Backoff(attempt int) time.Duration {
	d := 10 * time.Minute
	if attempt < 9 {
		d = min(d, 2*time.Second<<max(0, attempt-1))
	}
	return Jitter(d)
}

// Jitter varies d by up to a tenth either way.
func Jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // no secret
}

// Start puts back what this node ran when it ended, and begins to work.
func (q *Queue) Start(ctx context.Context) error {
	now := q.opts.Now()
	err := q.opts.Write(ctx, func(ctx context.Context, tx Tx) error {
		// The attempt does not count as failed: what may be dangerous to the
		// process (pixels, models) runs in processes of its own, so that the end
		// of the node was hardly this job's doing. One that is at work again
		// and again when the node ends waits ever longer, by two seconds each
		// time, and is given up by its handler.
		_, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'queued', owner = '', error = 'the node ended during the attempt',
  crashes = crashes + 1, run_at = CASE WHEN crashes < 5 THEN run_at ELSE $1 + (crashes - 4) * 2000000 END, updated_at = $2
  WHERE state = 'running' AND owner = $3`, now.UnixMicro(), now.UnixMicro(), q.opts.Owner)
		return err
	})
	if err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	ctx, q.cancel = context.WithCancel(context.WithoutCancel(ctx))
	q.done.Add(1)
	go q.dispatch(ctx)
	return nil
}

// Stop ends the running handlers' contexts, waits for them, and puts their
// jobs back.
func (q *Queue) Stop() {
	if q.cancel != nil {
		q.cancel()
		q.done.Wait()
	}
}

// Wake tells the queue that a job is due at a time.
func (q *Queue) Wake(at time.Time) {
	if at.UnixMicro() < q.target.Load() {
		q.signal()
	}
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it has been told
	}
}

func (q *Queue) dispatch(ctx context.Context) {
	defer q.done.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		// Until the round is over every Wake counts: it may come after the look.
		q.target.Store(int64(^uint64(0) >> 1))
		next := q.round(ctx)
		q.target.Store(next.UnixMicro())
		timer.Reset(next.Sub(q.opts.Now()))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-q.wake:
		}
	}
}

// round starts what is due and returns when to look again.
func (q *Queue) round(ctx context.Context) time.Time {
	next := q.opts.Now().Add(lookAgain)
	for _, l := range q.kinds {
		free := l.free.Load()
		if free <= 0 {
			continue // a finished handler signals
		}
		at, err := q.start(ctx, l, int(free))
		if err != nil && ctx.Err() == nil {
			q.opts.Log.Error("queue cannot look for jobs", "kind", l.Name, "error", err)
		}
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// start claims due jobs of a kind and runs them. It returns the time of the
// first job that is not due.
func (q *Queue) start(ctx context.Context, l *lane, free int) (next time.Time, err error) {
	waiting, err := q.waiting(ctx, l.Name, free+1)
	if err != nil {
		return next, err
	}
	now := q.opts.Now()
	var due []Job
	for _, j := range waiting {
		switch at := time.UnixMicro(j.runAt); {
		case at.After(now):
			next = at
		case len(due) < free:
			due = append(due, j)
			continue
		}
		break
	}
	if len(due) == 0 {
		return next, nil
	}
	claimed, err := q.claim(ctx, due)
	for _, j := range claimed {
		l.free.Add(-1)
		q.done.Add(1)
		go q.work(ctx, l, j)
	}
	return next, err
}

func (q *Queue) waiting(ctx context.Context, kind string, limit int) ([]Job, error) {
	rows, err := q.opts.Read.QueryContext(ctx, `SELECT job_key, run_at, generation, attempts, crashes, error, created_at FROM jobs
  WHERE kind = $1 AND state = 'queued' ORDER BY run_at LIMIT $2`, kind, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	var all []Job
	for rows.Next() {
		j := Job{Kind: kind}
		var created int64
		if err := rows.Scan(&j.Key, &j.runAt, &j.generation, &j.Attempts, &j.Crashes, &j.Error, &created); err != nil {
			return nil, err
		}
		j.CreatedAt = time.UnixMicro(created)
		all = append(all, j)
	}
	return all, rows.Err()
}

// claim marks jobs as running. One that changed since it was read is left for
// the next round.
func (q *Queue) claim(ctx context.Context, due []Job) ([]Job, error) {
	var claimed []Job
	now := q.opts.Now()
	err := q.opts.Write(ctx, func(ctx context.Context, tx Tx) error {
		claimed = claimed[:0]
		for _, j := range due {
			res, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'running', owner = $1, updated_at = $2
  WHERE kind = $3 AND job_key = $4 AND state = 'queued' AND generation = $5`, q.opts.Owner, now.UnixMicro(), j.Kind, j.Key, j.generation)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n == 1 {
				claimed = append(claimed, j)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	q.opts.Trace("job.claimed")
	return claimed, nil
}

// work runs one attempt and files its outcome.
func (q *Queue) work(ctx context.Context, l *lane, job Job) {
	defer q.done.Done()
	defer func() {
		l.free.Add(1)
		q.signal()
	}()
	outcome := q.attempt(ctx, l, job)
	if outcome != nil && ctx.Err() != nil {
		outcome = Snooze(q.opts.Now()) // the node stops: nobody's failure
	}
	var s *snooze
	if outcome != nil && !errors.As(outcome, &s) {
		q.opts.Log.Warn("job failed", "kind", job.Kind, "key", job.Key, "attempt", job.Attempts+1, "error", outcome)
	}
	q.opts.Trace("job.handled")
	q.file(ctx, l, job, outcome)
	q.opts.Trace("job.finished")
}

// attempt calls the handler with its time-out; a panic is a failed attempt.
func (q *Queue) attempt(ctx context.Context, l *lane, job Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.opts.Log.Error("job panicked", "kind", job.Kind, "key", job.Key, "panic", p, "stack", string(debug.Stack()))
			err = radnode.Errorf(radnode.Internal, "run "+job.Kind, "panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	return l.Handler(ctx, job)
}

// file writes the outcome, and keeps trying while the database refuses: until
// then the job counts as running and nobody else takes it.
func (q *Queue) file(ctx context.Context, l *lane, job Job, outcome error) {
	for n := 1; ; n++ {
		// The outcome is filed even when the node stops.
		err := q.opts.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx Tx) error {
			return finish(ctx, tx, job, outcome, l.Backoff, q.opts.Now())
		})
		if err == nil {
			return
		}
		q.opts.Log.Error("outcome of a job not written; trying again", "kind", job.Kind, "key", job.Key, "error", err)
		select {
		case <-time.After(min(Backoff(n), 30*time.Second)):
		case <-ctx.Done():
			return // the next start finds it running and puts it back
		}
	}
}
