package main

import (
	"context"
)

func echo(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	to := callFlags(f)
	target, _, err := to.parse(f, args, 1, 1, "name one peer as CALLED@HOST:PORT")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *to.timeout)
	defer cancel()
	took, err := target.Echo(ctx)
	if *to.asJSON {
		if err := p.line(map[string]any{"peer": target.String(), "ok": err == nil, "ms": float64(took.Microseconds()) / 1000, "error": errorText(err)}); err != nil {
			return err
		}
		if err != nil {
			return errReported
		}
		return nil
	}
	if err != nil {
		return err
	}
	p.say("%s answers, %.1f ms", target, float64(took.Microseconds())/1000)
	return nil
}
