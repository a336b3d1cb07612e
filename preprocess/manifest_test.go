package preprocess_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/radnode/radnode/preprocess"
)

// pipelineOf is a pipeline file of these steps.
func pipelineOf(t *testing.T, list []map[string]any) []byte {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{"schema": 1, "name": "x", "version": "1.0.0", "purpose": "test", "steps": list})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// valid is a step of the table that compiles on its own.
func validStep(s preprocess.Step) map[string]any {
	out := map[string]any{"step": s.Name}
	maps.Copy(out, map[string]map[string]any{
		"gamma": {"gamma": 0.5}, "resize": {"rows": 33, "columns": 21}, "crop": {"rows": 5, "columns": 5}, "rotate": {"angle": 33},
		"branch": {"steps": []any{map[string]any{"step": "invert"}}}, "watershed": {"mask": "m"}, "blank": {"mask": "m"},
		"windows": {"centers": []any{0, 1, 2}, "widths": []any{10, 20, 30}},
	}[s.Name])
	return out
}

// valuesOf are values for a parameter that the table allows, and that it does
// not.
func valuesOf(p preprocess.Param) (good, bad []any) {
	bad = []any{nil, map[string]any{"a": 1}, "", "no such value"}
	switch p.Kind {
	case preprocess.Integer, preprocess.Number:
		good = []any{p.Min, p.Max}
		bad = append(bad, p.Min-1, p.Max+1, []any{p.Min}, true, "7")
		if p.Odd {
			bad = append(bad, int(p.Min)+1)
		}
		if p.Kind == preprocess.Integer {
			bad = append(bad, p.Min+0.5)
		}
	case preprocess.Boolean:
		good, bad = []any{true, false}, append(bad, 0, 1, "true")
	case preprocess.Choice:
		for _, c := range p.Choices {
			good = append(good, c)
		}
		bad = append(bad, 3, []any{p.Choices[0]})
	case preprocess.Choices:
		good = append(good, []any{p.Choices[0]})
		bad = append(bad, p.Choices[0], []any{}, []any{p.Choices[0], p.Choices[0]}, []any{"sparkle"}, []any{1})
	case preprocess.Numbers:
		list := make([]any, max(1, p.Length))
		for i := range list {
			list[i] = p.Min
		}
		good = append(good, list)
		bad = append(bad, []any{}, append(slices.Clone(list[1:]), p.Max+1), []any{"a"}, p.Min, make([]any, 65))
		if p.Length > 0 {
			bad = append(bad, append(slices.Clone(list), p.Min))
		}
	case preprocess.Name:
		good, bad = []any{"m"}, append(bad, "My Mask", strings.Repeat("a", 65), 5)
	case preprocess.Steps:
		bad = append(bad, []any{}, []any{nil}, []any{map[string]any{"step": "sparkle"}})
	}
	return good, bad
}

// Each value of each parameter of each step: what one of the two refuses as a
// value the other refuses too, and what the parser takes the schema takes.
func TestSchemaAndParserAgreeOnEveryParameter(t *testing.T) {
	t.Parallel()
	schema := compiledSchema(t)
	mask := map[string]any{"step": "threshold", "mode": "fixed", "value": 100, "as": "m"}
	checked := 0
	check := func(step map[string]any, mustFail bool) {
		text := pipelineOf(t, []map[string]any{mask, step})
		_, err := preprocess.ParseDefinition(text)
		taken := schema.Validate(asJSON(t, text)) == nil
		checked++
		switch {
		case mustFail && (err == nil || taken):
			t.Errorf("%v: parser says %v, schema takes it: %v", step, err, taken)
		case err == nil && !taken:
			t.Errorf("%v: the parser takes it, the schema does not", step)
		}
	}
	for _, s := range preprocess.Table() {
		check(validStep(s), false)
		extra := validStep(s)
		extra["sparkle"] = 1
		check(extra, true)
		params := s.Params
		for _, p := range params {
			good, bad := valuesOf(p)
			for _, v := range good {
				step := validStep(s)
				step[p.Name] = v
				check(step, false)
			}
			for _, v := range bad {
				step := validStep(s)
				step[p.Name] = v
				check(step, true)
			}
			if p.Default == nil && !p.Optional {
				step := validStep(s)
				delete(step, p.Name)
				check(step, true)
			}
		}
	}
	t.Logf("%d pipelines compared", checked)
}

