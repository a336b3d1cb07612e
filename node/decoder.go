package node

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/frames"
	"github.com/radnode/radnode/worker"
	"github.com/radnode/radnode/workflow"
)

// decoder adapts the pixel workers to the web's frame cache.
type decoder struct{ pool *worker.Pool }

var _ frames.Decoder = decoder{}

// Frame implements frames.Decoder.
func (d decoder) Frame(ctx context.Context, path string, frame int, out string) error {
	_, err := d.pool.Frame(ctx, worker.FrameRequest{Path: path, Frame: frame, Out: out})
	return err
}

// Render implements frames.Decoder.
func (d decoder) Render(ctx context.Context, path string, frame, size int, out string) error {
	_, err := d.pool.Render(ctx, worker.RenderRequest{Path: path, Frame: frame, Out: out, MaxSize: size, Format: "jpeg", Quality: 85})
	return err
}

// reader adapts the pixel workers to the workflow, which reads what arrives.
type reader struct{ pool *worker.Pool }

var _ workflow.Analyzer = reader{}

// Analyze implements workflow.Analyzer.
func (r reader) Analyze(ctx context.Context, req workflow.AnalyzeRequest) ([]radnode.Analysis, error) {
	return r.pool.Analyze(ctx, worker.AnalyzeRequest{Path: req.Path, OutDir: req.OutDir, Stages: req.OutDir != ""})
}
