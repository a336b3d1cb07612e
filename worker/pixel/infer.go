package pixel

import (
	"context"
	"unsafe"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/worker"
)

// infer runs a model on the tensors in the shared memory, straight from there,
// and puts the outputs behind them.
func (s *server) infer(ctx context.Context, r worker.InferOrder) (*worker.InferResult, error) {
	const op = "infer"
	if s.registry == nil {
		return nil, s.noRuntime
	}
	if err := s.mapShared(); err != nil {
		return nil, err
	}
	run, refused, err := s.registry.choose([]string{r.Model})
	if err != nil {
		return nil, err
	}
	if len(run) == 0 {
		return nil, radnode.Errorf(radnode.Unavailable, op, "the model cannot be used: %s", refused[0].reason)
	}
	c := run[0]
	if c.model == nil {
		return nil, radnode.Errorf(radnode.Unsupported, op, "%s is an ensemble, which reads images and no tensors; ask for an analysis, or for its members", name(c.manifest))
	}
	if r.Images < 1 || r.Bytes != 4*r.Images*c.manifest.Input.Size() || r.Bytes > worker.OutputOffset {
		return nil, radnode.Errorf(radnode.Invalid, op, "%d bytes are not %d images of %v float32 values", r.Bytes, r.Images, c.manifest.Input.Shape(1)[1:])
	}
	if err := worker.Doing(ctx, worker.DoingModel+name(c.manifest)); err != nil {
		return nil, err
	}
	input := unsafe.Slice((*float32)(unsafe.Pointer(&s.shared[0])), r.Bytes/4)
	out, err := c.model.Run(ctx, r.Images, input)
	if err != nil {
		return nil, err
	}
	result := &worker.InferResult{Model: c.ref(), Device: c.model.Device()}
	return result, s.place(result, out)
}

// mapShared maps the shared memory at its first use: most workers of the
// command line never need it.
func (s *server) mapShared() error {
	if s.shared != nil {
		return nil
	}
	memory, err := worker.OpenShared()
	if err != nil {
		return radnode.Errorf(radnode.Internal, "infer", "the shared memory cannot be mapped: %w", err)
	}
	s.shared = memory
	return nil
}

// place copies the outputs into the shared memory and says where they are.
func (s *server) place(result *worker.InferResult, out *inference.Output) error {
	at := worker.OutputOffset
	for _, t := range out.Tensors {
		raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(t.Data))), 4*len(t.Data))
		if at+len(raw) > len(s.shared) {
			return radnode.Errorf(radnode.TooLarge, "infer", "the outputs of %d images exceed the shared memory; send fewer at once", out.Images)
		}
		copy(s.shared[at:], raw)
		result.Outputs = append(result.Outputs, worker.Tensor{Name: t.Name, Shape: t.Shape, Offset: at, Bytes: len(raw)})
		at += len(raw)
	}
	return nil
}
