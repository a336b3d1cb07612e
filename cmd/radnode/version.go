package main

import (
	"context"
	"runtime"

	"github.com/radnode/radnode/node"
)

func version(_ context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print one JSON object")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{"it takes no arguments"}
	}
	if *asJSON {
		return p.line(map[string]string{"version": node.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
	}
	p.say("radnode %s (%s, %s/%s)", node.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func printConfig(_ context.Context, p *program, args []string) error {
	rest, c, err := p.parseWithConfig(p.flags(), args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{"it takes no arguments"}
	}
	return c.Print(p.out)
}
