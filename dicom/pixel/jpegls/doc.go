// Package jpegls decodes JPEG-LS codestreams (ISO/IEC 14495-1, ITU-T T.87),
// lossless and near-lossless, as DICOM carries them (PS3.5 8.2.3, A.4.3): 2 to
// 16 bits, components alone or interleaved by line or sample.
//
// It is written in Go because the usual C++ library can be kept busy for many
// seconds by a codestream of a few hundred bytes: here every step is bounded
// and the caller can stop it.
package jpegls
