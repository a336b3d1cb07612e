//go:build !amd64

package pixel

import "encoding/binary"

// seenBits returns the bits set in any 8-byte word of b, up to the last whole
// 128 bytes.
func seenBits(b []byte) (bits uint64) {
	for len(b) >= 128 {
		for p := b[:128]; len(p) > 0; p = p[8:] {
			bits |= binary.LittleEndian.Uint64(p)
		}
		b = b[128:]
	}
	return bits
}
