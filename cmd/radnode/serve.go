package main

import (
	"context"
	"log/slog"

	"github.com/radnode/radnode/node"
)

func serve(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	demo := f.String("demo", "", "send this `file` through the own DICOM port when the store is empty; callers of this machine are let in")
	verbose := f.Bool("verbose", false, "log every association and request")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{"it takes no arguments"}
	}
	level := slog.LevelWarn
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level}))
	return node.Serve(ctx, *c, node.ServeOptions{Demo: *demo, Out: p.out, Log: log})
}
