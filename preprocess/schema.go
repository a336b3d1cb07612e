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

// Reference returns the documentation of every step as Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString("# Steps of a pipeline\n\nMade from the step table; do not edit.\n")
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
