//go:build unix

package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// shareMemory makes memory of size bytes that a child can map by the file.
// Pages that are never touched cost nothing. The file has no name, so nothing
// is left of it when both processes are gone.
func shareMemory(size int) (*os.File, []byte, error) {
	f, err := anonymousFile()
	if err != nil {
		return nil, nil, err
	}
	if err := f.Truncate(int64(size)); err != nil {
		f.Close()
		return nil, nil, err
	}
	memory, err := mapMemory(f, size)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, memory, nil
}

func mapMemory(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// OpenShared maps the memory that a worker shares with the node. It belongs to
// the process until its end.
func OpenShared() ([]byte, error) {
	f := os.NewFile(SharedFile, "shared memory")
	defer f.Close()
	return mapMemory(f, SharedSize)
}

func unshareMemory(memory []byte) {
	if memory != nil {
		_ = unix.Munmap(memory) // fails only for memory that is not mapped
	}
}
