//go:build !amd64

package jpeg

// fdct transforms 8 rows of 8 samples of src, one row stride bytes after the
// other, multiplies the coefficients by scale and rounds them. They come column
// by column, with a bit for each that is not 0.
func fdct(src []byte, stride int, scale *[64]float32, out *[64]int16) (some uint64) {
	return plainFDCT(src, stride, scale, out)
}
