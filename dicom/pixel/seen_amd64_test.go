package pixel

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"
)

// TestBothSearchesSeeTheSameBits compares the two forms with a plain loop.
func TestBothSearchesSeeTheSameBits(t *testing.T) {
	b := make([]byte, 1024)
	for n := range len(b) + 1 {
		clear(b)
		for range 1 + n%3 {
			b[rand.IntN(len(b))] |= 1 << rand.IntN(8)
		}
		want := uint64(0)
		for p := b[:n&^127]; len(p) > 0; p = p[8:] {
			want |= binary.LittleEndian.Uint64(p)
		}
		if got := seenSSE2(b[:n]); got != want {
			t.Errorf("SSE2, %d bytes: %x, want %x", n, got, want)
		}
		if cpu.X86.HasAVX2 && seenAVX2(b[:n]) != want {
			t.Errorf("AVX2, %d bytes: not %x", n, want)
		}
	}
}
