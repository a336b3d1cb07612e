package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/radnode/radnode"
)

// Config says how the worker processes are run.
type Config struct {
	Command     []string // the worker program and its first arguments
	Processes   int      // how many run at once; 0: one
	MemoryLimit int64    // resident bytes of one process; 0: DefaultMemoryLimit
	MaxWaiting  int      // requests that may wait for a process; 0: DefaultMaxWaiting
	Timeouts    Timeouts
	ModelsDir   string   // model packages beside the bundled ones; "" for none
	Providers   []string // execution providers in the order they are tried
	Threads     int      // of one process; 0: the processors shared out among the processes
	Library     string   // ONNX Runtime; "": it looks beside itself
	Log         *slog.Logger
}

// The defaults of Config.
const (
	DefaultMemoryLimit = 4 << 30
	DefaultMaxWaiting  = 10_000
)

// Timeouts bound the requests: a process that takes longer is killed. Zero
// stands for the default.
type Timeouts struct {
	Start    time.Duration // to load the models: 2 minutes
	Analyze  time.Duration // of one file: 2 minutes
	Frame    time.Duration // of one frame, also Render and Describe: 30 seconds
	Registry time.Duration // to list or load models: 2 minutes
}

func (t Timeouts) withDefaults() Timeouts {
	or := func(v, d time.Duration) time.Duration {
		if v > 0 {
			return v
		}
		return d
	}
	return Timeouts{
		Start: or(t.Start, 2*time.Minute), Analyze: or(t.Analyze, 2*time.Minute),
		Frame: or(t.Frame, 30*time.Second), Registry: or(t.Registry, 2*time.Minute),
	}
}

// arguments is the command line of a child.
func (c *Config) arguments() []string {
	args := append([]string(nil), c.Command...)
	add := func(flag, value string) {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	add("--models", c.ModelsDir)
	add("--providers", strings.Join(c.Providers, ","))
	add("--onnxruntime", c.Library)
	add("--threads", strconv.Itoa(c.Threads))
	return args
}

// Pool keeps worker processes and hands them requests.
type Pool struct {
	cfg    Config
	cancel context.CancelFunc
	wg     sync.WaitGroup
	closed chan struct{}

	urgent, normal chan *call
	slots          []*slot
	reloading      chan struct{} // holds a token while Reload is at work

	mu      sync.Mutex
	tensors []*call           // OpInfer calls that wait
	paces   map[string]*pace  // of the models of Infer
	skips   map[string]string // models left out: "id@version" and how they ended a worker
	waiting int
	healthy int
	failing int           // slots whose last start failed
	failure error         // of the last start
	down    chan struct{} // closed while every slot fails to start
	stats   Stats
}

// Stats counts what happened to the processes of a pool.
type Stats struct {
	Processes int   `json:"processes"` // ready now
	Waiting   int   `json:"waiting"`   // requests that wait for a process
	Started   int64 `json:"started"`
	Deaths    int64 `json:"deaths"`  // in the middle of a request
	Retries   int64 `json:"retries"` // requests tried once more
	Poison    int64 `json:"poison"`  // requests that ended two processes
	Requests  int64 `json:"requests"`

	Batches     int64 `json:"batches"`      // runs of Infer
	BatchImages int64 `json:"batch_images"` // images in them
}

// call is one request on its way.
type call struct {
	ctx     context.Context
	op      string
	body    json.RawMessage
	timeout time.Duration
	done    chan answer
	taken   atomic.Bool
	claimed chan struct{} // closed when a slot has taken the call
	infer   *InferRequest // for OpInfer
	result  *InferResult  // set before done

	// without changes the request so that it leaves out a part that ended two
	// processes, for the reason given; false: it cannot. nil: never.
	without func(part, reason string) bool
}

// claim makes sure that one slot serves the call.
func (c *call) claim() bool {
	if !c.taken.CompareAndSwap(false, true) {
		return false
	}
	close(c.claimed)
	return true
}

type answer struct {
	body json.RawMessage
	err  error
}

// Start starts the processes. It does not wait until they are ready; requests
// do. ctx bounds the life of the pool.
func Start(ctx context.Context, cfg Config) (*Pool, error) {
	if len(cfg.Command) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, "start pixel workers", "no worker program is configured")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Processes = max(cfg.Processes, 1)
	if cfg.Threads < 1 {
		cfg.Threads = max(1, runtime.NumCPU()/cfg.Processes)
	}
	for _, path := range []*string{&cfg.ModelsDir, &cfg.Library} {
		if err := absolute(path); err != nil {
			return nil, err
		}
	}
	if cfg.MemoryLimit == 0 {
		cfg.MemoryLimit = DefaultMemoryLimit
	}
	if cfg.MaxWaiting == 0 {
		cfg.MaxWaiting = DefaultMaxWaiting
	}
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	p := &Pool{
		cfg: cfg, cancel: cancel, closed: make(chan struct{}),
		urgent: make(chan *call), normal: make(chan *call), down: make(chan struct{}),
		reloading: make(chan struct{}, 1), skips: map[string]string{}, paces: map[string]*pace{},
	}
	for range cfg.Processes {
		s := &slot{pool: p, renew: make(chan chan error)}
		p.slots = append(p.slots, s)
		p.wg.Go(func() {
			// The kernel kills a child when the thread that started it ends
			// (prctl(2), PR_SET_PDEATHSIG), so the slot keeps its thread.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			s.run(ctx)
		})
	}
	go func() {
		p.wg.Wait()
		close(p.closed)
	}()
	return p, nil
}

