// Package charls decodes and encodes JPEG-LS, lossless and near-lossless
// (PS3.5 8.2.3, A.4.3; ISO/IEC 14495-1), through the C++ library CharLS 2.4.
// It belongs into the pixel worker only, which registers it:
//
//	err := pixel.Register(charls.Codec())
//
// The size in the codestream is compared with the header before a sample is
// decoded. A corrupt codestream can keep the library busy for seconds: the
// worker's time limit is the guard.
package charls
