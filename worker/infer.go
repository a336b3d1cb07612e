package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/radnode/radnode"
)

// The bounds of one run of a model on tensors.
const (
	maxBatch       = 32       // images that are run together
	maxInferInput  = 64 << 20 // bytes
	maxInferOutput = 64 << 20 // bytes
	sharedSize     = maxInferInput + maxInferOutput
)

// InferRequest asks for a run of a model on tensors that somebody else made.
type InferRequest struct {
	Model  string // "id" for its newest version or "id@version"
	Images int    // tensors that lie one after the other in Input
	Input  []byte // little-endian float32; not changed by the caller before Infer returns
	Urgent bool
}

// InferResult is what the graph gave, before calibration.
type InferResult struct {
	Model   radnode.ModelRef `json:"model"`
	Device  string           `json:"device"`
	Outputs []Tensor         `json:"outputs"`
}

// Tensor is one output: Shape[0] images of float32 values.
type Tensor struct {
	Name  string  `json:"name"`
	Shape []int64 `json:"shape"`
	Data  []byte  `json:"-"`

	Offset int `json:"offset"` // where the worker put the values in the shared memory
	Bytes  int `json:"bytes"`
}

// InferOrder is what the worker is told; the tensors lie in shared memory from
// byte 0, and the outputs are put behind InferInput.
type InferOrder struct {
	Model  string `json:"model"`
	Images int    `json:"images"`
	Bytes  int    `json:"bytes"`
}

// OutputOffset is where a worker may put the first output.
const OutputOffset = maxInferInput

// SharedSize is the size of the memory that a worker shares with the node,
// file descriptor SharedFile of the worker.
const (
	SharedSize = sharedSize
	SharedFile = 3
)

// Infer runs a model on tensors. Requests that wait for a process while it is
// busy are run together: nobody waits for a batch to fill.
func (p *Pool) Infer(ctx context.Context, r InferRequest) (*InferResult, error) {
	const op = "infer"
	if r.Images < 1 || len(r.Input) == 0 || len(r.Input)%(4*r.Images) != 0 {
		return nil, radnode.Errorf(radnode.Invalid, op, "%d bytes are not %d images of float32 values", len(r.Input), r.Images)
	}
	if r.Images > maxBatch || len(r.Input) > maxInferInput {
		return nil, radnode.Errorf(radnode.TooLarge, op, "%d images of %d bytes in all exceed the limits of %d images and %d bytes", r.Images, len(r.Input), maxBatch, maxInferInput)
	}
	c, err := newCall(ctx, OpInfer, nil, p.cfg.Timeouts.Frame)
	if err != nil {
		return nil, err
	}
	c.infer = &r
	p.mu.Lock()
	p.tensors = append(p.tensors, c)
	p.mu.Unlock()
	_, err = p.do(ctx, r.Urgent, c)
	if err != nil {
		p.forget(c)
		return nil, err
	}
	return c.result, nil
}

// forget takes a call that was not served off the list.
func (p *Pool) forget(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.tensors {
		if other == c {
			p.tensors = append(p.tensors[:i], p.tensors[i+1:]...)
			return
		}
	}
}

// gather claims the calls that can be run together with first, in the order
// they came.
func (p *Pool) gather(first *call) []*call {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch := []*call{first}
	most := p.paceOf(first).batch()
	images, bytes, each := first.infer.Images, len(first.infer.Input), len(first.infer.Input)/first.infer.Images
	kept := p.tensors[:0]
	for _, c := range p.tensors {
		r := c.infer
		fits := r.Model == first.infer.Model && len(r.Input)/r.Images == each &&
			images+r.Images <= most && bytes+len(r.Input) <= maxInferInput
		switch {
		case c == first:
		case fits && c.ctx.Err() == nil && c.claim():
			batch = append(batch, c)
			images, bytes = images+r.Images, bytes+len(r.Input)
		default:
			kept = append(kept, c)
		}
	}
	clear(p.tensors[len(kept):])
	p.tensors = kept
	return batch
}

// paceOf returns the pace of the model of a call. The mutex is held.
func (p *Pool) paceOf(c *call) *pace {
	one := p.paces[c.infer.Model]
	if one == nil {
		if len(p.paces) >= maxPaces {
			clear(p.paces)
		}
		one = &pace{}
		p.paces[c.infer.Model] = one
	}
	return one
}

// maxPaces bounds the models, existing or not, that callers may name.
const maxPaces = 1000

