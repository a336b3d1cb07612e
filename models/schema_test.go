package models_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/radnode/radnode/models"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(models.JSONSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("model.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("model.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits says what the schema finds wrong with a manifest.
func fits(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	j, err := json.Marshal(v)
	if err != nil {
		return err // a number that JSON does not know
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestTheBundledManifestsFitTheSchema(t *testing.T) {
	s := schema(t)
	files, err := fs.Glob(models.Bundled, "*/*/manifest.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := models.Bundled.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := fits(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemaAndParserAgree tries manifests that both must take or refuse.
func TestSchemaAndParserAgree(t *testing.T) {
	s := schema(t)
	const outputs = "outputs:\n  probabilities: probabilities\n  heatmap: cam\n"
	detector := []string{"name: Lung test", "name: x\nkind: detection\ndetection: {overlap: 0.5, most: 3}", outputs, "outputs: {boxes: b, scores: s}\n",
		"heatmap: true, ", "", ", exclusive: way", ", threshold: 0.5", ", exclusive: way", ", threshold: 0.5"}
	tests := map[string]struct {
		change []string
		good   bool
	}{
		"a good one":                 {nil, true},
		"an unknown key":             {[]string{"name: Lung test", "nome: x"}, false},
		"another schema":             {[]string{"schema: 1", "schema: 2"}, false},
		"a bad id":                   {[]string{"id: lung-test", "id: ../x"}, false},
		"a path":                     {[]string{"onnx: model.onnx", "onnx: ../model.onnx"}, false},
		"a threshold over one":       {[]string{"threshold: 0.5", "threshold: 1.5"}, false},
		"no modality":                {[]string{"  modality: [CR, DX]\n", ""}, false},
		"a huge input":               {[]string{"rows: 32, columns: 32}\npipeline", "rows: 99999, columns: 32}\npipeline"}, false},
		"a code without meaning":     {[]string{", meaning: Pneumonia", ""}, false},
		"a detector":                 {detector, true},
		"a detector without scores":  {append([]string{outputs, "outputs: {boxes: b}\n"}, detector...), false},
		"a kind nobody knows":        {[]string{"name: Lung test", "name: x\nkind: magic"}, false},
		"masks of a classification":  {[]string{"  heatmap: cam", "  masks: cam"}, false},
		"small changes":              {[]string{"labels:\n", "disturb: [{rotate: 3}, {flip: horizontal}]\nlabels:\n"}, true},
		"a change of nothing":        {[]string{"labels:\n", "disturb: [{}]\nlabels:\n"}, false},
		"too large a turn":           {[]string{"labels:\n", "disturb: [{rotate: 90}]\nlabels:\n"}, false},
		"an undecided range":         {[]string{"urgency: 5", "undecided: {from: 0.2, to: 0.6, coverage: 0.9}"}, true},
		"a coverage of one":          {[]string{"urgency: 5", "undecided: {from: 0.2, to: 0.6, coverage: 1}"}, false},
		"hidden parts":               {[]string{"  heatmap: cam\n", "explain: {method: occlusion, patch: 8, stride: 4}\n"}, true},
		"hidden parts without size":  {[]string{"  heatmap: cam\n", "explain: {method: occlusion, stride: 4}\n"}, false},
		"hidden parts of no method":  {[]string{"  heatmap: cam\n", "explain: {method: shap}\n"}, false},
		"a label like a second box":  {append([]string{"name: bright", "name: bright_2"}, detector...), false},
		"a threshold that all reach": {[]string{"threshold: 0.5", "threshold: 0"}, false},
		"RISE":                       {[]string{"  heatmap: cam\n", "explain: {method: rise, masks: 300, cells: 7, keep: 0.5}\n"}, true},
		"typical without a file":     {[]string{"labels:\n", "typical: {size: 4}\nlabels:\n"}, false},
		"a unit of a classification": {[]string{"urgency: 5", "unit: mm"}, false},
	}
	onlyParser := map[string]bool{"a unit of a classification": true, "a label like a second box": true, "a threshold that all reach": true} // rules between two keys
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := manifestWith(tt.change...)
			_, err := models.Parse("m.yaml", []byte(text))
			if (err == nil) != tt.good {
				t.Errorf("the parser says %v", err)
			}
			if err := fits(t, s, text); (err == nil) != tt.good && !onlyParser[name] {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}
