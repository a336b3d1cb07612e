package pixel_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// TestEveryFileOfTheCollectionGetsAClearAnswer analyses and renders
// every sample file, broken ones included: no worker dies, every answer says
// something, and no film but a child's gets a pneumonia score.
func TestEveryFileOfTheCollectionGetsAClearAnswer(t *testing.T) {
	root := filepath.Dir(shared(t, "INDEX.csv"))
	p := mustStart(t)
	read := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".dcm" {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: path})
		if err != nil || len(all) == 0 {
			t.Errorf("%s: %d answers, %v", name, len(all), err)
		}
		for _, a := range all {
			judge(t, name, a)
			if a.Gate.Accepted && a.Error == nil {
				read++
			}
		}
		show(t, p, path, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Deaths != 0 {
		t.Errorf("workers died: %+v", s)
	}
	t.Logf("%d times a model read a frame; %+v", read, p.Stats())
}

// judge checks one answer.
func judge(t *testing.T, name string, a radnode.Analysis) {
	t.Helper()
	switch {
	case a.Error != nil:
		if len(a.Findings) > 0 || len(*a.Error) < 10 || strings.Contains(*a.Error, "internal error") {
			t.Errorf("%s: error %q with %d findings", name, *a.Error, len(a.Findings))
		}
	case !a.Gate.Accepted:
		if len(a.Findings) > 0 || len(a.Gate.Reasons) == 0 {
			t.Errorf("%s: refused for %q with %d findings", name, a.Gate.Reasons, len(a.Findings))
		}
	default:
		if len(a.Findings) == 0 || a.Provenance == nil {
			t.Errorf("%s: accepted without findings or provenance", name)
		}
		if a.Model.ID == "paediatric-pneumonia" {
			t.Errorf("%s: got a pneumonia score", name)
		}
	}
	if testing.Verbose() && strings.HasPrefix(name, "chest") {
		t.Logf("%s %s: %v %q %v", name, a.Model.ID, a.Gate.Accepted, a.Gate.Reasons, said(a.Error))
	}
}

// show renders; what cannot be shown must say why.
func show(t *testing.T, p *worker.Pool, path, name string) {
	t.Helper()
	_, err := p.Render(context.Background(), worker.RenderRequest{Path: path, Frame: 1, Out: filepath.Join(t.TempDir(), "p"), MaxSize: 200, Format: "jpeg"})
	if radnode.CodeOf(err) == radnode.Internal {
		t.Errorf("%s: render: %v", name, err)
	}
}
