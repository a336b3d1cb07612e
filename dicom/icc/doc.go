// Package icc reads and writes the ICC profiles of colour images (PS3.3
// C.11.15; ISO 15076-1): those of three components described by a matrix and
// tone curves, which is what cameras, scanners and the profiles named by
// PS3.18 8.3.5.1.5 are.
package icc
