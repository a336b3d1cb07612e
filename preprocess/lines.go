package preprocess

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// checkKeys refuses what decoding into a Definition would let pass: keys
// without a value, and numbers where a text belongs (version: 1.0 is a number).
func checkKeys(root *yaml.Node) error {
	texts := []string{"name", "version", "purpose"}
	top := child(root, "")
	if top == nil || top.Kind != yaml.MappingNode {
		return fmt.Errorf("not a pipeline: a mapping with the keys schema, name, version and steps is needed")
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		wanted := []*yaml.Node{value}
		if key.Value == "modalities" && value.Kind == yaml.SequenceNode {
			wanted = value.Content
		}
		if value.ShortTag() == "!!null" {
			return fmt.Errorf("line %d: %s has no value", key.Line, key.Value)
		}
		if key.Value != "modalities" && !slices.Contains(texts, key.Value) {
			continue
		}
		for _, v := range wanted {
			if v.Kind == yaml.ScalarNode && v.ShortTag() != "!!str" {
				return fmt.Errorf("line %d: %s must be text: write %q in quotes", v.Line, key.Value, v.Value)
			}
		}
	}
	return nil
}

// child is the value of a key of a mapping, or the item of a sequence counted
// from 1; "" is what a document or alias stands for. nil: there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	for n != nil && (n.Kind == yaml.DocumentNode || n.Kind == yaml.AliasNode) {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		} else if len(n.Content) > 0 {
			n = n.Content[0]
		} else {
			return nil
		}
	}
	switch {
	case n == nil || key == "":
		return n
	case n.Kind == yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 1 && i <= len(n.Content) {
			return n.Content[i-1]
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

// lineOf is the line of the deepest node on the way along keys that is there.
func lineOf(root *yaml.Node, keys ...string) int {
	line := root.Line
	for n, i := root, 0; i < len(keys); i++ {
		if n = child(n, keys[i]); n == nil {
			break
		}
		line = n.Line
	}
	return line
}

// line is where the text states what is wrong: the parameter, or the step.
func (e *wrongStep) line(root *yaml.Node) int {
	keys := []string{}
	for _, place := range strings.Split(e.path, ".") {
		keys = append(keys, "steps", place)
	}
	var wrong *wrongParam
	if errors.As(e.err, &wrong) {
		keys = append(keys, wrong.name)
	}
	return lineOf(root, keys...)
}
