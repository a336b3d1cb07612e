package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/radnode/radnode"
)

// The times a process gets outside a request.
const (
	cancelGrace = 2 * time.Second        // to answer a cancelled request
	stopGrace   = 3 * time.Second        // to end after its input closed
	memoryTick  = 100 * time.Millisecond // between two looks at its memory during a request
)

// process is one running child. It belongs to one slot; only kill may be
// called from elsewhere.
type process struct {
	cmd     *exec.Cmd
	in      *os.File
	hello   Hello
	replies chan response
	exited  chan struct{} // closed when the process was waited for
	memory  int64         // limit in bytes, 0: none
	lastID  uint64
	shared  []byte // memory that the child maps too

	mu      sync.Mutex
	reason  string // why we killed it, or how it ended
	loading string // the model it loads
	doing   string // the part of a request it works on
}

// launch starts a child and waits for its hello.
func launch(ctx context.Context, cfg *Config, skip []string) (*process, error) {
	const op = "start pixel worker"
	p := &process{replies: make(chan response), exited: make(chan struct{}), memory: cfg.MemoryLimit}
	args := append(cfg.arguments(), skip...)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = environment(os.Environ(), cfg.MemoryLimit)
	p.cmd.Dir = "/"
	p.cmd.WaitDelay = time.Second
	stderr := &childLog{log: cfg.Log}
	p.cmd.Stderr = stderr
	out, err := p.start(cfg)
	if err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, op, "%s does not start: %w", args[0], err)
	}
	hello := make(chan Hello)
	go p.read(out, hello)
	if err := p.greet(ctx, hello, cfg.Timeouts.Start, stderr); err != nil {
		p.release()
		return nil, err
	}
	if p.hello.Error != "" || p.hello.Protocol != Protocol {
		p.stop()
		p.release()
		if p.hello.Error == "" {
			p.hello.Error = fmt.Sprintf("it speaks version %d of the protocol, the node version %d; install both from one build", p.hello.Protocol, Protocol)
		}
		return nil, radnode.Errorf(radnode.Unavailable, op, "%s", p.hello.Error)
	}
	return p, nil
}

// startFailure is the error of a process that did not come up.
type startFailure struct {
	err     *radnode.Error
	how     string
	loading string // the model it was loading, "" if none
}

func (e *startFailure) Error() string { return e.err.Error() }

func (e *startFailure) Unwrap() error { return e.err }

// greet waits for the hello; each model that is loaded gets the full time.
func (p *process) greet(ctx context.Context, hello <-chan Hello, timeout time.Duration, stderr *childLog) error {
	const op = "start pixel worker"
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		select {
		case h := <-hello:
			if h.Loading == "" || h.Protocol != Protocol {
				p.hello = h
				return nil
			}
			p.loading = h.Loading
			timer.Reset(timeout)
		case <-p.exited:
			return &startFailure{radnode.Errorf(radnode.Unavailable, op, "it ended before it was ready (%s); last words: %q", p.why(), stderr.last()), p.why(), p.loading}
		case <-timer.C:
			p.kill("killed because it was not ready within " + timeout.String())
			<-p.exited
			return &startFailure{radnode.Errorf(radnode.Unavailable, op, "it was %s", p.why()), p.why(), p.loading}
		case <-ctx.Done():
			p.kill("cancelled")
			<-p.exited
			return radnode.Errorf(radnode.Canceled, op, "%w", ctx.Err())
		}
	}
}

// start connects the pipes, starts the child and limits it.
func (p *process) start(cfg *Config) (*os.File, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childIn.Close()
	out, childOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer childOut.Close()
	shared, memory, err := shareMemory(sharedSize)
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	defer shared.Close()
	p.shared = memory
	p.cmd.Stdin, p.cmd.Stdout = childIn, childOut
	p.cmd.ExtraFiles = []*os.File{shared} // SharedFile
	if err := startConfined(p.cmd); err != nil {
		unshareMemory(memory)
		in.Close()
		out.Close()
		return nil, err
	}
	p.in = in
	if err := limit(p.cmd.Process.Pid, cfg.MemoryLimit); err != nil {
		cfg.Log.Warn("pixel worker runs without resource limits", "error", err)
	}
	if err := yield(p.cmd.Process.Pid); err != nil {
		cfg.Log.Warn("pixel worker competes with the node for processor time", "error", err)
	}
	return out, nil
}

