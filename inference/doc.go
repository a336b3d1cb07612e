// Package inference runs convolutional networks with ONNX Runtime. It opens
// the runtime, loads checked model packages into warm sessions on the first
// execution provider that works (keeping the reason why a better one did
// not), proves each session on the reference cases of its package, runs
// batches straight on the caller's buffers, and turns outputs into findings:
// calibration, thresholds, exclusive groups, codes, and heat maps in
// coordinates of the source image.
//
// Findings carry coded concepts (PS3.3 section 8); heat maps and probabilities
// are what the structured report later states as measurements and image
// regions (PS3.16 TID 1500).
//
// The package calls C code. It runs in the pixel worker only: a fault of a
// driver ends that process and never the node.
package inference
