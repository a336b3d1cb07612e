package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// TestMain turns the test program into a worker when it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fake-worker" {
		os.Exit(fakeWorker(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// fakeWorker answers requests; the path of a request says how to misbehave.
func fakeWorker(args []string) int {
	hello := worker.Hello{Software: "fake", Runtime: "none"}
	switch {
	case len(args) > 0 && args[0] == "never-ready":
		time.Sleep(time.Hour)
	case len(args) > 0 && args[0] == "ends-at-once":
		fmt.Fprintln(os.Stderr, "cannot open the library")
		return 3
	case len(args) > 0 && args[0] == "cannot":
		hello.Error = "the library is missing; run make"
	case len(args) > 0 && args[0] == "prints":
		fmt.Println("Hello, I am a library that prints a banner.")
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "loads") {
		if err := worker.Loading(os.Stdout, "good@1.0.0"); err != nil {
			return 1
		}
		if err := loadBad(args); err != nil {
			return 1
		}
	}
	err := worker.Serve(os.Stdin, os.Stdout, hello, fakeHandler)
	if err != nil {
		return 1
	}
	return 0
}

// loadBad loads a model that ends or holds up the process, unless it is to be
// left out.
func loadBad(args []string) error {
	if strings.Contains(strings.Join(args, " "), "--skip bad@2.0.0=") {
		return nil
	}
	if err := worker.Loading(os.Stdout, "bad@2.0.0"); err != nil {
		return err
	}
	if args[0] == "loads-hanging" {
		time.Sleep(time.Hour)
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func fakeHandler(ctx context.Context, op string, body json.RawMessage) (any, error) {
	var r worker.AnalyzeRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	what, mark, _ := strings.Cut(strings.TrimPrefix(r.Path, "/fake/"), ":")
	if mark != "" { // misbehave only the first time
		if _, err := os.Stat(mark); err == nil {
			what = "well"
		} else if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return nil, err
		}
	}
	if what == "bad-model" && r.Without["bad@2.0.0"] == "" {
		if err := worker.Doing(ctx, worker.DoingModel+"bad@2.0.0"); err != nil {
			return nil, err
		}
		what = "killed"
	}
	return misbehave(ctx, what)
}

func misbehave(ctx context.Context, what string) (any, error) {
	switch what {
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	case "exit":
		os.Exit(7)
	case "hang":
		time.Sleep(time.Hour)
	case "slow":
		select {
		case <-ctx.Done():
			return nil, radnode.Errorf(radnode.Canceled, "fake", "%w", ctx.Err())
		case <-time.After(time.Hour):
		}
	case "garbage":
		fmt.Fprintln(os.Stdout, "decoder warning: marker missing")
		time.Sleep(time.Hour)
	case "hog":
		var kept [][]byte
		for range 400 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
			time.Sleep(5 * time.Millisecond)
		}
		return nil, fmt.Errorf("nobody stopped me at %d", len(kept))
	case "closes":
		os.Stdout.Close()
		time.Sleep(time.Hour)
	case "invalid":
		return nil, radnode.Errorf(radnode.Invalid, "read file", "the file ends in the middle of an element")
	case "broken":
		return nil, errors.New("a defect")
	case "environment":
		return []radnode.Analysis{{File: strings.Join(os.Environ(), "\n")}}, nil
	case "pid":
		time.Sleep(20 * time.Millisecond)
	}
	return []radnode.Analysis{{File: what, Frame: os.Getpid()}}, nil
}
