package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

func model(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print JSON objects, one on a line")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 || rest[0] != "list" && rest[0] != "verify" || rest[0] == "list" && len(rest) > 1 || len(rest) > 2 {
		return usageError{"say what to do: list, or verify [ID]"}
	}
	log := slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	models, err := node.Models(ctx, *c, log)
	if err != nil {
		return err
	}
	broken, found := false, false
	for _, m := range models {
		if len(rest) == 2 && m.ID != rest[1] {
			continue
		}
		found = true
		broken = broken || m.State != "ready"
		if *asJSON {
			if err := p.line(m); err != nil {
				return err
			}
			continue
		}
		p.say("%-24s %-8s %-8s %-8s %s", m.ID, m.Version, m.State, m.Device, strings.Join(append([]string{m.Reason}, m.Fallbacks...), "; "))
	}
	if len(rest) == 2 && !found {
		return radnode.Errorf(radnode.NotFound, "model", "there is no model %q", rest[1])
	}
	if rest[0] == "verify" && broken {
		return errReported
	}
	return nil
}
