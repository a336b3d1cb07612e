// Package worker is the node's side of the pixel worker: a pool of child
// processes that decode, analyse and render the pixel data of DICOM objects
// (PS3.3 C.7.6.3), and the protocol spoken with them.
//
// What a child reads was sent by strangers and is handled by C libraries, so a
// child may crash, hang or eat memory. The pool bounds its time and memory,
// kills and restarts it, and tries the request once more on a fresh process.
// The second death on the same request is an answer: the image is not
// analysed. The node itself links no C code and never dies of an image.
//
// Protocol: the child reads requests from its standard input and answers on
// its standard output, one at a time; each message is a 4-byte big-endian
// length and that many bytes of JSON. The first message is the child's Hello.
// Paths go in and small results come out; pixels travel through files. A
// child whose standard input closes ends.
package worker
