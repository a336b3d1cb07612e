package main

import (
	"context"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

func get(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	to := callFlags(f)
	selection := selectionFlags(f, "study")
	options := node.GetOptions{Out: "."}
	f.StringVar(&options.Out, "out", ".", "`folder` of the files; each is named by its SOP Instance UID")
	f.Func("class", "SOP class `UID` to take; may be repeated; none: the usual storage classes", func(uid string) error {
		options.Classes = append(options.Classes, uid)
		return nil
	})
	f.Func("syntax", "transfer syntax `UID` to take, the favourite first; may be repeated; none: the two little endian ones", func(uid string) error {
		options.Syntaxes = append(options.Syntaxes, uid)
		return nil
	})
	target, _, err := to.parse(f, args, 1, 1, "name one peer as CALLED@HOST:PORT")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *to.timeout)
	defer cancel()
	var bytes int64
	came, total := 0, 0
	start := time.Now()
	line := p.progress(*to.asJSON)
	result, err := target.Get(ctx, *selection, options, func(one node.Fetched) {
		came++
		bytes += one.Bytes
		if *to.asJSON {
			_ = p.line(one) // a closed standard output ends the program by itself
		}
		line.show(came, total, "%d came, %.1f MB", came, float64(bytes)/1e6)
	}, func(n node.Progress) { total = n.Remaining + n.Completed + n.Warning + n.Failed })
	line.end()
	return p.retrieved(result, err, *to.asJSON, start, bytes)
}

// retrieved writes the outcome of a retrieval.
func (p *program) retrieved(result node.Retrieved, err error, asJSON bool, start time.Time, bytes int64) error {
	if result.Status == "" {
		return usageOr(err) // nothing was asked
	}
	if asJSON {
		failed := append([]radnode.UID{}, result.FailedUIDs...)
		if lineErr := p.line(map[string]any{"status": result.Status, "meaning": result.Meaning, "completed": result.Completed, "failed": result.Failed,
			"warning": result.Warning, "failed_uids": failed, "error": errorText(err)}); lineErr != nil {
			return lineErr
		}
	} else {
		seconds := time.Since(start).Seconds()
		p.say("%d completed, %d failed, %d with warnings, %.1f MB in %.2f s, status %s %s %s", result.Completed, result.Failed, result.Warning,
			float64(bytes)/1e6, seconds, result.Status, result.Meaning, result.Comment)
		for _, uid := range result.FailedUIDs {
			p.say("failed: %s", uid)
		}
	}
	if err != nil || result.Failed > 0 {
		if asJSON || err == nil {
			return errReported
		}
		return err
	}
	if result.Completed+result.Warning == 0 {
		return radnode.Errorf(radnode.NotFound, p.command.name, "the peer found nothing to send")
	}
	return nil
}
