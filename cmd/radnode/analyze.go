package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

func analyze(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	model := f.String("model", "", "only the models with these `IDs`, with commas")
	out := f.String("out", "", "`folder` for SR, heat maps and stage pictures")
	asJSON := f.Bool("json", false, "print one JSON object per image and model")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"name at least one file or folder"}
	}
	o := node.AnalyzeOptions{Paths: rest, Out: *out}
	if *model != "" {
		o.Models = strings.Split(*model, ",")
	}
	log := slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	count := 0
	failed, err := node.Analyze(ctx, *c, o, log, func(a radnode.Analysis) error {
		count++
		if *asJSON {
			return p.line(a)
		}
		p.showAnalysis(a)
		return nil
	})
	switch {
	case err != nil:
		return err
	case failed > 0:
		return errReported
	case count == 0:
		return radnode.Errorf(radnode.NotFound, "analyze", "there was no file to read")
	}
	return nil
}

func (p *program) showAnalysis(a radnode.Analysis) {
	name := a.File
	if a.Frame > 0 {
		name += fmt.Sprintf(" frame %d", a.Frame)
	}
	switch {
	case a.Error != nil:
		p.say("%s: cannot be read: %s", name, *a.Error)
		return
	case !a.Gate.Accepted:
		p.say("%s: %s: not analysed: %s", name, a.Model.ID, strings.Join(a.Gate.Reasons, "; "))
		return
	}
	p.say("%s: %s %s on %s (AI, not verified)", name, a.Model.ID, a.Model.Version, a.Device)
	for _, finding := range a.Findings {
		measured := ""
		if m := finding.Measurement; m != nil {
			measured = fmt.Sprintf(", %s %.5g %s", m.Name, m.Value, m.Unit)
		}
		if finding.IsNumber() {
			p.say("  %-26s %s", finding.Label, measured[2:])
			continue
		}
		mark, against := "below threshold", fmt.Sprintf("threshold %.1f %%", 100*finding.Threshold)
		if finding.Threshold == 0 {
			mark, against = "not the largest", "largest of its group counts"
		}
		if finding.Present {
			mark = "PRESENT"
		}
		if finding.Undecided {
			mark += ", but undecided"
		}
		p.say("  %-26s %5.1f %% (%s) %s", finding.Label, 100*finding.Probability, against, mark+measured)
	}
	for _, reason := range a.Gate.Reasons {
		p.say("  note: %s", reason)
	}
}
