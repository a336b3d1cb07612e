package preprocess

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Diagram draws the pipeline as text: one line a step with the parameters that
// are not at their defaults, branches indented, and where masks go.
func (p *Pipeline) Diagram() string {
	var b strings.Builder
	b.WriteString("image\n")
	drawStages(&b, p.stages, "")
	channels, rows, columns := p.Shape()
	size := func(n int) string {
		if n == 0 {
			return "any"
		}
		return fmt.Sprint(n)
	}
	fmt.Fprintf(&b, "  |\ntensor %s x %s x %s\n", size(channels), size(rows), size(columns))
	return b.String()
}

// Mermaid draws the pipeline as a flow chart in the language of mermaid, which
// Markdown viewers show.
func (p *Pipeline) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart TD\n  image([image])\n")
	last := mermaidStages(&b, p.stages, "image")
	channels, rows, columns := p.Shape()
	fmt.Fprintf(&b, "  tensor([\"tensor %d x %d x %d, 0: as the image\"])\n  %s --> tensor\n", channels, rows, columns, last)
	return b.String()
}

// mermaidStages links stages one behind the other after the node from, and
// returns the last. A branch leaves the line and does not come back.
func mermaidStages(b *strings.Builder, stages []stage, from string) string {
	for _, s := range stages {
		id := "s" + strings.ReplaceAll(s.path, ".", "_")
		inner, isBranch := s.args["steps"].(*branch)
		label := s.path + " " + s.spec.Name
		if isBranch {
			label += " " + s.args.text("name")
		}
		if s.args.has("as") {
			label += " → mask " + s.args.text("as")
		}
		fmt.Fprintf(b, "  %s[\"%s\"]\n  %s --> %s\n", id, label, from, id)
		if isBranch {
			mermaidStages(b, inner.stages, id)
			continue
		}
		from = id
	}
	return from
}

func drawStages(b *strings.Builder, stages []stage, indent string) {
	for _, s := range stages {
		fmt.Fprintf(b, "%s  |\n%s  +-- %s %s", indent, indent, s.path, s.spec.Name)
		if inner, ok := s.args["steps"].(*branch); ok {
			fmt.Fprintf(b, " %s\n", s.args.text("name"))
			drawStages(b, inner.stages, indent+"  |  ")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.args)) {
			atDefault := func(p Param) bool { return p.Name == name && reflect.DeepEqual(p.Default, s.args[name]) }
			if name == "as" || name == "source" || slices.ContainsFunc(s.spec.Params, atDefault) {
				continue
			}
			value, err := json.Marshal(s.args[name])
			if err == nil {
				fmt.Fprintf(b, " %s=%s", name, strings.Trim(string(value), `"`))
			}
		}
		if s.args.has("source") {
			fmt.Fprintf(b, "  (mask %s)", s.args.text("source"))
		}
		if s.args.has("as") {
			fmt.Fprintf(b, "  -> mask %s", s.args.text("as"))
		}
		b.WriteByte('\n')
	}
}
