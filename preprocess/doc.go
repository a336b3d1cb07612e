// Package preprocess runs declared image pipelines with OpenCV (GoCV): grey
// conversion, windows, contrast, geometry, noise, morphology, segmentation,
// edges, texture and colour features, in front of a convolutional network.
//
// A pipeline is data: a list of steps, each a name and its parameters, as a
// model's manifest declares it. [Compile] refuses what is wrong before the
// first image, in a sentence that names the step, the parameter and what is
// allowed. [Pipeline.Run] takes an [Image] and writes the tensor straight into
// the buffer that the runtime reads; it returns the features, the named masks
// and the map from tensor to source pixels, and keeps a picture of each step
// only when asked. The digest of the canonical text identifies a pipeline in
// the provenance of a result.
//
// An image enters as display values: what a person would see after the
// modality, VOI and presentation transforms (PS3.3 C.11.1, C.11.2, C.11.4;
// PS3.4 N.2). A window step goes back to the modality values.
//
// OpenCV raises C++ exceptions, and one that reaches Go ends the process. So
// every Mat is checked for size, type and emptiness before each call, and
// parameters are checked when the pipeline is compiled.
//
// Mats are C++ memory. Each run borrows its Mats from a workspace that the
// pipeline keeps for the next image: in steady state no image is allocated.
// [Pipeline.Close] frees them.
package preprocess
