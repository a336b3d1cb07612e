package main

import (
	"context"

	"github.com/radnode/radnode/node"
)

func ledger(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print JSON objects, one on a line")
	verify := f.Bool("verify", false, "read every stored file and compare its bytes with what was received")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{"it takes no arguments"}
	}
	d, err := node.ReadDesk(ctx, *c)
	if err != nil {
		return err
	}
	defer d.Close()
	balance := d.Ledger
	if *verify {
		balance = d.Verify
	}
	rows, err := balance(ctx)
	if err != nil {
		return err
	}
	balanced := true
	for _, row := range rows {
		balanced = balanced && !row.Unaccounted
		if *asJSON {
			if err := p.line(row); err != nil {
				return err
			}
			continue
		}
		mark := ""
		if row.Unaccounted {
			mark = "  UNACCOUNTED: " + row.Detail
		}
		p.say("%-10s %-14s %8d%s", row.Kind, row.State, row.Count, mark)
	}
	if !balanced {
		return errReported
	}
	if !*asJSON {
		p.say("balanced")
	}
	return nil
}
