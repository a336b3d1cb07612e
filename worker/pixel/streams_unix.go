//go:build unix

package pixel

import "golang.org/x/sys/unix"

// duplicate returns a copy of descriptor fd that no child inherits, and points
// fd itself to other.
func duplicate(fd, other int) (int, error) {
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return 0, err
	}
	return kept, unix.Dup2(other, fd)
}