// Close ends the processes and waits for them. Requests under way end with
// code Unavailable.
func (p *Pool) Close() error {
	p.cancel()
	<-p.closed
	return nil
}

// Stats returns the counters.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Processes, s.Waiting = p.healthy, p.waiting
	return s
}

// Ready waits until a process can work. The error says why none can.
func (p *Pool) Ready(ctx context.Context) error {
	_, err := p.Models(ctx)
	return err
}

// Reload gives every slot a fresh process, one after the other, so that models
// that were added, replaced or retired take effect. Requests under way are
// finished on the old processes, and a slot keeps its old process where no
// fresh one comes up. Models that were left out because they ended a worker
// get another chance.
func (p *Pool) Reload(ctx context.Context) ([]ModelStatus, error) {
	const op = "reload models"
	select {
	case p.reloading <- struct{}{}:
		defer func() { <-p.reloading }()
	case <-ctx.Done():
		return nil, radnode.Errorf(radnode.Canceled, op, "%w", ctx.Err())
	}
	p.mu.Lock()
	clear(p.skips)
	p.mu.Unlock()
	for _, s := range p.slots {
		done := make(chan error, 1)
		select {
		case s.renew <- done:
		case <-ctx.Done():
			return nil, radnode.Errorf(radnode.Canceled, op, "%w", ctx.Err())
		case <-p.closed:
			return nil, radnode.Errorf(radnode.Unavailable, op, "the node is stopping")
		}
		select {
		case err := <-done:
			if err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, radnode.Errorf(radnode.Canceled, op, "%w", ctx.Err())
		}
	}
	return p.Models(ctx)
}

// skip leaves a model out from now on.
func (p *Pool) skip(model, how string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skips[model] = how
}

// skipped are the arguments that tell a worker which models to leave out.
func (p *Pool) skipped() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var args []string
	for model, how := range p.skips {
		args = append(args, "--skip", model+"="+how)
	}
	return args
}

// do hands a request to a process and waits for its answer.
func (p *Pool) do(ctx context.Context, urgent bool, c *call) (json.RawMessage, error) {
	if err := p.admit(); err != nil {
		return nil, err
	}
	lane := p.normal
	if urgent {
		lane = p.urgent
	}
	err := p.hand(ctx, lane, c)
	p.mu.Lock()
	p.waiting--
	p.mu.Unlock()
	if err != nil && c.claim() {
		return nil, err
	}
	a := <-c.done
	return a.body, a.err
}

func (p *Pool) admit() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting >= p.cfg.MaxWaiting {
		return radnode.Errorf(radnode.NoResources, "pixel worker", "%d requests wait already; try again later", p.waiting)
	}
	p.waiting++
	p.stats.Requests++
	return nil
}

func (p *Pool) hand(ctx context.Context, lane chan<- *call, c *call) error {
	const op = "pixel worker"
	p.mu.Lock()
	down := p.down
	p.mu.Unlock()
	select {
	case lane <- c:
		return nil
	case <-c.claimed: // it goes with another one
		return nil
	case <-ctx.Done():
		return radnode.Errorf(radnode.Canceled, op, "%w", ctx.Err())
	case <-p.closed:
		return radnode.Errorf(radnode.Unavailable, op, "the node is stopping")
	case <-down:
		p.mu.Lock()
		defer p.mu.Unlock()
		return radnode.Errorf(radnode.Unavailable, op, "no worker can be started: %w", p.failure)
	}
}

// started and failed keep the account of healthy and failing slots.
func (p *Pool) started(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Started++
	p.healthy++
	if s.failing {
		s.failing = false
		if p.failing == p.cfg.Processes {
			p.down = make(chan struct{})
		}
		p.failing--
	}
}

func (p *Pool) failed(s *slot, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = err
	if !s.failing {
		s.failing = true
		p.failing++
		if p.failing == p.cfg.Processes {
			close(p.down)
		}
	}
}

func (p *Pool) count(add func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.stats)
}
