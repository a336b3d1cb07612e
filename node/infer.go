package node

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
	"github.com/radnode/radnode/web/infer"
	"github.com/radnode/radnode/worker"
)

// tensors serves the models of the pixel workers to other programs.
type tensors struct {
	pool    *worker.Pool
	learned func(context.Context) error // told after the models changed
	beside  *sync.WaitGroup
	loaded  string // the state of the models folder when the workers started

	mu      sync.Mutex
	list    []infer.Model
	asked   time.Time // when the list was asked for
	renewal bool      // it is being asked for
	reloads int       // under way: some workers have the new models, some the old
}

var _ infer.Models = (*tensors)(nil)

const (
	// keepModels is how old the list of models may be: asking a worker means
	// to wait for what it does.
	keepModels = 10 * time.Second
	// renewTime is how long a worker may take to list its models.
	renewTime = time.Minute
)

// Served implements infer.Models. A list that is too old is used once more
// while it is renewed; new models are listed once every worker has them.
func (t *tensors) Served(ctx context.Context, fresh bool) ([]infer.Model, error) {
	t.mu.Lock()
	list, age := t.list, time.Since(t.asked)
	if list != nil && (!fresh || t.reloads > 0) {
		if t.reloads == 0 && age > keepModels && !t.renewal {
			t.renewal = true
			t.beside.Go(t.renew)
		}
		t.mu.Unlock()
		return list, nil
	}
	t.mu.Unlock()
	return t.ask(ctx)
}

func (t *tensors) renew() {
	ctx, cancel := context.WithTimeout(context.Background(), renewTime)
	defer cancel()
	// Where no worker answers, the next inference says so better.
	_, _ = t.ask(ctx)
	t.mu.Lock()
	t.renewal = false
	t.mu.Unlock()
}

func (t *tensors) ask(ctx context.Context) ([]infer.Model, error) {
	start := time.Now()
	list, err := t.pool.Models(ctx)
	if err != nil {
		return nil, err
	}
	return t.keep(list, start), nil
}

func (t *tensors) keep(list []worker.ModelStatus, asked time.Time) []infer.Model {
	served := []infer.Model{}
	for _, m := range list {
		if m.Manifest != nil && m.Manifest.Ensemble == nil { // an ensemble has no tensors of its own
			served = append(served, servedModel(m))
		}
	}
	slices.SortStableFunc(served, func(a, b infer.Model) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return models.CompareVersions(a.Version, b.Version)
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	if asked.After(t.asked) && t.reloads == 0 {
		t.list, t.asked = served, asked
	}
	return served
}

// Reload implements infer.Models.
func (t *tensors) Reload(ctx context.Context) ([]infer.Model, error) {
	t.count(1)
	list, err := t.pool.Reload(ctx)
	t.count(-1)
	if err != nil {
		return nil, err
	}
	served := t.keep(list, time.Now())
	return served, t.learned(ctx)
}

func (t *tensors) count(reloads int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reloads += reloads
}

// Infer implements infer.Models. What is more than one run of a worker takes
// is run in parts.
func (t *tensors) Infer(ctx context.Context, r infer.Request) (*infer.Result, error) {
	if r.Images < 1 || len(r.Input)%r.Images != 0 {
		return nil, radnode.Errorf(radnode.Invalid, "infer", "%d bytes are not %d images", len(r.Input), r.Images)
	}
	each := len(r.Input) / r.Images
	var all *infer.Result
	for from := 0; from < r.Images; from += inferBatch {
		n := min(inferBatch, r.Images-from)
		part, err := t.pool.Infer(ctx, worker.InferRequest{
			Model: r.ID + "@" + r.Version, Images: n, Input: r.Input[from*each : (from+n)*each], Urgent: r.Urgent,
		})
		if err != nil {
			return nil, err
		}
		if all, err = appendResult(all, part); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// inferBatch is how many images a worker takes at once.
const inferBatch = 32

func appendResult(all *infer.Result, part *worker.InferResult) (*infer.Result, error) {
	if all == nil {
		all = &infer.Result{Device: part.Device}
		for _, o := range part.Outputs {
			all.Outputs = append(all.Outputs, infer.Output{Name: o.Name, Shape: o.Shape, Data: o.Data})
		}
		return all, nil
	}
	for i, o := range part.Outputs {
		if i >= len(all.Outputs) || !slices.Equal(all.Outputs[i].Shape[1:], o.Shape[1:]) {
			return nil, radnode.Errorf(radnode.Unavailable, "infer", "the model was replaced in the middle of the request; send it again")
		}
		all.Outputs[i].Shape[0] += o.Shape[0]
		all.Outputs[i].Data = append(all.Outputs[i].Data, o.Data...)
	}
	return all, nil
}

// anyLength is a dimension that the protocol leaves open.
const anyLength = -1

func servedModel(m worker.ModelStatus) infer.Model {
	manifest := m.Manifest
	served := infer.Model{
		ID: m.ID, Version: m.Version, Digest: manifest.Digest, Ready: m.State == worker.ModelReady, Reason: m.Reason,
		Input: infer.TensorInfo{Name: manifest.Input.Name, Datatype: infer.FP32, Shape: manifest.Input.Shape(anyLength)},
	}
	for _, t := range manifest.Tensors() {
		served.Outputs = append(served.Outputs, infer.TensorInfo{Name: t.Name, Datatype: infer.FP32, Shape: append([]int64{anyLength}, t.Shape...)})
	}
	return served
}
