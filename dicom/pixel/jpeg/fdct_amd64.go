package jpeg

// fdct transforms 8 rows of 8 samples of src, one row stride bytes after the
// other, multiplies the coefficients by scale and rounds them. They come column
// by column, with a bit for each that is not 0.
func fdct(src []byte, stride int, scale *[64]float32, out *[64]int16) (some uint64) {
	if !hasAVX2 {
		return plainFDCT(src, stride, scale, out)
	}
	_ = src[7*stride+7]
	return fdctAVX2(&src[0], stride, scale, out)
}

// fdctAVX2 is plainFDCT for eight columns and then eight rows at once.
//
//go:noescape
func fdctAVX2(src *byte, stride int, scale *[64]float32, out *[64]int16) (some uint64)
