package models

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of a manifest.
const (
	maxLabels     = 1024
	maxSteps      = 64
	maxSide       = 4096 // rows and columns of an input
	maxReferences = 64
)

var (
	idPattern      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}[a-z0-9]$`)
	versionPattern = regexp.MustCompile(`^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})$`)
	labelPattern   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	digestPattern  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	filePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	codeString     = regexp.MustCompile(`^[A-Z0-9 _]{0,16}$`) // VR CS (PS3.5 6.2)
)

// photometrics are the photometric interpretations a gate may name
// (PS3.3 C.7.6.3.1.2).
var photometrics = []string{
	"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422",
	"YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT",
}

func (c *checker) manifest(m *Manifest) {
	c.must(m.Schema == Schema, at("schema"), "must be %d, the only format this version reads", Schema)
	c.must(idPattern.MatchString(m.ID), at("id"), "must be 2 to 64 small letters, digits and hyphens, starting with a letter")
	c.must(versionPattern.MatchString(m.Version), at("version"), "must be three numbers, e.g. 1.0.0")
	texts := []struct {
		key, value string
		limit      int
	}{
		{"name", m.Name, 64}, {"licence", m.Licence, 64},
		{"intended_use", m.IntendedUse, 2000}, {"evaluation", m.Evaluation, 2000},
	}
	for _, t := range texts {
		c.text(at(t.key), t.value, t.limit)
	}
	for i, s := range m.NotFor {
		c.text(at("not_for", i), s, 200)
	}
	c.oneOf(at("frames"), m.Frames, "", FramesAll, FramesMiddle)
	c.gate(m)
	if m.KindOf() == KindEnsemble {
		c.ensemble(m)
	} else {
		c.graph(m)
	}
	c.labels(m)
	c.references(m)
	c.learned(m)
}

// graph checks what a model with a graph of its own has.
func (c *checker) graph(m *Manifest) {
	c.must(filePattern.MatchString(m.ONNX) && strings.HasSuffix(m.ONNX, ".onnx"), at("onnx"), "must name a file ending in .onnx beside the manifest")
	c.must(digestPattern.MatchString(m.Digest), at("digest"), `must be "sha256:" and 64 small hexadecimal digits`)
	c.must(m.Ensemble == nil, at("ensemble"), "must be given for the kind ensemble and no other")
	c.input(m.Input)
	c.steps(m.Pipeline)
	c.outputs(m)
}

// text checks a text for people: not blank, not longer than limit characters.
func (c *checker) text(path []any, s string, limit int) {
	c.must(strings.TrimSpace(s) != "", path, "must not be empty")
	c.must(utf8.RuneCountInString(s) <= limit, path, "must have at most %d characters", limit)
}

func (c *checker) oneOf(path []any, got string, allowed ...string) {
	var shown []string
	for _, a := range allowed {
		if a != "" {
			shown = append(shown, a)
		}
	}
	c.must(slices.Contains(allowed, got), path, "must be one of %s, got %q", strings.Join(shown, ", "), got)
}

func (c *checker) between(path []any, v, low, high float64) {
	// The comparison also refuses NaN, which YAML can write.
	c.must(v >= low && v <= high, path, "must lie within %g..%g, got %g", low, high, v)
}

func (c *checker) gate(m *Manifest) {
	g := m.Gate
	c.must(c.has("gate", "modality") && len(g.Modality) > 0, at("gate", "modality"), "must list at least one modality")
	for key, list := range map[string][]string{"modality": g.Modality, "body_part": g.BodyPart, "view": g.View} {
		for i, v := range list {
			c.must(codeString.MatchString(v), at("gate", key, i), "must be a code string: at most 16 capital letters, digits, blanks or underscores")
		}
	}
	for i, v := range g.Photometric {
		c.oneOf(at("gate", "photometric", i), v, photometrics...)
	}
	if r := g.AgeYears; r != nil {
		c.between(at("gate", "age_years", "min"), r.Min, 0, 150)
		c.between(at("gate", "age_years", "max"), r.Max, 0, 150)
		c.must(c.has("gate", "age_years", "max"), at("gate", "age_years"), "must have min and max")
		c.must(!(r.Min > r.Max), at("gate", "age_years"), "min must not exceed max")
	}
	c.between(at("gate", "min_rows"), float64(g.MinRows), 0, 65535)
	c.between(at("gate", "min_columns"), float64(g.MinColumns), 0, 65535)
	if c.has("gate", "max_aspect") {
		c.between(at("gate", "max_aspect"), g.MaxAspect, 1, 1000)
	}
	if e := g.Exposure; e != nil {
		c.between(at("gate", "exposure", "black"), e.Black, 0.01, 1)
		c.between(at("gate", "exposure", "white"), e.White, 0.01, 1)
	}
	c.oneOf(at("gate", "burned_in"), g.BurnedIn, "", BurnedInRefuse, BurnedInAccept)
	for i, f := range g.Findings {
		path := at("gate", "findings", i)
		c.must(idPattern.MatchString(f.Model), under(path, "model"), "must be the id of a model")
		c.must(f.Model != m.ID, under(path, "model"), "a model cannot be its own condition")
		c.must(labelPattern.MatchString(f.Label), under(path, "label"), "must be the name of a label")
		c.must(c.has(under(path, "present")...), path, "present must be given")
		c.text(under(path, "reason"), f.Reason, 200)
	}
}

func (c *checker) input(in Input) {
	c.text(at("input", "name"), in.Name, 256)
	c.oneOf(at("input", "layout"), in.Layout, LayoutNCHW, LayoutNHWC)
	c.oneOf(at("input", "type"), in.Type, "float32")
	c.must(in.Channels == 1 || in.Channels == 3, at("input", "channels"), "must be 1 or 3, got %d", in.Channels)
	c.between(at("input", "rows"), float64(in.Rows), 1, maxSide)
	c.between(at("input", "columns"), float64(in.Columns), 1, maxSide)
}

// steps checks the form of the pipeline; the meaning of each step is checked
// by the preprocessor that compiles it.
func (c *checker) steps(steps []map[string]any) {
	c.must(len(steps) > 0, at("pipeline"), "must have at least one step")
	c.must(len(steps) <= maxSteps, at("pipeline"), "must have at most %d steps", maxSteps)
	for i, s := range steps {
		name, ok := s["step"].(string)
		c.must(ok && name != "", at("pipeline", i), "must have a key step with the name of the step")
	}
}

func (c *checker) labels(m *Manifest) {
	if m.KindOf() == KindEmbedding {
		c.must(len(m.Labels) == 0, at("labels"), "an embedding has none")
		return
	}
	c.must(len(m.Labels) > 0, at("labels"), "must have at least one label")
	c.must(len(m.Labels) <= maxLabels, at("labels"), "must have at most %d labels", maxLabels)
	seen := map[string]bool{}
	groups := map[string]int{}
	for i, l := range m.Labels {
		path := at("labels", i)
		c.must(labelPattern.MatchString(l.Name), under(path, "name"), "must be small letters, digits and underscores, starting with a letter")
		c.must(!seen[l.Name], under(path, "name"), "the label %q is there twice", l.Name)
		seen[l.Name] = true
		if l.Code != nil {
			c.code(under(path, "code"), *l.Code)
		}
		c.between(under(path, "threshold"), l.Threshold, 0, 1)
		c.kindOfLabel(path, m, l)
		c.must(l.Exclusive != "" || m.KindOf() == KindRegression || c.has(under(path, "threshold")...), path, "threshold must be given for a label outside an exclusive group")
		if l.Exclusive != "" {
			c.must(labelPattern.MatchString(l.Exclusive), under(path, "exclusive"), "must be small letters, digits and underscores, starting with a letter")
			groups[l.Exclusive]++
		}
		c.must(!l.Heatmap || m.Outputs.Heatmap != "" || m.Explain != nil || m.Ensemble != nil, under(path, "heatmap"), "needs outputs.heatmap, the output that holds the maps, or explain")
		c.between(under(path, "urgency"), float64(l.Urgency), 0, 9)
		if l.Calibration != nil {
			c.calibration(under(path, "calibration"), *l.Calibration)
		}
		if u := l.Undecided; u != nil {
			c.between(under(path, "undecided", "from"), u.From, 0, 1)
			c.between(under(path, "undecided", "to"), u.To, 0, 1)
			c.must(!(u.From > u.To), under(path, "undecided"), "from must not exceed to")
			c.between(under(path, "undecided", "coverage"), u.Coverage, 0.5, 0.999)
		}
	}
	for i, l := range m.Labels {
		if l.Exclusive != "" {
			c.must(groups[l.Exclusive] > 1, at("labels", i, "exclusive"), "the group %q has only this label", l.Exclusive)
		}
	}
}

// code checks a coded concept (PS3.3 8.1, 8.2, 8.3: VR SH, SH, LO).
func (c *checker) code(path []any, code Concept) {
	parts := []struct {
		key, value string
		limit      int
	}{{"value", code.Value, 16}, {"scheme", code.Scheme, 16}, {"meaning", code.Meaning, 64}}
	for _, p := range parts {
		c.text(under(path, p.key), p.value, p.limit)
		c.must(!strings.ContainsAny(p.value, "\\\x00\n\r"), under(path, p.key), "must not contain a backslash or control character")
	}
}

func (c *checker) calibration(path []any, cal Calibration) {
	c.oneOf(under(path, "method"), cal.Method, CalibrationTemperature, CalibrationPlatt, CalibrationIsotonic)
	switch cal.Method {
	case CalibrationTemperature:
		c.between(under(path, "temperature"), cal.Temperature, 0.01, 100)
	case CalibrationPlatt:
		c.between(under(path, "a"), cal.A, 1e-6, 1e3) // a rising map keeps the order of the scores
		c.between(under(path, "b"), cal.B, -1e3, 1e3)
	case CalibrationIsotonic:
		c.must(len(cal.X) >= 2 && len(cal.X) <= 1000 && len(cal.X) == len(cal.Y), path, "x and y must have the same 2 to 1000 points")
		c.rising(under(path, "x"), cal.X, true)
		c.rising(under(path, "y"), cal.Y, false)
	}
}

// rising checks probabilities that never fall, or rise strictly.
func (c *checker) rising(path []any, v []float64, strictly bool) {
	for i, x := range v {
		c.between(under(path, i), x, 0, 1)
		if i > 0 {
			c.must(x > v[i-1] || !strictly && x == v[i-1], under(path, i), "must rise from point to point")
		}
	}
}

func (c *checker) references(m *Manifest) {
	c.must(len(m.References) <= maxReferences, at("references"), "must have at most %d cases", maxReferences)
	for i, r := range m.References {
		path := at("references", i)
		c.text(under(path, "name"), r.Name, 64)
		if m.Ensemble != nil {
			c.must(len(r.Cases) == len(m.Ensemble.Members), under(path, "cases"), "must name a reference case of each of the %d members", len(m.Ensemble.Members))
			c.must(r.Tensor == "" && r.Digest == "", under(path, "tensor"), "is that of the members in an ensemble; name their cases")
		} else {
			c.must(filePattern.MatchString(r.Tensor), under(path, "tensor"), "must name a file beside the manifest")
			c.must(digestPattern.MatchString(r.Digest), under(path, "digest"), `must be "sha256:" and 64 small hexadecimal digits`)
			c.must(len(r.Cases) == 0, under(path, "cases"), "works with the kind ensemble only")
		}
		want := m.ProofSize()
		c.must(len(r.Output) == want, under(path, "output"), "must have %d values for a %s of %d labels, got %d", want, m.KindOf(), len(m.Labels), len(r.Output))
		for j, v := range r.Output {
			c.must(!math.IsNaN(v) && !math.IsInf(v, 0), under(path, "output", j), "must be a number")
		}
		c.between(under(path, "tolerance"), r.Tolerance, 1e-9, 0.1)
	}
}
