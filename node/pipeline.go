package node

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// maxPipelineText bounds the file of a pipeline.
const maxPipelineText = 1 << 20

// ShowPipeline describes a pipeline: a file, or the name of a bundled one or
// of a model.
func ShowPipeline(ctx context.Context, c Config, pipeline string, log *slog.Logger) (*worker.PipelineResult, error) {
	return askPipeline(ctx, c, pipeline, worker.PipelineRequest{}, log)
}

// RunPipeline runs a pipeline on an image, or on the files and folders of a
// series, and writes the pictures of its stages and the result to a folder.
// frame is that of an image of several, counted from 1.
func RunPipeline(ctx context.Context, c Config, paths []string, frame int, pipeline, out string, log *slog.Logger) (*worker.PipelineResult, error) {
	const op = "run pipeline"
	r := worker.PipelineRequest{OutDir: out, Frame: frame}
	err := EachFile(ctx, paths, func(path string, err error) error {
		r.Paths = append(r.Paths, path)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(r.Paths) == 0 {
		return nil, radnode.Errorf(radnode.NotFound, op, "there was no file to read")
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "the folder for --out cannot be made: %w", err)
	}
	result, err := askPipeline(ctx, c, pipeline, r, log)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, op, "%w", err)
	}
	if err := os.WriteFile(filepath.Join(out, "result.json"), append(text, '\n'), 0o600); err != nil {
		return nil, radnode.Errorf(radnode.NoResources, op, "the result cannot be written: %w", err)
	}
	return result, nil
}

func askPipeline(ctx context.Context, c Config, pipeline string, r worker.PipelineRequest, log *slog.Logger) (*worker.PipelineResult, error) {
	st, err := os.Stat(pipeline)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Name = pipeline
	case err != nil || !st.Mode().IsRegular() || st.Size() > maxPipelineText:
		return nil, radnode.Errorf(radnode.Invalid, "read pipeline", "%s is no pipeline file of at most %d bytes", pipeline, maxPipelineText)
	default:
		text, err := os.ReadFile(pipeline)
		if err != nil {
			return nil, radnode.Errorf(radnode.Invalid, "read pipeline", "the file cannot be read: %w", err)
		}
		r.Text = string(text)
	}
	pool, err := c.startPool(ctx, log)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return pool.Pipeline(ctx, r)
}
