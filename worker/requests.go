package worker

import (
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// AnalyzeRequest asks for the analysis of one file by every model that fits.
type AnalyzeRequest struct {
	Path   string   `json:"path"`
	OutDir string   `json:"out_dir,omitempty"` // for the pictures of the stages; "" for none
	Models []string `json:"models,omitempty"`  // "id" for its newest version or "id@version"; nil for all ids
	Stages bool     `json:"stages,omitempty"`  // keep a picture of each step
	Urgent bool     `json:"-"`                 // served before requests that are not

	// Without names models ("id@version") that are not run, with the reason.
	// The pool fills it when a model ends two processes on this file.
	Without map[string]string `json:"without,omitempty"`
}

// FrameRequest asks for the stored values of one frame.
type FrameRequest struct {
	Path  string `json:"path"`
	Frame int    `json:"frame"` // counted from 1 (PS3.18 8.3.1)
	Out   string `json:"out"`   // file that takes the values, little endian; replaced in one step
	// Stored leaves colour as it is stored where that is exact: without it YBR
	// values come as RGB, which rounds them.
	Stored bool `json:"stored,omitempty"`
}

// FrameInfo says what the file of a frame holds: rows of pixels, the samples
// of a colour pixel side by side.
type FrameInfo struct {
	Rows          int    `json:"rows"`
	Columns       int    `json:"columns"`
	Samples       int    `json:"samples"`
	BitsAllocated int    `json:"bits_allocated"` // 8, 16, 32 or 64
	BitsStored    int    `json:"bits_stored"`
	Signed        bool   `json:"signed"`
	Float         bool   `json:"float,omitempty"` // IEEE 754, 32 or 64 bits
	Photometric   string `json:"photometric"`     // after decoding: RGB where the codec undid a colour transform
	Size          int64  `json:"size"`
}

// TranscodeRequest asks for one frame in another transfer syntax: RLE
// Lossless, JPEG Lossless (process 14, selection value 1), JPEG-LS Lossless,
// JPEG 2000 (reversible), all without loss; JPEG Baseline for 8-bit frames;
// or the values without compression, as FrameRequest gives them, in Explicit
// VR Little Endian. A frame that is stored in the syntax asked for is handed
// out as it is. What a syntax cannot hold is refused with code Unsupported.
type TranscodeRequest struct {
	Path   string      `json:"path"`
	Frame  int         `json:"frame"` // counted from 1
	Syntax radnode.UID `json:"syntax"`
	Out    string      `json:"out"` // file that takes the codestream; replaced in one step
}

// TranscodeInfo says what the file of a codestream holds. Its samples are
// those of FrameInfo; Photometric and Size are those of the codestream.
type TranscodeInfo struct {
	FrameInfo
	Stored bool `json:"stored"` // the codestream is the stored one, untouched; Photometric is the header's
	Lossy  bool `json:"lossy"`  // this encoding lost something
}

// RenderRequest asks for a picture of one frame as a reader sees it.
type RenderRequest struct {
	Path    string  `json:"path"`
	Frame   int     `json:"frame"` // counted from 1
	Out     string  `json:"out"`
	Window  *Window `json:"window,omitempty"`   // nil: the first of the header, else 1st to 99th percentile
	State   string  `json:"state,omitempty"`    // file of a grey-scale softcopy presentation state whose stages replace those of the header
	MaxSize int     `json:"max_size,omitempty"` // longest side in pixels; 0: as it is
	Format  string  `json:"format"`             // "jpeg" or "png"
	Quality int     `json:"quality,omitempty"`  // of JPEG, 1..100; 0: 90
}

// RenderInfo describes the picture made.
type RenderInfo struct {
	Rows      int    `json:"rows"`
	Columns   int    `json:"columns"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"`
}

// Window is a VOI window (PS3.3 C.11.2.1.2).
type Window struct {
	Center      float64 `json:"center"`
	Width       float64 `json:"width"`
	Function    string  `json:"function,omitempty"` // LINEAR (also ""), LINEAR_EXACT, SIGMOID
	Explanation string  `json:"explanation,omitempty"`
}

// PipelineRequest names a pipeline and what it is to run on.
type PipelineRequest struct {
	Text string `json:"text,omitempty"` // of a pipeline file; else Name counts
	Name string `json:"name,omitempty"` // of a bundled pipeline, or "id" or "id@version" of a model

	Paths  []string `json:"paths,omitempty"` // one image, or the files of a series; none: only describe
	Frame  int      `json:"frame,omitempty"` // of the image, counted from 1; 0: the first
	OutDir string   `json:"out_dir,omitempty"`
}

// PipelineResult describes a pipeline and, where it ran, what it made.
type PipelineResult struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Purpose string `json:"purpose,omitempty"`
	Digest  string `json:"digest"`  // of the canonical text
	Diagram string `json:"diagram"` // as text
	Mermaid string `json:"mermaid"`

	Shape        []int              `json:"shape,omitempty"` // channels, rows and columns of the tensor
	TensorDigest string             `json:"tensor_digest,omitempty"`
	InputDigest  string             `json:"input_digest,omitempty"`
	Features     map[string]float64 `json:"features,omitempty"`
	Stages       []radnode.Stage    `json:"stages,omitempty"`
	Series       *SeriesReport      `json:"series,omitempty"`
	Notes        []string           `json:"notes,omitempty"` // what was left out
}

// SeriesReport says how the files of a series lie in the patient, and which
// volume was made of them.
type SeriesReport struct {
	Slices  int         `json:"slices"`  // of the files
	Order   []string    `json:"order"`   // SOP instances by place
	Spacing float64     `json:"spacing"` // between slices, in mm
	Notes   []string    `json:"notes"`   // gaps, duplicates, slices left out
	Volume  [3]int      `json:"volume"`  // columns, rows, slices of the volume
	Voxel   [3]float64  `json:"voxel"`   // its spacing in mm
	Missing []SeriesGap `json:"missing,omitempty"`
}

// SeriesGap is a place where slices are missing.
type SeriesGap struct {
	After   string  `json:"after"` // SOP instance before the gap
	Width   float64 `json:"width"` // mm
	Missing int     `json:"missing"`
}

// ModelStatus is one model as a worker has it.
type ModelStatus struct {
	ID         string           `json:"id"`
	Version    string           `json:"version"`
	State      string           `json:"state"`  // ModelReady or ModelRefused
	Reason     string           `json:"reason"` // why it is refused
	Device     string           `json:"device"`
	Fallbacks  []string         `json:"fallbacks"` // why better devices are not used
	LoadMillis float64          `json:"load_ms"`
	Manifest   *models.Manifest `json:"manifest,omitempty"` // nil when it could not be read
	Card       string           `json:"card,omitempty"`     // Markdown
}

// The states of a model.
const (
	ModelReady   = "ready"
	ModelRefused = "refused"
)
