package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openDirect asks for writes past the page cache: images are read back
// minutes later if at all, and the copy into the cache would cost more than
// all else that receiving does.
const openDirect = unix.O_DIRECT

// clearDirect has further writes of f go through the page cache.
func clearDirect(f *os.File) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, 0)
	return err
}

// refusesDirect reports whether a write failed because of its alignment.
func refusesDirect(err error) bool { return errors.Is(err, unix.EINVAL) }
