//go:build !linux

package store

import (
	"errors"
	"os"
)

// syncsFileSystem is false where no call syncs a whole file system: there is
// no journal then, and each file is synced.
func syncsFileSystem() bool { return false }

func syncFileSystem(*os.File) error { return errors.ErrUnsupported }

func syncData(f *os.File) error { return f.Sync() }

func writeParts(*os.File, [][]byte, int64) error { return errors.ErrUnsupported }