// serveTensors runs a batch. Where a batch of several fails or the process ends
// in it, each is run alone, so that only the one that is at fault is refused.
func (s *slot) serveTensors(ctx context.Context, first *call) {
	batch := s.pool.gather(first)
	err := s.runBatch(ctx, batch)
	died := errors.Is(err, errDied)
	if err == nil || len(batch) == 1 && !died {
		for _, c := range batch {
			c.done <- answer{nil, err}
		}
		return
	}
	var deaths []death
	if died {
		if len(batch) == 1 {
			deaths = append(deaths, death{s.proc.why(), s.proc.busyWith()})
		}
		s.drop()
	}
	for _, c := range batch {
		c.done <- answer{nil, s.runAlone(ctx, c, slices.Clone(deaths))}
	}
}

// runAlone runs one request on a fresh process, twice at most in all.
func (s *slot) runAlone(ctx context.Context, c *call, deaths []death) error {
	for {
		if len(deaths) > 0 {
			if err := s.again(c, deaths); err != nil {
				return err
			}
		}
		if s.proc == nil {
			if err := s.launch(ctx); err != nil {
				return err
			}
		}
		err := s.runBatch(ctx, []*call{c})
		if !errors.Is(err, errDied) {
			return err
		}
		deaths = append(deaths, death{s.proc.why(), s.proc.busyWith()})
		s.drop()
	}
}

// runBatch puts the tensors of a batch into the shared memory, has them run
// and hands out the outputs.
func (s *slot) runBatch(ctx context.Context, batch []*call) error {
	order := InferOrder{Model: batch[0].infer.Model}
	for _, c := range batch {
		order.Bytes += copy(s.proc.shared[order.Bytes:maxInferInput], c.infer.Input)
		order.Images += c.infer.Images
	}
	body, err := json.Marshal(order)
	if err != nil {
		return radnode.Errorf(radnode.Internal, OpInfer, "%w", err)
	}
	if len(batch) == 1 { // of several, one caller that gives up does not stop the others
		var cancel context.CancelFunc
		ctx, cancel = both(ctx, batch[0].ctx)
		defer cancel()
	}
	start := time.Now()
	reply, err := s.proc.call(ctx, OpInfer, body, batch[0].timeout)
	if err != nil {
		return err
	}
	took := time.Since(start)
	var result InferResult
	if err := json.Unmarshal(reply, &result); err != nil {
		return radnode.Errorf(radnode.Internal, OpInfer, "the answer of the pixel worker cannot be read: %w", err)
	}
	s.pool.count(func(st *Stats) {
		st.Batches++
		st.BatchImages += int64(order.Images)
		s.pool.paceOf(batch[0]).took(took, order.Images)
	})
	return s.handOut(batch, order.Images, result)
}

// both is a context that ends with either of two.
func both(a, b context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(a)
	stop := context.AfterFunc(b, cancel)
	return ctx, func() { stop(); cancel() }
}

// handOut copies to each call of a batch its part of every output.
func (s *slot) handOut(batch []*call, images int, result InferResult) error {
	for _, t := range result.Outputs {
		if t.Offset < OutputOffset || t.Bytes < 0 || t.Bytes > sharedSize || t.Offset > sharedSize-t.Bytes || len(t.Shape) == 0 || t.Shape[0] != int64(images) || t.Bytes%images != 0 {
			return radnode.Errorf(radnode.Internal, OpInfer, "the pixel worker described its output %q wrongly", t.Name)
		}
	}
	at := 0
	for _, c := range batch {
		n := c.infer.Images
		own := &InferResult{Model: result.Model, Device: result.Device, Outputs: make([]Tensor, len(result.Outputs))}
		for i, t := range result.Outputs {
			each := t.Bytes / images
			from := t.Offset + at*each
			own.Outputs[i] = Tensor{
				Name: t.Name, Shape: append([]int64{int64(n)}, t.Shape[1:]...), Bytes: n * each,
				Data: append([]byte(nil), s.proc.shared[from:from+n*each]...),
			}
		}
		c.result = own
		at += n
	}
	return nil
}

// BatchStats says how many images were run together on average.
func (s Stats) BatchStats() string {
	if s.Batches == 0 {
		return "no batches"
	}
	return fmt.Sprintf("%d batches of %.1f images", s.Batches, float64(s.BatchImages)/float64(s.Batches))
}
