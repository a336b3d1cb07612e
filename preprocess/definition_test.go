package preprocess_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/radnode/radnode/preprocess"
)

var update = flag.Bool("update", false, "write the generated files anew")

func golden(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s is not what the step table says; run the test with -update", path)
	}
}

func TestThePublishedSchemaAndReferenceFollowTheStepTable(t *testing.T) {
	text, err := preprocess.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../models/pipeline.schema.json", text)
	golden(t, "../docs/pipelines.md", []byte(preprocess.Reference()))
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := preprocess.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("pipeline.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("pipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON is what a validator sees of a YAML text.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBundledPipelinesCompileAndFitTheSchema(t *testing.T) {
	all, err := preprocess.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	schema := compiledSchema(t)
	for _, name := range []string{"chest-classifier", "chest-lungs", "ct-head", "ct-chest", "ultrasound", "pathology"} {
		d := all[name]
		if d == nil {
			t.Errorf("pipeline %s is missing", name)
			continue
		}
		text, err := os.ReadFile("pipelines/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		mustCompile(t, d.Steps)
	}
}

func TestSchemaAndCompilerRefuseTheSamePipelines(t *testing.T) {
	schema := compiledSchema(t)
	for name, step := range map[string]string{
		"unknown step":    "{step: sparkle}",
		"unknown key":     "{step: clahe, klip: 3}",
		"out of range":    "{step: clahe, clip: 1000}",
		"even kernel":     "{step: denoise, size: 4}",
		"missing gamma":   "{step: gamma}",
		"wrong choice":    "{step: resize, rows: 4, columns: 4, interpolation: best}",
		"bad nested step": "{step: branch, steps: [{step: clahe, tiles: 0}]}",
		"bad name":        "{step: threshold, as: 'My Mask'}",
	} {
		text := []byte("schema: 1\nname: x\nversion: 1.0.0\npurpose: test\nsteps:\n  - " + step + "\n")
		if _, err := preprocess.ParseDefinition(text); err == nil {
			t.Errorf("%s: the compiler takes it", name)
		}
		if schema.Validate(asJSON(t, text)) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
	for name, text := range map[string]string{
		"other schema":  "schema: 2\nname: x\nversion: '1'\nsteps: []\n",
		"unknown field": "schema: 1\nname: x\nversion: '1'\nstep: []\n",
		"two documents": "schema: 1\nname: x\nversion: '1'\nsteps: []\n---\nschema: 1\n",
		"no YAML":       "\tx",
		"huge":          strings.Repeat("#", 1<<20+1),
	} {
		if _, err := preprocess.ParseDefinition([]byte(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
