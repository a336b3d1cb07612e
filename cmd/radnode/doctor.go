package main

import (
	"context"

	"github.com/radnode/radnode/node"
)

func doctor(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print JSON objects, one on a line")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{"it takes no arguments"}
	}
	failed := false
	node.Doctor(ctx, *c, func(check node.Check) {
		failed = failed || check.Status == "fail"
		if *asJSON {
			_ = p.line(check) // a closed standard output ends the program by itself
			return
		}
		p.say("%-5s %-28s %s", check.Status, check.Name, check.Detail)
		if check.Remedy != "" {
			p.say("      %-28s remedy: %s", "", check.Remedy)
		}
	})
	if failed {
		return errReported
	}
	return nil
}
