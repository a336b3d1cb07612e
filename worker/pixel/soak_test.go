package pixel_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode/worker"
)

// TestMemoryStaysFlat analyses and renders one film over and over. The number
// of rounds comes from RADNODE_SOAK; the default only finds gross leaks.
func TestMemoryStaysFlat(t *testing.T) {
	rounds := 60
	if s := os.Getenv("RADNODE_SOAK"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	p := mustStart(t)
	ctx := context.Background()
	path, out := film(t), t.TempDir()
	var early int64
	for i := range rounds {
		if _, err := p.Analyze(ctx, worker.AnalyzeRequest{Path: path, OutDir: out, Stages: i%10 == 0}); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			if _, err := p.Render(ctx, worker.RenderRequest{Path: path, Frame: 1, Out: filepath.Join(out, "p"), MaxSize: 300, Format: "jpeg"}); err != nil {
				t.Fatal(err)
			}
		}
		if i == rounds/3 {
			early = memory(t)
		}
	}
	late := memory(t)
	t.Logf("after %d rounds %d MB, after %d rounds %d MB", rounds/3, early>>20, rounds, late>>20)
	if late > early+early/5+(16<<20) {
		t.Errorf("the worker grew from %d MB to %d MB", early>>20, late>>20)
	}
	if s := p.Stats(); s.Deaths != 0 || s.Started != 1 {
		t.Errorf("stats %+v", s)
	}
}

// memory is the resident memory of the one child of this process.
func memory(t *testing.T) int64 {
	t.Helper()
	all := children(t)
	if len(all) != 1 {
		t.Fatalf("%d workers are running", len(all))
	}
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(all[0]) + "/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// children lists the processes this one has started.
func children(t *testing.T) []int {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		t.Skip("no /proc to look at processes")
	}
	var out []int
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, pid)
		}
	}
	return out
}
