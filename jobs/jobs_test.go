package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite"

	"github.com/radnode/radnode/jobs"
)

// database is the queue's tables in a file.
type database struct {
	*sql.DB
	mu     sync.Mutex
	broken atomic.Bool
}

func mustOpen(tb testing.TB) *database {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(tb.TempDir(), "jobs.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	p, err := goose.NewProvider(goose.DialectSQLite3, db, jobs.Migrations())
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := p.Up(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return &database{DB: db}
}

func (d *database) write(ctx context.Context, fn func(context.Context, jobs.Tx) error) error {
	if d.broken.Load() {
		return errors.New("disk full")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (d *database) enqueue(tb testing.TB, q *jobs.Queue, key string, at time.Time) {
	tb.Helper()
	err := d.write(context.Background(), func(ctx context.Context, tx jobs.Tx) error { return jobs.Enqueue(ctx, tx, "work", key, at) })
	if err != nil {
		tb.Fatal(err)
	}
	if q != nil {
		q.Wake(at)
	}
}

// count is the number of jobs with the given state; "" counts all.
func (d *database) count(tb testing.TB, state string) (n int) {
	tb.Helper()
	if err := d.QueryRow(`SELECT COUNT(*) FROM jobs WHERE state LIKE $1`, state+"%").Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

func (d *database) start(tb testing.TB, h jobs.Handler, change ...func(*jobs.Kind)) *jobs.Queue {
	tb.Helper()
	k := jobs.Kind{Name: "work", Handler: h, Workers: 4, Timeout: 10 * time.Second, Backoff: func(int) time.Duration { return time.Millisecond }}
	for _, c := range change {
		c(&k)
	}
	q := jobs.New(jobs.Options{Write: d.write, Read: d.DB, Owner: "me"}, k)
	if err := q.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(q.Stop)
	return q
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not: %s", what)
		}
	}
}

func TestAJobRunsWhenItIsDueAndOnlyOnce(t *testing.T) {
	d := mustOpen(t)
	var mu sync.Mutex
	ran := map[string]int{}
	begin := time.Now()
	var waited time.Duration
	q := d.start(t, func(_ context.Context, j jobs.Job) error {
		mu.Lock()
		defer mu.Unlock()
		ran[j.Key]++
		if j.Key == "later" {
			waited = time.Since(begin)
		}
		return nil
	})
	d.enqueue(t, q, "later", begin.Add(300*time.Millisecond))
	for range 5 {
		d.enqueue(t, q, "now", time.Now().Add(50*time.Millisecond))
	}
	eventually(t, "all done", func() bool { return d.count(t, "") == 0 })
	mu.Lock()
	defer mu.Unlock()
	if ran["now"] != 1 || ran["later"] != 1 || waited < 300*time.Millisecond || waited > 2*time.Second {
		t.Errorf("ran %v, the later one after %v", ran, waited)
	}
}

func TestAJobAskedForWhileItRunsRunsOnceMore(t *testing.T) {
	d := mustOpen(t)
	var n atomic.Int32
	entered, leave := make(chan struct{}, 10), make(chan struct{}, 10)
	q := d.start(t, func(context.Context, jobs.Job) error {
		n.Add(1)
		entered <- struct{}{}
		<-leave
		return nil
	})
	d.enqueue(t, q, "a", time.Now())
	<-entered
	d.enqueue(t, q, "a", time.Now())
	d.enqueue(t, q, "a", time.Now())
	leave <- struct{}{}
	<-entered
	leave <- struct{}{}
	eventually(t, "done", func() bool { return d.count(t, "") == 0 })
	if n.Load() != 2 {
		t.Errorf("ran %d times", n.Load())
	}
}

func TestAnEarlierWishBringsAJobForward(t *testing.T) {
	d := mustOpen(t)
	ran := make(chan struct{})
	q := d.start(t, func(context.Context, jobs.Job) error { close(ran); return nil })
	d.enqueue(t, q, "a", time.Now().Add(time.Hour))
	d.enqueue(t, q, "a", time.Now().Add(2*time.Hour)) // does not put it off
	d.enqueue(t, q, "a", time.Now())
	select {
	case <-ran:
	case <-time.After(5 * time.Second):
		t.Error("did not run")
	}
}

func TestFailuresCountSnoozesDoNotAndAPanicIsAFailure(t *testing.T) {
	d := mustOpen(t)
	var mu sync.Mutex
	var attempts []int
	var texts []string
	q := d.start(t, func(_ context.Context, j jobs.Job) error {
		mu.Lock()
		defer mu.Unlock()
		attempts = append(attempts, j.Attempts)
		texts = append(texts, j.Error)
		switch len(attempts) {
		case 1:
			return jobs.Snooze(time.Now().Add(time.Millisecond))
		case 2:
			return errors.New("a defect")
		case 3:
			panic("worse")
		case 4:
			return jobs.Again(time.Now(), errors.New("again"))
		}
		return nil
	})
	d.enqueue(t, q, "a", time.Now())
	eventually(t, "done", func() bool { return d.count(t, "") == 0 })
	mu.Lock()
	defer mu.Unlock()
	if want := []int{0, 0, 1, 2, 3}; len(attempts) != len(want) || attempts[1] != 0 || attempts[4] != 3 || texts[4] == "" {
		t.Errorf("attempts %v, want %v, errors %q", attempts, want, texts)
	}
}

func TestStopEndsTheHandlersAndPutsTheirJobsBack(t *testing.T) {
	d := mustOpen(t)
	entered := make(chan struct{})
	q := d.start(t, func(ctx context.Context, _ jobs.Job) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})
	d.enqueue(t, q, "a", time.Now())
	<-entered
	q.Stop()
	if d.count(t, "queued") != 1 {
		t.Error("the job was not put back")
	}
	var attempts int
	if err := d.QueryRow(`SELECT attempts FROM jobs`).Scan(&attempts); err != nil || attempts != 0 {
		t.Errorf("%d attempts counted, %v", attempts, err)
	}
}

func TestAHandlerThatTakesTooLongIsTriedAgain(t *testing.T) {
	d := mustOpen(t)
	var n atomic.Int32
	q := d.start(t, func(ctx context.Context, _ jobs.Job) error {
		if n.Add(1) == 1 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}, func(k *jobs.Kind) { k.Timeout = 20 * time.Millisecond })
	d.enqueue(t, q, "a", time.Now())
	eventually(t, "done", func() bool { return d.count(t, "") == 0 })
	if n.Load() != 2 {
		t.Errorf("ran %d times", n.Load())
	}
}

func TestWhatAKilledNodeRanIsRunAgainAtOnce(t *testing.T) {
	d := mustOpen(t)
	d.enqueue(t, nil, "mine", time.Now())
	d.enqueue(t, nil, "other", time.Now())
	if _, err := d.Exec(`UPDATE jobs SET state = 'running', owner = CASE job_key WHEN 'mine' THEN 'me' ELSE 'you' END`); err != nil {
		t.Fatal(err)
	}
	ran := make(chan string, 10)
	d.start(t, func(_ context.Context, j jobs.Job) error { ran <- j.Key; return nil })
	if got := <-ran; got != "mine" {
		t.Errorf("ran %q", got)
	}
	eventually(t, "done", func() bool { return d.count(t, "") == 1 })
	if d.count(t, "running") != 1 {
		t.Error("the job of another node was touched")
	}
}

func TestJobsOfAnotherProcessAreFoundAndWorkersAreBounded(t *testing.T) {
	d := mustOpen(t)
	var now, most, total atomic.Int32
	d.start(t, func(context.Context, jobs.Job) error {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		total.Add(1)
		return nil
	}, func(k *jobs.Kind) { k.Workers = 3 })
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		d.enqueue(t, nil, key, time.Now()) // without Wake
	}
	eventually(t, "all done", func() bool { return d.count(t, "") == 0 })
	if total.Load() != 10 || most.Load() != 3 {
		t.Errorf("%d ran, at most %d at a time", total.Load(), most.Load())
	}
}

func TestAnOutcomeIsWrittenWhenTheDatabaseIsBack(t *testing.T) {
	d := mustOpen(t)
	var n atomic.Int32
	handled := make(chan struct{}, 1)
	q := d.start(t, func(context.Context, jobs.Job) error {
		n.Add(1)
		d.broken.Store(true)
		handled <- struct{}{}
		return nil
	})
	d.enqueue(t, q, "a", time.Now())
	<-handled
	time.AfterFunc(100*time.Millisecond, func() { d.broken.Store(false) })
	eventually(t, "done", func() bool { return d.count(t, "") == 0 })
	if n.Load() != 1 {
		t.Errorf("ran %d times", n.Load())
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: 2 * time.Second, 3: 8 * time.Second, 9: 10 * time.Minute, 1000: 10 * time.Minute, 0: 2 * time.Second} {
		if got := jobs.Backoff(attempt); got < want*9/10 || got > want*11/10 {
			t.Errorf("after attempt %d: %v, want about %v", attempt, got, want)
		}
	}
}

func TestAJobThatIsAtWorkWheneverTheNodeEndsIsKnownForIt(t *testing.T) {
	d := mustOpen(t)
	d.enqueue(t, nil, "mine", time.Now())
	for n := 1; n <= jobs.MaxCrashes; n++ {
		if _, err := d.Exec(`UPDATE jobs SET state = 'running', owner = 'me'`); err != nil {
			t.Fatal(err)
		}
		// A node that ends before it comes to the job.
		q := d.start(t, func(context.Context, jobs.Job) error { return nil }, func(k *jobs.Kind) { k.Name = "another" })
		q.Stop()
		var crashes int
		var runAt int64
		if err := d.QueryRow(`SELECT crashes, run_at FROM jobs`).Scan(&crashes, &runAt); err != nil || crashes != n {
			t.Fatalf("%d crashes counted, want %d (%v)", crashes, n, err)
		}
		if wait := time.Until(time.UnixMicro(runAt)); n <= 5 && wait > 0 || n > 5 && wait < time.Second {
			t.Errorf("after %d ends it waits %s", n, wait)
		}
	}
	if _, err := d.Exec(`UPDATE jobs SET run_at = 0`); err != nil {
		t.Fatal(err)
	}
	seen := make(chan int, 10)
	var calls atomic.Int32
	d.start(t, func(_ context.Context, j jobs.Job) error {
		seen <- j.Crashes
		if calls.Add(1) == 1 {
			return jobs.Snooze(time.Now())
		}
		return nil
	})
	if got := []int{<-seen, <-seen}; got[0] != jobs.MaxCrashes || got[1] != 0 {
		t.Errorf("the handler was told of %v ends, want %d, and 0 after an attempt that came to its end", got, jobs.MaxCrashes)
	}
}
