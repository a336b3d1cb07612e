package preprocess_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// Any text is either refused or makes a pipeline that runs or refuses an
// image without ending the process, twice with the same result.
func FuzzParseDefinition(f *testing.F) {
	files, err := filepath.Glob("pipelines/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("schema: 1\nname: a\nversion: '1'\nsteps: [{step: threshold, as: m}, {step: watershed, mask: m}]")
	f.Add("schema: 1\nname: a\nversion: '1'\nsteps: [{step: branch, steps: [{step: features}]}, {step: tensor, type: uint8}]")
	img := noise(13, 17, 1)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := preprocess.ParseDefinition([]byte(text))
		if err != nil {
			return
		}
		p := mustCompile(t, d.Steps)
		if c, r, n := p.Shape(); c*r*n > 1<<20 {
			return
		}
		var digests [2]string
		for i := range digests {
			res, err := p.Run(context.Background(), img, nil, preprocess.RunOptions{})
			if err != nil {
				return
			}
			dst := make([]float32, res.Channels*res.Rows*res.Columns)
			if _, err := p.Run(context.Background(), img, dst, preprocess.RunOptions{}); err == nil {
				digests[i] = digestOf(dst)
			}
		}
		if digests[0] != digests[1] {
			t.Error("two runs differ")
		}
	})
}
