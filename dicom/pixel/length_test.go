package pixel_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// longRun writes an object of 1 GiB: 2048 frames, of which no disk block is
// used where the file system knows holes.
func longRun(t *testing.T) (path string, frames int) {
	t.Helper()
	const edge = 512
	frames = 2048
	d := monochrome(edge, edge, 16, 12, nil)
	d.SetInts(dicom.NumberOfFrames, frames)
	path = filepath.Join(t.TempDir(), "long.dcm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := dicom.WriteFile(f, d, explicitLE); err != nil {
		t.Fatal(err)
	}
	size := uint32(edge * edge * 2 * frames)
	head := binary.LittleEndian.AppendUint32([]byte{0xe0, 0x7f, 0x10, 0, 'O', 'W', 0, 0}, size)
	if _, err := f.Write(head); err != nil {
		t.Fatal(err)
	}
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(st.Size() + int64(size)); err != nil {
		t.Skip("no room for a file of 1 GiB with holes")
	}
	return path, frames
}

// TestMemoryFollowsTheFrameNotTheFile reads frames all over an object of 1 GiB
// with two workers; what was ever allocated stays near a few frames.
func TestMemoryFollowsTheFrameNotTheFile(t *testing.T) {
	path, frames := longRun(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	im, done := openFile(t, path)
	defer done()
	var fr pixel.Frame
	for _, n := range []int{0, frames / 2, frames - 1} {
		if err := im.Decode(context.Background(), n, &fr); err != nil {
			t.Fatal(err)
		}
	}
	if err := im.Each(context.Background(), frames-64, frames, 2, func(int, *pixel.Frame) error { return nil }); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 6*uint64(im.FrameBytes()) {
		t.Errorf("%d bytes were allocated for frames of %d", used, im.FrameBytes())
	}
}
