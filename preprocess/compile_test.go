package preprocess_test

import (
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess"
)

type steps = []map[string]any

func TestCompileRefusesWhatIsWrongAndSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		steps steps
		want  []string
	}{
		"unknown step":        {steps{{"step": "sparkle"}}, []string{"step 1", `no step "sparkle"`, "resize"}},
		"no step key":         {steps{{"rows": 4}}, []string{"step 1", "no step"}},
		"unknown parameter":   {steps{{"step": "grey"}, {"step": "clahe", "klip": 2}}, []string{"step 2 (clahe)", `"klip"`, "clip, tiles"}},
		"out of range":        {steps{{"step": "clahe", "clip": 1000}}, []string{"step 1 (clahe)", `"clip"`, "1000", "0.1 to 100"}},
		"even kernel":         {steps{{"step": "denoise", "size": 4}}, []string{`"size"`, "odd integer from 3 to 99 pixels"}},
		"text for a number":   {steps{{"step": "gamma", "gamma": "big"}}, []string{`"gamma"`, "big", "0.05 to 20"}},
		"fraction for rows":   {steps{{"step": "resize", "rows": 2.5, "columns": 4}}, []string{`"rows"`, "integer from 1 to 8192"}},
		"missing":             {steps{{"step": "gamma"}}, []string{`"gamma" is missing`, "0.05 to 20"}},
		"missing size":        {steps{{"step": "resize", "rows": 9}}, []string{`"rows" and "columns"`}},
		"unknown choice":      {steps{{"step": "resize", "rows": 9, "columns": 9, "interpolation": "best"}}, []string{"one of nearest, linear, area, cubic, lanczos"}},
		"floats into clahe":   {steps{{"step": "normalise"}, {"step": "clahe"}}, []string{"step 2 (clahe)", "8 bits"}},
		"colour into clahe":   {steps{{"step": "channels"}, {"step": "clahe"}}, []string{"step 2 (clahe)", "grey step"}},
		"imagenet on grey":    {steps{{"step": "grey"}, {"step": "normalise", "mode": "imagenet"}}, []string{"channels step"}},
		"scaled twice":        {steps{{"step": "normalise"}, {"step": "normalise"}}, []string{"step 2 (normalise)", "display values"}},
		"late window":         {steps{{"step": "invert"}, {"step": "window"}}, []string{"step 2 (window)", "before every step"}},
		"manual, no width":    {steps{{"step": "window", "mode": "manual", "center": 40}}, []string{`"center" and "width"`}},
		"mask nobody made":    {steps{{"step": "crop", "mode": "foreground", "mask": "body"}}, []string{`mask "body"`, "no step before"}},
		"step after tensor":   {steps{{"step": "tensor"}, {"step": "grey"}}, []string{"must be the last"}},
		"thresholds reversed": {steps{{"step": "canny", "low": 200}}, []string{`"low" is 200`}},
		"inside a branch": {steps{{"step": "branch", "steps": []any{map[string]any{"step": "grey"}, map[string]any{"step": "clahe", "tiles": 0}}}},
			[]string{"step 1.2 (clahe)", `"tiles"`, "1 to 64"}},
		"NaN": {steps{{"step": "gamma", "gamma": nan()}}, []string{`"gamma"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := preprocess.Compile(c.steps)
			if err == nil {
				t.Fatal("compiled")
			}
			if got := radnode.CodeOf(err); got != radnode.Invalid {
				t.Errorf("code %s", got)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
}

func TestDigestIsThatOfTheMeaningNotOfTheText(t *testing.T) {
	digest := func(s steps) string { p := mustCompile(t, s); return p.Digest() }
	plain := digest(steps{{"step": "clahe"}, {"step": "resize", "rows": 8, "columns": 8}})
	if spelled := digest(steps{{"step": "clahe", "clip": 2, "tiles": 8.0}, {"columns": 8, "interpolation": "area", "rows": 8, "step": "resize"}}); spelled != plain {
		t.Error("defaults written out change the digest")
	}
	if other := digest(steps{{"step": "clahe", "clip": 2.5}, {"step": "resize", "rows": 8, "columns": 8}}); other == plain {
		t.Error("another clip limit has the same digest")
	}
	const want = "sha256:"
	if !strings.HasPrefix(plain, want) || len(plain) != len(want)+64 {
		t.Errorf("digest %q", plain)
	}
}

func TestEveryStepOfTheTableIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range preprocess.Table() {
		if s.Doc == "" || s.Group == "" || seen[s.Name] {
			t.Errorf("step %q lacks a description or appears twice", s.Name)
		}
		seen[s.Name] = true
		for _, p := range s.Params {
			ranged := p.Kind == preprocess.Integer || p.Kind == preprocess.Number || p.Kind == preprocess.Numbers
			if p.Doc == "" || ranged && p.Min >= p.Max || (p.Kind == preprocess.Choice || p.Kind == preprocess.Choices) && len(p.Choices) == 0 {
				t.Errorf("step %q: parameter %q lacks a description or a range", s.Name, p.Name)
			}
		}
	}
}
