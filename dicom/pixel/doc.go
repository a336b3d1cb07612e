// Package pixel turns the pixel data of a DICOM object into stored values,
// real values and display values (PS3.3 C.7.6.3, C.7.6.16, C.9.2, C.11;
// PS3.5 section 8 and Annex A.4, F, G, H).
//
// The way of one frame:
//
//	f, err := dicom.ReadFile(path, dicom.DefaultLimits)    // header and the place of the pixels
//	im, err := pixel.Open(f, file, pixel.DefaultLimits)    // description; nothing is decoded yet
//	var fr pixel.Frame
//	err = im.Decode(ctx, 0, &fr)                           // stored values of frame 0
//	err = im.Modality(&fr, 0, floats)                      // real values (HU, OD, …)
//	err = im.Display8(&fr, 0, nil, bytes)                  // 8-bit P-values, or RGB
//	err = im.DisplayFloat(&fr, 0, nil, floats)             // the same as 0..1, not rounded
//
// Frames are counted from 0. An Image does not change after Open and may be
// used by several goroutines at once, each with its own Frame; Frame buffers
// are reused, so memory follows one frame, never the file. Image.Each decodes
// frames in parallel.
//
// Display values have Image.DisplaySamples samples a pixel: 1 (grey) or 3
// (RGB, interleaved). The grey chain is stored value → padding set aside →
// modality LUT or rescale → VOI LUT or window → presentation LUT or
// MONOCHROME1 inversion (PS3.4 N.2). A nil window means the first entry of
// Image.Windows (a VOI LUT before a window), or, where the header offers
// none, the 1st to 99th percentile of the pixels that are not padding.
//
// # Codecs
//
// One table, keyed by transfer syntax, says who decodes what. This package
// brings the codecs written in Go: native, deflated frames, RLE, JPEG baseline,
// extended, progressive and lossless (folder jpeg), JPEG-LS (folder jpegls).
// The C codecs live in the folders openjpeg (JPEG 2000, HTJ2K) and charls
// (encodes JPEG-LS); the pixel worker calls Register for each of them, and only
// there. A syntax without codec is refused by Open with code Unsupported.
//
// Every size is computed in 64 bits and meets a limit of Limits before memory
// is asked for, and a codestream whose dimensions differ from the header is
// refused before it is decoded.
package pixel
