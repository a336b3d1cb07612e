package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestEveryCommandShowsItsFlagsAndRefusesWrongUsage(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.name, func(t *testing.T) {
			for _, try := range []struct {
				args []string
				want int
			}{
				{[]string{c.name, "--help"}, exitSuccess},
				{[]string{c.name, "--no-such-flag"}, exitUsage},
				{[]string{"help", c.name}, exitSuccess},
			} {
				var out, errs bytes.Buffer
				p := &program{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }}
				if got := run(context.Background(), try.args, p); got != try.want {
					t.Errorf("radnode %v: exit %d, want %d: %s", try.args, got, try.want, errs.String())
				}
			}
		})
	}
}

func TestFlagsMayStandAnywhereAndEndAtTwoDashes(t *testing.T) {
	p := &program{err: &bytes.Buffer{}, command: command{name: "try"}}
	f := p.flags()
	model, asJSON := f.String("model", "", ""), f.Bool("json", false, "")
	rest, err := parse(f, []string{"a.dcm", "--json", "b.dcm", "--model", "x", "--", "--json", "c.dcm"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rest, " "); got != "a.dcm b.dcm --json c.dcm" || !*asJSON || *model != "x" {
		t.Errorf("got %q, json %v, model %q", got, *asJSON, *model)
	}
}
