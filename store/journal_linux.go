package store

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// syncsFileSystem reports whether syncfs(2) tells of data that could not be
// written: since Linux 5.8.
func syncsFileSystem() bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}
	var version [2]int
	part := 0
	for _, c := range u.Release {
		switch {
		case c >= '0' && c <= '9':
			version[part] = version[part]*10 + int(c-'0')
			continue
		case c == '.' && part == 0:
			part++
			continue
		}
		break
	}
	return version[0] > 5 || version[0] == 5 && version[1] >= 8
}

// syncFileSystem makes all that was written to the file system of f durable.
func syncFileSystem(f *os.File) error { return unix.Syncfs(int(f.Fd())) }

// syncData makes the bytes of f durable, and what is needed to read them.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// writeParts writes the parts one behind the other.
func writeParts(f *os.File, parts [][]byte, at int64) error {
	for len(parts) > 0 {
		n, err := unix.Pwritev(int(f.Fd()), parts, at)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		at += int64(n)
		for len(parts) > 0 && n >= len(parts[0]) {
			n -= len(parts[0])
			parts = parts[1:]
		}
		if n > 0 {
			parts[0] = parts[0][n:]
		}
	}
	return nil
}
