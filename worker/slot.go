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
	proc    *process        // nil: none is running
	renew   chan chan error // asks for a fresh process; the channel takes how it went
	failing bool            // guarded by the mutex of the pool
}

// run keeps the slot at work until ctx ends.
func (s *slot) run(ctx context.Context) {
	defer s.drop()
	wait := time.Duration(0)
	for ctx.Err() == nil {
		if s.proc == nil {
			if err := s.launch(ctx); err != nil {
				wait = min(max(2*wait, firstBackOff), lastBackOff)
				s.rest(ctx, wait, err)
				continue
			}
		}
		c, ok := s.next(ctx)
		switch {
		case ok && c.claim():
			wait = 0
			if c.infer != nil {
				s.serveTensors(ctx, c)
			} else {
				s.serve(ctx, c)
			}
		case !ok && ctx.Err() == nil:
			// It ended while it had nothing to do: start another, but not in a
			// tight circle.
			s.pool.cfg.Log.Warn("idle pixel worker ended", "how", s.proc.why())
			s.drop()
			wait = min(max(2*wait, firstBackOff), lastBackOff)
			s.rest(ctx, wait, nil)
		}
	}
}

// rest waits before the next start; whoever asks for a fresh process meanwhile
// learns how the last start ended and has it tried at once.
func (s *slot) rest(ctx context.Context, d time.Duration, last error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case done := <-s.renew:
		if last != nil {
			last = s.launch(ctx)
		}
		done <- last
	}
}

// launch starts the process of the slot.
func (s *slot) launch(ctx context.Context) error {
	proc, err := s.start(ctx)
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

// start launches a process, twice if need be: the first end may have come from
// outside. A model that both were loading is to blame and is left out.
func (s *slot) start(ctx context.Context) (*process, error) {
	var blamed *startFailure
	for {
		proc, err := launch(ctx, &s.pool.cfg, s.pool.skipped())
		var failure *startFailure
		if !errors.As(err, &failure) {
			return proc, err
		}
		switch {
		case blamed == nil:
			blamed = failure
		case failure.loading != "" && failure.loading == blamed.loading:
			s.pool.skip(failure.loading, failure.how)
			s.pool.cfg.Log.Error("a model ends the pixel worker and is left out", "model", failure.loading, "how", failure.how)
			blamed = nil
		default:
			return nil, err
		}
	}
}

// drop ends the process of the slot.
func (s *slot) drop() {
	if s.proc == nil {
		return
	}
	s.proc.stop()
	s.proc.release()
	s.proc = nil
	s.pool.mu.Lock()
	s.pool.healthy--
	s.pool.mu.Unlock()
}

// replace starts a fresh process and lets the old one go only when the new
// one is ready: a models folder that cannot be used leaves things as they are.
func (s *slot) replace(ctx context.Context) error {
	fresh, err := s.start(ctx)
	if err != nil {
		return err
	}
	s.drop()
	s.proc = fresh
	s.pool.started(s)
	return nil
}

// next takes the next request, an urgent one first; false when the process or
// the pool ended.
func (s *slot) next(ctx context.Context) (*call, bool) {
	for {
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
		case done := <-s.renew:
			done <- s.replace(ctx)
		case c := <-s.pool.urgent:
			return c, true
		case c := <-s.pool.normal:
			return c, true
		}
	}
}

// serve answers one request: at most two attempts, the second on a fresh
// process, and a third only where the request can do without the part that
// ended both.
func (s *slot) serve(ctx context.Context, c *call) {
	callCtx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, cancel) // the pool ends: so does the request
	defer stop()
	finish := func(body []byte, err error) {
		if err != nil && ctx.Err() != nil && c.ctx.Err() == nil {
			err = radnode.Errorf(radnode.Unavailable, c.op, "the node is stopping")
		}
		c.done <- answer{body, err}
	}
	var deaths []death
	for {
		body, err := s.proc.call(callCtx, c.op, c.body, c.timeout)
		if !errors.Is(err, errDied) {
			finish(body, err)
			return
		}
		deaths = append(deaths, death{s.proc.why(), s.proc.busyWith()})
		s.drop()
		if callCtx.Err() != nil {
			finish(nil, radnode.Errorf(radnode.Canceled, c.op, "%w", callCtx.Err()))
			return
		}
		if err := s.again(c, deaths); err != nil {
			finish(nil, err)
			return
		}
		if err := s.launch(callCtx); err != nil {
			finish(nil, err)
			return
		}
	}
}

// death is how a process ended, and what it was doing.
type death struct{ how, doing string }

func (d death) String() string {
	if d.doing == "" {
		return d.how
	}
	return d.how + " in " + d.doing
}

// again decides whether a request is tried once more. It returns the answer
// where it is not.
func (s *slot) again(c *call, deaths []death) error {
	last := deaths[len(deaths)-1]
	s.pool.count(func(st *Stats) { st.Deaths++ })
	s.pool.cfg.Log.Error("pixel worker ended in the middle of a request", "op", c.op, "attempt", len(deaths), "how", last.how, "doing", last.doing)
	if len(deaths) == 1 {
		s.pool.count(func(st *Stats) { st.Retries++ })
		return nil
	}
	how := last.String()
	if first := deaths[len(deaths)-2].String(); first != how {
		how = first + ", then " + how
	}
	if last.doing != "" && last.doing == deaths[len(deaths)-2].doing && c.without != nil && c.without(last.doing, how) {
		s.pool.count(func(st *Stats) { st.Retries++ })
		return nil
	}
	s.pool.count(func(st *Stats) { st.Poison++ })
	return radnode.Errorf(radnode.Unsupported, c.op, "not analysed: the pixel worker ended twice on this image (%s)", how)
}
