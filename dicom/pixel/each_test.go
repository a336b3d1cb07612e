package pixel_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// frames makes an object of n frames of 2 x 2 samples with the value 3 n.
func frames(t *testing.T, n int) *pixel.Image {
	t.Helper()
	px := make([]byte, 4*n)
	for i := range px {
		px[i] = byte(i / 4 * 3)
	}
	d := monochrome(2, 2, 8, 8, px)
	d.SetInts(dicom.NumberOfFrames, n)
	im, err := reopen(t, d, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// TestEachDecodesEveryFrameOnce with several goroutines that also render.
func TestEachDecodesEveryFrameOnce(t *testing.T) {
	im := frames(t, 40)
	var mu sync.Mutex
	got := map[int]byte{}
	err := im.Each(context.Background(), 3, 37, 4, func(n int, fr *pixel.Frame) error {
		grey := make([]byte, 4)
		if err := im.Display8(fr, n, &pixel.Window{Center: 128, Width: 256, Function: pixel.Linear}, grey); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if _, twice := got[n]; twice {
			t.Errorf("frame %d came twice", n)
		}
		got[n] = grey[3]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]byte{}
	for n := 3; n < 37; n++ {
		want[n] = byte(3 * n)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEachStopsAtTheFirstError and hands it on.
func TestEachStopsAtTheFirstError(t *testing.T) {
	im := frames(t, 40)
	refusal := errors.New("enough")
	if err := im.Each(context.Background(), 0, 40, 3, func(n int, _ *pixel.Frame) error {
		if n == 5 {
			return refusal
		}
		return nil
	}); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if err := im.Each(context.Background(), 38, 42, 2, func(int, *pixel.Frame) error { return nil }); radnode.CodeOf(err) != radnode.NotFound {
		t.Errorf("beyond the last frame: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := im.Each(ctx, 0, 40, 2, func(int, *pixel.Frame) error { return nil }); err == nil {
		t.Error("a cancelled context decodes everything")
	}
}
