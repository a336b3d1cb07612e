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

// Transcode implements frames.Decoder.
func (d decoder) Transcode(ctx context.Context, path string, frame int, syntax radnode.UID, out string) error {
	_, err := d.pool.Transcode(ctx, worker.TranscodeRequest{Path: path, Frame: frame, Syntax: syntax, Out: out})
	return err
}

// Picture implements frames.Decoder.
func (d decoder) Picture(ctx context.Context, path string, frame int, how frames.Rendering, out string) error {
	request := worker.RenderRequest{Path: path, Frame: frame, Out: out, State: how.State, MaxSize: how.Size, Format: how.Format, Quality: how.Quality}
	if w := how.Window; w != nil {
		request.Window = &worker.Window{Center: w.Center, Width: w.Width, Function: w.Function}
	}
	_, err := d.pool.Render(ctx, request)
	return err
}

// reader adapts the pixel workers to the workflow, which reads what arrives.
type reader struct{ pool *worker.Pool }

var _ workflow.Analyzer = reader{}

// Analyze implements workflow.Analyzer.
func (r reader) Analyze(ctx context.Context, req workflow.AnalyzeRequest) ([]radnode.Analysis, error) {
	return r.pool.Analyze(ctx, worker.AnalyzeRequest{Path: req.Path, OutDir: req.OutDir, Stages: req.OutDir != ""})
}
