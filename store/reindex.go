package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/radnode/radnode"
)

// demandIndex refuses a data folder that holds instances and no index: with a
// new one the node would look empty and take what it has for leftovers.
func (s *Store) demandIndex() error {
	const op = "open store"
	info, err := os.Stat(filepath.Join(s.opts.Dir, indexFiles[0]))
	if err == nil && info.Size() > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fileError(op, err)
	}
	files, err := filepath.Glob(filepath.Join(s.opts.Dir, "instances", "*", "*", "*"+fileSuffix))
	if err != nil || len(files) == 0 {
		return err
	}
	return radnode.Errorf(radnode.Conflict, op, "the data folder %s holds instances and no index: restore %s from a backup, or make a new one with `radnode reindex`",
		s.opts.Dir, indexFiles[0])
}

// Unindexed lists the whole files that no row names, those in quarantine too,
// as paths in the order in which they came. A node that works on the folder
// may be about to write the row of one.
func (s *Store) Unindexed(ctx context.Context) ([]string, error) {
	const op = "list files without row"
	type found struct {
		path string
		at   time.Time
	}
	var all []found
	take := func(path string) error {
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm() == whole {
			all = append(all, found{path, info.ModTime()})
		}
		return fileError(op, err)
	}
	names, err := generations(s.files.root)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		err := s.eachFile(ctx, name, func(rel string) error {
			indexed, err := s.indexed(ctx, rel)
			if err != nil || indexed {
				return err
			}
			leaving, err := list(ctx, s.read, scanText, `SELECT file FROM removals WHERE file = $1`, rel)
			if err != nil || len(leaving) > 0 {
				return err
			}
			return take(s.Path(rel))
		})
		if err != nil {
			return nil, err
		}
	}
	aside, err := filepath.Glob(filepath.Join(s.quarantine(), "*"+fileSuffix))
	for _, path := range aside {
		err = errors.Join(err, take(path))
	}
	slices.SortFunc(all, func(a, b found) int { return a.at.Compare(b.at) })
	paths := make([]string, len(all))
	for i, f := range all {
		paths[i] = f.path
	}
	return paths, err
}

// Rel is the name that the row of a file has; false for one that lies outside
// of the instance folder, in quarantine.
func (s *Store) Rel(path string) (string, bool) {
	rel, err := filepath.Rel(s.files.root, path)
	return rel, err == nil && filepath.IsLocal(rel)
}
