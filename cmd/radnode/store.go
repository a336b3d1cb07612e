package main

import (
	"context"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

// sentLine is the machine output for one file.
type sentLine struct {
	node.Sent
	Error *string `json:"error"`
}

func storeFiles(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	to := callFlags(f)
	target, paths, err := to.parse(f, args, 2, 0, "name a peer as CALLED@HOST:PORT and at least one file or folder")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *to.timeout)
	defer cancel()
	var stored, failed, unsent, total int
	var bytes int64
	start := time.Now()
	line := p.progress(*to.asJSON)
	if line.p != nil {
		total = node.CountFiles(ctx, paths)
	}
	err = target.Send(ctx, paths, func(s node.Sent) {
		switch {
		case s.Untried:
			unsent++
		case s.Error != nil:
			failed++
		default:
			stored++
			bytes += s.Bytes
		}
		line.clear()
		p.reportSent(s, *to.asJSON)
		line.show(stored+failed+unsent, total, "%d stored, %d failed, %.1f MB", stored, failed, float64(bytes)/1e6)
	})
	line.end()
	if !*to.asJSON {
		seconds := time.Since(start).Seconds()
		p.say("%d stored, %d failed, %d not sent, %.1f MB in %.2f s", stored, failed, unsent, float64(bytes)/1e6, seconds)
	}
	if err != nil {
		return err
	}
	if failed > 0 {
		return errReported
	}
	if stored == 0 {
		return radnode.Errorf(radnode.NotFound, "store", "there was no file to send")
	}
	return nil
}

func (p *program) reportSent(s node.Sent, asJSON bool) {
	switch {
	case asJSON:
		_ = p.line(sentLine{Sent: s, Error: errorText(s.Error)}) // a closed standard output ends the program by itself
	case s.Error != nil && !s.Untried: // why the others were not sent is told once
		p.say("%s: %v", s.File, s.Error)
	}
}
