package models

import _ "embed"

// JSONSchema is the schema of a manifest (JSON Schema 2020-12), for editors
// and for engineers who write one. Parse checks more: what depends on several
// keys, and digests.
//
//go:embed manifest.schema.json
var JSONSchema []byte

// PipelineSchema is the schema of a pipeline file, which package preprocess
// makes from its step table. It lies here so that a program without OpenCV has
// it too.
//
//go:embed pipeline.schema.json
var PipelineSchema []byte
