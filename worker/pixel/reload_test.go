package pixel_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// mustCopy installs the test model under another version, its texts changed.
func mustCopy(t *testing.T, folder, version string, change ...string) {
	t.Helper()
	from := "../../inference/testdata/models/lung-test/1.0.0"
	to := filepath.Join(folder, "lung-test", version)
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == "manifest.yaml" {
			data = []byte(strings.NewReplacer(append(change, "version: 1.0.0", "version: "+version)...).Replace(string(data)))
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func mustStartIn(t *testing.T, folder string) *worker.Pool {
	t.Helper()
	p, err := worker.Start(context.Background(), worker.Config{
		Command: []string{os.Args[0], "radnode-pixel"}, ModelsDir: folder, Library: library(t), Threads: 1, Processes: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	waitForBoth(p)
	return p
}

// waitForBoth waits until both processes can work.
func waitForBoth(p *worker.Pool) {
	for p.Stats().Processes < 2 {
		time.Sleep(5 * time.Millisecond)
	}
}

func states(all []worker.ModelStatus) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		if m.ID == "lung-test" || m.ID == "" {
			out[m.Version] = m.State
		}
	}
	return out
}

func TestModelsAreAddedReplacedAndRetiredWhileImagesAreRead(t *testing.T) {
	folder := t.TempDir()
	mustCopy(t, folder, "1.0.0")
	p := mustStartIn(t, folder)
	path := film(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				all, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: path, Models: []string{"lung-test"}})
				if err != nil || len(all) != 1 || len(all[0].Findings) != 4 {
					t.Errorf("in flight: %+v, %v", all, err)
					return
				}
			}
		})
	}
	reload := func() map[string]string {
		all, err := p.Reload(context.Background())
		if err != nil {
			t.Error(err)
		}
		return states(all)
	}
	mustCopy(t, folder, "1.10.0", "evaluation: ", "evaluation: second, ")
	if got := reload(); got["1.0.0"] != worker.ModelReady || got["1.10.0"] != worker.ModelReady {
		t.Errorf("added: %v", got)
	}
	if a := analyze(t, p, path); a.Model.Version != "1.10.0" {
		t.Errorf("the newest version does not read: %s", a.Model.Version)
	}
	old, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: path, Models: []string{"lung-test@1.0.0"}})
	if err != nil || old[0].Model.Version != "1.0.0" {
		t.Errorf("the old version by name: %+v, %v", old, err)
	}
	mustCopy(t, folder, "1.11.0", "output: [0.49", "output: [0.39") // its reference case fails
	if got := reload(); got["1.11.0"] != worker.ModelRefused {
		t.Errorf("broken: %v", got)
	}
	if a := analyze(t, p, path); a.Model.Version != "1.10.0" {
		t.Errorf("a quarantined version reads: %s", a.Model.Version)
	}
	if err := os.RemoveAll(filepath.Join(folder, "lung-test", "1.10.0")); err != nil {
		t.Fatal(err)
	}
	reload()
	if a := analyze(t, p, path); a.Model.Version != "1.0.0" {
		t.Errorf("a retired version reads: %s", a.Model.Version)
	}
	close(stop)
	wg.Wait()
	if s := p.Stats(); s.Deaths != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAModelsFolderThatIsGoneLeavesThingsAsTheyAre(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "models")
	mustCopy(t, folder, "1.0.0")
	p := mustStartIn(t, folder)
	if a := analyze(t, p, film(t)); len(a.Findings) != 4 {
		t.Fatalf("got %+v", a)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Reload(context.Background()); radnode.CodeOf(err) != radnode.Unavailable || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v", err)
	}
	if a := analyze(t, p, film(t)); len(a.Findings) != 4 {
		t.Errorf("got %+v", a)
	}
}

// TestAWorkerThatIsKilledInTheMiddleCostsNothing kills workers again and again
// while they read.
func TestAWorkerThatIsKilledInTheMiddleCostsNothing(t *testing.T) {
	folder := t.TempDir()
	mustCopy(t, folder, "1.0.0")
	before := children(t)
	p := mustStartIn(t, folder)
	want := analyze(t, p, film(t)).Findings[0].Probability
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 6 {
				if a := analyze(t, p, film(t)); a.Error != nil || a.Findings[0].Probability != want {
					t.Errorf("got %+v", a)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for range 3 {
			waitForBoth(p)
			for _, victim := range children(t) {
				if !slices.Contains(before, victim) {
					_ = syscall.Kill(victim, syscall.SIGKILL) // it may be gone already
					break
				}
			}
		}
	})
	wg.Wait()
	if s := p.Stats(); s.Poison != 0 || s.Started < 3 {
		t.Errorf("stats %+v", s)
	}
}
