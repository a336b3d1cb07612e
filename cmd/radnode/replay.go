package main

import (
	"context"
	"log/slog"

	"github.com/radnode/radnode/node"
)

func replay(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print a JSON object")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError{"name one result: the ids are in /api/v1/studies/UID"}
	}
	log := slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r, err := node.Replay(ctx, *c, rest[0], log)
	if err != nil {
		return err
	}
	if *asJSON {
		if err := p.line(r); err != nil {
			return err
		}
	} else {
		verdict := "reproduced"
		if !r.Reproduced {
			verdict = "NOT reproduced"
		}
		p.say("%s: %s by %s %s on %s; largest deviation %.2g, tolerance %.2g", r.Result, verdict, r.Model.ID, r.Model.Version, r.Now.Device, r.Deviation, r.Tolerance)
		for _, d := range r.Differences {
			p.say("  %s", d)
		}
	}
	if !r.Reproduced {
		return errReported
	}
	return nil
}
