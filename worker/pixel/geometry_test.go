package pixel_test

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// drawLesion writes a dark picture of the given size with a bright spot of a
// sixteenth of the side around the place (x, y), fractions of the sides.
func drawLesion(t *testing.T, rows, columns int, x, y float64) string {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, columns, rows))
	r := min(rows, columns) / 16
	cx, cy := int(x*float64(columns)), int(y*float64(rows))
	for py := max(cy-r, 0); py < min(cy+r, rows); py++ {
		for px := max(cx-r, 0); px < min(cx+r, columns); px++ {
			img.Pix[py*img.Stride+px] = 255
		}
	}
	path := filepath.Join(t.TempDir(), "lesion.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// hottest is the centre of the hottest cell, in pixels of the source, and half
// the size of a cell.
func hottest(h *radnode.Heatmap) (x, y, halfWidth, halfHeight float64) {
	best := 0
	for i, v := range h.Values {
		if v > h.Values[best] {
			best = i
		}
	}
	w, height := h.Width/float64(h.Columns), h.Height/float64(h.Rows)
	return h.Left + (float64(best%h.Columns)+0.5)*w, h.Top + (float64(best/h.Columns)+0.5)*height, w / 2, height / 2
}

// TestALesionIsHotWhereItLiesWhateverThePipelineDid draws a lesion in each
// quarter of a film that is higher than wide and looks for it in the heat map
// of pipelines that turn, flip, cut and pad.
func TestALesionIsHotWhereItLiesWhateverThePipelineDid(t *testing.T) {
	resize := "  - {step: resize, rows: 32, columns: 32, interpolation: area, keep_aspect: false}\n"
	pipelines := []struct{ name, steps string }{
		{"squash", ""},
		{"pad", "  - {step: resize, rows: 32, columns: 32, interpolation: area, keep_aspect: true}\n"},
		{"flip", "  - {step: flip, axis: horizontal}\n"},
		{"upside down", "  - {step: flip, axis: vertical}\n"},
		{"quarter turn", "  - {step: rotate, angle: 90}\n"},
		{"three quarters", "  - {step: rotate, angle: 270}\n"},
		{"crop", "  - {step: crop, mode: box, left: 0.05, top: 0.1, right: 0.95, bottom: 0.9}\n"},
		{"all", "  - {step: crop, mode: box, left: 0.02, top: 0.05, right: 0.98, bottom: 0.95}\n  - {step: rotate, angle: 90}\n  - {step: flip, axis: horizontal}\n" +
			"  - {step: resize, rows: 32, columns: 32, interpolation: area, keep_aspect: true}\n"},
	}
	folder := t.TempDir()
	for i, p := range pipelines {
		steps := p.steps
		if p.name != "pad" && p.name != "all" {
			steps += resize
		}
		mustCopy(t, folder, fmt.Sprintf("%d.0.0", i+1), resize, steps)
	}
	pool := mustStartIn(t, folder)
	const rows, columns = 640, 480
	for _, at := range [][2]float64{{0.2, 0.2}, {0.8, 0.2}, {0.2, 0.8}, {0.8, 0.8}} {
		path := drawLesion(t, rows, columns, at[0], at[1])
		for i, p := range pipelines {
			t.Run(fmt.Sprintf("%s at %v", p.name, at), func(t *testing.T) {
				all, err := pool.Analyze(context.Background(), worker.AnalyzeRequest{Path: path, Models: []string{fmt.Sprintf("lung-test@%d.0.0", i+1)}})
				if err != nil || len(all) != 1 || all[0].Error != nil || len(all[0].Findings) != 4 {
					t.Fatalf("got %+v, %v", all, err)
				}
				h := all[0].Findings[3].Heatmap
				x, y, w, hh := hottest(h)
				if dx, dy := x-at[0]*columns, y-at[1]*rows; dx > w+30 || -dx > w+30 || dy > hh+30 || -dy > hh+30 {
					t.Errorf("hot at %.0f, %.0f; the lesion lies at %.0f, %.0f; map %d×%d over %.0f,%.0f %.0f×%.0f %v",
						x, y, at[0]*columns, at[1]*rows, h.Rows, h.Columns, h.Left, h.Top, h.Width, h.Height, h.Values)
				}
			})
		}
	}
}
