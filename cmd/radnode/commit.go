package main

import (
	"context"
	"time"

	"github.com/radnode/radnode/node"
)

func commit(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	to := callFlags(f)
	listen := f.String("listen", "", "`address` on which the peer may report on an association of its own; empty: only on that of the request")
	wait := f.Duration("wait", time.Minute, "how long to wait for the report")
	target, paths, err := to.parse(f, args, 2, 0, "name a peer as CALLED@HOST:PORT and at least one file or folder")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *to.timeout)
	defer cancel()
	committed, failed := 0, 0
	err = target.Commit(ctx, paths, *listen, *wait, func(one node.Committed) {
		if one.Committed {
			committed++
		} else {
			failed++
		}
		switch {
		case *to.asJSON:
			_ = p.line(one) // a closed standard output ends the program by itself
		case !one.Committed:
			p.say("%s: not committed, failure reason %s", one.File, one.Reason)
		}
	})
	if !*to.asJSON && committed+failed > 0 {
		p.say("%d committed, %d not", committed, failed)
	}
	return err
}
