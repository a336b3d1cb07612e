package store

import (
	"context"
	"database/sql"
	"sync"

	"github.com/radnode/radnode"
)

// maxBatch bounds how many writes share a transaction, and with it how long
// the first of them waits for the last.
const maxBatch = 256

// Tx is one function's view of the transaction it shares with others. It is
// valid only inside that function.
type Tx struct {
	s       *Store
	tx      *sql.Tx
	stmts   map[string]*sql.Stmt
	touches map[radnode.UID]*Touch
	order   []*Touch
	atEnd   map[string]bool
	last    []func(context.Context, *Tx) error
	after   []func()
}

// Write runs fn inside a transaction shared with whatever else is being
// written, and returns after the commit is on disk. When fn returns an error
// nothing of it is kept and Write returns that error. fn may be called again
// when another write of the transaction failed, so it changes nothing outside
// that a second call does not set anew. fn must not wait for another Write and
// must not use the network.
//
// Write does not return early when ctx ends once fn has begun: the caller
// always learns whether its rows are there.
func (s *Store) Write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	r := &write{ctx: ctx, fn: fn, done: make(chan error, 1)}
	if err := s.writer.submit(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-s.writer.ended:
	}
	select {
	case err := <-r.done:
		return err
	default:
		return radnode.Errorf(radnode.Unavailable, "write", "the store is closed")
	}
}

// query runs one query on the reading pool.
func (s *Store) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	rows, err := s.read.QueryContext(ctx, q, args...)
	return rows, databaseError("read index", err)
}

type write struct {
	ctx  context.Context
	fn   func(context.Context, *Tx) error
	err  error
	done chan error
}

// writer owns the goroutine that writes.
type writer struct {
	queue chan *write
	quit  chan struct{}
	once  sync.Once
	ended chan struct{}
}

func (w *writer) start(s *Store) {
	w.queue = make(chan *write, maxBatch)
	w.quit = make(chan struct{})
	w.ended = make(chan struct{})
	go w.run(s)
}

// stop lets queued writes finish.
func (w *writer) stop() {
	if w.quit == nil {
		return
	}
	w.once.Do(func() { close(w.quit) })
	<-w.ended
}

func (w *writer) submit(ctx context.Context, r *write) error {
	select {
	case <-w.quit:
		return radnode.Errorf(radnode.Unavailable, "write", "the store is closed")
	default:
	}
	select {
	case w.queue <- r:
		return nil
	case <-w.quit:
		return radnode.Errorf(radnode.Unavailable, "write", "the store is closed")
	case <-ctx.Done():
		return databaseError("write", ctx.Err())
	}
}

func (w *writer) run(s *Store) {
	defer close(w.ended)
	for {
		select {
		case r := <-w.queue:
			s.commit(w.batch(r))
		case <-w.quit:
			w.drain(s)
			return
		}
	}
}

// drain answers what was queued when the store closed. A submit that saw the
// store open may still be on its way; it finds quit closed or is answered here.
func (w *writer) drain(s *Store) {
	for {
		select {
		case r := <-w.queue:
			s.commit(w.batch(r))
		default:
			return
		}
	}
}

// batch is first and whatever has queued up behind it.
func (w *writer) batch(first *write) []*write {
	b := []*write{first}
	for len(b) < maxBatch {
		select {
		case r := <-w.queue:
			b = append(b, r)
		default:
			return b
		}
	}
	return b
}

// maxStatements bounds the prepared statements kept.
const maxStatements = 256

// prepare keeps the statements that the last transaction met for the first
// time. It runs between transactions: the one connection is free then.
func (s *Store) prepare() {
	for _, q := range s.wanted {
		if s.stmts[q] != nil || len(s.stmts) >= maxStatements {
			continue
		}
		st, err := s.write.PrepareContext(context.Background(), q)
		if err != nil {
			s.log.Warn("statement not kept", "query", q, "error", err)
			continue
		}
		s.stmts[q] = st
	}
	s.wanted = s.wanted[:0]
}

