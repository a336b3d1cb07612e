package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
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
// must not use the network. It may run in the goroutine of another Write.
//
// Write does not return early when ctx ends once fn has begun: the caller
// always learns whether its rows are there.
func (s *Store) Write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return s.enter(&write{ctx: ctx, fn: fn, turn: make(chan bool, 1)})
}

// WriteFile is Write for rows that name a finished file: the file is durable
// before the commit.
func (s *Store) WriteFile(ctx context.Context, f *File, fn func(context.Context, *Tx) error) error {
	if s.journal.takes(f) {
		if !s.writer.idle() { // nobody else waits for this file to be made
			if err := f.place(); err != nil {
				return err
			}
		}
		return s.enter(&write{ctx: ctx, fn: fn, file: f, small: true, turn: make(chan bool, 1)})
	}
	if !s.writer.idle() {
		// Others commit meanwhile, and take this one along once it is ready.
		if err := f.sync(); err != nil {
			return err
		}
		return s.Write(ctx, fn)
	}
	f.work.Go(func() { f.failed = f.sync() })
	return s.enter(&write{ctx: ctx, fn: fn, file: f, turn: make(chan bool, 1)})
}

// enter has a write committed, with others or for them.
func (s *Store) enter(r *write) error {
	leads, err := s.writer.join(r)
	if err != nil {
		return err
	}
	if leads || <-r.turn {
		batch := s.writer.batch()
		s.commit(batch)
		s.writer.pass()
		for _, other := range batch {
			if other != r {
				other.turn <- false
			}
		}
	}
	return r.err
}

// ExecContext runs one statement as a Write, for packages that keep tables of
// their own in the same database.
func (s *Store) ExecContext(ctx context.Context, q string, args ...any) (res sql.Result, err error) {
	err = s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		res, err = tx.ExecContext(ctx, q, args...)
		return err
	})
	return res, err
}

// query runs one query on the reading pool.
func (s *Store) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	rows, err := s.read.QueryContext(ctx, q, args...)
	return rows, databaseError("read index", err)
}

type write struct {
	ctx   context.Context
	fn    func(context.Context, *Tx) error
	file  *File // to be durable before the commit; nil: none
	small bool  // by way of the journal
	err   error
	turn  chan bool // true: commit what has queued up; false: it is done
}

// writer lets one goroutine at a time commit: the first that comes, for itself
// and for whoever comes before it begins. Those that come while it is at it
// queue up, and the first of them commits for the rest. A goroutine of its own
// would cost each lone write two changes of threads.
type writer struct {
	mu     sync.Mutex
	queue  []*write
	busy   bool
	closed bool
	ended  chan struct{} // made by stop, closed when the last write is done
}

// join queues a write. leads: it is for the caller to commit.
func (w *writer) join(r *write) (leads bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false, radnode.Errorf(radnode.Unavailable, "write", "the store is closed")
	}
	w.queue = append(w.queue, r)
	leads = !w.busy
	w.busy = true
	return leads, nil
}

// batch takes what has queued up.
func (w *writer) batch() []*write {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), maxBatch)
	b := w.queue[:n:n]
	w.queue = w.queue[n:]
	return b
}

// pass has the first of those that queued up meanwhile commit next.
func (w *writer) pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.queue) > 0:
		w.queue[0].turn <- true
		return
	case w.closed:
		close(w.ended)
	}
	w.busy, w.queue = false, nil
}

func (w *writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.busy
}

// stop refuses new writes and lets queued ones finish.
func (w *writer) stop() {
	w.mu.Lock()
	first := !w.closed
	if first {
		w.closed, w.ended = true, make(chan struct{})
		if !w.busy {
			close(w.ended)
		}
	}
	w.mu.Unlock()
	<-w.ended
}

// commit runs a batch in one transaction and settles each of its writes.
func (s *Store) commit(batch []*write) {
	s.secure(batch)
	after, err := s.transact(batch)
	s.noteWrite(err)
	if err == nil {
		s.trace("store.committed")
		for _, fn := range after {
			_ = s.guard(func() error { fn(); return nil })
		}
	}
	for _, r := range batch {
		if r.err == nil {
			r.err = err
		}
		if r.small {
			r.file.work.Wait() // one at a time uses the journal
		}
	}
}

