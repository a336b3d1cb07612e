package node

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
)

// EachFile calls visit for every file named in paths: the files themselves,
// and every regular file below a folder, in the order of their names. A path
// that cannot be read is visited with its error.
func EachFile(ctx context.Context, paths []string, visit func(path string, err error) error) error {
	for _, root := range paths {
		info, err := os.Stat(root)
		if err != nil {
			if err := visit(root, radnode.Errorf(radnode.NotFound, "open", "there is no such file or folder: %w", err)); err != nil {
				return err
			}
			continue
		}
		if !info.IsDir() {
			if err := visit(root, nil); err != nil {
				return err
			}
			continue
		}
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				return visit(path, err)
			case entry.Type().IsRegular():
				return visit(path, nil)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CountFiles says how many files EachFile visits.
func CountFiles(ctx context.Context, paths []string) int {
	n := 0
	_ = EachFile(ctx, paths, func(string, error) error { n++; return nil }) // visit tells of what cannot be read
	return n
}
