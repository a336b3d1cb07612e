package jpeg

import (
	"math/rand/v2"
	"testing"
)

// TestBothForwardTransformsGiveTheSameCoefficients compares the form with AVX2
// with the plain one on blocks of every contrast and every quality.
func TestBothForwardTransformsGiveTheSameCoefficients(t *testing.T) {
	if !hasAVX2 {
		t.Skip("this processor has no AVX2")
	}
	const stride = 11
	var src [8 * stride]byte
	for n := range 20_000 {
		for i := range src {
			src[i] = byte(128 + (rand.IntN(256)-128)*(n%8)/7)
			if n%16 > 8 { // edges only
				src[i] = src[i] >> 7 * 255
			}
		}
		var e grey
		e.quantise(1 + n%100)
		var want, got [64]int16
		one, other := plainFDCT(src[:], stride, &e.scale, &want), fdct(src[:], stride, &e.scale, &got)
		if want != got || one != other {
			t.Fatalf("quality %d, block %v:\nplain %x %v\nAVX2  %x %v", 1+n%100, src, one, want, other, got)
		}
		for i, v := range got {
			if v != 0 != (other>>i&1 == 1) {
				t.Fatalf("coefficient %d is %d in %x", i, v, other)
			}
		}
	}
}
