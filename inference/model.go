package inference

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// MaxBatch is the largest number of images of one run.
const MaxBatch = 256

// Model is a loaded model: a warm session on one device.
type Model struct {
	manifest *models.Manifest
	runtime  *Runtime
	source   *models.Package
	typical  *typical // nil: the package describes none
	loadTime time.Duration

	mu        sync.RWMutex // held for reading by runs, for writing by Close and fallBack
	session   session
	device    string
	fallbacks []string
}

// session is what a run needs of a session of the runtime.
type session interface {
	Run(in, out []ort.Value) error
	RunWithOptions(in, out []ort.Value, opts *ort.RunOptions) error
	Destroy() error
}

var _ session = (*ort.DynamicAdvancedSession)(nil)

// Load opens the package on the first provider that can run it, warms the
// session and runs the reference cases.
func (r *Runtime) Load(ctx context.Context, p *models.Package) (*Model, error) {
	op := "load model " + p.Manifest.ID + " " + p.Manifest.Version
	start := time.Now()
	graph, err := p.Model()
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	if err := checkGraph(p.Manifest, graph); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	usual, err := readTypical(p)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	var refused []string
	for _, candidate := range r.providers {
		m, err := r.try(ctx, p, graph, candidate)
		if err == nil {
			m.fallbacks, m.typical = refused, usual
			m.loadTime = time.Since(start)
			r.mu.Lock()
			r.models[m] = struct{}{}
			r.mu.Unlock()
			return m, nil
		}
		if ctx.Err() != nil {
			return nil, radnode.Errorf(radnode.Canceled, op, "%w", ctx.Err())
		}
		refused = append(refused, candidate.name+": "+oneLine(err))
	}
	return nil, radnode.Errorf(radnode.Invalid, op, "no execution provider runs it: %s", strings.Join(refused, "; "))
}

var (
	runtimePrefix = regexp.MustCompile(`^.*\[ONNXRuntimeError\] : \d+ : \w+ : `)
	sourcePlace   = regexp.MustCompile(`^/\S+\.(?:cc|h):\d+ `)
	folders       = regexp.MustCompile(`/(?:[^/\s:]+/)+`)
)

// oneLine makes a text of the runtime fit for people: one line, without the
// places in its source and the folders of this machine.
func oneLine(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	s = runtimePrefix.ReplaceAllString(s, "")
	s = sourcePlace.ReplaceAllString(s, "")
	s = folders.ReplaceAllString(s, "")
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "") + "…"
	}
	return s
}

// try opens the model on one provider and proves that it works there.
func (r *Runtime) try(ctx context.Context, p *models.Package, graph []byte, on provider) (*Model, error) {
	o, err := options(on, r.cfg.Threads)
	if err != nil {
		return nil, err
	}
	defer o.Destroy()
	man := p.Manifest
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(graph, []string{man.Input.Name}, man.OutputNames(), o)
	if err != nil {
		return nil, err
	}
	m := &Model{manifest: man, runtime: r, source: p, device: on.name, session: session}
	if err := m.warm(ctx); err != nil {
		_ = session.Destroy() // the first error is the one to show
		return nil, err
	}
	if err := m.selfTest(ctx, p); err != nil {
		_ = session.Destroy() // the first error is the one to show
		return nil, err
	}
	return m, nil
}

// checkGraph compares the inputs and outputs of the graph with the manifest.
func checkGraph(m *models.Manifest, graph []byte) error {
	if err := selfContained(graph); err != nil {
		return fmt.Errorf("%s %w", m.ONNX, err)
	}
	in, out, err := ort.GetInputOutputInfoWithONNXData(graph)
	if err != nil {
		return fmt.Errorf("%s is not a graph that the runtime reads: %s", m.ONNX, oneLine(err))
	}
	if len(in) != 1 {
		return fmt.Errorf("%s has %d inputs, one is supported", m.ONNX, len(in))
	}
	if err := checkTensor("input", in, m.Input.Name, m.Input.Shape(-1)); err != nil {
		return err
	}
	for _, t := range m.Tensors() {
		if err := checkTensor("output", out, t.Name, append([]int64{-1}, t.Shape...)); err != nil {
			return err
		}
	}
	return nil
}

// checkTensor finds name and compares its type and shape; -1 in want leaves a
// dimension open, and a dynamic dimension of the graph fits anything. The
// first dimension, the batch, must be dynamic or one.
func checkTensor(kind string, infos []ort.InputOutputInfo, name string, want []int64) error {
	for _, info := range infos {
		if info.Name != name {
			continue
		}
		if info.DataType != ort.TensorElementDataTypeFloat {
			return fmt.Errorf("%s %q of the graph is %s, float32 is supported", kind, name, info.DataType)
		}
		fits := len(info.Dimensions) == len(want)
		for i := 0; fits && i < len(want); i++ {
			have := info.Dimensions[i]
			fits = have < 0 || want[i] < 0 || have == want[i]
		}
		if !fits {
			return fmt.Errorf("%s %q of the graph has shape %v where the manifest asks for %v (-1: any)", kind, name, info.Dimensions, want)
		}
		return nil
	}
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	return fmt.Errorf("the graph has no %s %q; it has %s", kind, name, strings.Join(names, ", "))
}