// What several parameters say together, as far as a schema can see it.
func TestSchemaAndParserRefuseTheSameFiles(t *testing.T) {
	schema := compiledSchema(t)
	head := "schema: 1\nname: x\nversion: 1.0.0\nsteps:\n"
	deep := func(n int) string {
		return head + "  - " + strings.Repeat("{step: branch, steps: [", n) + "{step: invert}" + strings.Repeat("]}", n) + "\n"
	}
	volume := func(fields string) string { return head + "  - {step: window}\nvolume: {" + fields + "}\n" }
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"plain":                     {head + "  - {step: clahe}\n", true},
		"no steps":                  {"schema: 1\nname: x\nversion: '1'\n", false},
		"steps without value":       {"schema: 1\nname: x\nversion: '1'\nsteps:\n", false},
		"empty steps":               {"schema: 1\nname: x\nversion: '1'\nsteps: []\n", true},
		"version is a number":       {"schema: 1\nname: x\nversion: 1.0\nsteps: []\n", false},
		"name is a number":          {"schema: 1\nname: 7\nversion: '1'\nsteps: []\n", false},
		"modality is a number":      {"schema: 1\nname: x\nversion: '1'\nmodalities: [1]\nsteps: []\n", false},
		"purpose without value":     {"schema: 1\nname: x\nversion: '1'\npurpose:\nsteps: []\n", false},
		"unknown key":               {"schema: 1\nname: x\nversion: '1'\nsteps: []\nsparkle: 1\n", false},
		"another schema":            {"schema: 2\nname: x\nversion: '1'\nsteps: []\n", false},
		"bad name":                  {"schema: 1\nname: X Y\nversion: '1'\nsteps: []\n", false},
		"three branches deep":       {deep(3), true},
		"four branches deep":        {deep(4), false},
		"65 steps":                  {head + strings.Repeat("  - {step: invert}\n", 65), false},
		"64 steps":                  {head + strings.Repeat("  - {step: invert}\n", 64), true},
		"rows without columns":      {head + "  - {step: resize, rows: 5}\n", false},
		"longest and rows":          {head + "  - {step: resize, rows: 5, columns: 5, longest: 7}\n", false},
		"longest, aspect":           {head + "  - {step: resize, longest: 7, keep_aspect: true}\n", false},
		"longest":                   {head + "  - {step: resize, longest: 7, keep_aspect: false}\n", true},
		"centre without size":       {head + "  - {step: crop}\n", false},
		"square":                    {head + "  - {step: crop, mode: square}\n", true},
		"manual without width":      {head + "  - {step: window, mode: manual, center: 3}\n", false},
		"header":                    {head + "  - {step: window, mode: header}\n", true},
		"two windows":               {head + "  - {step: windows, centers: [1, 2], widths: [3, 4]}\n", false},
		"wide bilateral":            {head + "  - {step: denoise, method: bilateral, size: 33}\n", false},
		"wide median":               {head + "  - {step: denoise, method: median, size: 33}\n", true},
		"as without source":         {head + "  - {step: fill_holes, as: m}\n", false},
		"colour with others":        {head + "  - {step: features, families: [colour, hog]}\n", false},
		"shape without mask":        {head + "  - {step: features, families: [shape]}\n", false},
		"volume":                    {volume("families: [morph], low: -5, high: 5, bins: 2"), true},
		"volume without families":   {volume("bins: 5"), false},
		"volume, no family":         {volume("families: []"), false},
		"volume, unknown family":    {volume("families: [shape]"), false},
		"volume, unknown key":       {volume("families: [morph], sparkle: 1"), false},
		"volume, one bin":           {volume("families: [glcm], bins: 1"), false},
		"volume, no bins":           {volume("families: [glcm], bins: 0"), false},
		"volume, width 0":           {volume("families: [glcm], bin_width: 0"), false},
		"volume, bins and width":    {volume("families: [glcm], bins: 8, bin_width: 2"), false},
		"volume, two spacings":      {volume("families: [glcm], spacing: [1, 2]"), false},
		"volume, no spacing":        {volume("families: [glcm], spacing: []"), false},
		"volume, spacing too small": {volume("families: [glcm], spacing: [1, 1, 0.001]"), false},
		"volume, interpolation":     {volume("families: [glcm], interpolation: best"), false},
		"volume, prefix":            {volume("families: [glcm], prefix: ''"), false},
		"volume, nothing":           {head + "  - {step: window}\nvolume:\n", false},
	} {
		_, err := preprocess.ParseDefinition([]byte(c.text))
		if taken := schema.Validate(asJSON(t, []byte(c.text))) == nil; taken != c.good || (err == nil) != c.good {
			t.Errorf("%s: parser %v, schema takes it: %v", name, err, taken)
		}
	}
	if _, err := preprocess.ParseDefinition([]byte(volume("families: [glcm], low: 5, high: 5"))); err == nil {
		t.Error("a region without values is taken")
	}
}

