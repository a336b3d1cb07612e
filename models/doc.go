// Package models holds the manifest of a model package: what the model is
// for, which images it may see, how its input is prepared, and what its
// outputs mean. A package is a folder <id>/<version> with manifest.yaml, the
// ONNX file and its card. The package reads and checks manifests (errors name
// file, line and rule), checks digests and the references between models, and
// carries the bundled models.
//
// Codes of labels follow the basic coded entry attributes (PS3.3 8.1, 8.2 and
// 8.3), the conditions of the gate speak of attributes of PS3.3 C.7.3.1
// (Modality, Body Part Examined), C.8.1.1 (View Position), C.7.6.3
// (Photometric Interpretation), C.7.1.3 and C.7.2.2 (age), and C.7.6.1
// (Burned In Annotation).
package models
