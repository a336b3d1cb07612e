//go:build !linux

package store

import "os"

// openDirect is 0 where the system has no writes past the page cache.
const openDirect = 0

func clearDirect(*os.File) error { return nil }

func refusesDirect(error) bool { return false }
