package node

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// workerProgram is the pixel worker: as configured, or beside this program.
func (c Config) workerProgram() (string, error) {
	program := c.Worker
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return "", radnode.Errorf(radnode.Internal, "pixel worker", "this program does not know where it lies: %w", err)
		}
		program = filepath.Join(filepath.Dir(self), "radnode-pixel")
	}
	if _, err := os.Stat(program); err != nil {
		return "", radnode.Errorf(radnode.Unavailable, "pixel worker", "%s is missing: run `make build`, or name the program with --worker", program)
	}
	return program, nil
}

// startPool starts the pixel workers. It does not wait until they are ready.
func (c Config) startPool(ctx context.Context, log *slog.Logger) (*worker.Pool, error) {
	program, err := c.workerProgram()
	if err != nil {
		return nil, err
	}
	return worker.Start(ctx, worker.Config{
		Command:     append([]string{program}, c.Limits.arguments()...),
		Processes:   c.Workers,
		MemoryLimit: int64(c.WorkerMemory) << 20,
		Timeouts:    worker.Timeouts{Analyze: c.WorkerTimeout, Frame: c.Limits.patience()},
		ModelsDir:   c.installedModels(),
		Providers:   fields(c.Providers),
		Library:     c.ONNXRuntime,
		Log:         log,
	})
}
