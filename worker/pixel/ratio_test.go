package pixel

import (
	"strings"
	"testing"

	"github.com/radnode/radnode"
)

func TestWhoIsMeasuredAndWhatTheReaderIsTold(t *testing.T) {
	good := []radnode.Finding{{Label: labelChestFilm, Present: true}, {Label: labelUpright, Present: true}}
	with := func(label string) []radnode.Finding {
		return append(good[:2:2], radnode.Finding{Label: label, Present: true})
	}
	adult := age{known: true, years: 50, text: "50 years"}
	for _, c := range []struct {
		name        string
		facts       facts
		findings    []radnode.Finding
		refusal     string
		told, never string
	}{
		{"an adult, PA", facts{age: adult, view: "PA"}, good, "", "0.52", "larger"},
		{"AP in the header", facts{age: adult, view: "AP"}, good, "", "on an AP film the heart looks larger", ""},
		{"AP by its looks", facts{age: adult}, with(labelViewAP), "", "on an AP film the heart looks larger", ""},
		{"age not known", facts{}, good, "", "the age is not known", ""},
		{"a child", facts{age: age{known: true, years: 4, text: "4 years"}}, good, "patient is 4 years", "", ""},
		{"an age that contradicts itself", facts{age: age{known: true, years: 40, conflict: "x"}}, good, "contradicts itself", "", ""},
		{"an animal", facts{species: "Patient Species Description"}, good, "no human", "", ""},
		{"a lateral view", facts{age: adult, view: "LL"}, good, "lateral", "", ""},
		{"lying", facts{age: adult}, good[:1], "does not lie upright", "", ""},
		{"inverted", facts{age: adult}, with(labelInverted), "inverted", "", ""},
	} {
		if got := noRatio(&c.facts, c.findings); (got == "") != (c.refusal == "") || !strings.Contains(got, c.refusal) {
			t.Errorf("%s: refused %q, want %q", c.name, got, c.refusal)
		}
		if got := ratioText(&c.facts, c.findings, 0.52); !strings.Contains(got, c.told) || c.never != "" && strings.Contains(got, c.never) {
			t.Errorf("%s: told %q", c.name, got)
		}
	}
}
