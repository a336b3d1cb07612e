// Package pixel is the pixel worker: the process that decodes, gates,
// prepares, classifies and renders images for the node (package worker holds
// the protocol). It ties the parts together that link C code: the codecs,
// OpenCV and ONNX Runtime.
//
// The way of one image: read the header within limits; compare it with the
// gate of each model (PS3.3 C.7.3.1, C.7.6.1, C.7.6.3, C.8.1.1); decode its
// frames to stored values and display values (PS3.3 C.7.6.3, C.11); run the
// models in the order of their conditions, each with its declared pipeline,
// straight into the tensor the runtime reads; and give back findings with
// everything that is needed to replay them.
package pixel
