package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/radnode/radnode/node"
)

func pipeline(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print a JSON object")
	mermaid := f.Bool("mermaid", false, "draw as a flow chart in the language of mermaid")
	out := f.String("out", "pipeline-out", "`folder` for the pictures of the stages and result.json")
	frame := f.Int("frame", 1, "`number` of the frame of an image of several")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	switch {
	case len(rest) == 2 && rest[0] == "show":
		r, err := node.ShowPipeline(ctx, *c, rest[1], log)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return p.line(r)
		case *mermaid:
			_, err := fmt.Fprint(p.out, r.Mermaid)
			return err
		}
		p.say("%s %s  %s\n%s\n%s", r.Name, r.Version, r.Digest, r.Purpose, r.Diagram)
		return nil
	case len(rest) >= 3 && rest[0] == "run" && *frame >= 1:
		last := len(rest) - 1
		r, err := node.RunPipeline(ctx, *c, rest[1:last], *frame, rest[last], *out, log)
		if err != nil {
			return err
		}
		if *asJSON {
			return p.line(r)
		}
		p.say("%s %s  %s", r.Name, r.Version, r.Digest)
		if s := r.Series; s != nil {
			p.say("%d slices, %.2f mm apart; volume %v of %.2f mm", s.Slices, s.Spacing, s.Volume, s.Voxel)
			for _, note := range s.Notes {
				p.say("  note: %s", note)
			}
		} else {
			p.say("tensor %v  %s", r.Shape, r.TensorDigest)
		}
		for _, note := range r.Notes {
			p.say("  note: %s", note)
		}
		for _, s := range r.Stages {
			p.say("  %-24s %7.1f ms  %s %s", s.Name, s.Millis, s.File, s.Note)
		}
		for _, name := range slices.Sorted(maps.Keys(r.Features)) {
			p.say("  %s = %.6g", name, r.Features[name])
		}
		return nil
	}
	return usageError{"say what to do: show PIPELINE, or run PATH… PIPELINE; a pipeline is a file, a bundled name or a model"}
}
