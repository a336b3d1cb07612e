package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/radnode/radnode/worker"
)

// Check is one line of `radnode doctor`.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warn or fail
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

// Doctor looks at everything the node needs on this machine.
func Doctor(ctx context.Context, c Config, report func(Check)) {
	for _, check := range []func(context.Context, Config) []Check{checkData, checkPorts, checkWorker} {
		for _, line := range check(ctx, c) {
			report(line)
		}
	}
}

// minFree is the disk space under which the doctor warns: a busy day of a
// small site.
const minFree = 20 << 30

func checkData(_ context.Context, c Config) []Check {
	const name = "data folder"
	probe := filepath.Join(c.Data, ".doctor")
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return []Check{{name, "fail", err.Error(), "name a folder you may write with --data"}}
	}
	start := time.Now()
	if err := writeSynced(probe); err != nil {
		return []Check{{name, "fail", err.Error(), "the folder must be writable and on a disk that can sync"}}
	}
	took := time.Since(start)
	checks := []Check{{Name: name, Status: "ok", Detail: fmt.Sprintf("%s is writable; a synced write takes %.1f ms", c.Data, float64(took.Microseconds())/1000)}}
	var stat unix.Statfs_t
	if err := unix.Statfs(c.Data, &stat); err != nil {
		return append(checks, Check{"disk space", "fail", err.Error(), "look at the disk of the data folder"})
	}
	free := int64(stat.Bavail) * stat.Bsize
	space := Check{Name: "disk space", Status: "ok", Detail: fmt.Sprintf("%d GiB free", free>>30)}
	if free < minFree {
		space.Status, space.Remedy = "warn", "free space or move the data folder; a full disk refuses images (A700), it loses none"
	}
	return append(checks, space)
}

func writeSynced(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 4096))
	return errors.Join(err, file.Sync(), file.Close(), os.Remove(path))
}

func checkPorts(_ context.Context, c Config) []Check {
	var checks []Check
	for _, port := range []struct{ name, address, flag string }{{"DICOM port", c.DICOM, "--dicom"}, {"HTTP port", c.HTTP, "--http"}} {
		listener, err := net.Listen("tcp", port.address)
		if err != nil {
			checks = append(checks, Check{port.name, "warn", err.Error(), "the node may be running; else choose another address with " + port.flag})
			continue
		}
		_ = listener.Close() // it was opened to be closed
		check := Check{Name: port.name, Status: "ok", Detail: port.address + " is free"}
		if host, _, err := net.SplitHostPort(port.address); err == nil && !isLoopback(host) {
			check.Status, check.Remedy = "warn", "this address is reachable from other machines; put TLS in front of it"
		}
		checks = append(checks, check)
	}
	return checks
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func checkWorker(ctx context.Context, c Config) []Check {
	const name = "pixel worker"
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c.Workers = 1
	pool, err := c.startPool(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return []Check{{name, "fail", err.Error(), "run `make build`"}}
	}
	defer pool.Close()
	start := time.Now()
	models, err := pool.Models(ctx)
	if err != nil {
		return []Check{{name, "fail", err.Error(), "run `make build`; `ldd bin/radnode-pixel` names a missing library"}}
	}
	checks := []Check{{Name: name, Status: "ok", Detail: fmt.Sprintf("ready after %d ms", time.Since(start).Milliseconds())}}
	if len(models) == 0 {
		checks = append(checks, Check{"models", "warn", "there is none", "put a model package into the folder of --models"})
	}
	for _, m := range models {
		check := Check{Name: "model " + m.ID, Status: "ok", Detail: m.Version + " on " + m.Device}
		if len(m.Fallbacks) > 0 {
			check.Detail += " (" + strings.Join(m.Fallbacks, "; ") + ")"
		}
		if m.State != worker.ModelReady {
			check.Status, check.Detail, check.Remedy = "fail", m.Reason, "mend or remove the package; it is not used"
		}
		checks = append(checks, check)
	}
	return checks
}

// Models lists the models as a worker has them.
func Models(ctx context.Context, c Config, log *slog.Logger) ([]worker.ModelStatus, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.Workers = 1
	pool, err := c.startPool(ctx, log)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return pool.Models(ctx)
}
