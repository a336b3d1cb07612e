// Package ul implements the DICOM Upper Layer protocol for TCP/IP (PS3.8
// section 9 and Annex D): the protocol data units, the state table 9-10, and
// associations as acceptor and requestor. It knows nothing of DIMSE: it
// carries commands and data sets as streams of fragments.
//
// An Association has one reader, the goroutine that calls Next and reads the
// Stream it returns; any number of goroutines may send. There is no goroutine
// and no queue inside: bytes wait in the socket until the reader wants them,
// so that a slow disk slows the sender down.
package ul
