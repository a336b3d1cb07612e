package frames_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/frames"
)

// decoder writes files of a fixed size and counts how often it was asked.
type decoder struct {
	calls atomic.Int64
	size  int
	err   error
}

func (d *decoder) Frame(_ context.Context, _ string, frame int, out string) error {
	d.calls.Add(1)
	if d.err != nil {
		return d.err
	}
	return os.WriteFile(out, []byte(strings.Repeat(string(rune('a'+frame)), d.size)), 0o600)
}

func (d *decoder) Transcode(ctx context.Context, path string, frame int, _ radnode.UID, out string) error {
	return d.Frame(ctx, path, frame, out)
}

func (d *decoder) Picture(ctx context.Context, path string, frame int, _ frames.Rendering, out string) error {
	return d.Frame(ctx, path, frame, out)
}

func mustOpen(tb testing.TB, limit int64, d frames.Decoder) (*frames.Cache, string) {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "frames")
	c, err := frames.Open(dir, limit, d)
	if err != nil {
		tb.Fatal(err)
	}
	return c, dir
}

func mustRead(tb testing.TB, r io.ReadSeekCloser, err error) string {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

var instance = radnode.Instance{SOPInstanceUID: "1.2.3", Digest: "sha256:00"}

func TestFrameIsDecodedOnceForAllReaders(t *testing.T) {
	d := &decoder{size: 10}
	c, _ := mustOpen(t, 1000, d)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			r, err := c.Frame(context.Background(), "x", instance, 1)
			if got := mustRead(t, r, err); got != "bbbbbbbbbb" {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
	if got := d.calls.Load(); got != 1 {
		t.Errorf("decoded %d times", got)
	}
}

func TestCacheStaysUnderItsLimitAndKeepsWhatIsUsed(t *testing.T) {
	d := &decoder{size: 100}
	c, dir := mustOpen(t, 1000, d)
	for frame := 1; frame <= 20; frame++ {
		for _, f := range []int{1, frame} { // the first is looked at again and again
			r, err := c.Frame(context.Background(), "x", instance, f)
			mustRead(t, r, err)
		}
	}
	if _, size := c.Usage(); size > 1000 {
		t.Errorf("holds %d bytes", size)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 10 {
		t.Errorf("%d files, %v", len(files), err)
	}
	before := d.calls.Load()
	r, err := c.Frame(context.Background(), "x", instance, 1)
	mustRead(t, r, err)
	if d.calls.Load() != before {
		t.Error("the frame in use was dropped")
	}
}

func TestFailureIsToldAndNotKept(t *testing.T) {
	d := &decoder{size: 1, err: radnode.Errorf(radnode.Unsupported, "decode", "no codec")}
	c, _ := mustOpen(t, 1000, d)
	if _, err := c.Frame(context.Background(), "x", instance, 1); radnode.CodeOf(err) != radnode.Unsupported {
		t.Errorf("got %v", err)
	}
	d.err = nil
	r, err := c.Frame(context.Background(), "x", instance, 1)
	mustRead(t, r, err)
}

func TestEmptiedFolderIsFilledAgain(t *testing.T) {
	d := &decoder{size: 1}
	c, dir := mustOpen(t, 1000, d)
	for range 2 {
		r, err := c.Frame(context.Background(), "x", instance, 1)
		mustRead(t, r, err)
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		if err := os.Remove(files[0]); err != nil {
			t.Fatal(err)
		}
	}
	if d.calls.Load() != 2 {
		t.Errorf("decoded %d times", d.calls.Load())
	}
}
