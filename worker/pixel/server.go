package pixel

import (
	"context"
	"encoding/json"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// server answers the requests of the node, one at a time.
type server struct {
	software  string
	registry  *registry // nil: the runtime could not be opened
	noRuntime error     // why
	frame     frame     // reused from request to request
	opened    opened
	shared    []byte // the memory shared with the node, once it is mapped
}

// operation turns the body of a request into an answer.
type operation func(s *server, ctx context.Context, body json.RawMessage) (any, error)

// operations is what this worker can do.
var operations = map[string]operation{
	worker.OpAnalyze: decoded(func(s *server, ctx context.Context, r worker.AnalyzeRequest) (any, error) { return s.analyze(ctx, r) }),
	worker.OpFrame:   decoded(func(s *server, ctx context.Context, r worker.FrameRequest) (any, error) { return s.frameValues(ctx, r) }),
	worker.OpTranscode: decoded(func(s *server, ctx context.Context, r worker.TranscodeRequest) (any, error) {
		return s.transcode(ctx, r)
	}),
	worker.OpRender: decoded(func(s *server, ctx context.Context, r worker.RenderRequest) (any, error) { return s.render(ctx, r) }),
	worker.OpInfer:  decoded(func(s *server, ctx context.Context, r worker.InferOrder) (any, error) { return s.infer(ctx, r) }),
	worker.OpPipeline: decoded(func(s *server, ctx context.Context, r worker.PipelineRequest) (any, error) {
		return s.pipeline(ctx, r)
	}),
	worker.OpVerify: decoded(func(s *server, ctx context.Context, _ struct{}) (any, error) { return s.verify(ctx) }),
	worker.OpModels: decoded(func(s *server, _ context.Context, _ struct{}) (any, error) { return s.models() }),
}

// decoded reads the body of a request into its type.
func decoded[Request any](do func(*server, context.Context, Request) (any, error)) operation {
	return func(s *server, ctx context.Context, body json.RawMessage) (any, error) {
		var r Request
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, radnode.Errorf(radnode.Invalid, "pixel worker", "the request cannot be read: %w", err)
		}
		return do(s, ctx, r)
	}
}

func (s *server) handle(ctx context.Context, op string, body json.RawMessage) (any, error) {
	do, ok := operations[op]
	if !ok {
		return nil, radnode.Errorf(radnode.Unsupported, "pixel worker", "there is no operation %q", op)
	}
	return do(s, ctx, body)
}

func (s *server) models() (any, error) {
	if s.registry == nil {
		return nil, s.noRuntime
	}
	return append([]worker.ModelStatus{}, s.registry.statuses...), nil
}

// verify runs the reference cases of every model again.
func (s *server) verify(ctx context.Context) ([]worker.Verification, error) {
	if s.registry == nil {
		return nil, s.noRuntime
	}
	out := []worker.Verification{}
	for _, c := range s.registry.ready {
		out = append(out, c.verify(ctx)...)
	}
	for _, status := range s.registry.statuses {
		if status.State == worker.ModelRefused {
			out = append(out, worker.Verification{Model: status.ID + "@" + status.Version, Reason: status.Reason})
		}
	}
	return out, nil
}
