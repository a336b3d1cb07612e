package jpeg

import "golang.org/x/sys/cpu"

// idctScale is what differs between precisions: the rounding and shift of the
// passes, and how a sample is brought to its range. A sample is cut to fold
// bits less than 32 with its sign, as libjpeg's range-limit table does.
type idctScale struct {
	round1, round2, centre, top int32
	shift1, shift2, fold        uint64
}

var (
	scale8  = idctScale{1 << 10, 1 << 17, 128, 255, constBits - 2, constBits + 5, 22}
	scale12 = idctScale{1 << 11, 1 << 16, 2048, 4095, constBits - 1, constBits + 4, 18}
)

var hasAVX2 = cpu.X86.HasAVX2

// idct transforms the dequantized block b into 8 rows of out.
func idct(b *[64]int32, out []uint16, stride int, deep bool) {
	if !hasAVX2 {
		plainIDCT(b, out, stride, deep)
		return
	}
	_ = out[7*stride+7]
	scale := &scale8
	if deep {
		scale = &scale12
	}
	idctAVX2(b, &out[0], stride, scale)
}

// idctAVX2 is plainIDCT for eight columns and then eight rows at once.
//
//go:noescape
func idctAVX2(b *[64]int32, out *uint16, stride int, k *idctScale)
