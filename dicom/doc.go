// Package dicom reads and writes DICOM data sets (PS3.5) and files (PS3.10).
//
// The reader is the gate for everything that comes from outside: it streams,
// checks every length against Limits before it allocates, tolerates the
// defects real objects have (and names them in Dataset.Warnings), and stops at
// the pixel data, of which it records only where they lie. The writer is
// strict: what it writes is explicit or implicit VR in ascending tag order,
// text in UTF-8, sequences and items of defined length.
//
// The data dictionary (PS3.6) is generated from the upstream library
// suyashkumar/dicom, which serves as a reference in tests and nowhere else.
package dicom
