package worker

import (
	"context"
	"fmt"
	"math"

	"github.com/radnode/radnode"
)

// Replay is an analysis done again and compared with the first time.
type Replay struct {
	Reproduced  bool             `json:"reproduced"`
	Deviation   float64          `json:"deviation"`   // largest difference of a probability
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
// that gave the result, and compares every digest and probability.
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
		differs("the runtime", a.Runtime, b.Runtime)
		differs("the device", a.Device, b.Device)
		if a.Runtime != b.Runtime || a.Device != b.Device {
			r.Tolerance = otherTolerance
		}
	} else if (was.Provenance == nil) != (now.Provenance == nil) {
		r.Differences = append(r.Differences, "only one of the two has a provenance")
	}
	same := len(was.Findings) == len(now.Findings) && was.Model.Digest == now.Model.Digest && verdict(was) == verdict(now)
	for i := 0; same && i < len(was.Findings); i++ {
		a, b := was.Findings[i], now.Findings[i]
		same = a.Label == b.Label
		d := math.Abs(a.Probability - b.Probability)
		r.Deviation = max(r.Deviation, d)
		if d > r.Tolerance {
			r.Differences = append(r.Differences, fmt.Sprintf("%s was %.6f, is %.6f", a.Label, a.Probability, b.Probability))
		}
	}
	r.Reproduced = same && r.Deviation <= r.Tolerance
	return r
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
