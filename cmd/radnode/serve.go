package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"

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
	waitForDisks()
	log := slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level}))
	return node.Serve(ctx, *c, node.ServeOptions{Demo: *demo, Out: p.out, Log: log})
}

// mostWaiting is up to how many goroutines may run at a time where there are
// fewer cores.
const mostWaiting = 8

// waitForDisks lets more goroutines run than there are cores, where these are
// few: one that waits in a system call for a disk counts as running until the
// scheduler notices, and a node that receives has several of them.
func waitForDisks() {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	if n := runtime.GOMAXPROCS(0); n < mostWaiting {
		runtime.GOMAXPROCS(min(2*n, mostWaiting))
	}
}
