package main

import (
	"context"
	"flag"
	"time"

	"github.com/radnode/radnode/node"
)

// peerFlags are the flags of every command that calls a DICOM peer. The
// calling AE title is not the node's own: what comes from that is taken for
// the node's results and not analysed.
func peerFlags(f *flag.FlagSet) (callingAE *string, timeout *time.Duration, asJSON *bool) {
	return f.String("ae", "RADNODESCU", "calling AE `title`"),
		f.Duration("timeout", 10*time.Minute, "longest time for the whole command"),
		f.Bool("json", false, "print JSON objects, one on a line")
}

func echo(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	callingAE, timeout, asJSON := peerFlags(f)
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError{"name one peer as CALLED@HOST:PORT"}
	}
	target, err := node.ParseTarget(rest[0], *callingAE)
	if err != nil {
		return usageError{err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	took, err := target.Echo(ctx)
	if *asJSON {
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
