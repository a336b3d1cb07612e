package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

// modelVerb is one thing that `radnode model` does.
type modelVerb struct {
	least, most int // arguments
	run         func(ctx context.Context, m *modelCommand, args []string) error
}

var modelVerbs = map[string]modelVerb{
	"list":   {0, 0, listModels},
	"add":    {1, 1, addModel},
	"remove": {1, 1, removeModel},
	"verify": {0, 1, verifyModels},
	"bench":  {1, 1, benchModel},
	"schema": {0, 0, showSchema},
}

// modelCommand is what the verbs work with.
type modelCommand struct {
	*program
	config  *node.Config
	asJSON  bool
	seconds float64
	digest  string
	log     *slog.Logger
}

func model(ctx context.Context, p *program, args []string) error {
	m := &modelCommand{program: p, log: slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	f := p.flags()
	f.BoolVar(&m.asJSON, "json", false, "print JSON objects, one on a line")
	f.Float64Var(&m.seconds, "seconds", 5, "how long bench measures each batch size")
	f.StringVar(&m.digest, "digest", "", "sha256:… of the archive that add fetches")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	m.config = c
	if len(rest) == 0 {
		return usageError{"say what to do: list, add, remove, verify, bench or schema"}
	}
	verb, known := modelVerbs[rest[0]]
	rest = rest[1:]
	if !known || len(rest) < verb.least || len(rest) > verb.most || m.seconds <= 0 || m.seconds > 3600 {
		return usageError{"say what to do: list, add PATH|URL, remove ID@VERSION, verify [ID] bench ID [--seconds 1..3600] or schema"}
	}
	return verb.run(ctx, m, rest)
}

// showSchema prints the JSON schema of manifests.
func showSchema(_ context.Context, m *modelCommand, _ []string) error {
	_, err := m.out.Write(node.ModelSchema())
	return err
}

// show prints v as JSON, or the text.
func (m *modelCommand) show(v any, format string, args ...any) error {
	if m.asJSON {
		return m.line(v)
	}
	m.say(format, args...)
	return nil
}

func listModels(ctx context.Context, m *modelCommand, _ []string) error {
	models, err := node.Models(ctx, *m.config, m.log)
	if err != nil {
		return err
	}
	for _, one := range models {
		notes := strings.Join(append([]string{one.Reason}, one.Fallbacks...), "; ")
		if err := m.show(one, "%-24s %-8s %-8s %-8s %s", one.ID, one.Version, one.State, one.Device, notes); err != nil {
			return err
		}
	}
	return nil
}

func addModel(ctx context.Context, m *modelCommand, args []string) error {
	manifest, err := node.AddModel(ctx, *m.config, args[0], m.digest)
	if err != nil {
		return err
	}
	return m.show(manifest, "%s %s is installed; a running node takes it up within seconds (`radnode model verify %s` proves it)", manifest.ID, manifest.Version, manifest.ID)
}

func removeModel(_ context.Context, m *modelCommand, args []string) error {
	if err := node.RemoveModel(*m.config, args[0]); err != nil {
		return err
	}
	return m.show(map[string]string{"removed": args[0]}, "%s is retired; a running node lets it go within seconds", args[0])
}

func verifyModels(ctx context.Context, m *modelCommand, args []string) error {
	cases, err := node.VerifyModels(ctx, *m.config, m.log)
	if err != nil {
		return err
	}
	failed, found := false, false
	for _, one := range cases {
		id, _, _ := strings.Cut(one.Model, "@")
		if len(args) == 1 && args[0] != id && args[0] != one.Model {
			continue
		}
		found = true
		state := "ok"
		switch {
		case one.Unproved:
			state = "unproved"
		case !one.OK:
			state, failed = "FAILED", true
		}
		if err := m.show(one, "%-34s %-8s %-8s %-20s deviation %.2g, tolerance %.2g  %s", one.Model, state, one.Device, one.Case, one.Deviation, one.Tolerance, one.Reason); err != nil {
			return err
		}
	}
	switch {
	case !found && len(args) == 1:
		return radnode.Errorf(radnode.NotFound, "model", "there is no model %.100q", args[0])
	case failed:
		return errReported
	}
	return nil
}

func benchModel(ctx context.Context, m *modelCommand, args []string) error {
	each := time.Duration(m.seconds * float64(time.Second))
	return node.BenchModel(ctx, *m.config, args[0], each, m.log, func(b node.Benchmark) error {
		return m.show(b, "%s on %s  batch %2d: %8.2f images/s  p50 %8.2f ms  p99 %8.2f ms  (%d runs)", b.Model, b.Device, b.Batch, b.ImagesPerSecond, b.P50, b.P99, b.Runs)
	})
}
