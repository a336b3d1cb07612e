// Package infer serves the models to other programs by the Open Inference
// Protocol version 2 as KServe and Triton clients speak it: health, metadata
// and infer in JSON or with the binary tensor extension, under /v2. What comes
// in are tensors as the graph takes them: neither gate nor pipeline is run, and
// what comes out is no finding about a patient.
package infer

import (
	"context"
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

// Models is what this package needs of the rest of the node.
type Models interface {
	// Served lists the models. It may answer from memory; fresh demands what
	// holds now.
	Served(ctx context.Context, fresh bool) ([]Model, error)
	// Infer runs a model on tensors. The input is not changed and not used
	// after it returns.
	Infer(ctx context.Context, r Request) (*Result, error)
	// Reload takes up models that were added, replaced or retired.
	Reload(ctx context.Context) ([]Model, error)
}

// Model is one version of a model.
type Model struct {
	ID, Version, Digest string
	Ready               bool
	Reason              string // why it is not ready
	Input               TensorInfo
	Outputs             []TensorInfo
}

// takesSame reports whether a request to one model fits the other.
func (m *Model) takesSame(other *Model) bool {
	same := func(a, b TensorInfo) bool { return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) }
	return same(m.Input, other.Input) && slices.EqualFunc(m.Outputs, other.Outputs, same)
}

// TensorInfo describes one input or output of a model. The first dimension is
// the batch; -1 stands for any length.
type TensorInfo struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// imageValues is the number of values of one image.
func (t TensorInfo) imageValues() int64 {
	n := int64(1)
	for _, d := range t.Shape[1:] {
		n *= d
	}
	return n
}

// Request is a run of a model on images that lie one after the other in Input
// as little-endian float32.
type Request struct {
	ID, Version string
	Images      int
	Input       []byte
	Urgent      bool
}

// Result is what the graph gave.
type Result struct {
	Device  string
	Outputs []Output
}

// Output is one tensor of little-endian float32 values.
type Output struct {
	Name  string
	Shape []int64
	Data  []byte
}

// The bounds of one request, and of all that are under way together.
const (
	MaxImages = 256
	MaxInput  = 64 << 20                 // bytes of tensors as float32
	MaxBody   = 2*MaxInput + maxHeader   // FP64 is twice as long; JSON text may be cut by it earlier
	maxHeader = 1 << 20                  // bytes of JSON before binary tensors
	memory    = 4 * (MaxBody + MaxInput) // bytes of bodies and tensors that are held at once
)

// Service answers the protocol.
type Service struct {
	models  Models
	version string
	budget  *semaphore.Weighted

	requests *prometheus.CounterVec
	images   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// New makes the service and files its figures with the registry.
func New(models Models, version string, registry *prometheus.Registry) (*Service, error) {
	s := &Service{models: models, version: version, budget: semaphore.NewWeighted(memory)}
	s.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "radnode_infer_requests_total", Help: "Inference requests over /v2, by model, version and HTTP status.",
	}, []string{"model", "version", "status"})
	s.images = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "radnode_infer_images_total", Help: "Images that models ran on for /v2.",
	}, []string{"model", "version"})
	s.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "radnode_infer_seconds", Help: "Time of an inference from the last byte of the request to the outputs.",
		Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10},
	}, []string{"model", "version"})
	return s, errors.Join(registry.Register(s.requests), registry.Register(s.images), registry.Register(s.seconds))
}
