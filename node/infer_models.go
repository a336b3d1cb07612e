package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
	"github.com/radnode/radnode/worker"
)

// modelsFolder is where model packages are installed.
func (c Config) modelsFolder() string {
	if c.Models != "" {
		return c.Models
	}
	return filepath.Join(c.Data, "models")
}

// installedModels is the models folder for the pixel workers: none where the
// folder of the default place was never made.
func (c Config) installedModels() string {
	folder := c.modelsFolder()
	if _, err := os.Stat(folder); c.Models == "" && errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return folder
}

// makeModelsFolder makes the folder of the default place, so that models can
// be added to a running node. A folder that somebody named must be there.
func (c Config) makeModelsFolder() error {
	if c.Models != "" {
		return nil
	}
	if err := os.MkdirAll(c.modelsFolder(), 0o700); err != nil {
		return radnode.Errorf(radnode.NoResources, "models", "the models folder cannot be made: %w", err)
	}
	return nil
}

// ModelSchema is the JSON schema of model manifests.
func ModelSchema() []byte { return models.JSONSchema }

// Schemas are the JSON schemas of the files that a site writes.
func Schemas() map[string][]byte {
	return map[string][]byte{"model.json": models.JSONSchema, "pipeline.json": models.PipelineSchema}
}

// AddModel installs a package, a folder or an archive, into the models folder.
// A running node takes it up by itself.
func AddModel(ctx context.Context, c Config, source, digest string) (*models.Manifest, error) {
	if err := c.makeModelsFolder(); err != nil {
		return nil, err
	}
	if isRemote(source) {
		dir, err := os.MkdirTemp("", "radnode-model-")
		if err != nil {
			return nil, radnode.Errorf(radnode.NoResources, "add model", "no folder for what is fetched: %w", err)
		}
		defer os.RemoveAll(dir)
		if source, err = fetchModel(ctx, source, digest, dir); err != nil {
			return nil, err
		}
	}
	p, err := models.Install(c.modelsFolder(), source)
	switch {
	case errors.Is(err, models.ErrInstalled):
		return nil, radnode.Errorf(radnode.Conflict, "add model", "%w", err)
	case err != nil:
		return nil, radnode.Errorf(radnode.Invalid, "add model", "%w", err)
	}
	return p.Manifest, nil
}

