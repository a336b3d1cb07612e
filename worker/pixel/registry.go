package pixel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/inference"
	"github.com/radnode/radnode/models"
	"github.com/radnode/radnode/preprocess"
	"github.com/radnode/radnode/worker"
)

// classifier is one model that is ready: its session and its pipeline.
type classifier struct {
	manifest   *models.Manifest
	model      *inference.Model
	pipeline   *preprocess.Pipeline
	withValues bool // a step asks for modality values
	tensor     []float32
}

func (c *classifier) close() {
	c.pipeline.Close()
	if err := c.model.Close(); err != nil {
		slog.Error("retire model", "model", c.manifest.ID, "error", err)
	}
}

func (c *classifier) ref() radnode.ModelRef {
	return radnode.ModelRef{ID: c.manifest.ID, Version: c.manifest.Version, Digest: c.manifest.Digest}
}

// registry holds the models of this process, in the order they must run: each
// after those whose findings are its conditions.
type registry struct {
	runtime  *inference.Runtime
	ready    []*classifier
	refused  []radnode.Analysis // one refusal for each model that is installed but cannot be used
	statuses []worker.ModelStatus
}

// loadRegistry loads every bundled model and those of folder dir ("" for
// none). A model that cannot be used is listed with its reason; the newest
// version of each model reads images.
func loadRegistry(ctx context.Context, rt *inference.Runtime, dir string) (*registry, error) {
	r := &registry{runtime: rt}
	sources := []fs.FS{models.Bundled}
	if dir != "" {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			return nil, radnode.Errorf(radnode.Invalid, "load models", "the models folder %s cannot be read: %w", dir, errors.Join(err, notDir(st)))
		}
		sources = append(sources, os.DirFS(dir))
	}
	packages := map[*models.Manifest]packaged{}
	newest := map[string]*models.Manifest{}
	for _, fsys := range sources {
		found, errs := models.LoadAll(fsys)
		for _, err := range errs {
			r.refuse(nil, err)
		}
		for _, p := range found {
			m := p.Manifest
			packages[m] = packaged{p, fsys}
			if old := newest[m.ID]; old == nil || models.CompareVersions(m.Version, old.Version) >= 0 {
				newest[m.ID] = m
			}
		}
	}
	manifests := make([]*models.Manifest, 0, len(newest))
	for _, m := range newest {
		manifests = append(manifests, m)
	}
	slices.SortFunc(manifests, func(a, b *models.Manifest) int { return compareIDs(a.ID, b.ID) })
	ordered, errs := models.Order(manifests)
	for _, err := range errs {
		r.refuse(nil, err)
	}
	for _, m := range ordered {
		if err := r.load(ctx, packages[m]); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			r.refuse(m, err)
		}
	}
	return r, nil
}

type packaged struct {
	*models.Package
	fsys fs.FS
}

func notDir(st fs.FileInfo) error {
	if st != nil && !st.IsDir() {
		return errors.New("it is not a folder")
	}
	return nil
}

func compareIDs(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// load compiles the pipeline and warms the session of one model.
func (r *registry) load(ctx context.Context, p packaged) error {
	m := p.Manifest
	pipeline, err := preprocess.Compile(m.Pipeline)
	if err != nil {
		return fmt.Errorf("%s: %w", m.File(), err)
	}
	if channels, rows, columns := pipeline.Shape(); rows != 0 && (channels != m.Input.Channels && channels != 0 || rows != m.Input.Rows || columns != m.Input.Columns) {
		pipeline.Close()
		return radnode.Errorf(radnode.Invalid, "load model", "%s: the pipeline makes %d × %d × %d values, the input takes %d × %d × %d",
			m.File(), channels, rows, columns, m.Input.Channels, m.Input.Rows, m.Input.Columns)
	}
	model, err := r.runtime.Load(ctx, p.Package)
	if err != nil {
		pipeline.Close()
		return err
	}
	r.ready = append(r.ready, &classifier{
		manifest: m, model: model, pipeline: pipeline,
		withValues: asksForValues(m.Pipeline), tensor: make([]float32, m.Input.Size()),
	})
	r.statuses = append(r.statuses, worker.ModelStatus{
		ID: m.ID, Version: m.Version, State: worker.ModelReady, Device: model.Device(),
		Fallbacks: append([]string{}, model.Fallbacks()...), LoadMillis: float64(model.LoadTime().Microseconds()) / 1e3,
		Manifest: m, Card: card(p),
	})
	return nil
}

// refuse lists a model that cannot be used.
func (r *registry) refuse(m *models.Manifest, err error) {
	slog.Error("model is not used", "error", err)
	status := worker.ModelStatus{State: worker.ModelRefused, Reason: err.Error(), Fallbacks: []string{}, Manifest: m}
	if m != nil {
		status.ID, status.Version = m.ID, m.Version
		r.refused = append(r.refused, radnode.Analysis{
			Model: radnode.ModelRef{ID: m.ID, Version: m.Version, Digest: m.Digest},
			Gate:  radnode.Gate{Reasons: []string{"not analysed: the model cannot be used: " + err.Error()}},
		})
	}
	r.statuses = append(r.statuses, status)
}

func (r *registry) close() {
	for _, c := range r.ready {
		c.close()
	}
}

// asksForValues reports whether a step works on modality values.
func asksForValues(steps []map[string]any) bool {
	for _, s := range steps {
		if s["step"] == "window" {
			return true
		}
		inner, _ := s["steps"].([]any)
		for _, i := range inner {
			if m, ok := i.(map[string]any); ok && asksForValues([]map[string]any{m}) {
				return true
			}
		}
	}
	return false
}

// maxCard is the longest model card that is shown.
const maxCard = 256 << 10

// card reads the model card beside the manifest; a model may have none.
func card(p packaged) string {
	m := p.Manifest
	data, err := fs.ReadFile(p.fsys, path.Join(m.ID, m.Version, "card.md"))
	if err != nil || len(data) > maxCard {
		return ""
	}
	return string(data)
}
