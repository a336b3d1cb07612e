package pixel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess"
	"github.com/radnode/radnode/worker"
)

const opPipeline = "run pipeline"

// pipeline describes a pipeline and runs it on an image or a series.
func (s *server) pipeline(ctx context.Context, r worker.PipelineRequest) (*worker.PipelineResult, error) {
	d, err := s.definition(r)
	if err != nil {
		return nil, err
	}
	p, err := preprocess.Compile(d.Steps)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	out := &worker.PipelineResult{
		Name: d.Name, Version: d.Version, Purpose: d.Purpose, Digest: p.Digest(), Diagram: p.Diagram(), Mermaid: p.Mermaid(),
	}
	switch {
	case len(r.Paths) == 0:
		return out, nil
	case d.Volume != nil && len(r.Paths) > 1:
		return out, s.runSeries(ctx, r.Paths, d.Volume, out)
	case len(r.Paths) > 1:
		return nil, radnode.Errorf(radnode.Invalid, opPipeline, "the pipeline %s works on one image, and %d files are given; a pipeline for a series has a part volume", d.Name, len(r.Paths))
	case d.Volume != nil:
		out.Notes = append(out.Notes, "one file is given, so the part volume of the pipeline, which is for a series, was left out")
	}
	return out, s.runPipeline(ctx, r, p, out)
}

// definition finds the pipeline that a request names.
func (s *server) definition(r worker.PipelineRequest) (*preprocess.Definition, error) {
	if r.Text != "" {
		return preprocess.ParseDefinition([]byte(r.Text))
	}
	all, err := preprocess.Bundled()
	if err != nil {
		return nil, err
	}
	if d := all[r.Name]; d != nil {
		return d, nil
	}
	if s.registry != nil {
		for _, c := range s.registry.ready {
			m := c.manifest
			if r.Name == name(m) || r.Name == m.ID && s.registry.newest[m.ID] == c {
				return &preprocess.Definition{Name: m.ID, Version: m.Version, Purpose: m.IntendedUse, Steps: m.Pipeline}, nil
			}
		}
	}
	return nil, radnode.Errorf(radnode.NotFound, opPipeline, "there is no bundled pipeline and no model %q; give the file of a pipeline, or a name", r.Name)
}

// runPipeline runs a pipeline on one frame; its pictures go to the folder.
func (s *server) runPipeline(ctx context.Context, r worker.PipelineRequest, p *preprocess.Pipeline, out *worker.PipelineResult) error {
	src, release, err := s.opened.frame(r.Paths[0], max(r.Frame, 1))
	if err != nil {
		return err
	}
	defer release()
	defer s.frame.trim()
	index := max(r.Frame, 1) - 1
	if err := src.decode(ctx, index, &s.frame, true); err != nil {
		return err
	}
	f := &frameReading{analysis: &analysis{fr: &s.frame, src: src}, index: index}
	img := f.input(&classifier{withValues: true})
	pictures := &stageFiles{dir: r.OutDir, prefix: "stage_"}
	opts := preprocess.RunOptions{}
	if r.OutDir != "" {
		opts.KeepStages = pictures.keep
	}
	result, tensor, err := p.RunNew(ctx, img, opts)
	if err != nil {
		return err
	}
	out.Shape = []int{result.Channels, result.Rows, result.Columns}
	if pictures.err != nil {
		return pictures.err
	}
	sum := sha256.Sum256(tensor.Bytes())
	out.TensorDigest, out.InputDigest = "sha256:"+hex.EncodeToString(sum[:]), s.frame.digest
	out.Features, out.Stages = result.Features, pictures.stages(result.Stages)
	return nil
}
