package worker

import (
	"context"
	"errors"
	"time"

	"github.com/radnode/radnode"
)

// The waits between two attempts to start a process that does not come up.
const (
	firstBackOff = 100 * time.Millisecond
	lastBackOff  = 30 * time.Second
)

// slot keeps one process running and gives it requests.
type slot struct {
	pool    *Pool
	proc    *process // nil: none is running
	failing bool     // guarded by the mutex of the pool
}

// run keeps the slot at work until ctx ends.
func (s *slot) run(ctx context.Context) {
	defer s.drop()
	wait := time.Duration(0)
	for ctx.Err() == nil {
		if s.proc == nil {
			if err := s.launch(ctx); err != nil {
				wait = min(max(2*wait, firstBackOff), lastBackOff)
				s.rest(ctx, wait)
				continue
			}
		}
		c, ok := s.next(ctx)
		switch {
		case ok:
			wait = 0
			s.serve(ctx, c)
		case ctx.Err() == nil:
			// It ended while it had nothing to do: start another, but not in a
			// tight circle.
			s.pool.cfg.Log.Warn("idle pixel worker ended", "how", s.proc.why())
			s.drop()
			wait = min(max(2*wait, firstBackOff), lastBackOff)
			s.rest(ctx, wait)
		}
	}
}

func (s *slot) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *slot) launch(ctx context.Context) error {
	proc, err := launch(ctx, &s.pool.cfg)
	if err != nil {
		if ctx.Err() == nil {
			s.pool.cfg.Log.Error("pixel worker does not start", "error", err)
			s.pool.failed(s, err)
		}
		return err
	}
	s.proc = proc
	s.pool.started(s)
	return nil
}

// drop ends the process of the slot.
func (s *slot) drop() {
	if s.proc == nil {
		return
	}
	s.proc.stop()
	s.proc = nil
	s.pool.mu.Lock()
	s.pool.healthy--
	s.pool.mu.Unlock()
}

// next takes the next request, an urgent one first; false when the process or
// the pool ended.
func (s *slot) next(ctx context.Context) (*call, bool) {
	select {
	case <-s.proc.exited:
		return nil, false
	case <-ctx.Done():
		return nil, false
	case c := <-s.pool.urgent:
		return c, true
	default:
	}
	select {
	case <-s.proc.exited:
		return nil, false
	case <-ctx.Done():
		return nil, false
	case c := <-s.pool.urgent:
		return c, true
	case c := <-s.pool.normal:
		return c, true
	}
}

// serve answers one request: at most two attempts, the second on a fresh
// process.
func (s *slot) serve(ctx context.Context, c *call) {
	callCtx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, cancel) // the pool ends: so does the request
	defer stop()
	var first string
	for attempt := 1; ; attempt++ {
		body, err := s.proc.call(callCtx, c.op, c.body, c.timeout)
		if !errors.Is(err, errDied) {
			c.done <- answer{body, stopping(ctx, c.ctx, c.op, err)}
			return
		}
		how := s.proc.why()
		s.drop()
		if callCtx.Err() != nil {
			c.done <- answer{nil, stopping(ctx, c.ctx, c.op, radnode.Errorf(radnode.Canceled, c.op, "%w", callCtx.Err()))}
			return
		}
		s.pool.count(func(st *Stats) { st.Deaths++ })
		s.pool.cfg.Log.Error("pixel worker ended in the middle of a request", "op", c.op, "attempt", attempt, "how", how)
		if attempt == 2 {
			s.pool.count(func(st *Stats) { st.Poison++ })
			if first != how {
				how = first + ", then " + how
			}
			c.done <- answer{nil, radnode.Errorf(radnode.Unsupported, c.op, "not analysed: the pixel worker ended twice on this image (%s)", how)}
			return
		}
		first = how
		s.pool.count(func(st *Stats) { st.Retries++ })
		if err := s.launch(callCtx); err != nil {
			c.done <- answer{nil, stopping(ctx, c.ctx, c.op, err)}
			return
		}
	}
}

// stopping replaces the error of a request that was cancelled because the
// pool ended and not by its caller.
func stopping(pool, caller context.Context, op string, err error) error {
	if err != nil && pool.Err() != nil && caller.Err() == nil {
		return radnode.Errorf(radnode.Unavailable, op, "the node is stopping")
	}
	return err
}
