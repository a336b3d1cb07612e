package pixel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
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
	source     *models.Package
	withValues bool // a step asks for modality values
	tensor     []float32

	members []*classifier // of an ensemble, which has no model, pipeline and tensor
}

func (c *classifier) close() {
	if c.model == nil {
		return
	}
	c.pipeline.Close()
	if err := c.model.Close(); err != nil {
		slog.Error("retire model", "model", name(c.manifest), "error", err)
	}
}

func (c *classifier) ref() radnode.ModelRef { return reference(c.manifest) }

func reference(m *models.Manifest) radnode.ModelRef {
	return radnode.ModelRef{ID: m.ID, Version: m.Version, Digest: m.Digest}
}

// name is how a version of a model is asked for and spoken of.
func name(m *models.Manifest) string { return m.ID + "@" + m.Version }

// registry holds the models of this process. It never changes: models that
// are added, replaced or retired come with a fresh process.
type registry struct {
	runtime  *inference.Runtime
	ready    []*classifier          // every version, each after those whose findings are its conditions
	newest   map[string]*classifier // by id
	refused  map[string]refusal     // by "id@version"
	statuses []worker.ModelStatus
	chest    *preprocess.Pipeline // measures the chest films that a model finds
}

// refusal is a model that is installed but cannot be used.
type refusal struct {
	manifest *models.Manifest
	reason   string
}

// answer is what such a model has to say about an image: that the image is
// none for it, or that it cannot be used.
func (r refusal) answer(f *facts) radnode.Analysis {
	gate := declared(f, &r.manifest.Gate)
	if gate.Accepted {
		gate = radnode.Gate{Reasons: []string{"not analysed: the model cannot be used: " + r.reason}}
	}
	return radnode.Analysis{Model: reference(r.manifest), Gate: gate}
}

// loading says where models come from and which are left out.
type loading struct {
	folder string            // "" for the bundled models alone
	skip   map[string]string // "id@version" and why
	tell   func(model string) error
}

