package worker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// mustStart starts a pool of fake workers and checks at the end that neither
// goroutines nor processes are left.
func mustStart(t *testing.T, processes int, mode string, change ...func(*worker.Config)) *worker.Pool {
	t.Helper()
	before := runtime.NumGoroutine()
	cfg := worker.Config{
		Command: []string{os.Args[0], "fake-worker", mode}, Processes: processes,
		MemoryLimit: 256 << 20,
		Timeouts:    worker.Timeouts{Start: 5 * time.Second, Analyze: 700 * time.Millisecond},
	}
	for _, c := range change {
		c(&cfg)
	}
	p, err := worker.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		for range 100 {
			if runtime.NumGoroutine() <= before && len(children(t)) == 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("left behind: %d goroutines, processes %v", runtime.NumGoroutine()-before, children(t))
	})
	return p
}

// children lists the processes this one has started.
func children(t *testing.T) []string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if err == nil {
			out = append(out, strings.Fields(string(data))...)
		}
	}
	return out
}

func analyze(p *worker.Pool, path string) ([]radnode.Analysis, error) {
	return p.Analyze(context.Background(), worker.AnalyzeRequest{Path: "/fake/" + path})
}

func TestARequestIsAnswered(t *testing.T) {
	p := mustStart(t, 1, "normal")
	got, err := analyze(p, "well")
	if err != nil || len(got) != 1 || got[0].File != "well" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestOneDeathCostsOneRetryAndNothingElse(t *testing.T) {
	for _, what := range []string{"killed", "exit", "hang", "garbage", "hog", "closes"} {
		t.Run(what, func(t *testing.T) {
			p := mustStart(t, 1, "normal", func(c *worker.Config) {
				if what == "hog" {
					c.Timeouts.Analyze = 20 * time.Second
				}
			})
			got, err := analyze(p, what+":"+filepath.Join(t.TempDir(), "mark"))
			if err != nil || got[0].File != "well" {
				t.Fatalf("got %+v, %v", got, err)
			}
			if s := p.Stats(); s.Deaths != 1 || s.Retries != 1 || s.Poison != 0 || s.Started != 2 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestTheSecondDeathOnARequestIsAnAnswer(t *testing.T) {
	tests := map[string]string{
		"killed":  "not analysed: the pixel worker ended twice on this image (ended by signal killed)",
		"exit":    "not analysed: the pixel worker ended twice on this image (exit status 7)",
		"hang":    "not analysed: the pixel worker ended twice on this image (killed after 700ms without an answer (options frame_time, worker_timeout))",
		"garbage": "not analysed: the pixel worker ended twice on this image (killed because it wrote bytes that are no message of the protocol)",
	}
	for what, want := range tests {
		t.Run(what, func(t *testing.T) {
			p := mustStart(t, 1, "normal")
			_, err := analyze(p, what)
			if radnode.CodeOf(err) != radnode.Unsupported || radnode.MessageOf(err) != want {
				t.Errorf("got %v", err)
			}
			if got, err := analyze(p, "well"); err != nil || got[0].File != "well" {
				t.Errorf("the next request: %+v, %v", got, err)
			}
		})
	}
}

func TestAMemoryHogIsKilledAndNamed(t *testing.T) {
	p := mustStart(t, 1, "normal", func(c *worker.Config) { c.Timeouts.Analyze = 20 * time.Second })
	_, err := analyze(p, "hog")
	if err != nil && strings.Contains(err.Error(), "exit status 66") {
		t.Skip("the race detector ran out of memory before the limit was seen")
	}
	if radnode.CodeOf(err) != radnode.Unsupported || !strings.Contains(err.Error(), "more than its limit of 256 MB") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	p := mustStart(t, 1, "normal")
	_, err := analyze(p, "invalid")
	if radnode.CodeOf(err) != radnode.Invalid || radnode.MessageOf(err) != "the file ends in the middle of an element" {
		t.Errorf("got %v", err)
	}
	if _, err := analyze(p, "broken"); radnode.CodeOf(err) != radnode.Internal {
		t.Errorf("got %v", err)
	}
	if s := p.Stats(); s.Deaths != 0 || s.Started != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestACancelledRequestEndsAndTheWorkerLivesOn(t *testing.T) {
	p := mustStart(t, 1, "normal", func(c *worker.Config) { c.Timeouts.Analyze = time.Minute })
	if _, err := analyze(p, "well"); err != nil { // it is up
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := p.Analyze(ctx, worker.AnalyzeRequest{Path: "/fake/slow"})
	if radnode.CodeOf(err) != radnode.Canceled {
		t.Errorf("got %v", err)
	}
	if _, err := analyze(p, "well"); err != nil || p.Stats().Started != 1 {
		t.Errorf("the next request: %v, stats %+v", err, p.Stats())
	}
}

func TestAWorkerThatIgnoresCancellationIsKilled(t *testing.T) {
	p := mustStart(t, 1, "normal", func(c *worker.Config) { c.Timeouts.Analyze = time.Minute })
	if _, err := analyze(p, "well"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := p.Analyze(ctx, worker.AnalyzeRequest{Path: "/fake/hang"})
	if radnode.CodeOf(err) != radnode.Canceled || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
	if got, err := analyze(p, "well"); err != nil || got[0].File != "well" || p.Stats().Deaths != 0 {
		t.Errorf("the next request: %+v, %v, stats %+v", got, err, p.Stats())
	}
}

func TestAnIdleWorkerThatIsKilledIsReplaced(t *testing.T) {
	p := mustStart(t, 1, "normal")
	got, err := analyze(p, "well")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(got[0].Frame, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again, err := analyze(p, "well")
	if err != nil || again[0].Frame == got[0].Frame {
		t.Errorf("got %+v, %v", again, err)
	}
}

func TestWhyAWorkerCannotStartIsSaid(t *testing.T) {
	tests := map[string]struct {
		mode, want string
		change     func(*worker.Config)
	}{
		"its library is missing": {"cannot", "the library is missing; run make", nil},
		"it ends":                {"ends-at-once", `exit status 3); last words: "cannot open the library"`, nil},
		"it prints a banner":     {"prints", "bytes that are no message", nil},
		"it is never ready":      {"never-ready", "not ready within 300ms", func(c *worker.Config) { c.Timeouts.Start = 300 * time.Millisecond }},
		"it is not there":        {"", "does not start", func(c *worker.Config) { c.Command = []string{"/nowhere/radnode-pixel"} }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := mustStart(t, 2, tt.mode, func(c *worker.Config) {
				if tt.change != nil {
					tt.change(c)
				}
			})
			_, err := analyze(p, "well")
			if radnode.CodeOf(err) != radnode.Unavailable || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAModelThatEndsTheWorkerWhileItIsLoadedIsLeftOut(t *testing.T) {
	for _, mode := range []string{"loads-killing", "loads-hanging"} {
		t.Run(mode, func(t *testing.T) {
			p := mustStart(t, 2, mode, func(c *worker.Config) { c.Timeouts.Start = 500 * time.Millisecond })
			if got, err := analyze(p, "well"); err != nil || got[0].File != "well" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestAModelThatEndsTheWorkerTwiceIsLeftOutOfTheRequest(t *testing.T) {
	p := mustStart(t, 1, "normal")
	got, err := analyze(p, "bad-model")
	if err != nil || got[0].File != "bad-model" {
		t.Errorf("got %+v, %v", got, err)
	}
	if s := p.Stats(); s.Deaths != 2 || s.Poison != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestReloadGivesFreshProcessesAndLosesNothing(t *testing.T) {
	p := mustStart(t, 2, "normal")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var mu sync.Mutex
	pids := map[int]bool{}
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := analyze(p, "pid")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				pids[got[0].Frame] = true
				mu.Unlock()
			}
		})
	}
	for range 3 {
		if _, err := p.Reload(context.Background()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if s := p.Stats(); s.Started != 8 || s.Deaths != 0 || s.Processes != 2 {
		t.Errorf("stats %+v", s)
	}
}

func TestSecretsOfTheNodeDoNotReachTheWorker(t *testing.T) {
	t.Setenv("RADNODE_ADMIN_PASSWORD", "secret-1")
	t.Setenv("RADNODE_TOKENS", "a:admin:secret-2")
	t.Setenv("CUDA_VISIBLE_DEVICES", "0")
	p := mustStart(t, 1, "normal")
	got, err := analyze(p, "environment")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got[0].File, "secret") || !strings.Contains(got[0].File, "CUDA_VISIBLE_DEVICES=0") {
		t.Errorf("environment of the worker:\n%s", got[0].File)
	}
}

func TestManyCallersShareTheProcesses(t *testing.T) {
	p := mustStart(t, 3, "normal")
	var mu sync.Mutex
	pids := map[int]int{}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			path := "pid"
			if i == 17 {
				path = "killed"
			}
			got, err := analyze(p, path)
			if i == 17 {
				if radnode.CodeOf(err) != radnode.Unsupported {
					t.Errorf("poison: %v", err)
				}
				return
			}
			if err != nil {
				t.Errorf("request %d: %v", i, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pids[got[0].Frame]++
		})
	}
	wg.Wait()
	if len(pids) < 3 {
		t.Errorf("the work went to %v", pids)
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	p := mustStart(t, 1, "normal", func(c *worker.Config) { c.MaxWaiting, c.Timeouts.Analyze = 2, 20*time.Second })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _, _ = p.Analyze(ctx, worker.AnalyzeRequest{Path: "/fake/slow"}) }) // ends with cancel
	for p.Stats().Requests < 1 || p.Stats().Waiting > 0 {
		time.Sleep(time.Millisecond)
	}
	for range 2 {
		wg.Go(func() { _, _ = p.Analyze(ctx, worker.AnalyzeRequest{Path: "/fake/slow"}) }) // ends with cancel
	}
	for p.Stats().Waiting < 2 {
		time.Sleep(time.Millisecond)
	}
	if _, err := analyze(p, "well"); radnode.CodeOf(err) != radnode.NoResources {
		t.Errorf("got %v", err)
	}
	cancel()
}

func TestUrgentRequestsGoFirst(t *testing.T) {
	p := mustStart(t, 1, "normal", func(c *worker.Config) { c.Timeouts.Analyze = 20 * time.Second })
	if _, err := analyze(p, "well"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []string
	var wg sync.WaitGroup
	ask := func(name string, urgent bool) {
		wg.Go(func() {
			_, err := p.Analyze(context.Background(), worker.AnalyzeRequest{Path: "/fake/pid", Urgent: urgent})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
		})
	}
	for range 5 {
		ask("normal", false)
	}
	for p.Stats().Waiting < 4 {
		time.Sleep(time.Millisecond)
	}
	ask("urgent", true)
	wg.Wait()
	if order[1] != "urgent" {
		t.Errorf("order %v", order)
	}
}

func TestClosingThePoolEndsRequests(t *testing.T) {
	p := mustStart(t, 1, "normal", func(c *worker.Config) { c.Timeouts.Analyze = time.Minute })
	result := make(chan error, 1)
	go func() {
		_, err := analyze(p, "slow")
		result <- err
	}()
	for p.Stats().Requests < 1 || p.Stats().Waiting > 0 {
		time.Sleep(time.Millisecond)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; radnode.CodeOf(err) != radnode.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := analyze(p, "well"); radnode.CodeOf(err) != radnode.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

// TestWorkersDieWithTheNode kills a node in the middle of a request.
func TestWorkersDieWithTheNode(t *testing.T) {
	if os.Getenv("RADNODE_TEST_NODE") != "" {
		p, err := worker.Start(context.Background(), worker.Config{Command: []string{os.Args[0], "fake-worker", "normal"}, Processes: 1})
		if err != nil {
			t.Fatal(err)
		}
		got, err := analyze(p, "well")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(os.Stderr, "worker", got[0].Frame)
		_, _ = analyze(p, "hang") // the node is killed meanwhile
		return
	}
	child := strconv.Itoa(runNodeAndKillIt(t))
	for range 300 {
		state, err := os.ReadFile("/proc/" + child + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("worker %s outlived its node", child)
}
