package main

import (
	"context"

	"github.com/radnode/radnode/node"
)

func reindex(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print JSON objects, one on a line")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{"no arguments: the data folder is named with --data"}
	}
	var added, failed int
	line := p.progress(*asJSON)
	err = node.Reindex(ctx, *c, func(i node.Imported) {
		if i.Error != nil {
			failed++
		} else {
			added++
		}
		switch {
		case *asJSON:
			_ = p.line(importedLine{Imported: i, Error: errorText(i.Error)}) // a closed standard output ends the program by itself
		case i.Error != nil:
			p.say("%s: %v", i.File, i.Error)
		}
		line.show(0, 0, "%d added, %d failed", added, failed)
	})
	line.end()
	if !*asJSON {
		p.say("%d added to the index, %d failed", added, failed)
	}
	if err == nil && failed > 0 {
		return errReported
	}
	return err
}
