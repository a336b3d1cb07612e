package models_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/radnode/radnode/models"
)

// The compiler of Ajv in strict mode refuses what a schema should not hold,
// unknown words among it.
const validateByAjv = `
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
const Ajv = createRequire(process.argv[2])('ajv/dist/2020').default
const answers = JSON.parse(readFileSync(0, 'utf8')).map(({ schema, documents }) => {
  const validate = new Ajv({ strictSchema: true }).compile(schema)
  return documents.map(d => validate(d) ? '' : JSON.stringify(validate.errors))
})
console.log(JSON.stringify(answers))
`

// publishedCase is a schema with documents: good ones, then broken ones.
type publishedCase struct {
	Schema    json.RawMessage `json:"schema"`
	Documents []any           `json:"documents"`
	good      int
}

// newPublishedCase breaks each document of a folder once, at a place that all
// of them have.
func newPublishedCase(t *testing.T, schema []byte, fsys fs.FS, pattern, from, to string) publishedCase {
	t.Helper()
	files, err := fs.Glob(fsys, pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	c := publishedCase{Schema: schema, good: len(files)}
	for _, broken := range []bool{false, true} {
		for _, file := range files {
			text, err := fs.ReadFile(fsys, file)
			if err != nil {
				t.Fatal(err)
			}
			if broken {
				text = bytes.Replace(text, []byte(from), []byte(to), 1)
			}
			var document any
			if err := yaml.Unmarshal(text, &document); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			c.Documents = append(c.Documents, document)
		}
	}
	return c
}

func TestThePublishedSchemasServeAnotherValidator(t *testing.T) {
	modules, err := filepath.Abs(filepath.Join("..", "web", "e2e"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "node_modules", "ajv", "dist", "2020.js")); err != nil {
		t.Skip("ajv is not installed; make test installs it")
	}
	cases := []publishedCase{
		newPublishedCase(t, models.JSONSchema, models.Bundled, "*/*/manifest.yaml", "schema: 1", "schema: 7"),
		newPublishedCase(t, models.PipelineSchema, os.DirFS(filepath.Join("..", "preprocess", "pipelines")), "*.yaml", "{step: ", "{unknown: 1, step: "),
	}
	data, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "validate.mjs")
	if err := os.WriteFile(script, []byte(validateByAjv), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, filepath.Join(modules, "package.json"))
	var complaints strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var answers [][]string
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		for k, errors := range answers[i] {
			if good := k < c.good; good != (errors == "") {
				t.Errorf("schema %d, document %d (good: %t): %s", i, k, good, errors)
			}
		}
	}
}
