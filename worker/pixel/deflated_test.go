package pixel_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode/worker"
)

func TestADeflatedImageIsDecodedAndRendered(t *testing.T) {
	file := shared(t, "image/ct_chest_deflated.dcm")
	pool := mustStart(t)
	info, err := pool.Frame(context.Background(), worker.FrameRequest{Path: file, Frame: 1, Out: filepath.Join(t.TempDir(), "frame")})
	if err != nil || info.Rows != 512 || info.Columns != 512 {
		t.Fatalf("got %+v, %v", info, err)
	}
	if list, err := pool.Analyze(context.Background(), worker.AnalyzeRequest{Path: file}); err != nil || len(list) == 0 || list[0].Error != nil {
		t.Errorf("got %+v, %v", list, err)
	}
}
