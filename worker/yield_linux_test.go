package worker_test

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestAWorkerStandsBehindTheNodeForProcessorTime(t *testing.T) {
	p := mustStart(t, 1, "")
	got, err := analyze(p, "pid")
	if err != nil {
		t.Fatal(err)
	}
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	worker, err := unix.Getpriority(unix.PRIO_PROCESS, got[0].Frame)
	if err != nil {
		t.Fatal(err)
	}
	if worker >= own && own > 1 { // 1 is the lowest there is
		t.Errorf("priority %d of the worker, %d of the node", worker, own)
	}
}
