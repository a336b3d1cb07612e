package pixel_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom/pixel"
)

// TestMalformedFilesEndClearlyAndCheaply reads every file of malformed/: a
// clear error or a decoded frame, within a second and 64 MB.
func TestMalformedFilesEndClearlyAndCheaply(t *testing.T) {
	dir := shared(t)
	files, err := filepath.Glob(filepath.Join(dir, "malformed", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if st, err := os.Stat(path); err != nil || st.IsDir() {
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		outcome := "decoded"
		im, err := open(t, path)
		if err == nil {
			var fr pixel.Frame
			err = im.Decode(context.Background(), 0, &fr)
			if err == nil {
				err = im.Display8(&fr, 0, nil, make([]byte, im.Rows*im.Columns*im.DisplaySamples()))
			}
		}
		if err != nil {
			outcome = err.Error()
			if outcome == "" {
				t.Errorf("%s: error without words", filepath.Base(path))
			}
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 || took > time.Second {
			t.Errorf("%s: %d bytes allocated in %v", filepath.Base(path), grown, took)
		}
		t.Logf("%-42s %s", filepath.Base(path), outcome)
	}
}
