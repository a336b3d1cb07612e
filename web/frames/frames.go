// Package frames keeps decoded frames and rendered previews as files, so that
// a frame is decoded once however often and by however many readers it is
// looked at. A file is named by the digest of its instance and what was asked
// for; instances never change, so a file is never stale.
package frames

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/api"
)

// Decoder makes the files: the pixel worker behind the node.
type Decoder interface {
	// Frame writes the stored values of a frame (1-based) to the file out.
	Frame(ctx context.Context, path string, frame int, out string) error
	// Transcode writes the codestream of a frame (1-based) in a transfer syntax
	// to the file out.
	Transcode(ctx context.Context, path string, frame int, syntax radnode.UID, out string) error
	// Picture writes a picture of a frame (1-based) to the file out.
	Picture(ctx context.Context, path string, frame int, how Rendering, out string) error
}

// Cache is a folder of frames with a limit of bytes.
type Cache struct {
	dir      string
	limit    int64
	decoder  Decoder
	natives  natives
	easel    easel
	pictures pictures

	mu      sync.Mutex
	files   map[string]*entry
	size    int64
	clock   int64
	waiting map[string]chan struct{}
}

type entry struct {
	size int64
	used int64
}

var _ api.Pixels = (*Cache)(nil)

// Open makes a cache in dir, which is emptied: what an earlier run left is
// cheap to make again and must not grow beyond the limit unseen.
func Open(dir string, limit int64, decoder Decoder) (*Cache, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("empty the frame cache: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the frame cache: %w", err)
	}
	return &Cache{dir: dir, limit: limit, decoder: decoder, easel: newEasel(), files: map[string]*entry{}, waiting: map[string]chan struct{}{}}, nil
}

// Frame returns the stored values of a frame, little endian: a part of the
// file where they lie there as they are, else a file that the decoder makes.
func (c *Cache) Frame(ctx context.Context, path string, inst radnode.Instance, frame int) (io.ReadSeekCloser, error) {
	if part := c.natives.frame(path, inst, frame); part != nil {
		return part, nil
	}
	return c.file(ctx, key(inst, "frame", frame), func(out string) error {
		return c.decoder.Frame(ctx, path, frame, out)
	})
}

// Transcode returns the codestream of a frame (1-based) in a transfer syntax.
func (c *Cache) Transcode(ctx context.Context, path string, inst radnode.Instance, frame int, syntax radnode.UID) (io.ReadSeekCloser, error) {
	return c.file(ctx, key(inst, "as "+string(syntax), frame), func(out string) error {
		return c.decoder.Transcode(ctx, path, frame, syntax, out)
	})
}

func key(inst radnode.Instance, kind string, frame int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", inst.SOPInstanceUID, inst.Digest, kind, frame))
	return hex.EncodeToString(sum[:16])
}

// file opens the file of key, making it first when needed. Readers who want
// the same file at the same time wait for the first of them.
func (c *Cache) file(ctx context.Context, key string, create func(out string) error) (io.ReadSeekCloser, error) {
	for {
		file, wait, err := c.lookUp(key)
		if file != nil || err != nil {
			return file, err
		}
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return c.make(key, create)
	}
}

// lookUp opens a kept file, or returns the channel to wait on while another
// reader makes it, or claims the making (both nil).
func (c *Cache) lookUp(key string) (*os.File, chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.files[key]; ok {
		c.clock++
		e.used = c.clock
		file, err := os.Open(c.path(key))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, nil, err
		}
		c.size -= e.size // somebody emptied the folder
		delete(c.files, key)
	}
	if wait, ok := c.waiting[key]; ok {
		return nil, wait, nil
	}
	c.waiting[key] = make(chan struct{})
	return nil, nil, nil
}

func (c *Cache) path(key string) string { return filepath.Join(c.dir, key) }

// make creates the file, opens it and only then lets the limit act: an open
// file stays readable when its name is removed.
func (c *Cache) make(key string, create func(out string) error) (io.ReadSeekCloser, error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.waiting[key])
		delete(c.waiting, key)
	}()
	if err := create(c.path(key)); err != nil {
		return nil, err
	}
	file, err := os.Open(c.path(key))
	if err != nil {
		return nil, fmt.Errorf("open decoded frame: %w", err)
	}
	stat, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open decoded frame: %w", err), file.Close())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	c.files[key] = &entry{size: stat.Size(), used: c.clock}
	c.size += stat.Size()
	if err := c.evict(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// evict removes the files used longest ago until nine tenths of the limit
// hold the rest.
func (c *Cache) evict() error {
	if c.size <= c.limit {
		return nil
	}
	keys := make([]string, 0, len(c.files))
	for k := range c.files {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return int(c.files[a].used - c.files[b].used) })
	for _, k := range keys {
		if c.size <= c.limit/10*9 {
			break
		}
		if err := os.Remove(c.path(k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("shrink the frame cache: %w", err)
		}
		c.size -= c.files[k].size
		delete(c.files, k)
	}
	return nil
}

// Usage says how full the cache is.
func (c *Cache) Usage() (files int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.files), c.size
}
