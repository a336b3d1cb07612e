package preprocess_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess"
)

func nan() float64 { return math.NaN() }

func mustCompile(tb testing.TB, s steps) *preprocess.Pipeline {
	tb.Helper()
	p, err := preprocess.Compile(s)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// noise is a smooth image with grain: texture in every region.
func noise(rows, columns, channels int) preprocess.Image {
	rng := rand.New(rand.NewPCG(1, uint64(rows*columns)))
	pix := make([]byte, rows*columns*channels)
	for i := range pix {
		y, x := i/channels/columns, i/channels%columns
		pix[i] = byte(110 + 80*math.Sin(float64(x)/17)*math.Cos(float64(y)/23) + 40*rng.Float64())
	}
	return preprocess.Image{Rows: rows, Columns: columns, Channels: channels, Pix8: pix}
}

func mustRun(tb testing.TB, p *preprocess.Pipeline, img preprocess.Image, dst []float32, opts preprocess.RunOptions) preprocess.Result {
	tb.Helper()
	res, err := p.Run(context.Background(), img, dst, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

func TestThePipelineOfTheBundledModelsFillsTheTensor(t *testing.T) {
	p := mustCompile(t, steps{{"step": "grey"}, {"step": "resize", "rows": 224, "columns": 224, "interpolation": "area", "keep_aspect": false}, {"step": "normalise", "mode": "unit"}})
	if c, r, n := p.Shape(); c != 1 || r != 224 || n != 224 {
		t.Errorf("shape %d x %d x %d", c, r, n)
	}
	dst := make([]float32, 224*224)
	for _, channels := range []int{1, 3} {
		res := mustRun(t, p, noise(500, 300, channels), dst, preprocess.RunOptions{})
		low, high := dst[0], dst[0]
		for _, v := range dst {
			low, high = min(low, v), max(high, v)
		}
		if low < 0 || high > 1 || high-low < 0.3 {
			t.Errorf("tensor runs from %g to %g", low, high)
		}
		want := preprocess.Geometry{Rows: 224, Columns: 224, ToSource: preprocess.Affine{A: 300. / 224, E: 500. / 224}, Width: 300, Height: 500}
		if diff := cmp.Diff(want, res.Geometry, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Error(diff)
		}
		if len(res.Stages) != 3 || res.Stages[1].PNG != nil {
			t.Errorf("stages %+v", res.Stages)
		}
	}
}

func TestStagePicturesAreSmallPNGs(t *testing.T) {
	p := mustCompile(t, steps{{"step": "grey"}, {"step": "threshold", "as": "bright"}, {"step": "morphology", "source": "bright"}, {"step": "normalise", "mode": "zscore"}})
	var kept []preprocess.Stage
	res := mustRun(t, p, noise(700, 1100, 3), nil, preprocess.RunOptions{KeepMasks: true, KeepStages: func(s preprocess.Stage) { kept = append(kept, s) }})
	if len(kept) != 4 || len(res.Stages) != 4 {
		t.Fatalf("%d stages kept of %d", len(kept), len(res.Stages))
	}
	for _, s := range kept {
		if len(s.PNG) < 100 || string(s.PNG[1:4]) != "PNG" {
			t.Errorf("stage %s has no picture", s.Step)
		}
	}
	if m := res.Masks["bright"]; m.Rows != 700 || m.Columns != 1100 {
		t.Errorf("mask of %d x %d", m.Rows, m.Columns)
	}
}

// A dot keeps its place: wherever the geometry puts it in the tensor,
// ToSource leads back to where it was.
func TestGeometryLeadsBackToTheSource(t *testing.T) {
	const rows, columns, y, x = 90, 140, 31, 52
	dot := preprocess.Image{Rows: rows, Columns: columns, Channels: 1, Pix8: make([]byte, rows*columns)}
	for dy := range 3 {
		for dx := range 3 {
			dot.Pix8[(y+dy)*columns+x+dx] = 255
		}
	}
	for name, s := range map[string]steps{
		"quarter turn":        {{"step": "rotate", "angle": 90}},
		"half turn":           {{"step": "rotate", "angle": 180}},
		"three quarters":      {{"step": "rotate", "angle": -90}},
		"oblique":             {{"step": "rotate", "angle": 20}},
		"mirror":              {{"step": "flip"}},
		"upside down":         {{"step": "flip", "axis": "vertical"}},
		"crop":                {{"step": "crop", "mode": "box", "left": 0.2, "top": 0.1, "right": 0.7}},
		"centre":              {{"step": "crop", "rows": 60, "columns": 80}},
		"pad":                 {{"step": "resize", "rows": 200, "columns": 200, "keep_aspect": true}},
		"pad the sides":       {{"step": "resize", "rows": 90, "columns": 400, "keep_aspect": true}},
		"longest":             {{"step": "resize", "longest": 70}},
		"foreground":          {{"step": "crop", "mode": "foreground", "margin": 0.5}},
		"all of it":           {{"step": "flip"}, {"step": "crop", "rows": 70, "columns": 100}, {"step": "rotate", "angle": 270}, {"step": "resize", "rows": 301, "columns": 211, "keep_aspect": true}, {"step": "rotate", "angle": 10}},
		"stretch, turn, flip": {{"step": "resize", "rows": 333, "columns": 100, "interpolation": "linear"}, {"step": "rotate", "angle": 90}, {"step": "flip", "axis": "vertical"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, s)
			size := mustRun(t, p, dot, nil, preprocess.RunOptions{})
			dst := make([]float32, size.Rows*size.Columns)
			res := mustRun(t, p, dot, dst, preprocess.RunOptions{})
			var sum, sx, sy float64
			for i, v := range dst {
				sum += float64(v)
				sx += float64(v) * (float64(i%res.Columns) + 0.5)
				sy += float64(v) * (float64(i/res.Columns) + 0.5)
			}
			gotX, gotY := res.Geometry.ToSource.Apply(sx/sum, sy/sum)
			if math.Abs(gotX-(x+1.5)) > 0.3 || math.Abs(gotY-(y+1.5)) > 0.3 {
				t.Errorf("dot at %.2f %.2f comes back as %.2f %.2f", x+1.5, y+1.5, gotX, gotY)
			}
		})
	}
}

func TestUprightUndoesTurnsAndFlips(t *testing.T) {
	// A heat map over the tensor with one hot cell where the dot is.
	p := mustCompile(t, steps{{"step": "flip"}, {"step": "rotate", "angle": 90}, {"step": "resize", "rows": 40, "columns": 40}})
	res := mustRun(t, p, noise(20, 60, 1), nil, preprocess.RunOptions{})
	grid := make([]float32, 4*8) // 4 rows, 8 columns
	grid[1*8+2] = 1
	tx, ty := (2+0.5)/8*40, (1+0.5)/4*40
	sx, sy := res.Geometry.ToSource.Apply(tx, ty)
	rows, columns, up := res.Geometry.Upright(4, 8, grid)
	if rows != 8 || columns != 4 {
		t.Fatalf("grid of %d x %d", rows, columns)
	}
	at := int(sy/20*8)*4 + int(sx/60*4)
	if up[at] != 1 {
		t.Errorf("hot cell is not at %d: %v", at, up)
	}
}

func TestBadImagesAreRefusedWithACode(t *testing.T) {
	p := mustCompile(t, steps{{"step": "grey"}, {"step": "clahe"}, {"step": "resize", "rows": 8, "columns": 8}})
	grey := func(rows, columns int, n int) preprocess.Image {
		return preprocess.Image{Rows: rows, Columns: columns, Channels: 1, Pix8: make([]byte, n)}
	}
	floats := func(v float64) preprocess.Image {
		return preprocess.Image{Rows: 1, Columns: 2, Channels: 1, PixF: []float32{1, float32(v)}}
	}
	for name, c := range map[string]struct {
		img  preprocess.Image
		want radnode.Code
	}{
		"empty":           {preprocess.Image{}, radnode.Invalid},
		"negative":        {grey(-1, 4, 4), radnode.Invalid},
		"no pixels":       {grey(4, 4, 0), radnode.Invalid},
		"too few":         {grey(4, 4, 15), radnode.Invalid},
		"too many":        {grey(4, 4, 17), radnode.Invalid},
		"two channels":    {preprocess.Image{Rows: 2, Columns: 2, Channels: 2, Pix8: make([]byte, 8)}, radnode.Invalid},
		"30000 x 30000":   {grey(30000, 30000, 1), radnode.TooLarge},
		"40000 rows":      {grey(40000, 1, 40000), radnode.TooLarge},
		"NaN":             {floats(math.NaN()), radnode.Invalid},
		"infinity":        {floats(math.Inf(-1)), radnode.Invalid},
		"zero slope":      {preprocess.Image{Rows: 1, Columns: 1, Channels: 1, Stored: []uint16{1}}, radnode.Invalid},
		"values of a RGB": {preprocess.Image{Rows: 1, Columns: 1, Channels: 3, Pix8: []byte{1, 2, 3}, Values: []float32{1}}, radnode.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Run(context.Background(), c.img, nil, preprocess.RunOptions{})
			if got := radnode.CodeOf(err); got != c.want {
				t.Errorf("%s: %v", got, err)
			}
		})
	}
	if _, err := p.Run(context.Background(), grey(1, 1, 1), make([]float32, 63), preprocess.RunOptions{}); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("short tensor: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Run(ctx, grey(1, 1, 1), nil, preprocess.RunOptions{}); radnode.CodeOf(err) != radnode.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWindowFollowsPS33(t *testing.T) {
	// PS3.3 C.11.2.1.2: the checks that the text itself gives.
	values := []float32{-60, -51, -50, 0, 49, 50, 60}
	img := preprocess.Image{Rows: 1, Columns: len(values), Channels: 1, Values: values}
	run := func(img preprocess.Image, step map[string]any) []float32 {
		dst := make([]float32, img.Columns)
		mustRun(t, mustCompile(t, steps{step}), img, dst, preprocess.RunOptions{})
		return dst
	}
	got := run(img, map[string]any{"step": "window", "mode": "manual", "center": 0, "width": 100})
	if diff := cmp.Diff([]float32{0, 0, 0, 129, 255, 255, 255}, got); diff != "" {
		t.Error(diff)
	}
	inverse := img
	inverse.Inverse = true
	inverse.Window = &preprocess.Window{Center: 0, Width: 100}
	if diff := cmp.Diff([]float32{255, 255, 255, 126, 0, 0, 0}, run(inverse, map[string]any{"step": "window"})); diff != "" {
		t.Error(diff)
	}
	inverse.Padding = &preprocess.PaddingRange{Low: -60, High: -55}
	if got := run(inverse, map[string]any{"step": "window"}); got[0] != 0 || got[1] != 255 {
		t.Errorf("padding is shown as %v", got[:2])
	}
	one := run(preprocess.Image{Rows: 1, Columns: 2, Channels: 1, Values: []float32{-0.5, -0.4}}, map[string]any{"step": "window", "mode": "manual", "center": 0, "width": 1})
	if diff := cmp.Diff([]float32{0, 255}, one); diff != "" {
		t.Error(diff)
	}
}

func TestStoredAndModalityValuesGiveTheSameWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 4000
	for _, c := range []struct {
		signed bool
		slope  float64
	}{{false, 1}, {true, 1}, {true, -2}, {false, 0.5}} {
		stored, values := make([]uint16, n), make([]float32, n)
		for i := range stored {
			v := rng.IntN(4096) - 1024
			if !c.signed {
				v += 1024
			}
			stored[i] = uint16(v)
			values[i] = float32(float64(v)*c.slope - 100)
		}
		pad := &preprocess.PaddingRange{Low: 50, High: 80}
		a := preprocess.Image{Rows: 40, Columns: 100, Channels: 1, Stored: stored, Signed: c.signed, Slope: c.slope, Intercept: -100, Padding: pad}
		b := preprocess.Image{Rows: 40, Columns: 100, Channels: 1, Values: values, Padding: pad}
		for _, step := range []map[string]any{
			{"step": "window", "mode": "percentile", "low": 3, "high": 96.5},
			{"step": "window", "mode": "manual", "center": 300, "width": 500, "function": "SIGMOID"},
		} {
			p := mustCompile(t, steps{step})
			x, y := make([]float32, n), make([]float32, n)
			mustRun(t, p, a, x, preprocess.RunOptions{})
			mustRun(t, p, b, y, preprocess.RunOptions{})
			if diff := cmp.Diff(x, y); diff != "" {
				t.Errorf("%v %v: %s", c, step, diff)
			}
		}
	}
}

func digestOf(dst []float32) string {
	h := sha256.New()
	for _, v := range dst {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestTensorTypesAndLayouts(t *testing.T) {
	img := preprocess.Image{Rows: 1, Columns: 2, Channels: 3, Pix8: []byte{1, 2, 3, 4, 5, 6}}
	dst := make([]float32, 6)
	mustRun(t, mustCompile(t, steps{}), img, dst, preprocess.RunOptions{})
	if diff := cmp.Diff([]float32{1, 4, 2, 5, 3, 6}, dst); diff != "" {
		t.Error("NCHW", diff)
	}
	mustRun(t, mustCompile(t, steps{{"step": "tensor", "layout": "NHWC"}}), img, dst, preprocess.RunOptions{})
	if diff := cmp.Diff([]float32{1, 2, 3, 4, 5, 6}, dst); diff != "" {
		t.Error("NHWC", diff)
	}
	grey := preprocess.Image{Rows: 1, Columns: 2, Channels: 1, PixF: []float32{0.5, 300}}
	res := mustRun(t, mustCompile(t, steps{{"step": "tensor", "channels": "3"}}), grey, dst, preprocess.RunOptions{})
	if diff := cmp.Diff([]float32{0.5, 300, 0.5, 300, 0.5, 300}, dst); diff != "" || res.Channels != 3 {
		t.Error("repeat", diff)
	}
	halves := make([]uint16, 2)
	if _, err := mustCompile(t, steps{{"step": "tensor", "type": "float16"}}).RunInto(context.Background(), grey, preprocess.Tensor{Float16: halves}, preprocess.RunOptions{}); err != nil || halves[0] != 0x3800 || halves[1] != 0x5cb0 {
		t.Errorf("float16 %x %v", halves, err)
	}
	bytes := make([]byte, 2)
	if _, err := mustCompile(t, steps{{"step": "tensor", "type": "uint8"}}).RunInto(context.Background(), grey, preprocess.Tensor{Uint8: bytes}, preprocess.RunOptions{}); err != nil || bytes[0] != 0 || bytes[1] != 255 {
		t.Errorf("uint8 %v %v", bytes, err)
	}
}

func TestOnePipelineServesSeveralGoroutines(t *testing.T) {
	p := mustCompile(t, steps{{"step": "grey"}, {"step": "clahe"}, {"step": "features"}, {"step": "resize", "rows": 32, "columns": 32}, {"step": "normalise"}})
	img := noise(200, 260, 1)
	want := make([]float32, 32*32)
	first := mustRun(t, p, img, want, preprocess.RunOptions{})
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			for range 10 {
				dst := make([]float32, 32*32)
				res, err := p.Run(t.Context(), img, dst, preprocess.RunOptions{})
				if err != nil {
					return err
				}
				if digestOf(dst) != digestOf(want) || !cmp.Equal(first.Features, res.Features) {
					return errors.New("a run beside others gives another result")
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
