// Package charls encodes JPEG-LS (PS3.5 8.2.3, A.4.3; ISO/IEC 14495-1) through
// the C++ library CharLS 2.4. It belongs into the pixel worker only, which
// registers it:
//
//	err := pixel.Register(charls.Codec())
//
// Decoding is package jpegls's work: a corrupt codestream of a few hundred
// bytes keeps this library busy for more than ten seconds. Its decoder serves
// the tests as an independent reference.
package charls
