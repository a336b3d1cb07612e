package preprocess

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/radnode/radnode"
)

// canonicalVersion is part of the digest: it changes when a step begins to
// compute something else under the same name and parameters.
const canonicalVersion = 1

const maxSteps, maxDepth = 64, 3

// Pipeline is a compiled list of steps. It may run in several goroutines at
// once. Close frees its OpenCV memory.
type Pipeline struct {
	stages []stage
	canon  []byte
	end    flow

	mu     sync.Mutex
	idle   []*workspace
	closed bool
}

type stage struct {
	spec *Step
	args args
	act  action
	path string // "3" or, inside a branch, "3.1"
}

// Compile builds a pipeline from the steps of a manifest: maps with the key
// "step" and the parameters of that step. The error names the step by its
// place (from 1), the parameter and what is allowed.
func Compile(steps []map[string]any) (*Pipeline, error) {
	const op = "compile pipeline"
	stages, end, err := compileSteps(steps, flow{}, "", 0)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
	}
	canon, err := canonical(stages)
	if err != nil {
		return nil, err
	}
	return &Pipeline{stages: stages, canon: canon, end: end}, nil
}

// wrongStep is a refusal with the place of the step that is the reason.
type wrongStep struct {
	path, name string
	err        error
}

func (e *wrongStep) Error() string {
	if e.name == "" {
		return fmt.Sprintf("step %s: %v", e.path, e.err)
	}
	return fmt.Sprintf("step %s (%s): %v", e.path, e.name, e.err)
}

func (e *wrongStep) Unwrap() error { return e.err }

func compileSteps(steps []map[string]any, in flow, prefix string, nested int) ([]stage, flow, error) {
	if len(steps) > maxSteps || nested > maxDepth {
		return nil, in, fmt.Errorf("pipeline has %d steps, %d branches deep; at most %d and %d are allowed", len(steps), nested, maxSteps, maxDepth)
	}
	out := make([]stage, 0, len(steps))
	for i, raw := range steps {
		path := fmt.Sprintf("%s%d", prefix, i+1)
		name, _ := raw["step"].(string)
		spec := byName()[name]
		if spec == nil {
			return nil, in, &wrongStep{path: path, err: fmt.Errorf("there is no step %q; known steps: %s", raw["step"], strings.Join(slices.Sorted(maps.Keys(byName())), ", "))}
		}
		st, next, err := compileStep(spec, raw, in, path, nested)
		var inner *wrongStep
		if errors.As(err, &inner) {
			return nil, in, inner // the step of a branch
		}
		if err != nil {
			return nil, in, &wrongStep{path: path, name: name, err: err}
		}
		out, in = append(out, st), next
	}
	return out, in, nil
}

func compileStep(spec *Step, raw map[string]any, in flow, path string, nested int) (stage, flow, error) {
	st := stage{spec: spec, path: path}
	if in.tensor != nil {
		return st, in, fmt.Errorf("the tensor step must be the last")
	}
	a, err := readArgs(spec.Params, raw)
	if err != nil {
		return st, in, err
	}
	if spec.Name == "branch" {
		return compileBranch(spec, a, in, path, nested)
	}
	next, err := spec.after(a, in)
	if err != nil {
		return st, in, err
	}
	if next.entered, err = spec.enter(a, in.entered); err != nil {
		return st, in, err
	}
	act, err := spec.build(a)
	if err != nil {
		return st, in, err
	}
	st.args, st.act = a, spec.direct(a, act)
	return st, next, nil
}

// enter adds the groups of features of a step. Two steps that enter features of
// the same names would overwrite each other.
func (s *Step) enter(a args, before []string) ([]string, error) {
	if s.enters == nil {
		return before, nil
	}
	out := slices.Clone(before)
	for _, group := range s.enters(a) {
		if slices.Contains(before, group) {
			return nil, fmt.Errorf("a step before enters features named %q too, which would be lost: give one of them another parameter \"prefix\"", group)
		}
		out = append(out, group)
	}
	return out, nil
}

// after is the static part of a step: masks must exist, depths must fit.
func (s *Step) after(a args, in flow) (flow, error) {
	for _, p := range s.Params {
		isInput := p.Kind == Name && (p.Name == "source" || p.Name == "mask" || p.Name == "markers")
		if isInput && a.has(p.Name) && !in.hasMask(a.text(p.Name)) {
			return in, fmt.Errorf("parameter %q names mask %q, which no step before makes; there are: %s", p.Name, a.text(p.Name), strings.Join(in.masks, ", "))
		}
	}
	switch {
	case s.output == toResults:
		return s.flow(a, in)
	case s.output == toEither && a.has("source"):
		name := a.text("source")
		if a.has("as") {
			name = a.text("as")
		}
		return in.withMask(name), nil
	case s.output == toEither && a.has("as"):
		return in, fmt.Errorf("parameter \"as\" stores a mask, so it needs a mask to work on in parameter \"source\"")
	case s.output == toMask:
		if _, err := s.flow(a, in); err != nil {
			return in, err
		}
		if a.has("as") {
			return in.withMask(a.text("as")), nil
		}
		in.channels, in.depth, in.touched = 1, byte8, true
		return in, nil
	}
	next, err := s.flow(a, in)
	next.touched = true
	return next, err
}

// canonical is the text that the digest is made of: names and parameters in
// one order, defaults written out.
func canonical(stages []stage) ([]byte, error) {
	type entry struct {
		Step   string         `json:"step"`
		Params map[string]any `json:"params"`
	}
	var list func([]stage) []entry
	list = func(stages []stage) []entry {
		out := make([]entry, len(stages))
		for i, s := range stages {
			params := map[string]any(s.args)
			if b, ok := s.args["steps"].(*branch); ok {
				params = maps.Clone(params)
				params["steps"] = list(b.stages)
			}
			out[i] = entry{s.spec.Name, params}
		}
		return out
	}
	text, err := json.Marshal(map[string]any{"version": canonicalVersion, "steps": list(stages)})
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, "compile pipeline", "write canonical form: %w", err)
	}
	return text, nil
}

// Canonical returns the canonical text: JSON with every default written out.
func (p *Pipeline) Canonical() []byte { return slices.Clone(p.canon) }

// Digest returns "sha256:" and the hash of the canonical text.
func (p *Pipeline) Digest() string {
	sum := sha256.Sum256(p.canon)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Shape returns the size of the tensor as far as the steps fix it; 0 where it
// depends on the image.
func (p *Pipeline) Shape() (channels, rows, columns int) {
	return p.end.channels, p.end.rows, p.end.columns
}

// Masks returns the names of the masks that a run makes.
func (p *Pipeline) Masks() []string { return slices.Clone(p.end.masks) }

// Close frees the memory kept for later runs. Runs under way end first.
func (p *Pipeline) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, w := range p.idle {
		w.close()
	}
	p.idle = nil
}

func (p *Pipeline) borrow() *workspace {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return w
	}
	return newWorkspace()
}

func (p *Pipeline) giveBack(w *workspace) {
	w.reclaim()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w.close()
		return
	}
	p.idle = append(p.idle, w)
}
