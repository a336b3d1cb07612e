//go:build unix && !linux

package worker

import "os"

func anonymousFile() (*os.File, error) {
	f, err := os.CreateTemp("", "radnode-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
