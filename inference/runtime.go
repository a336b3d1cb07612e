package inference

import (
	"errors"
	"fmt"
	"os"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/radnode/radnode"
)

// Config says how models are run.
type Config struct {
	Library   string   // path of libonnxruntime
	Providers []string // execution providers in the order they are tried; the CPU always comes last
	Threads   int      // threads of one run on the CPU; 0: one
}

// Runtime is the open ONNX Runtime of this process. There is one at a time.
type Runtime struct {
	cfg       Config
	providers []provider

	mu     sync.Mutex
	models map[*Model]struct{}
}

// opened guards the one environment that ONNX Runtime allows per process.
var opened sync.Mutex

// Open loads the library and starts the runtime.
func Open(cfg Config) (*Runtime, error) {
	const op = "open onnx runtime"
	chosen, err := choose(cfg.Providers)
	if err != nil {
		return nil, err
	}
	if cfg.Threads < 1 {
		cfg.Threads = 1
	}
	if _, err := os.Stat(cfg.Library); err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, op, "the library %s is not there; run make, or name it with --onnxruntime (%w)", cfg.Library, errors.Unwrap(err))
	}
	if !opened.TryLock() {
		return nil, radnode.Errorf(radnode.Conflict, op, "it is already open in this process")
	}
	ort.SetSharedLibraryPath(cfg.Library)
	// What matters comes back as an error and is kept as the reason of a
	// refusal; the library's own log would repeat it with paths and colours.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		opened.Unlock()
		return nil, radnode.Errorf(radnode.Unavailable, op, "%s cannot be used: %w", cfg.Library, err)
	}
	return &Runtime{cfg: cfg, providers: chosen, models: map[*Model]struct{}{}}, nil
}

// Version is the version of the library.
func (r *Runtime) Version() string { return "onnxruntime " + ort.GetVersion() }

// Close frees every model and the runtime. No run may be under way.
func (r *Runtime) Close() error {
	r.mu.Lock()
	left := make([]*Model, 0, len(r.models))
	for m := range r.models {
		left = append(left, m)
	}
	r.mu.Unlock()
	var first error
	for _, m := range left {
		if err := m.Close(); err != nil && first == nil {
			first = err
		}
	}
	if err := ort.DestroyEnvironment(); err != nil && first == nil {
		first = fmt.Errorf("close onnx runtime: %w", err)
	}
	opened.Unlock()
	return first
}
