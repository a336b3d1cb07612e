package pixel

// seenBits returns the bits set in any 8-byte word of b, up to the last whole
// 128 bytes.
//
//go:noescape
func seenBits(b []byte) (bits uint64)
