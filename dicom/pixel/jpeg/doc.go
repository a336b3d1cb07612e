// Package jpeg decodes the codestreams of ISO/IEC 10918-1 (ITU-T T.81) that
// DICOM carries (PS3.5 8.2.1 and A.4.1): baseline and extended sequential,
// spectral selection and full progression with Huffman coding in 8 and 12
// bits, and lossless (process 14, all predictors, 2 to 16 bits).
//
// Lossy decoding gives the very samples that the reference implementation
// (IJG libjpeg release 6b, with its accurate integer inverse DCT, triangle
// filter upsampling and integer colour conversion) gives, so that two readers
// of the same object see the same values. Arithmetic coding and hierarchical
// processes are refused by name.
package jpeg
