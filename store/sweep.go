package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/radnode/radnode"
)

// keepQuarantined is how long a complete file that was never acknowledged is
// kept for a person to look at.
const keepQuarantined = 30 * 24 * time.Hour

// Swept counts what a sweep found.
type Swept struct {
	Partial     int // files whose writing was cut off: removed
	Quarantined int // complete files that never got a row: moved aside
	Runs        int // stage pictures of analyses that were not filed: removed
}

// Sweep clears what a process that died left behind. It looks only at the
// generations that no living process writes to, and removes or moves only what
// no row names. The node runs it beside its work.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	var n Swept
	names, err := generations(s.files.root)
	if err != nil {
		return n, err
	}
	for _, name := range names {
		if err := s.sweepGeneration(ctx, name, &n); err != nil {
			return n, err
		}
	}
	if err := s.sweepRuns(ctx, &n); err != nil {
		return n, err
	}
	return n, s.purgeQuarantine(ctx)
}

// sweepGeneration sweeps one generation that was open when its process ended.
func (s *Store) sweepGeneration(ctx context.Context, name string, n *Swept) error {
	const op = "sweep store"
	dir := filepath.Join(s.files.root, name)
	mark, err := os.OpenFile(filepath.Join(dir, openMark), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fileError(op, err)
	}
	defer mark.Close() //nolint:errcheck // nothing was written
	if err := unix.Flock(int(mark.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil // its process lives
	}
	if err := s.eachFile(ctx, name, func(rel string) error { return s.sweepFile(ctx, rel, n) }); err != nil {
		return err
	}
	return fileError(op, os.Remove(mark.Name()))
}

// eachFile calls fn with every file of a generation, relative to the instance
// folder.
func (s *Store) eachFile(ctx context.Context, generation string, fn func(rel string) error) error {
	const op = "list store"
	folders, err := os.ReadDir(filepath.Join(s.files.root, generation))
	if err != nil {
		return fileError(op, err)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		rel := filepath.Join(generation, folder.Name())
		entries, err := os.ReadDir(filepath.Join(s.files.root, rel))
		if err != nil {
			return fileError(op, err)
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return databaseError(op, err)
			}
			if err := fn(filepath.Join(rel, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) sweepFile(ctx context.Context, rel string, n *Swept) error {
	const op = "sweep store"
	path := s.Path(rel)
	indexed, err := s.indexed(ctx, rel)
	if err != nil || indexed {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return fileError(op, err)
	}
	if info.Mode().Perm() != whole {
		n.Partial++
		s.log.Info("removed a file whose writing was cut off", "file", rel)
		return fileError(op, os.Remove(path))
	}
	n.Quarantined++
	s.log.Warn("moved a file that was never acknowledged to quarantine", "file", rel)
	if err := os.MkdirAll(s.quarantine(), 0o700); err != nil {
		return fileError(op, err)
	}
	// The time to look at it begins now, however old it is.
	since := time.Now()
	if err := os.Chtimes(path, since, since); err != nil {
		return fileError(op, err)
	}
	return fileError(op, os.Rename(path, filepath.Join(s.quarantine(), filepath.Base(rel))))
}

func (s *Store) quarantine() string { return filepath.Join(s.opts.Dir, "quarantine") }

// indexed reports whether a row names the file.
func (s *Store) indexed(ctx context.Context, rel string) (bool, error) {
	base := filepath.Base(rel)
	uid, _, ok := strings.Cut(base, "-")
	if !ok || !radnode.UID(uid).Usable() {
		return false, nil
	}
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM instances WHERE sop_uid = $1 AND file = $2) +
  (SELECT COUNT(*) FROM variants WHERE sop_uid = $3 AND file = $4)`, uid, rel, uid, rel).Scan(&n)
	return n > 0, databaseError("sweep store", err)
}

// sweepRuns removes the stage pictures of runs without results, but for those
// young enough to be under way.
func (s *Store) sweepRuns(ctx context.Context, n *Swept) error {
	const op = "sweep stages"
	parents, err := os.ReadDir(s.stageRoot())
	if err != nil {
		return fileError(op, err)
	}
	for _, parent := range parents {
		runs, err := os.ReadDir(filepath.Join(s.stageRoot(), parent.Name()))
		if err != nil {
			return fileError(op, err)
		}
		for _, run := range runs {
			if err := s.sweepRun(ctx, run, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) sweepRun(ctx context.Context, run os.DirEntry, n *Swept) error {
	const op = "sweep stages"
	info, err := run.Info()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || !ValidID(run.Name()) || time.Since(info.ModTime()) < settled {
		return fileError(op, err)
	}
	var filed int
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM results WHERE run = $1`, run.Name()).Scan(&filed)
	if err != nil || filed > 0 {
		return databaseError(op, err)
	}
	n.Runs++
	return s.DropRun(run.Name())
}

func (s *Store) purgeQuarantine(ctx context.Context) error {
	const op = "purge quarantine"
	entries, err := os.ReadDir(s.quarantine())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fileError(op, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return fileError(op, err)
		}
		if ctx.Err() == nil && time.Since(info.ModTime()) > keepQuarantined {
			if err := os.Remove(filepath.Join(s.quarantine(), e.Name())); err != nil {
				return fileError(op, err)
			}
		}
	}
	return nil
}
