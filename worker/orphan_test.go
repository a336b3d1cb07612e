package worker_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// runNodeAndKillIt starts this test program as a node, waits until its worker
// works, kills the node and returns the process number of the worker.
func runNodeAndKillIt(t *testing.T) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWorkersDieWithTheNode$")
	cmd.Env = append(os.Environ(), "RADNODE_TEST_NODE=1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var pid int
	if _, err := fmt.Fscanf(r, "worker %d\n", &pid); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	if pid == 0 {
		t.Fatal("the node never had a worker")
	}
	return pid
}
