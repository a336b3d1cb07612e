package node

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/worker"
)

// registry shows the models of the pixel workers to readers and knows the
// urgency of their labels.
type registry struct {
	pool *worker.Pool

	mu      sync.Mutex
	urgency map[string]int // id, version and label → urgency
}

var _ api.Models = (*registry)(nil)

// Models implements api.Models.
func (r *registry) Models(ctx context.Context) ([]api.Model, error) {
	list, err := r.pool.Models(ctx)
	if err != nil {
		return nil, err
	}
	shown := make([]api.Model, len(list))
	for i, m := range list {
		shown[i] = shownModel(m)
	}
	return shown, nil
}

// load learns the urgency of every label.
func (r *registry) load(ctx context.Context) error {
	list, err := r.pool.Models(ctx)
	if err != nil {
		return err
	}
	urgency := map[string]int{}
	for _, m := range list {
		if m.Manifest == nil {
			continue
		}
		for _, label := range m.Manifest.Labels {
			urgency[labelKey(m.ID, m.Version, label.Name)] = label.Urgency
		}
	}
	r.mu.Lock()
	r.urgency = urgency
	r.mu.Unlock()
	return nil
}

// Urgency is the urgency of a label when present.
func (r *registry) Urgency(model radnode.ModelRef, label string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.urgency[labelKey(model.ID, model.Version, label)]
}

func labelKey(id, version, label string) string { return id + " " + version + " " + label }

func shownModel(m worker.ModelStatus) api.Model {
	shown := api.Model{ID: m.ID, Version: m.Version, State: "active", Device: m.Device, Fallbacks: m.Fallbacks, Card: m.Card}
	if m.State != worker.ModelReady {
		shown.State, shown.Error = "broken", m.Reason
	}
	manifest := m.Manifest
	if manifest == nil {
		return shown
	}
	shown.Name, shown.Digest, shown.Licence, shown.IntendedUse = manifest.Name, manifest.Digest, manifest.Licence, manifest.IntendedUse
	shown.NotFor, shown.Calibrated, shown.Evaluation = manifest.NotFor, manifest.Calibrated, manifest.Evaluation
	shown.Gate = gateWords(manifest.Gate)
	for _, step := range manifest.Pipeline {
		shown.Pipeline = append(shown.Pipeline, fmt.Sprint(step["step"]))
	}
	for _, label := range manifest.Labels {
		shown.Labels = append(shown.Labels, api.ModelLabel{Name: label.Name, Code: concept(label.Code), Threshold: label.Threshold, Urgency: label.Urgency, Heatmap: label.Heatmap})
	}
	return shown
}

// gateWords says in words what a model accepts.
func gateWords(g models.Gate) []string {
	var words []string
	for _, list := range []struct {
		name   string
		values []string
	}{{"modality", g.Modality}, {"body part", g.BodyPart}, {"photometric interpretation", g.Photometric}, {"view", g.View}} {
		if len(list.values) == 0 {
			continue
		}
		text := strings.Join(list.values, ", ")
		text = strings.TrimSuffix(text, ", ")
		for _, v := range list.values {
			if v == "" {
				text += " or not stated"
				break
			}
		}
		words = append(words, list.name+": "+text)
	}
	if g.AgeYears != nil {
		words = append(words, fmt.Sprintf("age: %v–%v years, stated in the header", g.AgeYears.Min, g.AgeYears.Max))
	}
	if g.MinRows > 0 || g.MinColumns > 0 {
		words = append(words, fmt.Sprintf("at least %d × %d pixels", g.MinColumns, g.MinRows))
	}
	if g.MaxAspect > 0 {
		words = append(words, fmt.Sprintf("longer side at most %.3g times the shorter", g.MaxAspect))
	}
	if g.BurnedIn != models.BurnedInAccept {
		words = append(words, "no burned-in annotation declared")
	}
	for _, c := range g.Findings {
		words = append(words, fmt.Sprintf("%s of %s must be %v", c.Label, c.Model, c.Present))
	}
	return words
}

func concept(c *models.Concept) *radnode.Concept {
	if c == nil {
		return nil
	}
	return &radnode.Concept{Value: c.Value, Scheme: c.Scheme, Meaning: c.Meaning}
}