// read passes on what the child says until it ends, then waits for it.
func (p *process) read(out *os.File, hello chan<- Hello) {
	defer close(p.exited)
	defer p.in.Close()
	defer out.Close()
	err := p.pass(out, hello)
	if errors.Is(err, errGarbage) {
		p.kill("killed because it wrote " + errGarbage.Error())
	}
	// Its output is closed: a process that lives on could never answer.
	ended := make(chan struct{})
	timer := time.AfterFunc(stopGrace, func() { p.kill("killed because it closed its output") })
	go func() { defer close(ended); p.wait() }()
	<-ended
	timer.Stop()
}

// pass hands over hellos and answers until the output ends.
func (p *process) pass(out *os.File, hello chan<- Hello) error {
	for ready := false; !ready; {
		var h Hello
		if err := readMessage(out, &h); err != nil {
			return err
		}
		ready = h.Loading == ""
		select {
		case hello <- h:
		case <-time.After(cancelGrace): // nobody waits any more: it is being killed
		}
	}
	for {
		var r response
		if err := readMessage(out, &r); err != nil {
			return err
		}
		if r.Doing != "" {
			p.mu.Lock()
			p.doing = r.Doing
			p.mu.Unlock()
			continue
		}
		select {
		case p.replies <- r:
		case <-time.After(cancelGrace):
			return fmt.Errorf("%w: an answer nobody asked for", errGarbage)
		}
	}
}

func (p *process) wait() {
	err := p.cmd.Wait()
	how := "ended without an error"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		how = exit.String()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			how = "ended by signal " + status.Signal().String()
		}
	} else if err != nil {
		how = "ended: " + err.Error()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == "" {
		p.reason = how
	}
}

// why says how the process ended.
func (p *process) why() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// busyWith is the part of the request that was worked on last.
func (p *process) busyWith() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doing
}

// kill ends the process and everything it may have started.
func (p *process) kill(reason string) {
	p.mu.Lock()
	if p.reason == "" {
		p.reason = reason
	}
	p.mu.Unlock()
	select {
	case <-p.exited: // its number may belong to another process by now
	default:
		killGroup(p.cmd)
	}
}

// stop ends an idle process: it ends by itself when its input closes.
func (p *process) stop() {
	p.in.Close()
	select {
	case <-p.exited:
	case <-time.After(stopGrace):
		p.kill("killed because it did not end")
		<-p.exited
	}
}

// release gives the shared memory of a process that has ended back.
func (p *process) release() {
	unshareMemory(p.shared)
	p.shared = nil
}

// errDied reports that the process ended instead of answering.
var errDied = errors.New("the pixel worker ended")

// call sends one request and waits for its answer. errDied means that the
// process is gone; any other error is an answer.
func (p *process) call(ctx context.Context, op string, body json.RawMessage, timeout time.Duration) (json.RawMessage, error) {
	p.lastID++
	id := p.lastID
	p.mu.Lock()
	p.doing = ""
	p.mu.Unlock()
	if err := p.send(request{ID: id, Op: op, Body: body}); err != nil {
		return nil, err
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	cancelled := ctx.Done()
	for {
		select {
		case r := <-p.replies:
			return p.reply(ctx, id, r)
		case <-p.exited:
			return nil, errDied
		case <-deadline.C:
			p.kill("killed after " + timeout.String() + " without an answer (options frame_time, worker_timeout)")
		case <-tick.C:
			if used := resident(p.cmd.Process.Pid); p.memory > 0 && used > p.memory {
				p.kill(fmt.Sprintf("killed because it used %d MB of memory, more than its limit of %d MB (option worker_memory_mb)", used>>20, p.memory>>20))
			}
		case <-cancelled:
			cancelled = nil
			deadline.Reset(cancelGrace)
			if err := p.send(request{ID: id, Op: opCancel}); err != nil {
				return nil, err
			}
		}
	}
}

// send writes a message; a child that does not read for seconds is dead.
func (p *process) send(r request) error {
	err := p.in.SetWriteDeadline(time.Now().Add(stopGrace))
	if err == nil {
		err = writeMessage(p.in, r)
	}
	if err == nil || radnode.CodeOf(err) == radnode.TooLarge {
		return err
	}
	if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, os.ErrClosed) {
		p.kill("killed because it took no request")
	}
	<-p.exited
	return errDied
}

func (p *process) reply(ctx context.Context, id uint64, r response) (json.RawMessage, error) {
	if r.ID != id {
		p.kill("killed because it answered another request")
		<-p.exited
		return nil, errDied
	}
	if r.Error != nil {
		err := r.Error.error()
		if r.Error.Code == radnode.Canceled && ctx.Err() != nil {
			return nil, radnode.Errorf(radnode.Canceled, r.Error.Op, "%w", ctx.Err())
		}
		return nil, err
	}
	return r.Body, nil
}
