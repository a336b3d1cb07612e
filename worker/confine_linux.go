package worker

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// startConfined starts the child in a process group and, where the node has
// the right, in a network namespace of its own: it needs no network. The
// kernel kills it when the thread that started it ends, and so with the node.
func startConfined(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET}
	err := cmd.Start()
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	again := exec.Command(cmd.Path, cmd.Args[1:]...)
	again.Env, again.Dir, again.WaitDelay = cmd.Env, cmd.Dir, cmd.WaitDelay
	again.ExtraFiles = cmd.ExtraFiles
	again.Stdin, again.Stdout, again.Stderr = cmd.Stdin, cmd.Stdout, cmd.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	*cmd = *again
	return cmd.Start()
}

// behind is how far a worker stands behind the node, in steps of nice(2), when
// the machine is busy: taking images in comes before reading them.
const behind = 10

// yield puts the threads of a child behind those of the node.
func yield(pid int) error {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the nice value (getpriority(2))
	if err != nil {
		return err
	}
	return unix.Setpriority(unix.PRIO_PGRP, pid, 20-own+behind)
}

// limit bounds the child: no core files, which would hold patient data, and
// twice its memory limit as a hard stop between two looks at its memory.
func limit(pid int, memory int64) error {
	none := unix.Rlimit{}
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, &none, nil); err != nil {
		return err
	}
	if memory <= 0 {
		return nil
	}
	data := unix.Rlimit{Cur: uint64(memory) * 2, Max: uint64(memory) * 2}
	return unix.Prlimit(pid, unix.RLIMIT_DATA, &data, nil)
}

// resident is the memory of a process in bytes, 0 if it is gone.
func resident(pid int) int64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

func killGroup(cmd *exec.Cmd) {
	if cmd.Process == nil {
		return
	}
	// A group that is gone already needs no kill.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