// secure begins to make the small files of a batch durable.
func (s *Store) secure(batch []*write) {
	var files []*File
	for _, r := range batch {
		if r.small {
			files = append(files, r.file)
			r.file.work.Add(1)
		}
	}
	if len(files) == 0 {
		return
	}
	go func() {
		err := s.journal.append(files)
		if err != nil && !errors.Is(err, errJournalFull) {
			s.log.Warn("the journal cannot be written; files are synced one by one", "error", err)
		}
		for _, f := range files {
			if err == nil {
				f.work.Done()
				continue
			}
			go func() {
				defer f.work.Done()
				f.failed = f.sync()
			}()
		}
	}()
}

// guard runs what a caller of Write brought along. A panic in it is its own
// failure: the goroutine may be another caller's, and others wait for it.
func (s *Store) guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in a write", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = radnode.Errorf(radnode.Internal, "write", "panic: %v", p)
		}
	}()
	return call()
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
	if err := s.index.check(); err != nil {
		return nil, false, err
	}
	t := &Tx{s: s, touches: map[radnode.UID]*Touch{}, atEnd: map[string]bool{}}
	// database/sql's own transactions would cost each lone write two more
	// goroutines and a copy of each statement.
	if _, err := t.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, false, databaseError("begin", err)
	}
	failed, err = t.runAll(ctx, batch)
	if !failed && err == nil {
		s.trace("store.commit")
		if _, err = t.ExecContext(ctx, "COMMIT"); err == nil {
			// What was committed to a file that had gone by then is lost with it.
			return t.after, false, s.index.check()
		}
		err = databaseError("commit", err)
	}
	_, _ = t.ExecContext(ctx, "ROLLBACK") // SQLite may have done so already
	return nil, failed, err
}

func (t *Tx) runAll(ctx context.Context, batch []*write) (failed bool, err error) {
	for _, r := range batch {
		if r.err != nil {
			continue // failed before
		}
		r.err = r.ctx.Err()
		if r.err == nil && r.small {
			r.err = r.file.place()
		}
		if r.err == nil {
			r.err = t.s.guard(func() error { return r.fn(asked{ctx, r.ctx}, t) })
		}
		if r.err != nil {
			return true, r.spoils()
		}
	}
	if err := t.finish(ctx); err != nil {
		return false, err
	}
	for _, r := range batch {
		if r.err != nil || r.file == nil {
			continue
		}
		if r.err = r.file.settle(); r.err != nil {
			return true, r.spoils()
		}
	}
	return false, nil
}

// spoils gives the error of a write a code. It returns it if the other writes
// of the batch would meet it too.
func (r *write) spoils() error {
	r.err = databaseError("write", r.err)
	if spoils[radnode.CodeOf(r.err)] {
		return r.err
	}
	return nil
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
		if err := t.s.guard(func() error { return fn(ctx, t) }); err != nil {
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

// maxStatements bounds the prepared statements kept.
const maxStatements = 256

// statement prepares q once.
func (t *Tx) statement(ctx context.Context, q string) (*sql.Stmt, error) {
	kept := t.s.stmts
	if st := kept[q]; st != nil {
		return st, nil
	}
	st, err := t.s.writing.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	for other, old := range kept {
		if len(kept) < maxStatements {
			break
		}
		_ = old.Close() // at worst its memory stays until the store is closed
		delete(kept, other)
	}
	kept[q] = st
	return st, nil
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
		return t.s.writing.QueryRowContext(ctx, q, args...)
	}
	return st.QueryRowContext(ctx, args...)
}

// asked is the context of a transaction of many with the values of the request
// that one of them came with.
type asked struct {
	context.Context
	request context.Context
}

func (a asked) Value(key any) any {
	if v := a.Context.Value(key); v != nil {
		return v
	}
	return a.request.Value(key)
}
