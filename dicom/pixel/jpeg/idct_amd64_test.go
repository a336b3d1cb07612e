package jpeg

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBothTransformsGiveTheSameSamples compares the form with AVX2 with the
// plain one on blocks of every density, also far beyond the range of samples.
func TestBothTransformsGiveTheSameSamples(t *testing.T) {
	if !hasAVX2 {
		t.Skip("this processor has no AVX2")
	}
	const stride = 24
	for n := range 20_000 {
		deep, reach := n%2 == 1, []int32{50, 1000, 8000, 1 << 15}[n%4]
		var b [64]int32
		for range 1 + n%64 {
			b[rand.IntN(64)] = rand.Int32N(2*reach) - reach
		}
		one, other := b, b
		want, got := make([]uint16, 8*stride), make([]uint16, 8*stride)
		plainIDCT(&one, want, stride, deep)
		idct(&other, got, stride, deep)
		if !slices.Equal(want, got) {
			t.Fatalf("deep %v, block %v:\nplain %v\nAVX2  %v", deep, b, want, got)
		}
	}
}
