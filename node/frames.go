package node

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// frames decodes and renders for the viewer in the pixel workers and keeps
// the results as files. A file belongs to the digest of its instance, so it is
// never stale. The folder may be deleted at any time.
type frames struct {
	pool  *worker.Pool
	dir   string
	limit int64 // bytes kept
	log   *slog.Logger

	mu      sync.Mutex
	working map[string]*making
	size    int64 // bytes in dir, about
}

// making is a file that is being made; further readers wait for it.
type making struct {
	done chan struct{}
	err  error
}

func newFrames(pool *worker.Pool, dir string, limit int64, log *slog.Logger) (*frames, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, radnode.Errorf(radnode.NoResources, "frame cache", "cannot make %s: %w", dir, err)
	}
	f := &frames{pool: pool, dir: dir, limit: limit, log: log, working: map[string]*making{}}
	f.evict()
	return f, nil
}

// Frame returns the stored values of a frame (1-based).
func (f *frames) Frame(ctx context.Context, path string, inst radnode.Instance, frame int) (io.ReadSeekCloser, error) {
	return f.open(ctx, inst, "frame-"+strconv.Itoa(frame), func(ctx context.Context, out string) error {
		_, err := f.pool.Frame(ctx, worker.FrameRequest{Path: path, Frame: frame, Out: out})
		return err
	})
}

// Render returns a JPEG of a frame (1-based), at most size pixels wide and high.
func (f *frames) Render(ctx context.Context, path string, inst radnode.Instance, frame, size int) (io.ReadSeekCloser, error) {
	name := "render-" + strconv.Itoa(frame) + "-" + strconv.Itoa(size)
	return f.open(ctx, inst, name, func(ctx context.Context, out string) error {
		_, err := f.pool.Render(ctx, worker.RenderRequest{Path: path, Frame: frame, Out: out, MaxSize: size, Format: "jpeg", Quality: 85})
		return err
	})
}

// open opens a kept file, or has it made. Readers of the same file that come
// while it is made wait for the first one's result.
func (f *frames) open(ctx context.Context, inst radnode.Instance, name string, produce func(ctx context.Context, out string) error) (io.ReadSeekCloser, error) {
	key := string(inst.SOPInstanceUID) + "-" + shortDigest(inst.Digest) + "-" + name
	path := filepath.Join(f.dir, key)
	for {
		file, err := os.Open(path)
		if err == nil {
			now := time.Now()
			_ = os.Chtimes(path, now, now) // recency only; a failure costs at most a second decoding later
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, radnode.Errorf(radnode.Internal, "frame cache", "%w", err)
		}
		if err := f.makeOnce(ctx, key, path, produce); err != nil {
			return nil, err
		}
	}
}

func (f *frames) makeOnce(ctx context.Context, key, path string, produce func(ctx context.Context, out string) error) error {
	f.mu.Lock()
	m := f.working[key]
	if m == nil {
		m = &making{done: make(chan struct{})}
		f.working[key] = m
		// The work goes on when the first reader leaves: others may wait for it,
		// and the pool bounds its time.
		go f.work(context.WithoutCancel(ctx), m, key, path, produce)
	}
	f.mu.Unlock()
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return radnode.Errorf(radnode.Canceled, "frame cache", "%w", ctx.Err())
	}
}

func (f *frames) work(ctx context.Context, m *making, key, path string, produce func(ctx context.Context, out string) error) {
	m.err = produce(ctx, path)
	var grown int64
	if info, err := os.Stat(path); err == nil && m.err == nil {
		grown = info.Size()
	}
	f.mu.Lock()
	delete(f.working, key)
	f.size += grown
	full := f.size > f.limit
	f.mu.Unlock()
	close(m.done)
	if full {
		f.evict()
	}
}

// evict removes the files that were not used for longest until a fifth of the
// limit is free again.
func (f *frames) evict() {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		f.log.Error("frame cache", "error", err)
		return
	}
	type kept struct {
		name string
		size int64
		used time.Time
	}
	var files []kept
	var total int64
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, kept{entry.Name(), info.Size(), info.ModTime()})
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b kept) int { return a.used.Compare(b.used) })
	for _, file := range files {
		if total <= f.limit*4/5 {
			break
		}
		if err := os.Remove(filepath.Join(f.dir, file.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.log.Error("frame cache", "error", err)
			continue
		}
		total -= file.size
	}
	f.mu.Lock()
	f.size = total
	f.mu.Unlock()
}

// shortDigest is enough of "sha256:…" to tell two files of one UID apart.
func shortDigest(digest string) string {
	if len(digest) < len("sha256:")+16 {
		return "none"
	}
	return digest[len("sha256:") : len("sha256:")+16]
}
