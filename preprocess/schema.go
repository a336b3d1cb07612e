package preprocess

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/radnode/radnode/preprocess/radiomics"
	"github.com/radnode/radnode/preprocess/volume"
)

// JSONSchema returns the schema of a pipeline file (JSON Schema 2020-12), made
// from the step table.
func JSONSchema() ([]byte, error) {
	defs := map[string]any{}
	var anyStep []any
	for _, s := range sortedSteps() {
		defs["step_"+s.Name] = stepSchema(s)
		anyStep = append(anyStep, map[string]any{"$ref": "#/$defs/step_" + s.Name})
	}
	defs["step"] = map[string]any{"oneOf": anyStep}
	defs["name"] = map[string]any{"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}
	text := func(doc string) map[string]any {
		return map[string]any{"type": "string", "minLength": 1, "description": doc}
	}
	schema := map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"$id":                  "https://radnode.example/schemas/pipeline-1.json",
		"title":                "radnode preprocessing pipeline",
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"schema", "name", "version", "steps"},
		"properties": map[string]any{
			"schema":     map[string]any{"const": 1},
			"name":       map[string]any{"$ref": "#/$defs/name"},
			"version":    text("version of the pipeline"),
			"purpose":    text("what the pipeline is for"),
			"modalities": map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "description": "modalities it is meant for (0008,0060)"},
			"volume":     volumeSchema(),
			"steps":      map[string]any{"type": "array", "maxItems": maxSteps, "items": map[string]any{"$ref": "#/$defs/step"}},
		},
		"$defs": defs,
	}
	out, err := json.MarshalIndent(schema, "", "  ")
	return append(out, '\n'), err
}

func volumeSchema() map[string]any {
	number := func(doc string) map[string]any { return map[string]any{"type": "number", "description": doc} }
	return map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"families"},
		"description": "what is asked of a whole series",
		"properties": map[string]any{
			"spacing":       map[string]any{"type": "array", "minItems": 3, "maxItems": 3, "items": map[string]any{"type": "number", "minimum": 0.01, "maximum": 100}, "description": "columns, rows, slices (mm); none: as the series"},
			"interpolation": map[string]any{"enum": []string{"linear", "nearest"}, "default": "linear"},
			"families":      map[string]any{"type": "array", "items": map[string]any{"enum": volume.Families}},
			"low":           number("smallest modality value that counts"),
			"high":          number("largest modality value that counts"),
			"bins":          map[string]any{"type": "integer", "minimum": 2, "maximum": radiomics.MaxLevels, "default": 32, "description": "grey levels"},
			"bin_width":     map[string]any{"type": "number", "exclusiveMinimum": 0, "description": "width of a grey level, in place of bins"},
			"merged":        map[string]any{"type": "boolean", "default": false, "description": "one matrix of the 13 directions, not their mean"},
			"prefix":        map[string]any{"$ref": "#/$defs/name"},
		},
	}
}

// sortedSteps is the table with the parameters that steps get from the way
// their result is used, in the order of the documentation.
func sortedSteps() []*Step {
	var out []*Step
	for _, s := range Table() {
		out = append(out, byName()[s.Name])
	}
	return out
}

func stepSchema(s *Step) map[string]any {
	properties := map[string]any{"step": map[string]any{"const": s.Name}}
	required := []string{"step"}
	for i := range s.Params {
		p := &s.Params[i]
		properties[p.Name] = p.schema()
		if p.Default == nil && !p.Optional {
			required = append(required, p.Name)
		}
	}
	return map[string]any{
		"type": "object", "description": s.Doc, "additionalProperties": false,
		"properties": properties, "required": required,
	}
}

func (p *Param) schema() map[string]any {
	doc := p.Doc
	if p.Unit != "" {
		doc += " (" + p.Unit + ")"
	}
	out := map[string]any{"description": doc}
	if p.Default != nil {
		out["default"] = p.Default
	}
	switch p.Kind {
	case Integer:
		out["type"], out["minimum"], out["maximum"] = "integer", p.Min, p.Max
		if p.Odd {
			out["not"] = map[string]any{"multipleOf": 2}
		}
	case Number:
		out["type"], out["minimum"], out["maximum"] = "number", p.Min, p.Max
	case Boolean:
		out["type"] = "boolean"
	case Choice:
		out["enum"] = p.Choices
	case Choices:
		out["type"], out["minItems"], out["uniqueItems"] = "array", 1, true
		out["items"] = map[string]any{"enum": p.Choices}
	case Numbers:
		out["type"], out["minItems"], out["maxItems"] = "array", 1, maxNumbers
		out["items"] = map[string]any{"type": "number", "minimum": p.Min, "maximum": p.Max}
	case Name:
		out["$ref"] = "#/$defs/name"
	case Steps:
		out["type"], out["minItems"], out["maxItems"] = "array", 1, maxSteps
		out["items"] = map[string]any{"$ref": "#/$defs/step"}
	}
	return out
}

const referenceHead = `# Pipelines

Made from the step table; do not edit.

A pipeline is a YAML file, or the part pipeline of a model's manifest: a list of steps with their parameters. What is wrong is refused when it
is read, in a sentence that names the step, the parameter and what is allowed. Defaults count as written out: the digest of a pipeline, which
stands in the provenance of each result, is that of its meaning. The schema of a file is models/pipeline.schema.json; a node
gives it at GET /api/v1/schemas/pipeline.json, and that of a model's manifest at /api/v1/schemas/model.json.

    radnode pipeline show chest-lungs                    # draw a bundled pipeline, a file or that of a model; --mermaid for a flow chart
    radnode pipeline run film.dcm chest-lungs --out DIR  # run it: a picture of each stage, result.json with features and digests
    radnode pipeline run CT-FOLDER ct-liver-volume       # a series: ordered by place, gaps and doubles reported, features of the volume

Bundled are chest-classifier, chest-lungs, cardiothoracic, ct-head, ct-chest, ct-liver-volume, ultrasound and pathology. A step branch runs
steps beside the line to the network; as names a mask, and source, mask and markers use one.

## The cardiothoracic ratio
Each frontal chest film that chest-film-quality finds upright and not inverted, of a human who is no known child, is measured by the pipeline
cardiothoracic: feature cardiothoracic_ratio, the lines it was taken along and the outlines of the lung fields (measured in the JSON of
"radnode analyze", and in the viewer with the heat map), a measurement with its lines in the draft report. Where the fields found are not plausible
the result says why there is no ratio. On an AP film the heart looks larger than it is, and the result says so. Its accuracy against a person's
measurement is not known: there was no set of measured films. What is known stands at lung_fields below. It is no diagnosis.

# Steps
`

// Reference returns the documentation of every step as Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	group := ""
	for _, s := range sortedSteps() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(group[:1])+group[1:])
		}
		fmt.Fprintf(&b, "\n### %s\n%s\n", s.Name, s.Doc)
		if len(s.Params) > 0 {
			b.WriteString("\n| parameter | allowed | default | meaning |\n|---|---|---|---|\n")
		}
		for i := range s.Params {
			p := &s.Params[i]
			def := "required"
			switch {
			case p.Default != nil:
				def = strings.Trim(fmt.Sprint(p.Default), "[]")
			case p.Optional:
				def = "none"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.Name, p.allowed(), def, p.Doc)
		}
	}
	return b.String()
}
