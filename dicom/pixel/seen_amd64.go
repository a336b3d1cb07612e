package pixel

import "golang.org/x/sys/cpu"

// seenBits returns the bits set in any 8-byte word of b, up to the last whole
// 128 bytes.
func seenBits(b []byte) (bits uint64) {
	if cpu.X86.HasAVX2 {
		return seenAVX2(b)
	}
	return seenSSE2(b)
}

//go:noescape
func seenSSE2(b []byte) (bits uint64)

//go:noescape
func seenAVX2(b []byte) (bits uint64)
