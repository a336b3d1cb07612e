// Package jobs is the durable queue of the node. Its table lives in the same
// database as the index, so that a row and the job it calls for are committed
// together.
//
// A job is a kind and a key (a study, a delivery) and exists at most once.
// Asking for it again while it waits changes nothing unless it is wanted
// earlier; asking for it while it runs makes it run once more afterwards,
// because the running one may not have seen what was new. A handler may be started again after a crash with the
// work already done: handlers are idempotent. A job that is done has no row;
// what came of it stands with the study or delivery it was for.
//
// # Why not a queue library
//
// River with its SQLite driver was measured first (one core of the machine
// that the figures of docs/ come from): 242 µs for inserting a unique job
// inside a transaction against 4 µs for the upsert here, 4 % of a core when
// idle because it polls with writes, and its unique jobs cannot be asked for
// again while they run. The ingest path adds a job to the transaction of each
// group commit, so the first figure alone would have halved the node's rate.
package jobs

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/radnode/radnode"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of the queue in goose's format.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

// Tx is a transaction on the queue's database.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Reader reads the queue's database.
type Reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Job is one piece of work.
type Job struct {
	Kind       string
	Key        string
	Attempts   int       // failed attempts before this one
	Crashes    int       // how often the node ended during an attempt, since one came to its end
	Error      string    // of the last attempt
	CreatedAt  time.Time // when it was first asked for
	generation int64
	runAt      int64
}

// Enqueue asks for a job at a time, as part of a transaction. Wake the queue
// after the commit. A job that waits already is brought forward if it is due
// later, and otherwise left alone without a write: what it will find when it
// runs includes this transaction.
func Enqueue(ctx context.Context, tx Tx, kind, key string, at time.Time) error {
	now := time.Now().UnixMicro()
	_, err := tx.ExecContext(ctx, `INSERT INTO jobs (kind, job_key, state, run_at, generation, attempts, error, owner, created_at, updated_at)
  VALUES ($1, $2, 'queued', $3, 1, 0, '', '', $4, $5) ON CONFLICT (kind, job_key) DO UPDATE SET
  run_at = CASE WHEN excluded.run_at < jobs.run_at THEN excluded.run_at ELSE jobs.run_at END,
  generation = jobs.generation + 1, attempts = 0, updated_at = excluded.updated_at
  WHERE jobs.state = 'running' OR jobs.attempts > 0 OR excluded.run_at < jobs.run_at`, kind, key, at.UnixMicro(), now, now)
	return err
}

// Cancel takes back a job that does not run yet.
func Cancel(ctx context.Context, tx Tx, kind, key string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE kind = $1 AND job_key = $2 AND state = 'queued'`, kind, key)
	return err
}

// MaxCrashes is how often the node may end during a job's attempts before the
// job is taken for the cause. Its handler then files why it is given up; it is
// called once more for that.
const MaxCrashes = 10

// Handler does a job. nil: done. Snooze: not yet. Any other error: failed,
// again after the kind's back-off, without end: a handler that gives up files
// that outcome itself and returns nil. The end of ctx puts the job back.
type Handler func(ctx context.Context, job Job) error

// snooze is the error by which a handler asks to be called later.
type snooze struct {
	until  time.Time
	reason error
}

func (s *snooze) Error() string { return fmt.Sprintf("snoozed until %s", s.until.Format(time.RFC3339)) }

func (s *snooze) Unwrap() error { return s.reason }

// Snooze ends a handler without an attempt being counted; the job runs again
// at the given time, or earlier if it is asked for.
func Snooze(until time.Time) error { return &snooze{until: until} }

// Again ends a handler as failed; the job runs again at the given time instead
// of after the kind's back-off.
func Again(at time.Time, reason error) error { return &snooze{until: at, reason: reason} }

// finish writes what became of an attempt.
func finish(ctx context.Context, tx Tx, job Job, outcome error, backoff func(int) time.Duration, now time.Time) error {
	var s *snooze
	switch {
	case outcome == nil:
		return done(ctx, tx, job, now)
	case errors.As(outcome, &s) && s.reason == nil:
		return putBack(ctx, tx, job, s.until, job.Attempts, job.Error, now)
	case errors.As(outcome, &s):
		return putBack(ctx, tx, job, s.until, job.Attempts+1, radnode.MessageOf(s.reason), now)
	}
	return putBack(ctx, tx, job, now.Add(backoff(job.Attempts+1)), job.Attempts+1, radnode.MessageOf(outcome), now)
}

// done removes the job, or lets it run again if it was asked for meanwhile.
func done(ctx context.Context, tx Tx, job Job, now time.Time) error {
	res, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE kind = $1 AND job_key = $2 AND generation = $3`, job.Kind, job.Key, job.generation)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE jobs SET state = 'queued', owner = '', error = '', crashes = 0, created_at = $1, updated_at = $2 WHERE kind = $3 AND job_key = $4`,
		now.UnixMicro(), now.UnixMicro(), job.Kind, job.Key)
	return err
}

// putBack queues the job again. If it was asked for meanwhile, that time and
// fresh count of attempts stand.
func putBack(ctx context.Context, tx Tx, job Job, at time.Time, attempts int, text string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'queued', owner = '', crashes = 0, error = $1, updated_at = $2,
  run_at = CASE WHEN generation = $3 THEN $4 ELSE run_at END, attempts = CASE WHEN generation = $5 THEN $6 ELSE attempts END
  WHERE kind = $7 AND job_key = $8`, text, now.UnixMicro(), job.generation, at.UnixMicro(), job.generation, attempts, job.Kind, job.Key)
	return err
}

// Keys lists the keys of a kind's jobs; the ledger compares them with the
// work that is still open.
func Keys(ctx context.Context, db Reader, kind string) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, `SELECT job_key FROM jobs WHERE kind = $1`, kind)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	keys := map[string]bool{}
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return nil, err
		}
		keys[k] = true
	}
	return keys, rows.Err()
}
