package models

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// MaxManifestSize is the longest manifest that is read.
const MaxManifestSize = 1 << 20

// Problem is one broken rule of a manifest.
type Problem struct {
	File string
	Line int    // 1-based; 0 when the problem is of the file as a whole
	Rule string // the key the rule belongs to, e.g. "labels[1].threshold"
	Text string // what is wrong and what would be right
}

func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where += ":" + strconv.Itoa(p.Line)
	}
	if p.Rule == "" {
		return where + ": " + p.Text
	}
	return where + ": " + p.Rule + ": " + p.Text
}

// Problems is the error of a manifest that breaks one or more rules.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Parse reads a manifest and checks every rule that needs no other file. The
// error is a Problems; file is the name shown in it.
func Parse(file string, data []byte) (*Manifest, error) {
	if len(data) > MaxManifestSize {
		return nil, Problems{{File: file, Text: fmt.Sprintf("the manifest has %d bytes, at most %d are read", len(data), MaxManifestSize)}}
	}
	var root yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, Problems{{File: file, Text: "the manifest is empty"}}
		}
		return nil, yamlProblems(file, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, Problems{{File: file, Text: "the manifest must hold one YAML document"}}
	}
	if line, text := unwanted(&root, 0); text != "" {
		return nil, Problems{{File: file, Line: line, Text: text}}
	}
	m := &Manifest{file: file}
	strict := yaml.NewDecoder(bytes.NewReader(data))
	strict.KnownFields(true)
	if err := strict.Decode(m); err != nil {
		return nil, yamlProblems(file, err)
	}
	c := &checker{file: file, root: root.Content[0]}
	c.manifest(m)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	m.stepLines = make([]int, len(m.Pipeline))
	for i := range m.Pipeline {
		m.stepLines[i] = c.line("pipeline", i)
	}
	return m, nil
}

// maxDepth bounds the nesting of a manifest; the deepest rule needs five.
const maxDepth = 12

// unwanted finds what a manifest never needs: anchors and aliases, which can
// blow up a short text, and deep nesting.
func unwanted(n *yaml.Node, depth int) (int, string) {
	if depth > maxDepth {
		return n.Line, "nested too deeply"
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n.Line, "anchors and aliases are not allowed"
	}
	for _, child := range n.Content {
		if line, text := unwanted(child, depth+1); text != "" {
			return line, text
		}
	}
	return 0, ""
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
)

// yamlProblems turns an error of the YAML reader into Problems.
func yamlProblems(file string, err error) Problems {
	texts := []string{err.Error()}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		texts = typed.Errors
	}
	var out Problems
	for _, text := range texts {
		p := Problem{File: file, Text: strings.TrimPrefix(text, "yaml: ")}
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			p.Line, _ = strconv.Atoi(m[1]) // the pattern admits digits only
			p.Text = m[2]
		}
		if m := yamlUnknown.FindStringSubmatch(p.Text); m != nil {
			p.Rule, p.Text = m[1], "unknown key"
		}
		out = append(out, p)
	}
	return out
}

// checker collects the broken rules of one manifest.
type checker struct {
	file     string
	root     *yaml.Node
	problems Problems
}

// find walks to the value at path, made of keys and indexes. Where the path
// ends early it returns the last node on the way and false.
func (c *checker) find(path ...any) (*yaml.Node, bool) {
	n := c.root
	for _, p := range path {
		next := step(n, p)
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

func step(n *yaml.Node, p any) *yaml.Node {
	switch p := p.(type) {
	case string:
		if n.Kind != yaml.MappingNode {
			return nil
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == p {
				return n.Content[i+1]
			}
		}
	case int:
		if n.Kind == yaml.SequenceNode && p < len(n.Content) {
			return n.Content[p]
		}
	}
	return nil
}

func (c *checker) line(path ...any) int {
	n, _ := c.find(path...)
	return n.Line
}

func (c *checker) has(path ...any) bool {
	_, ok := c.find(path...)
	return ok
}

// fail records a broken rule at path.
func (c *checker) fail(path []any, format string, args ...any) {
	var rule strings.Builder
	for _, p := range path {
		switch p := p.(type) {
		case string:
			if rule.Len() > 0 {
				rule.WriteByte('.')
			}
			rule.WriteString(p)
		case int:
			fmt.Fprintf(&rule, "[%d]", p)
		}
	}
	c.problems = append(c.problems, Problem{
		File: c.file, Line: c.line(path...), Rule: rule.String(), Text: fmt.Sprintf(format, args...),
	})
}

// must records a broken rule unless ok holds.
func (c *checker) must(ok bool, path []any, format string, args ...any) {
	if !ok {
		c.fail(path, format, args...)
	}
}

func at(path ...any) []any { return path }

func under(path []any, more ...any) []any {
	return append(append([]any(nil), path...), more...)
}