// warm runs one blank image, so that the first patient does not wait for the
// runtime to plan its memory.
func (m *Model) warm(ctx context.Context) error {
	_, err := m.once(ctx, 1, make([]float32, m.manifest.Input.Size()))
	return err
}

// Run runs n images that lie one after the other in input. A batch that the
// device cannot run (out of memory, as a rule) is run in halves, and an image
// that it cannot run alone is run on the CPU, as are all that follow.
func (m *Model) Run(ctx context.Context, n int, input []float32) (*Output, error) {
	device := m.Device()
	out, err := m.once(ctx, n, input)
	if err == nil || radnode.CodeOf(err) != radnode.Internal {
		return out, err
	}
	if n > 1 {
		half := n / 2
		at := half * m.manifest.Input.Size()
		first, err := m.Run(ctx, half, input[:at])
		if err != nil {
			return nil, err
		}
		second, err := m.Run(ctx, n-half, input[at:])
		if err != nil {
			return nil, err
		}
		return first.join(second)
	}
	if !m.fallBack(device, err) {
		return nil, err
	}
	return m.once(ctx, n, input)
}

// fallBack moves the model from a device that failed to the CPU; false if it
// is there already or cannot run there either.
func (m *Model) fallBack(from string, why error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.session == nil || from == cpu.name {
		return false
	}
	if m.device != from { // another run has moved it meanwhile
		return true
	}
	graph, err := m.source.Model()
	if err != nil {
		return false
	}
	o, err := options(cpu, m.runtime.cfg.Threads)
	if err != nil {
		return false
	}
	defer o.Destroy()
	fresh, err := ort.NewDynamicAdvancedSessionWithONNXData(graph, []string{m.manifest.Input.Name}, m.manifest.OutputNames(), o)
	if err != nil {
		return false
	}
	_ = m.session.Destroy() // the device failed: nothing more can be asked of it
	m.fallbacks = append(m.fallbacks[:len(m.fallbacks):len(m.fallbacks)], m.device+": failed while it ran: "+oneLine(why))
	m.session, m.device = fresh, cpu.name
	return true
}

// once runs a batch as it is.
func (m *Model) once(ctx context.Context, n int, input []float32) (*Output, error) {
	op := "run model " + m.manifest.ID
	if n < 1 || n > MaxBatch || len(input) != n*m.manifest.Input.Size() {
		return nil, radnode.Errorf(radnode.Invalid, op, "%d values are not %d images of %d values", len(input), n, m.manifest.Input.Size())
	}
	if err := ctx.Err(); err != nil {
		return nil, radnode.Errorf(radnode.Canceled, op, "%w", err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.session == nil {
		return nil, radnode.Errorf(radnode.Unavailable, op, "the model was retired")
	}
	tensor, err := ort.NewTensor(ort.NewShape(m.manifest.Input.Shape(n)...), input)
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, op, "%w", err)
	}
	defer tensor.Destroy()
	values := make([]ort.Value, len(m.manifest.OutputNames()))
	defer func() {
		for _, v := range values {
			if v != nil {
				_ = v.Destroy() // frees memory only
			}
		}
	}()
	if err := m.runUntil(ctx, tensor, values); err != nil {
		if ctx.Err() != nil {
			return nil, radnode.Errorf(radnode.Canceled, op, "%w", ctx.Err())
		}
		return nil, radnode.Errorf(radnode.Internal, op, "%s: %s", m.device, oneLine(err))
	}
	runtime.KeepAlive(input) // C code reads it until the run has ended
	return m.collect(n, values)
}

// runUntil runs the session and stops it when ctx ends.
func (m *Model) runUntil(ctx context.Context, in ort.Value, out []ort.Value) error {
	if ctx.Done() == nil {
		return m.session.Run([]ort.Value{in}, out)
	}
	opts, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	defer opts.Destroy()
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			_ = opts.Terminate() // if it fails the run goes on to its end
		case <-ended:
		}
	}()
	err = m.session.RunWithOptions([]ort.Value{in}, out, opts)
	close(ended)
	<-stopped
	return err
}

// Manifest returns the manifest of the model.
func (m *Model) Manifest() *models.Manifest { return m.manifest }

// Device is the execution provider the model runs on.
func (m *Model) Device() string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.device
}

// Fallbacks says why better providers are not used, one sentence each.
func (m *Model) Fallbacks() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.fallbacks
}

// LoadTime is how long it took to load, warm and prove the model.
func (m *Model) LoadTime() time.Duration { return m.loadTime }

// Close waits for runs under way and frees the session.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.session == nil {
		return nil
	}
	err := m.session.Destroy()
	m.session = nil
	m.runtime.mu.Lock()
	delete(m.runtime.models, m)
	m.runtime.mu.Unlock()
	return err
}
