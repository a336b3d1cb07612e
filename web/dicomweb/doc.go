// Package dicomweb answers DICOMweb (PS3.18 chapter 10): search (QIDO-RS),
// retrieve (WADO-RS) with metadata, frames, bulk data and rendered pictures,
// and store (STOW-RS).
//
// What is stored, decoded and rendered where is the business of the node: this
// package states what it needs in a few interfaces. Bodies are streamed both
// ways; what is held in memory is bounded by the limits at the top of each file.
package dicomweb