// commit runs a batch in one transaction and answers each of its writes.
func (s *Store) commit(batch []*write) {
	after, err := s.transact(batch)
	s.prepare()
	if err == nil {
		s.trace("store.committed")
		for _, fn := range after {
			fn()
		}
	}
	for _, r := range batch {
		if r.err == nil {
			r.err = err
		}
		r.done <- r.err
	}
}

// transact runs the writes of a batch in one transaction. When one of them
// fails, the transaction starts anew without it: a savepoint for each would
// cost every write two statements to spare a rare one a second run.
func (s *Store) transact(batch []*write) (after []func(), err error) {
	for {
		failed := false
		after, failed, err = s.attempt(batch)
		if !failed || err != nil {
			return after, err
		}
	}
}

// attempt runs the writes that have not failed. failed: one of them did now,
// and nothing is kept. An error spoils the whole batch.
func (s *Store) attempt(batch []*write) (after []func(), failed bool, err error) {
	// The batch belongs to several callers: no single one's context ends it.
	ctx := context.Background()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, false, databaseError("begin", err)
	}
	t := &Tx{s: s, tx: tx, stmts: map[string]*sql.Stmt{}, touches: map[radnode.UID]*Touch{}, atEnd: map[string]bool{}}
	failed, err = t.runAll(ctx, batch)
	if failed || err != nil {
		_ = tx.Rollback() // SQLite may have done so already
		return nil, failed, err
	}
	s.trace("store.commit")
	if err := tx.Commit(); err != nil {
		return nil, false, databaseError("commit", err)
	}
	return t.after, false, nil
}

func (t *Tx) runAll(ctx context.Context, batch []*write) (failed bool, err error) {
	for _, r := range batch {
		if r.err != nil {
			continue // failed before
		}
		if r.err = r.ctx.Err(); r.err == nil {
			r.err = r.fn(ctx, t)
		}
		if r.err == nil {
			continue
		}
		r.err = databaseError("write", r.err)
		if spoils[radnode.CodeOf(r.err)] {
			return true, r.err
		}
		return true, nil
	}
	return false, t.finish(ctx)
}

// spoils are the errors that the next write of the batch would meet too.
var spoils = map[radnode.Code]bool{radnode.NoResources: true, radnode.Unavailable: true}

// finish runs what the batch gathered: first the studies, then AtEnd.
func (t *Tx) finish(ctx context.Context) error {
	for _, touch := range t.order {
		if err := t.flush(ctx, touch); err != nil {
			return err
		}
	}
	for _, fn := range t.last {
		if err := fn(ctx, t); err != nil {
			return databaseError("write", err)
		}
	}
	return nil
}

// AtEnd runs fn once in this transaction, after all of its writes and however
// many of them ask for the same key. A write calls it as its last act. An
// error of fn undoes the whole transaction.
func (t *Tx) AtEnd(key string, fn func(context.Context, *Tx) error) {
	if !t.atEnd[key] {
		t.atEnd[key] = true
		t.last = append(t.last, fn)
	}
}

// AfterCommit runs fn after the transaction is on disk and before Write
// returns. fn must not block.
func (t *Tx) AfterCommit(fn func()) { t.after = append(t.after, fn) }

// statement prepares q once per connection and binds it once per transaction.
func (t *Tx) statement(ctx context.Context, q string) (*sql.Stmt, error) {
	if st := t.stmts[q]; st != nil {
		return st, nil
	}
	if st := t.s.stmts[q]; st != nil {
		bound := t.tx.StmtContext(ctx, st)
		t.stmts[q] = bound
		return bound, nil
	}
	bound, err := t.tx.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	t.stmts[q] = bound
	t.s.wanted = append(t.s.wanted, q)
	return bound, nil
}

// ExecContext runs a statement; it is prepared once and kept.
func (t *Tx) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	st, err := t.statement(ctx, q)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// QueryContext runs a query; close the rows before the next statement.
func (t *Tx) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	st, err := t.statement(ctx, q)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// QueryRowContext runs a query that gives at most one row.
func (t *Tx) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	st, err := t.statement(ctx, q)
	if err != nil {
		// Row carries no error of its own; the same text run unprepared gives it.
		return t.tx.QueryRowContext(ctx, q, args...)
	}
	return st.QueryRowContext(ctx, args...)
}
