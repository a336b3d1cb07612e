package pixel

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/models"
	"github.com/radnode/radnode/worker"
)

// loadEnsemble finds the members of an ensemble and proves their mean. A
// member that cannot be used is the reason why the ensemble cannot.
func (r *registry) loadEnsemble(ctx context.Context, p packaged) error {
	m := p.Manifest
	c := &classifier{manifest: m, source: p.Package}
	for _, one := range m.Ensemble.Members {
		at := slices.IndexFunc(r.ready, func(c *classifier) bool { return name(c.manifest) == one.Name() })
		if at < 0 {
			return radnode.Errorf(radnode.Unavailable, "load model", "%s: its member %s cannot be used: %s", m.File(), one.Name(), r.refused[one.Name()].reason)
		}
		c.members = append(c.members, r.ready[at])
	}
	for _, v := range c.verify(ctx) {
		if !v.OK {
			return radnode.Errorf(radnode.Invalid, "load model", "%s: reference case %q: %s (deviation %.2g, tolerance %.2g)", m.File(), v.Case, v.Reason, v.Deviation, v.Tolerance)
		}
	}
	r.enter(c, p, worker.ModelStatus{Device: c.device(), Fallbacks: []string{}})
	return nil
}

// device is where the model runs; an ensemble names each of its members' once.
func (c *classifier) device() string {
	if c.model != nil {
		return c.model.Device()
	}
	var all []string
	for _, member := range c.members {
		if d := member.device(); !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return strings.Join(all, ", ")
}

// mean is the weighted mean of what the members say of each label, with the
// ensemble's thresholds, and how far they agree.
func (c *classifier) mean(said []map[string]radnode.Finding) []radnode.Finding {
	labels, total := c.manifest.Labels, 0.0
	for _, m := range c.manifest.Ensemble.Members {
		total += m.Weight
	}
	means := make([]float64, len(labels))
	agreements := make([]*radnode.Agreement, len(labels))
	for j, l := range labels {
		a := &radnode.Agreement{Models: len(said), Low: 1}
		for i, m := range c.manifest.Ensemble.Members {
			f := said[i][l.Name]
			means[j] += m.Weight / total * f.Probability
			a.Low, a.High = min(a.Low, f.Probability), max(a.High, f.Probability)
			if f.Present {
				a.Present++
			}
		}
		agreements[j] = a
	}
	findings := inference.Judge(labels, means)
	for j := range findings {
		findings[j].Agreement = agreements[j]
	}
	return findings
}

// combine fills in what the ensemble c says of the frame, which its members
// have read before. Where one of them has not, the ensemble says nothing: it
// was judged as a whole.
func (f *frameReading) combine(c *classifier, one *radnode.Analysis) {
	said := make([]map[string]radnode.Finding, len(c.members))
	provenance := &radnode.Provenance{
		InputDigest: f.fr.digest, Runtime: f.registry.runtime.Version(), Device: c.device(),
		Software: f.software, Evaluation: c.manifest.Evaluation, Calibrated: c.manifest.Calibrated,
	}
	for i, member := range c.members {
		a := f.done[member]
		if a.Error != nil || !a.Gate.Accepted {
			one.Gate = radnode.Gate{Reasons: []string{fmt.Sprintf("not analysed: the member %s of the ensemble did not read this image: %s", name(member.manifest), whyNot(a))}}
			return
		}
		said[i] = map[string]radnode.Finding{}
		part := radnode.MemberProvenance{Model: a.Model, Weight: c.manifest.Ensemble.Members[i].Weight, Device: a.Device,
			PipelineDigest: a.Provenance.PipelineDigest, TensorDigest: a.Provenance.TensorDigest, Probabilities: map[string]float64{}}
		for _, finding := range a.Findings {
			said[i][finding.Label] = finding
			part.Probabilities[finding.Label] = finding.Probability
		}
		provenance.Members = append(provenance.Members, part)
		one.Timings.Preprocess += a.Timings.Preprocess
		one.Timings.Inference += a.Timings.Inference
	}
	one.Findings = c.mean(said)
	for j, l := range c.manifest.Labels {
		if l.Heatmap {
			one.Findings[j].Heatmap = c.surestMap(l.Name, said)
		}
	}
	one.Provenance = provenance
}

// surestMap is the heat map of the member with the most weight that has one.
func (c *classifier) surestMap(label string, said []map[string]radnode.Finding) *radnode.Heatmap {
	var best *radnode.Heatmap
	weight := 0.0
	for i, m := range c.manifest.Ensemble.Members {
		if h := said[i][label].Heatmap; h != nil && m.Weight > weight {
			best, weight = h, m.Weight
		}
	}
	return best
}

func whyNot(a *radnode.Analysis) string {
	if a.Error != nil {
		return *a.Error
	}
	return strings.Join(a.Gate.Reasons, "; ")
}

// verify runs the reference cases of the model.
func (c *classifier) verify(ctx context.Context) []worker.Verification {
	one := worker.Verification{Model: name(c.manifest), Device: c.device()}
	if len(c.manifest.References) == 0 {
		one.Reason = "the package has no reference cases"
		return []worker.Verification{one}
	}
	var out []worker.Verification
	for _, ref := range c.manifest.References {
		one := one
		one.Case, one.Tolerance = ref.Name, ref.Tolerance
		var err error
		if one.Deviation, err = c.deviation(ctx, ref); err != nil {
			one.Reason = err.Error()
		} else if one.OK = one.Deviation <= one.Tolerance; !one.OK {
			one.Reason = "it is off by more than its tolerance"
		}
		out = append(out, one)
	}
	return out
}

// deviation is how far the model is off in one reference case.
func (c *classifier) deviation(ctx context.Context, ref models.Reference) (float64, error) {
	if c.model != nil {
		return c.model.Check(ctx, c.source, ref)
	}
	said := make([]map[string]radnode.Finding, len(c.members))
	for i, member := range c.members {
		at := slices.IndexFunc(member.manifest.References, func(r models.Reference) bool { return r.Name == ref.Cases[i] })
		findings, err := member.model.Known(ctx, member.source, member.manifest.References[at])
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name(member.manifest), err)
		}
		said[i] = map[string]radnode.Finding{}
		for _, f := range findings {
			said[i][f.Label] = f
		}
	}
	worst := 0.0
	for j, f := range c.mean(said) {
		worst = max(worst, math.Abs(f.Probability-ref.Output[j]))
	}
	return worst, nil
}
