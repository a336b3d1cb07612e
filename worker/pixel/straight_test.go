package pixel

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// TestStoredValuesGiveThePipelineWhatModalityValuesGive runs windows on real
// films from the stored values and from the modality values made of them.
func TestStoredValuesGiveThePipelineWhatModalityValuesGive(t *testing.T) {
	files, err := filepath.Glob("../../../shared/dicom/*/*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("../shared/dicom is not here")
	}
	if err := registerCodecs(); err != nil {
		t.Fatal(err)
	}
	var pipelines []*preprocess.Pipeline
	for _, mode := range []string{"header", "percentile"} {
		p, err := preprocess.Compile([]map[string]any{{"step": "window", "mode": mode}, {"step": "resize", "rows": 64, "columns": 64}, {"step": "normalise"}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		pipelines = append(pipelines, p)
	}
	compared := 0
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() > 12<<20 {
			continue
		}
		src, err := open(file)
		if err != nil {
			continue
		}
		if src.image != nil && src.refused == nil {
			compared += compareStraight(t, src, pipelines)
		}
		src.close()
	}
	if compared < 20 {
		t.Errorf("%d images could be compared", compared)
	}
}

// compareStraight returns 1 where the image has both.
func compareStraight(t *testing.T, src *source, pipelines []*preprocess.Pipeline) int {
	ctx := context.Background()
	fr := &frame{}
	if src.decode(ctx, 0, fr, true) != nil || fr.patterns == nil {
		return 0
	}
	f := &frameReading{analysis: &analysis{fr: fr, src: src}}
	c := &classifier{withValues: true}
	straight := f.input(c)
	values := make([]float32, fr.rows*fr.columns)
	if err := src.image.Modality(&fr.stored, 0, values); err != nil {
		t.Fatal(err)
	}
	byValues := straight
	byValues.Values, byValues.Stored = values, nil
	a, b := make([]float32, 64*64), make([]float32, 64*64)
	for i, p := range pipelines {
		if _, err := p.Run(ctx, straight, a, preprocess.RunOptions{}); err != nil {
			return 0
		}
		if _, err := p.Run(ctx, byValues, b, preprocess.RunOptions{}); err != nil {
			t.Fatal(err)
		}
		for k := range a {
			if d := a[k] - b[k]; d > 1.01/255 || d < -1.01/255 {
				t.Errorf("%s, pipeline %d, value %d: %g from stored values, %g from modality values", filepath.Base(src.file.Name()), i, k, a[k], b[k])
				break
			}
		}
	}
	return 1
}
