package worker

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
)

// Analyze reads one file with every model that fits. One analysis comes back
// for each model and image, also for those a gate refused.
func (p *Pool) Analyze(ctx context.Context, r AnalyzeRequest) ([]radnode.Analysis, error) {
	if err := absolute(&r.Path, &r.OutDir); err != nil {
		return nil, err
	}
	c, err := newCall(ctx, OpAnalyze, r, p.cfg.Timeouts.Analyze)
	if err != nil {
		return nil, err
	}
	c.without = func(part, reason string) bool {
		model, ok := strings.CutPrefix(part, DoingModel)
		if _, known := r.Without[model]; !ok || known {
			return false
		}
		without := map[string]string{model: reason}
		maps.Copy(without, r.Without)
		r.Without = without
		body, err := json.Marshal(r)
		if err != nil {
			return false
		}
		c.body = body
		return true
	}
	return exchange[[]radnode.Analysis](ctx, p, r.Urgent, c)
}

// DoingModel begins the word of a worker that it runs a model: the rest is
// "id@version".
const DoingModel = "model "

// Frame writes the stored values of one frame to a file.
func (p *Pool) Frame(ctx context.Context, r FrameRequest) (FrameInfo, error) {
	if err := absolute(&r.Path, &r.Out); err != nil {
		return FrameInfo{}, err
	}
	return ask[FrameInfo](ctx, p, OpFrame, r, p.cfg.Timeouts.Frame)
}

// Transcode writes the codestream of one frame in another transfer syntax to a
// file.
func (p *Pool) Transcode(ctx context.Context, r TranscodeRequest) (TranscodeInfo, error) {
	if err := absolute(&r.Path, &r.Out); err != nil {
		return TranscodeInfo{}, err
	}
	return ask[TranscodeInfo](ctx, p, OpTranscode, r, p.cfg.Timeouts.Frame)
}

// Render writes a picture of one frame to a file.
func (p *Pool) Render(ctx context.Context, r RenderRequest) (RenderInfo, error) {
	if err := absolute(&r.Path, &r.Out, &r.State); err != nil {
		return RenderInfo{}, err
	}
	return ask[RenderInfo](ctx, p, OpRender, r, p.cfg.Timeouts.Frame)
}

// Pipeline describes a pipeline, and runs it where there are files.
func (p *Pool) Pipeline(ctx context.Context, r PipelineRequest) (*PipelineResult, error) {
	paths := []*string{&r.OutDir}
	r.Paths = slices.Clone(r.Paths)
	for i := range r.Paths {
		paths = append(paths, &r.Paths[i])
	}
	if err := absolute(paths...); err != nil {
		return nil, err
	}
	return ask[*PipelineResult](ctx, p, OpPipeline, r, p.cfg.Timeouts.Analyze)
}

// Models lists the models as a process has them.
func (p *Pool) Models(ctx context.Context) ([]ModelStatus, error) {
	return ask[[]ModelStatus](ctx, p, OpModels, struct{}{}, p.cfg.Timeouts.Registry)
}

// absolute completes paths: a worker does not run in the folder of the node.
func absolute(paths ...*string) error {
	for _, p := range paths {
		if *p == "" {
			continue
		}
		full, err := filepath.Abs(*p)
		if err != nil {
			return radnode.Errorf(radnode.Internal, "pixel worker", "a path cannot be completed: %w", err)
		}
		*p = full
	}
	return nil
}

func newCall(ctx context.Context, op string, body any, timeout time.Duration) (*call, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, op, "%w", err)
	}
	return &call{ctx: ctx, op: op, body: raw, timeout: timeout, done: make(chan answer, 1), claimed: make(chan struct{})}, nil
}

// ask sends a request for which somebody waits at a screen.
func ask[Answer any](ctx context.Context, p *Pool, op string, body any, timeout time.Duration) (Answer, error) {
	c, err := newCall(ctx, op, body, timeout)
	if err != nil {
		var none Answer
		return none, err
	}
	return exchange[Answer](ctx, p, true, c)
}

// exchange hands over a call and reads its answer.
func exchange[Answer any](ctx context.Context, p *Pool, urgent bool, c *call) (Answer, error) {
	var out Answer
	answer, err := p.do(ctx, urgent, c)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, radnode.Errorf(radnode.Internal, c.op, "the answer of the pixel worker cannot be read: %w", err)
	}
	return out, nil
}
