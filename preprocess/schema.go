package preprocess

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// JSONSchema returns the schema of a pipeline file (JSON Schema 2020-12), made
// from the step table.
func JSONSchema() ([]byte, error) {
	defs := stepDefinitions()
	defs["name"] = map[string]any{"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}
	text := func(least int, doc string) map[string]any {
		return map[string]any{"type": "string", "minLength": least, "description": doc}
	}
	schema := map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"$id":                  "https://radnode.example/schemas/pipeline-1.json",
		"title":                "radnode preprocessing pipeline",
		"description":          "What one step cannot show alone is checked when the pipeline is read: that the masks it names are made before it, that the image has the channels and type it needs, that the tensor step is the last, and which of two parameters must be the larger.",
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"schema", "name", "version", "steps"},
		"properties": map[string]any{
			"schema":     map[string]any{"const": 1},
			"name":       map[string]any{"$ref": "#/$defs/name"},
			"version":    text(1, "version of the pipeline"),
			"purpose":    text(0, "what the pipeline is for"),
			"modalities": map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "description": "modalities it is meant for (0008,0060)"},
			"volume":     volumeSchema(),
			"steps":      map[string]any{"type": "array", "maxItems": maxSteps, "items": map[string]any{"$ref": "#/$defs/step"}},
		},
		"$defs": defs,
	}
	out, err := json.MarshalIndent(schema, "", "  ")
	return append(out, '\n'), err
}

// stepDefinitions describes every step. A branch at the deepest level that is
// allowed holds steps among which there is no branch.
func stepDefinitions() map[string]any {
	defs := map[string]any{}
	for level := range maxDepth + 1 {
		var anyStep []any
		for _, s := range sortedSteps() {
			name := "step_" + s.Name
			if s.Name == branchStep.Name {
				if level == maxDepth {
					continue
				}
				name = fmt.Sprintf("branch_%d", level+1)
				branch := stepSchema(s)
				list, _ := branch["properties"].(map[string]any)["steps"].(map[string]any)
				list["items"] = map[string]any{"$ref": fmt.Sprintf("#/$defs/step_in_%d", level+1)}
				defs[name] = branch
			} else if level == 0 {
				defs[name] = stepSchema(s)
			}
			anyStep = append(anyStep, map[string]any{"$ref": "#/$defs/" + name})
		}
		defs[fmt.Sprintf("step_in_%d", level)] = map[string]any{"oneOf": anyStep}
	}
	defs["step"] = map[string]any{"$ref": "#/$defs/step_in_0"}
	return defs
}

func volumeSchema() map[string]any {
	out := paramsSchema(volumeParams)
	out["description"] = "what is asked of a whole series"
	out["not"] = map[string]any{"required": []string{"bins", "bin_width"}}
	return out
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
	out := paramsSchema(s.Params)
	out["description"] = s.Doc
	properties, _ := out["properties"].(map[string]any)
	properties["step"] = map[string]any{"const": s.Name}
	required, _ := out["required"].([]string)
	out["required"] = append([]string{"step"}, required...)
	if s.output == toEither {
		out["dependentRequired"] = map[string]any{"as": []string{"source"}}
	}
	maps.Copy(out, s.rules)
	return out
}

// paramsSchema describes a mapping of parameters.
func paramsSchema(params []Param) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range params {
		p := &params[i]
		properties[p.Name] = p.schema()
		if p.Default == nil && !p.Optional {
			required = append(required, p.Name)
		}
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
}

// when is the rule that a step fulfils then where its parameter is as described.
func when(param string, as, then map[string]any) map[string]any {
	return map[string]any{"if": map[string]any{"required": []string{param}, "properties": map[string]any{param: as}}, "then": then}
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
		out["type"], out["minItems"], out["maxItems"] = "array", max(1, p.Length), maxNumbers
		if p.Length > 0 {
			out["maxItems"] = p.Length
		}
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
    radnode pipeline run cine.dcm ultrasound --frame 5   # one frame of several
    radnode pipeline run CT-FOLDER ct-liver-volume       # a series: ordered by place, gaps and doubles reported, features of the volume

Bundled are chest-classifier, chest-lungs, cardiothoracic, ct-head, ct-chest, ct-liver-volume, ultrasound and pathology. A step branch runs
steps beside the line to the network; as names a mask, and source, mask and markers use one.

## The cardiothoracic ratio
Each frontal chest film that chest-film-quality finds upright and not inverted, of a human who is no known child, is measured by the pipeline
cardiothoracic: feature cardiothoracic_ratio, the lines it was taken along and the outlines of the lung fields (measured in the JSON of
"radnode analyze", and in the viewer with the heat map), a measurement with its lines in the draft report. Where the fields found are not plausible
the result says why there is no ratio. On an AP film the heart looks larger than it is, and the result says so. Its accuracy against a person's
measurement is not known: there was no set of measured films. What is known stands at lung_fields below. It is no diagnosis.

## What becomes of bad input
| input | what happens |
|---|---|
| no pixels; fewer or more pixels than the size says; 2 channels; NaN or infinity among the pixels | refused, code invalid |
| more than 32,766 rows or columns, or more than 134,217,728 samples (30,000 × 30,000) | refused, code too_large |
| a mask in which nothing is marked, given to a step as mask or markers | refused: the segmentation before it found nothing; only threshold takes it, and marks nothing |
| 1 × 1, one row, a constant image | every step works or refuses with a sentence, and says below which; every feature that is entered is a finite number |
| a region without two neighbouring pixels; an image smaller than a filter | has no features of glcm and ngtdm; none of gabor or wavelet |
| a feature that has no finite value there (the energy of values near 1e38, a Gabor wave longer than the image) | is left out; a ratio whose divisor is 0 is 0 |
| values that pass what 32-bit floats hold in the middle of a pipeline | refused, naming the step and the pixel |
| work that would take more than about 30 seconds on one core in a single step (large kernels on large images) | refused, code too_large, with what makes it less |
| an exception in OpenCV | ends the worker process; the caller gets an error, the node goes on |

Two steps that enter features of the same names are refused: a parameter prefix tells them apart. Lengths and areas of the family shape are in
millimetres where the file states the size of a pixel, and in pixels where it does not; the note of the stage says so then.

## Series
The part volume of a pipeline is for the files of one CT, MR or PET series: they are ordered by position and orientation, not by number, and
resampled to one volume. Gaps, doubles and slices left out are reported with the result; files of two series, or of two frames of reference, are
refused. A gap is bridged by interpolation. The features are those of all voxels from low to high; the family morph is the shape of that region
in three dimensions (IBSI 3.1: mesh by marching cubes). A series of more than 268,435,456 values and a volume of more than 134,217,728 voxels
are refused.
`

// Reference returns the documentation of every step as Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	paramTable(&b, volumeParams)
	b.WriteString("\n# Steps\n")
	group := ""
	for _, s := range sortedSteps() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(group[:1])+group[1:])
		}
		fmt.Fprintf(&b, "\n### %s\n%s\n", s.Name, s.Doc)
		paramTable(&b, s.Params)
	}
	return b.String()
}

func paramTable(b *strings.Builder, params []Param) {
	if len(params) > 0 {
		b.WriteString("\n| parameter | allowed | default | meaning |\n|---|---|---|---|\n")
	}
	for i := range params {
		p := &params[i]
		def := "required"
		switch {
		case p.Default != nil:
			def = strings.Trim(fmt.Sprint(p.Default), "[]")
		case p.Optional:
			def = "none"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.Name, p.allowed(), def, p.Doc)
	}
}
