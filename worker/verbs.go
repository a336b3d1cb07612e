package worker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/radnode/radnode"
)

// Analyze reads one file with every model that fits. One analysis comes back
// for each model and image, also for those a gate refused.
func (p *Pool) Analyze(ctx context.Context, r AnalyzeRequest) ([]radnode.Analysis, error) {
	return exchange[[]radnode.Analysis](ctx, p, r.Urgent, OpAnalyze, r, p.cfg.Timeouts.Analyze)
}

// Frame writes the stored values of one frame to a file.
func (p *Pool) Frame(ctx context.Context, r FrameRequest) (FrameInfo, error) {
	return exchange[FrameInfo](ctx, p, true, OpFrame, r, p.cfg.Timeouts.Frame) // somebody looks at a screen
}

// Render writes a picture of one frame to a file.
func (p *Pool) Render(ctx context.Context, r RenderRequest) (RenderInfo, error) {
	return exchange[RenderInfo](ctx, p, true, OpRender, r, p.cfg.Timeouts.Frame)
}

// Describe says how the stored values of an image are to be shown.
func (p *Pool) Describe(ctx context.Context, path string) (Description, error) {
	return exchange[Description](ctx, p, true, OpDescribe, DescribeRequest{path}, p.cfg.Timeouts.Frame)
}

// Models lists the models as a process has them.
func (p *Pool) Models(ctx context.Context) ([]ModelStatus, error) {
	return exchange[[]ModelStatus](ctx, p, true, OpModels, struct{}{}, p.cfg.Timeouts.Registry)
}

// exchange sends a request and reads its answer.
func exchange[Answer any](ctx context.Context, p *Pool, urgent bool, op string, body any, timeout time.Duration) (Answer, error) {
	var out Answer
	raw, err := json.Marshal(body)
	if err != nil {
		return out, radnode.Errorf(radnode.Internal, op, "%w", err)
	}
	answer, err := p.do(ctx, urgent, &call{ctx: ctx, op: op, body: raw, timeout: timeout, done: make(chan answer, 1)})
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, radnode.Errorf(radnode.Internal, op, "the answer of the pixel worker cannot be read: %w", err)
	}
	return out, nil
}
