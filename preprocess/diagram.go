package preprocess

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Diagram draws the pipeline as text: one line a step with the parameters
// that count, branches indented, and where masks go.
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

func drawStages(b *strings.Builder, stages []stage, indent string) {
	for _, s := range stages {
		fmt.Fprintf(b, "%s  |\n%s  +-- %s %s", indent, indent, s.path, s.spec.Name)
		if inner, ok := s.args["steps"].(*branch); ok {
			fmt.Fprintf(b, " %s\n", s.args.text("name"))
			drawStages(b, inner.stages, indent+"  |  ")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.args)) {
			if name == "as" || name == "source" {
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
