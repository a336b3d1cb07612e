package webtest

import (
	"context"
	"math"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/api"
)

// Activity implements api.Operations.
func (s *Story) Activity(context.Context) (radnode.Activity, error) {
	if s.bare {
		return radnode.Activity{Hours: []radnode.ActivityHour{{Begin: s.now.Truncate(time.Hour)}}, Queues: []radnode.QueueDepth{}}, nil
	}
	a := radnode.Activity{Queues: []radnode.QueueDepth{
		{Kind: "analyze", Due: 2, Later: 1, Running: 1},
		{Kind: "deliver", Later: 1, Error: s.told("the peer refuses the SOP class (0122H)")},
		{Kind: "pixel worker", Running: 1},
	}}
	for i := range 24 {
		busy := int(6 * (1 + math.Sin(float64(i)/3)))
		a.Hours = append(a.Hours, radnode.ActivityHour{
			Begin: s.now.Truncate(time.Hour).Add(time.Duration(i-23) * time.Hour), Studies: busy, Images: 3 * busy, Drafted: busy, Signed: busy / 2, Delivered: busy / 2,
		})
	}
	return a, nil
}

// told is a text as it is, or as somebody hostile would write it.
func (s *Story) told(text string) string {
	if s.spoiled {
		return Hostile
	}
	return text
}

// ModelUse implements api.Operations.
func (s *Story) ModelUse(_ context.Context, id, _ string) (radnode.ModelUse, error) {
	if id != pneumoniaModel.ID {
		return radnode.ModelUse{Labels: []radnode.LabelUse{}}, nil
	}
	since := s.now.Add(-90 * 24 * time.Hour)
	return radnode.ModelUse{Since: &since, Read: 310, Refused: 688, Failed: 2, MedianMS: 31, P95MS: 48, Error: s.told("the pixel data ends early"), ErrorAt: &since,
		Labels: []radnode.LabelUse{{Label: "pneumonia", Present: 92, Scores: [10]int{120, 44, 20, 14, 11, 9, 12, 16, 24, 40}, Accepted: 71, Edited: 4, Rejected: 9}}}, nil
}

// Settings implements api.Operations.
func (s *Story) Settings() []api.Setting {
	return []api.Setting{
		{Name: "ae", Environment: "RADNODE_AE", Doc: "our application entity title, 1 to 16 characters", Value: `"RADNODE"`},
		{Name: "quiet", Environment: "RADNODE_QUIET", Doc: "a study is whole when nothing arrived for so long", Value: "8s", Changed: true},
		{Name: "tokens", Environment: "RADNODE_TOKENS", Doc: "API tokens to know from the start", Secret: true},
	}
}

// Verify implements api.Operations.
func (s *Story) Verify(context.Context) ([]api.SelfTest, error) {
	return []api.SelfTest{
		{Model: qualityModel.ID + "@" + qualityModel.Version, Case: "film", Device: "cpu", Deviation: 1e-6, Tolerance: 1e-4, OK: true},
		{Model: pneumoniaModel.ID + "@" + pneumoniaModel.Version, Case: "child", Device: "cpu", Deviation: .02, Tolerance: 1e-4, Reason: "the answer differs"},
	}, nil
}
