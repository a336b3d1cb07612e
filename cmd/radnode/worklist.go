package main

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

// scheduledLine is the machine output for one file of the worklist.
type scheduledLine struct {
	File  string  `json:"file"`
	Steps int     `json:"steps"`
	Error *string `json:"error"`
}

func worklist(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	asJSON := f.Bool("json", false, "print JSON objects, one on a line")
	before := f.String("before", "", "remove what was to start before this `date` (YYYYMMDD)")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"say what to do: import, list or remove"}
	}
	d, err := node.OpenDesk(ctx, *c)
	if err != nil {
		return err
	}
	defer d.Close()
	switch {
	case rest[0] == "import" && len(rest) > 1:
		return p.schedule(ctx, d, rest[1:], *asJSON)
	case rest[0] == "list" && len(rest) == 1:
		return d.Scheduled(ctx, nil, func(s radnode.ScheduledStep) error {
			if *asJSON {
				return p.line(s)
			}
			p.say("%-12s %s %s %-16s %-4s %s %s %s", s.State, s.StartDate, s.StartTime, s.Station, s.Modality, s.AccessionNumber, s.StudyInstanceUID, s.StepID)
			return nil
		})
	case rest[0] == "remove" && len(rest) == 1 && *before != "":
		n, err := d.RemoveScheduledBefore(ctx, *before)
		if err == nil {
			p.say("%d removed", n)
		}
		return usageOr(err)
	case rest[0] == "remove" && len(rest) == 3:
		return d.RemoveScheduled(ctx, radnode.UID(rest[1]), rest[2])
	}
	return usageError{"wrong arguments for worklist " + rest[0]}
}

// schedule brings files of the worklist in.
func (p *program) schedule(ctx context.Context, d *node.Desk, paths []string, asJSON bool) error {
	steps, failed := 0, 0
	err := d.Schedule(ctx, paths, func(path string, n int, err error) {
		steps += n
		if err != nil {
			failed++
		}
		switch {
		case asJSON:
			_ = p.line(scheduledLine{path, n, errorText(err)}) // a closed standard output ends the program by itself
		case err != nil:
			p.say("%s: %v", path, err)
		}
	})
	if !asJSON {
		p.say("%d steps scheduled, %d files failed", steps, failed)
	}
	switch {
	case err != nil:
		return err
	case failed > 0:
		return errReported
	case steps == 0:
		return radnode.Errorf(radnode.NotFound, "worklist", "there was no scheduled procedure step to import")
	}
	return nil
}
