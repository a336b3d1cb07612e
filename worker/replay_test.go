package worker

import (
	"testing"

	"github.com/radnode/radnode"
)

func TestAReplayComparesBoxesNumbersAndFeatures(t *testing.T) {
	answer := func() radnode.Analysis {
		return radnode.Analysis{Gate: radnode.Gate{Accepted: true}, Embedding: []byte{0, 0, 128, 63}, Findings: []radnode.Finding{
			{Label: "nodule", Probability: 0.9, Threshold: 0.5, Present: true, Region: &radnode.Region{Graphic: radnode.Polyline, Points: []float64{10, 20, 110, 20}}},
			{Label: "bone_age", Present: true, Measurement: &radnode.Measurement{Name: "bone_age", Value: 120, Unit: "mo"}},
		}}
	}
	for name, tt := range map[string]struct {
		change func(*radnode.Analysis)
		want   bool
	}{
		"the same":            {func(*radnode.Analysis) {}, true},
		"a box elsewhere":     {func(a *radnode.Analysis) { a.Findings[0].Region.Points[2] = 111 }, false},
		"no box":              {func(a *radnode.Analysis) { a.Findings[0].Region = nil }, false},
		"another number":      {func(a *radnode.Analysis) { a.Findings[1].Measurement.Value = 120.1 }, false},
		"a rounded number":    {func(a *radnode.Analysis) { a.Findings[1].Measurement.Value = 120.00001 }, true},
		"absent":              {func(a *radnode.Analysis) { a.Findings[0].Present = false }, false},
		"a box less":          {func(a *radnode.Analysis) { a.Findings = a.Findings[1:] }, false},
		"other features":      {func(a *radnode.Analysis) { a.Embedding[3] = 64 }, false},
		"fewer features":      {func(a *radnode.Analysis) { a.Embedding = nil }, false},
		"another probability": {func(a *radnode.Analysis) { a.Findings[0].Probability = 0.91 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := answer()
			tt.change(&now)
			if r := compare(answer(), now); r.Reproduced != tt.want || tt.want == (len(r.Differences) > 0) {
				t.Errorf("got %+v", r)
			}
		})
	}
}