// RemoveModel retires a version ("id@version") from the models folder. A
// running node goes on with its other versions.
func RemoveModel(c Config, name string) error {
	const op = "remove model"
	id, version, ok := strings.Cut(name, "@")
	if !ok || !filepath.IsLocal(id) || !filepath.IsLocal(version) || strings.ContainsAny(name, `/\`) || strings.HasPrefix(id, ".") || strings.HasPrefix(version, ".") {
		return radnode.Errorf(radnode.Invalid, op, "%.100q does not name a version: write ID@VERSION", name)
	}
	place := filepath.Join(c.modelsFolder(), id, version)
	if _, err := os.Stat(filepath.Join(place, models.ManifestFile)); err != nil {
		return radnode.Errorf(radnode.NotFound, op, "%s is not in the models folder (bundled models cannot be removed)", name)
	}
	// It leaves in one step: a worker that starts meanwhile sees all or nothing.
	gone, err := os.MkdirTemp(c.modelsFolder(), ".retired-")
	if err != nil {
		return radnode.Errorf(radnode.NoResources, op, "the models folder cannot be written: %w", err)
	}
	if err := os.Rename(place, filepath.Join(gone, "package")); err != nil {
		return radnode.Errorf(radnode.NoResources, op, "%s cannot be removed: %w", name, err)
	}
	if err := os.RemoveAll(gone); err != nil {
		return radnode.Errorf(radnode.NoResources, op, "%s is retired, but its files are still there: %w", name, err)
	}
	_ = os.Remove(filepath.Dir(place)) // fails while other versions are there
	return nil
}

// watchTime is how often the models folder is looked at.
const watchTime = 2 * time.Second

// watchModels reloads the models when the models folder has changed and come
// to rest.
func (t *tensors) watchModels(ctx context.Context, folder string, log *slog.Logger) error {
	ticks := time.NewTicker(watchTime)
	defer ticks.Stop()
	for before := t.loaded; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		now := stampOf(folder)
		if now == t.loaded || now != before {
			before = now
			continue
		}
		list, err := t.Reload(ctx)
		if ctx.Err() != nil {
			return nil
		}
		// What failed is not tried again and again; `models/reload` can ask for it.
		t.loaded = now
		if err != nil {
			log.Error("the models folder changed, but the models cannot be reloaded", "error", err)
			continue
		}
		log.Info("models reloaded", "versions", len(list))
	}
}

// stampOf names the state of the packages in a models folder.
func stampOf(folder string) string {
	files, err := filepath.Glob(filepath.Join(folder, "[^.]*", "*", "*"))
	if err != nil {
		return ""
	}
	var stamp strings.Builder
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintln(&stamp, file, info.Size(), info.ModTime().UnixNano())
		}
	}
	return stamp.String()
}

// withPool runs do with one pixel worker of its own.
func withPool(ctx context.Context, c Config, log *slog.Logger, do func(context.Context, *worker.Pool) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.Workers = 1
	pool, err := c.startPool(ctx, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	return do(ctx, pool)
}

// Verified is one reference case of a model.
type Verified struct {
	worker.Verification
	Unproved bool `json:"unproved"` // the package has no reference case
}

// VerifyModels runs the reference cases of the models again.
func VerifyModels(ctx context.Context, c Config, log *slog.Logger) (out []Verified, err error) {
	return out, withPool(ctx, c, log, func(ctx context.Context, pool *worker.Pool) error {
		list, err := pool.Models(ctx)
		if err != nil {
			return err
		}
		cases, err := pool.Verify(ctx)
		if err != nil {
			return err
		}
		for _, one := range cases {
			unproved := slices.ContainsFunc(list, func(m worker.ModelStatus) bool {
				return m.ID+"@"+m.Version == one.Model && m.State == worker.ModelReady && len(m.Manifest.References) == 0
			})
			out = append(out, Verified{one, unproved})
		}
		return nil
	})
}

// Benchmark is how fast a worker runs a model in batches of one size.
type Benchmark struct {
	Model           string  `json:"model"`
	Device          string  `json:"device"`
	Batch           int     `json:"batch"`
	Runs            int     `json:"runs"`
	ImagesPerSecond float64 `json:"images_per_second"` // of the median run
	P50             float64 `json:"p50_ms"`
	P99             float64 `json:"p99_ms"`
}

// benchBatches are the sizes that are measured.
var benchBatches = []int{1, 8, 32}

// BenchModel measures a model ("id" or "id@version") in one worker, for so
// long at each batch size.
func BenchModel(ctx context.Context, c Config, name string, each time.Duration, log *slog.Logger, emit func(Benchmark) error) error {
	return withPool(ctx, c, log, func(ctx context.Context, pool *worker.Pool) error {
		m, err := usable(ctx, pool, name)
		if err != nil {
			return err
		}
		image := drawn(m.Manifest.Input.Size())
		for _, batch := range benchBatches {
			b, err := bench(ctx, pool, m.ID+"@"+m.Version, slices.Repeat(image, batch), batch, each)
			if err != nil {
				return err
			}
			if err := emit(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// usable finds the version that is meant, the newest where none is named.
func usable(ctx context.Context, pool *worker.Pool, name string) (*worker.ModelStatus, error) {
	list, err := pool.Models(ctx)
	if err != nil {
		return nil, err
	}
	var best *worker.ModelStatus
	for i, m := range list {
		if m.Manifest == nil || m.ID != name && m.ID+"@"+m.Version != name {
			continue
		}
		if m.State != worker.ModelReady {
			err = radnode.Errorf(radnode.Unavailable, "model", "%s@%s cannot be used: %s", m.ID, m.Version, m.Reason)
		} else if best == nil || models.CompareVersions(m.Version, best.Version) > 0 {
			best = &list[i]
		}
	}
	switch {
	case best != nil && best.Manifest.Ensemble != nil:
		return nil, radnode.Errorf(radnode.Unsupported, "model", "%s is an ensemble; measure its members", name)
	case best != nil:
		return best, nil
	case err != nil:
		return nil, err
	}
	return nil, radnode.Errorf(radnode.NotFound, "model", "there is no model %.100q", name)
}

// drawn is an image of values that rise from 0 to 1, as float32.
func drawn(values int) []byte {
	out := make([]byte, 0, 4*values)
	for i := range values {
		bits := math.Float32bits(float32(i) / float32(max(values-1, 1)))
		out = append(out, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return out
}

// bench runs a batch again and again; the first run, in which memory is set
// up, does not count.
func bench(ctx context.Context, pool *worker.Pool, name string, input []byte, batch int, each time.Duration) (Benchmark, error) {
	b := Benchmark{Model: name, Batch: batch}
	var took []time.Duration
	for end := time.Now(); len(took) < 3 || time.Now().Before(end); b.Runs++ {
		start := time.Now()
		r, err := pool.Infer(ctx, worker.InferRequest{Model: name, Images: batch, Input: input})
		if err != nil {
			return b, err
		}
		if b.Device = r.Device; b.Runs == 0 {
			end = time.Now().Add(each)
			continue
		}
		took = append(took, time.Since(start))
	}
	b.Runs = len(took)
	slices.Sort(took)
	millis := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	median := took[len(took)/2]
	b.P50, b.P99 = millis(median), millis(took[len(took)*99/100])
	b.ImagesPerSecond = float64(batch) / median.Seconds()
	return b, nil
}
