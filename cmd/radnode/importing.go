package main

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

// importedLine is the machine output for one file.
type importedLine struct {
	node.Imported
	Error *string `json:"error"`
}

func importFiles(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print JSON objects, one on a line")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"name at least one file or folder"}
	}
	d, err := node.OpenDesk(ctx, *c)
	if err != nil {
		return err
	}
	defer d.Close()
	var stored, failed int
	err = d.Import(ctx, rest, func(i node.Imported) {
		if i.Error != nil {
			failed++
		} else {
			stored++
		}
		switch {
		case *asJSON:
			_ = p.line(importedLine{Imported: i, Error: errorText(i.Error)}) // a closed standard output ends the program by itself
		case i.Error != nil:
			p.say("%s: %v", i.File, i.Error)
		}
	})
	if !*asJSON {
		p.say("%d imported, %d failed", stored, failed)
	}
	switch {
	case err != nil:
		return err
	case failed > 0:
		return errReported
	case stored == 0:
		return radnode.Errorf(radnode.NotFound, "import", "there was no file")
	}
	return nil
}
