// Package openjpeg decodes and encodes JPEG 2000 (PS3.5 8.2.4, A.4.4; ISO/IEC
// 15444-1 and, as far as the library can, -2) and decodes High-Throughput JPEG
// 2000 (PS3.5 8.2.14, A.4.7; ISO/IEC 15444-15) through the C library openjpeg
// 2.5. It belongs into the pixel worker only, which registers it:
//
//	err := pixel.Register(openjpeg.Codec())
//
// The size in the codestream is compared with the header in Go before the
// library sees a byte.
package openjpeg
