package main

import (
	"context"
	"time"

	"github.com/radnode/radnode/node"
)

func move(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	to := callFlags(f)
	selection := selectionFlags(f, "study")
	destination := f.String("to", "", "AE `title` to send to; the peer must know where it is")
	target, _, err := to.parse(f, args, 1, 1, "name one peer as CALLED@HOST:PORT")
	if err != nil {
		return err
	}
	if *destination == "" {
		return usageError{"name the destination with --to"}
	}
	ctx, cancel := context.WithTimeout(ctx, *to.timeout)
	defer cancel()
	start := time.Now()
	line := p.progress(*to.asJSON)
	result, err := target.Move(ctx, *selection, *destination, func(n node.Progress) {
		done := n.Completed + n.Warning + n.Failed
		line.show(done, done+n.Remaining, "%d sent, %d failed, %d left", n.Completed+n.Warning, n.Failed, n.Remaining)
	})
	line.end()
	return p.retrieved(result, err, *to.asJSON, start, 0)
}
