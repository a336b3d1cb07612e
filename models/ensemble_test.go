package models_test

import (
	"strings"
	"testing"

	"github.com/radnode/radnode/models"
)

const pair = `schema: 1
id: lung-pair
version: 1.0.0
name: A pair
licence: MIT
kind: ensemble
intended_use: Tests only.
evaluation: none
gate: {modality: [CR]}
ensemble:
  members:
    - {model: lung-test, version: 1.0.0, digest: "sha256:DIGEST", weight: 1}
    - {model: lung-test, version: 1.1.0, digest: "sha256:DIGEST", weight: 2.5}
labels: [{name: bright, threshold: 0.5}]
references: [{name: both, cases: [a, b], output: [0.5], tolerance: 0.001}]
`

func TestAnEnsembleIsDeclaredByItsMembersAlone(t *testing.T) {
	s := schema(t)
	tests := map[string]struct {
		old, new, want string // "": it is good
		onlyParser     bool   // a rule between two places
	}{
		"a good one":                  {},
		"no members":                  {"ensemble:\n  members:\n", "not_for:\n", "m.yaml", false},
		"members of none":             {"    - {model: lung-test, version: 1.1.0, digest: \"sha256:DIGEST\", weight: 2.5}\n", "", "m.yaml:12: ensemble.members: must be 2 to 16", false},
		"a graph of its own":          {"labels:", "onnx: model.onnx\nlabels:", "m.yaml:14: onnx: is of no use to an ensemble", false},
		"a pipeline of its own":       {"labels:", "pipeline: [{step: grey}]\nlabels:", "pipeline: is of no use to an ensemble", false},
		"no weight":                   {"weight: 2.5", "weight: 0", "m.yaml:13: ensemble.members[1].weight: must lie within", false},
		"a weight that is no number":  {"weight: 2.5", "weight: .nan", "ensemble.members[1].weight: must lie within", false},
		"a member twice":              {"1.1.0", "1.0.0", "m.yaml:13: ensemble.members[1]: lung-test@1.0.0 is a member already", true},
		"itself":                      {"{model: lung-test, version: 1.1.0", "{model: lung-pair, version: 1.1.0", "cannot be its own member", true},
		"a path":                      {"{model: lung-test, version: 1.1.0", "{model: ../x, version: 1.1.0", "must be the id of a model", false},
		"a tensor":                    {"cases: [a, b]", "cases: [a, b], tensor: x.f32", "references[0].tensor: is that of the members", false},
		"too few cases":               {"cases: [a, b]", "cases: [a]", "references[0].cases: must name a reference case of each of the 2 members", true},
		"members of a classification": {"kind: ensemble", "kind: classification", "ensemble: must be given for the kind ensemble", false},
		"a unit":                      {"threshold: 0.5", "threshold: 0.5, unit: mm", "labels[0].unit", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(strings.Replace(pair, tt.old, tt.new, 1), "DIGEST", strings.Repeat("ab", 32))
			_, err := models.Parse("m.yaml", []byte(text))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the parser says %v, want %q", err, tt.want)
			}
			if err := fits(t, s, text); (err == nil) != (tt.want == "") && !tt.onlyParser {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}
