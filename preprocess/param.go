package preprocess

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kind says what a parameter holds.
type Kind string

// The kinds of parameters.
const (
	Integer Kind = "integer"
	Number  Kind = "number"
	Boolean Kind = "boolean"
	Choice  Kind = "choice"  // one of Choices
	Choices Kind = "choices" // a list out of Choices
	Numbers Kind = "numbers" // a list of numbers
	Name    Kind = "name"    // of a mask or branch: a-z, 0-9, _ and -
	Steps   Kind = "steps"   // a nested list of steps
)

// Param describes one parameter of a step.
type Param struct {
	Name     string   `json:"name"`
	Doc      string   `json:"doc"`
	Unit     string   `json:"unit,omitempty"`
	Kind     Kind     `json:"kind"`
	Default  any      `json:"default,omitempty"` // nil and not Optional: must be given
	Optional bool     `json:"optional,omitempty"`
	Min      float64  `json:"min"` // of Integer, Number and each of Numbers; also its length limits
	Max      float64  `json:"max"`
	Odd      bool     `json:"odd,omitempty"`
	Length   int      `json:"length,omitempty"` // of Numbers, where it is fixed
	Choices  []string `json:"choices,omitempty"`
}

// allowed is the range in words, for refusals and documents.
func (p *Param) allowed() string {
	unit := ""
	if p.Unit != "" {
		unit = " " + p.Unit
	}
	switch p.Kind {
	case Integer:
		odd := ""
		if p.Odd {
			odd = " odd"
		}
		return fmt.Sprintf("an%s integer from %g to %g%s", odd, p.Min, p.Max, unit)
	case Number:
		return fmt.Sprintf("a number from %g to %g%s", p.Min, p.Max, unit)
	case Boolean:
		return "true or false"
	case Choice:
		return "one of " + strings.Join(p.Choices, ", ")
	case Choices:
		return "a list out of " + strings.Join(p.Choices, ", ")
	case Numbers:
		list := "a list of numbers"
		if p.Length > 0 {
			list = fmt.Sprintf("a list of %d numbers", p.Length)
		}
		return fmt.Sprintf("%s from %g to %g%s", list, p.Min, p.Max, unit)
	case Name:
		return "a name of 1 to 64 characters out of a-z, 0-9, _ and -"
	}
	return "a list of steps"
}

// args are the checked parameters of one step, defaults filled in.
type args map[string]any

func (a args) has(name string) bool       { _, ok := a[name]; return ok }
func (a args) int(name string) int        { v, _ := a[name].(int); return v }
func (a args) float(name string) float64  { v, _ := a[name].(float64); return v }
func (a args) bool(name string) bool      { v, _ := a[name].(bool); return v }
func (a args) text(name string) string    { v, _ := a[name].(string); return v }
func (a args) texts(name string) []string { v, _ := a[name].([]string); return v }
func (a args) floats(name string) []float64 {
	v, _ := a[name].([]float64)
	return v
}

// readArgs checks given against params and fills defaults in.
func readArgs(params []Param, given map[string]any) (args, error) {
	for name := range given {
		if name == "step" {
			continue
		}
		if !slices.ContainsFunc(params, func(p Param) bool { return p.Name == name }) {
			return nil, &wrongParam{name, fmt.Sprintf("has no parameter %q; it takes %s", name, paramNames(params))}
		}
	}
	out := args{}
	for i := range params {
		p := &params[i]
		v, ok := given[p.Name]
		switch {
		case ok:
			clean, err := p.read(v)
			if err != nil {
				return nil, err
			}
			out[p.Name] = clean
		case p.Default != nil:
			out[p.Name] = p.Default
		case !p.Optional:
			return nil, fmt.Errorf("parameter %q is missing: give %s", p.Name, p.allowed())
		}
	}
	return out, nil
}

func paramNames(params []Param) string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// wrongParam is a refusal that one parameter is the reason of.
type wrongParam struct{ name, text string }

func (e *wrongParam) Error() string { return e.text }

func (p *Param) wrong(v any) error {
	if v == nil {
		v = "empty"
	}
	return &wrongParam{p.Name, fmt.Sprintf("parameter %q is %v: give %s", p.Name, v, p.allowed())}
}

// read turns a value of a YAML or JSON text into its clean form, or refuses it.
func (p *Param) read(v any) (any, error) {
	switch p.Kind {
	case Integer:
		f, ok := number(v)
		if !ok || f != math.Trunc(f) || f < p.Min || f > p.Max || p.Odd && math.Mod(f, 2) == 0 {
			return nil, p.wrong(v)
		}
		return int(f), nil
	case Number:
		f, ok := number(v)
		if !ok || !finite(f) || f < p.Min || f > p.Max {
			return nil, p.wrong(v)
		}
		return f, nil
	case Boolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case Choice:
		if s, ok := v.(string); ok && slices.Contains(p.Choices, s) {
			return s, nil
		}
	case Name:
		if s, ok := v.(string); ok && validName(s) {
			return s, nil
		}
	case Choices:
		return p.readChoices(v)
	case Numbers:
		return p.readNumbers(v)
	case Steps:
		return readSteps(p, v)
	}
	return nil, p.wrong(v)
}

func (p *Param) readChoices(v any) (any, error) {
	list, ok := v.([]any)
	if s, one := v.([]string); one {
		for _, x := range s {
			list = append(list, x)
		}
		ok = true
	}
	if !ok || len(list) == 0 || len(list) > len(p.Choices) {
		return nil, p.wrong(v)
	}
	out := make([]string, 0, len(list))
	for _, x := range list {
		s, isText := x.(string)
		if !isText || !slices.Contains(p.Choices, s) || slices.Contains(out, s) {
			return nil, p.wrong(v)
		}
		out = append(out, s)
	}
	return out, nil
}

const maxNumbers = 64

func (p *Param) readNumbers(v any) (any, error) {
	if f, ok := v.([]float64); ok {
		list := make([]any, len(f))
		for i := range f {
			list[i] = f[i]
		}
		v = list
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > maxNumbers || p.Length > 0 && len(list) != p.Length {
		return nil, p.wrong(v)
	}
	out := make([]float64, len(list))
	for i, x := range list {
		f, isNumber := number(x)
		if !isNumber || !finite(f) || f < p.Min || f > p.Max {
			return nil, p.wrong(v)
		}
		out[i] = f
	}
	return out, nil
}

// readSteps takes a nested list of steps as YAML or Go code gives it.
func readSteps(p *Param, v any) (any, error) {
	if steps, ok := v.([]map[string]any); ok {
		return steps, nil
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, p.wrong(v)
	}
	steps := make([]map[string]any, len(list))
	for i, x := range list {
		step, isMap := x.(map[string]any)
		if !isMap {
			return nil, p.wrong(v)
		}
		steps[i] = step
	}
	return steps, nil
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float32:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return true
}
