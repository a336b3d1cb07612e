//go:build unix && !linux

package worker

import "os/exec"

// startConfined starts the child. Confinement and memory limits need Linux;
// elsewhere time-outs and the end of its input still bound it.
func startConfined(cmd *exec.Cmd) error { return cmd.Start() }

func limit(int, int64) error { return nil }

func yield(int) error { return nil }

func resident(int) int64 { return 0 }

func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = cmd.Process.Kill() // a process that is gone already needs no kill
	}
}