func TestAWrongFileIsRefusedWithTheLine(t *testing.T) {
	head := "schema: 1\nname: x\nversion: 1.0.0\nsteps:\n  - {step: window}\n  # a comment\n"
	for text, want := range map[string]string{
		head + "  - step: clahe\n    tiles: 4\n    clip: 1000\n":                                           `line 9: step 2 (clahe): parameter "clip" is 1000: give a number from 0.1 to 100`,
		head + "  - step: branch\n    steps:\n      - {step: grey}\n      - {step: clahe,\n  tiles: 99}\n": `line 11: step 2.2 (clahe): parameter "tiles" is 99: give an integer from 1 to 64`,
		head + "  - {step: clahe, clip: }\n":                                                               `line 7: step 2 (clahe): parameter "clip" is empty: give a number`,
		head + "  - {step: clahe, klip: 3}\n":                                                              `line 7: step 2 (clahe): has no parameter "klip"; it takes clip, tiles`,
		head + "  - {step: gamma}\n":                                                                       `line 7: step 2 (gamma): parameter "gamma" is missing: give a number from 0.05 to 20`,
		head + "  - {step: sparkle}\n":                                                                     `line 7: step 2: there is no step "sparkle"; known steps: blank, `,
		head + "  - {step: crop, mode: foreground, mask: lungs}\n":                                         `line 7: step 2 (crop): parameter "mask" names mask "lungs"`,
		head + "volume:\n  families: [morph]\n  bins: 5000\n":                                              `line 9: volume: parameter "bins" is 5000: give an integer from 2 to 1024`,
		"schema: 1\nname: x\nversion: 1.0\nsteps: []\n":                                                    `line 3: version must be text: write "1.0" in quotes`,
		"schema: 1\nname: x\nversion: '1'\nsteps: &a\n  - {step: grey}\n  - *b\n":                          "not a pipeline",
	} {
		_, err := preprocess.ParseDefinition([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// Random changes to the bundled pipelines: what the parser takes the schema
// takes.
func TestWhatTheParserTakesTheSchemaTakes(t *testing.T) {
	t.Parallel()
	schema := compiledSchema(t)
	bundled, err := preprocess.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	table := preprocess.Table()
	taken := 0
	for range 600 {
		name := slices.Sorted(maps.Keys(bundled))[rng.IntN(len(bundled))]
		list := slices.Clone(bundled[name].Steps)
		for range 1 + rng.IntN(2) {
			step := validStep(table[rng.IntN(len(table))])
			if at := rng.IntN(len(list) + 1); rng.IntN(2) == 0 {
				list = slices.Insert(list, at, step)
			} else if at < len(list) {
				list[at] = maps.Clone(list[at])
				spec := table[slices.IndexFunc(table, func(s preprocess.Step) bool { return s.Name == list[at]["step"] })]
				if len(spec.Params) > 0 {
					p := spec.Params[rng.IntN(len(spec.Params))]
					good, bad := valuesOf(p)
					all := append(good, bad...)
					list[at][p.Name] = all[rng.IntN(len(all))]
				}
			}
		}
		text := pipelineOf(t, list)
		if _, err := preprocess.ParseDefinition(text); err != nil {
			continue
		}
		taken++
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("the schema refuses what the parser takes: %v\n%s", err, text)
		}
	}
	if taken < 50 {
		t.Errorf("only %d pipelines were taken", taken)
	}
}

// The schema is itself a valid one, by the meta-schema of its draft.
func TestTheSchemaIsValid(t *testing.T) {
	text, err := preprocess.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Validate(doc); err != nil {
		t.Error(err)
	}
	if _, err := json.Marshal(doc); err != nil {
		t.Error(fmt.Errorf("write: %w", err))
	}
}
