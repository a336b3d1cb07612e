//go:build !amd64

package jpeg

// idct transforms the dequantized block b into 8 rows of out.
func idct(b *[64]int32, out []uint16, stride int, deep bool) { plainIDCT(b, out, stride, deep) }