// loadRegistry loads every version of the bundled models and of those in the
// folder. A model that cannot be used is listed with its reason.
func loadRegistry(ctx context.Context, rt *inference.Runtime, from loading) (*registry, error) {
	chest, err := compileChest()
	if err != nil {
		return nil, err
	}
	r := &registry{runtime: rt, newest: map[string]*classifier{}, refused: map[string]refusal{}, chest: chest}
	sources := []fs.FS{models.Bundled}
	if from.folder != "" {
		if st, err := os.Stat(from.folder); err != nil || !st.IsDir() {
			return nil, radnode.Errorf(radnode.Invalid, "load models", "the models folder %s cannot be read: %w", from.folder, errors.Join(err, notDir(st)))
		}
		sources = append(sources, os.DirFS(from.folder))
	}
	packages := map[*models.Manifest]packaged{}
	var manifests []*models.Manifest
	seen := map[string]*models.Manifest{}
	for _, fsys := range sources {
		found, errs := models.LoadAll(fsys)
		for _, err := range errs {
			r.refuse(nil, err)
		}
		for _, p := range found {
			m := p.Manifest
			if old := seen[name(m)]; old != nil {
				if old.Digest != m.Digest {
					r.refuse(nil, fmt.Errorf("%s: the model %s is there already with another digest; give it another version", m.File(), name(m)))
				}
				continue
			}
			seen[name(m)], packages[m] = m, packaged{p, fsys}
			manifests = append(manifests, m)
		}
	}
	ordered, errs := models.Order(manifests)
	for _, err := range errs {
		var p models.Problems
		var of *models.Manifest
		if errors.As(err, &p) {
			at := slices.IndexFunc(manifests, func(m *models.Manifest) bool { return m.File() == p[0].File })
			if at >= 0 {
				of = manifests[at]
			}
		}
		r.refuse(of, err)
	}
	for _, m := range ordered {
		if err := r.add(ctx, packages[m], from); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// add loads one model, or lists why it cannot be used.
func (r *registry) add(ctx context.Context, p packaged, from loading) error {
	m := p.Manifest
	if how, ok := from.skip[name(m)]; ok {
		r.refuse(m, fmt.Errorf("%s: it ended the pixel worker while it was loaded: %s", m.File(), how))
		return nil
	}
	if err := from.tell(name(m)); err != nil {
		return err
	}
	err := r.load(ctx, p)
	if err != nil && ctx.Err() == nil {
		r.refuse(m, err)
		return nil
	}
	return err
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

// load compiles the pipeline and warms the session of one model.
func (r *registry) load(ctx context.Context, p packaged) error {
	m := p.Manifest
	if m.Ensemble != nil {
		return r.loadEnsemble(ctx, p)
	}
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
	c := &classifier{
		manifest: m, model: model, pipeline: pipeline, source: p.Package,
		withValues: asksForValues(m.Pipeline), tensor: make([]float32, m.Input.Size()),
	}
	c.warm(ctx)
	r.enter(c, p, worker.ModelStatus{
		Device: model.Device(), Fallbacks: append([]string{}, model.Fallbacks()...), LoadMillis: float64(model.LoadTime().Microseconds()) / 1e3,
	})
	return nil
}

// enter lists a model that is ready.
func (r *registry) enter(c *classifier, p packaged, status worker.ModelStatus) {
	m := c.manifest
	r.ready = append(r.ready, c)
	if old := r.newest[m.ID]; old == nil || models.CompareVersions(m.Version, old.manifest.Version) > 0 {
		r.newest[m.ID] = c
	}
	status.ID, status.Version, status.State, status.Manifest, status.Card = m.ID, m.Version, worker.ModelReady, m, card(p)
	r.statuses = append(r.statuses, status)
}

// warmSide is the side of the drawn image that warms a pipeline: about a film
// shrunk by four.
const warmSide = 512

// warm runs the pipeline once, so that the first patient does not wait for
// OpenCV to set up its memory. A step may rightly refuse what is no film.
func (c *classifier) warm(ctx context.Context) {
	img := preprocess.Image{Rows: warmSide, Columns: warmSide, Channels: 1, Pix8: make([]byte, warmSide*warmSide)}
	for i := range img.Pix8 {
		row, column := i/warmSide, i%warmSide
		img.Pix8[i] = byte((row ^ column) / 2)
	}
	if _, err := c.pipeline.Run(ctx, img, c.tensor, preprocess.RunOptions{}); err != nil {
		slog.Warn("pipeline is not warm", "model", name(c.manifest), "error", err)
	}
}

// refuse lists a model that cannot be used.
func (r *registry) refuse(m *models.Manifest, err error) {
	slog.Error("model is not used", "error", err)
	status := worker.ModelStatus{State: worker.ModelRefused, Reason: err.Error(), Fallbacks: []string{}, Manifest: m}
	if m != nil {
		status.ID, status.Version = m.ID, m.Version
		r.refused[name(m)] = refusal{m, err.Error()}
	}
	r.statuses = append(r.statuses, status)
}

func (r *registry) close() {
	for _, c := range r.ready {
		c.close()
	}
	if r.chest != nil {
		r.chest.Close()
	}
}

// choose returns the models asked for, in the order they must run, and the
// refusals of those that cannot be used. nil asks for the newest version of
// each that can.
func (r *registry) choose(asked []string) ([]*classifier, []refusal, error) {
	var run []*classifier
	var refused []refusal
	for _, c := range r.ready {
		isNewest := r.newest[c.manifest.ID] == c
		if len(asked) == 0 && isNewest || slices.Contains(asked, name(c.manifest)) || isNewest && slices.Contains(asked, c.manifest.ID) {
			run = append(run, c)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.refused)) {
		one := r.refused[key]
		standsIn := r.newest[one.manifest.ID] != nil // another version of it reads the images
		if slices.Contains(asked, key) || !standsIn && (len(asked) == 0 || slices.Contains(asked, one.manifest.ID)) {
			refused = append(refused, one)
		}
	}
	for _, one := range asked {
		is := func(m *models.Manifest) bool { return m.ID == one || name(m) == one }
		if !slices.ContainsFunc(run, func(c *classifier) bool { return is(c.manifest) }) &&
			!slices.ContainsFunc(refused, func(r refusal) bool { return is(r.manifest) }) {
			return nil, nil, radnode.Errorf(radnode.NotFound, "analyze", "there is no model %q", one)
		}
	}
	return run, refused, nil
}

// before are the models that read an image before c: those whose findings are
// its conditions, and the members of an ensemble. They form no circles.
func (r *registry) before(c *classifier) []*classifier {
	all := slices.Clone(c.members)
	for _, condition := range c.manifest.Gate.Findings {
		if other := r.newest[condition.Model]; other != nil {
			all = append(all, other)
		}
	}
	return all
}

// asksForValues reports whether the pipeline of c, or of a model that reads the
// image before it, works on modality values.
func (r *registry) asksForValues(c *classifier) bool {
	return c.withValues || slices.ContainsFunc(r.before(c), r.asksForValues)
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
