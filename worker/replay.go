package worker

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/radnode/radnode"
)

// Replay is an analysis done again and compared with the first time.
type Replay struct {
	Reproduced  bool             `json:"reproduced"`
	Deviation   float64          `json:"deviation"`   // largest difference of a probability, or of a number as a share of it
	Tolerance   float64          `json:"tolerance"`   // what is allowed
	Differences []string         `json:"differences"` // what is not as it was, one sentence each
	Now         radnode.Analysis `json:"now"`
}

// The tolerances of a replay. Another device or version of the runtime adds in
// another order; the same adds the same way.
const (
	sameTolerance  = 1e-6
	otherTolerance = 1e-3
)

// Replay analyses the file at path again with the very version of the model
// that gave the result, and compares every digest, probability, box and number.
func (p *Pool) Replay(ctx context.Context, path string, was radnode.Analysis) (Replay, error) {
	model := was.Model.ID + "@" + was.Model.Version
	all, err := p.Analyze(ctx, AnalyzeRequest{Path: path, Models: []string{model}})
	if err != nil {
		return Replay{}, err
	}
	for _, now := range all {
		if now.Model.ID == was.Model.ID && now.Model.Version == was.Model.Version && now.Frame == was.Frame {
			return compare(was, now), nil
		}
	}
	return Replay{}, radnode.Errorf(radnode.NotFound, "replay", "the model %s gave no answer about frame %d this time", model, was.Frame)
}

func compare(was, now radnode.Analysis) Replay {
	r := Replay{Now: now, Tolerance: sameTolerance, Differences: []string{}}
	differs := func(what, a, b string) {
		if a != b {
			r.Differences = append(r.Differences, fmt.Sprintf("%s was %s, is %s", what, a, b))
		}
	}
	differs("the digest of the model", was.Model.Digest, now.Model.Digest)
	differs("the gate", verdict(was), verdict(now))
	if was.Provenance != nil && now.Provenance != nil {
		a, b := was.Provenance, now.Provenance
		differs("the digest of the stored values", a.InputDigest, b.InputDigest)
		differs("the digest of the pipeline", a.PipelineDigest, b.PipelineDigest)
		differs("the digest of the tensor", a.TensorDigest, b.TensorDigest)
		differs("the members", memberDigests(a), memberDigests(b))
		differs("the runtime", a.Runtime, b.Runtime)
		differs("the device", a.Device, b.Device)
		if a.Runtime != b.Runtime || a.Device != b.Device {
			r.Tolerance = otherTolerance
		}
	} else if (was.Provenance == nil) != (now.Provenance == nil) {
		r.Differences = append(r.Differences, "only one of the two has a provenance")
	}
	same := was.Model.Digest == now.Model.Digest && verdict(was) == verdict(now)
	if len(was.Findings) != len(now.Findings) {
		same = false
		r.Differences = append(r.Differences, fmt.Sprintf("there were %d findings, there are %d", len(was.Findings), len(now.Findings)))
	}
	for i := 0; same && i < len(was.Findings); i++ {
		same = r.finding(was.Findings[i], now.Findings[i])
	}
	if same {
		r.values("the embedding", floats(was.Embedding), floats(now.Embedding))
	}
	r.Reproduced = same && r.Deviation <= r.Tolerance
	return r
}

// finding compares one finding; false if it is another one.
func (r *Replay) finding(a, b radnode.Finding) bool {
	if a.Label != b.Label || a.Present != b.Present || (a.Region == nil) != (b.Region == nil) || (a.Measurement == nil) != (b.Measurement == nil) {
		r.Differences = append(r.Differences, fmt.Sprintf("the finding %s (present: %t) is now %s (present: %t)", a.Label, a.Present, b.Label, b.Present))
		return false
	}
	d := math.Abs(a.Probability - b.Probability)
	r.Deviation = max(r.Deviation, d)
	if d > r.Tolerance {
		r.Differences = append(r.Differences, fmt.Sprintf("%s was %.6f, is %.6f", a.Label, a.Probability, b.Probability))
	}
	if a.Region != nil {
		r.values("the box of "+a.Label, a.Region.Points, b.Region.Points)
	}
	if a.Measurement != nil {
		r.values(a.Measurement.Name+" of "+a.Label, []float64{a.Measurement.Value}, []float64{b.Measurement.Value})
	}
	return true
}

// values compares numbers that may be large: by their share of the largest one.
func (r *Replay) values(what string, a, b []float64) {
	if len(a) != len(b) {
		r.Deviation = math.MaxFloat64
		r.Differences = append(r.Differences, fmt.Sprintf("%s had %d numbers, has %d", what, len(a), len(b)))
		return
	}
	d, scale := 0.0, 1.0
	for i := range a {
		d, scale = max(d, math.Abs(a[i]-b[i])), max(scale, math.Abs(a[i]))
	}
	r.Deviation = max(r.Deviation, d/scale)
	if d/scale > r.Tolerance {
		r.Differences = append(r.Differences, fmt.Sprintf("%s differs by up to %.6g", what, d))
	}
}

// memberDigests names the members of an ensemble and what each was given.
func memberDigests(p *radnode.Provenance) string {
	var all []string
	for _, m := range p.Members {
		all = append(all, fmt.Sprintf("%s@%s %s (pipeline %s, tensor %s, weight %g)", m.Model.ID, m.Model.Version, m.Model.Digest, m.PipelineDigest, m.TensorDigest, m.Weight))
	}
	return strings.Join(all, ", ")
}

// floats are the values of an embedding.
func floats(raw []byte) []float64 {
	out := make([]float64, len(raw)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	return out
}

func verdict(a radnode.Analysis) string {
	switch {
	case a.Error != nil:
		return "an error"
	case a.Gate.Accepted:
		return "accepted"
	}
	return "refused"
}

// Verification is one reference case of a model, run again.
type Verification struct {
	Model     string  `json:"model"` // "id@version"
	Case      string  `json:"case"`  // "" where the model has none
	Device    string  `json:"device"`
	Deviation float64 `json:"deviation"`
	Tolerance float64 `json:"tolerance"`
	OK        bool    `json:"ok"`
	Reason    string  `json:"reason"` // why it is not
}

// Verify runs the reference cases of every model again. A model that cannot be
// used is listed with its reason.
func (p *Pool) Verify(ctx context.Context) ([]Verification, error) {
	return ask[[]Verification](ctx, p, OpVerify, struct{}{}, p.cfg.Timeouts.Registry)
}
