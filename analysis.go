package radnode

// Concept is a coded concept (PS3.3 section 8): value, coding scheme
// designator and meaning.
type Concept struct {
	Value   string `json:"value" yaml:"value"`
	Scheme  string `json:"scheme" yaml:"scheme"`
	Meaning string `json:"meaning" yaml:"meaning"`
}

// Analysis is what one model had to say about one image instance: findings,
// or the reasons why the image was not read. It is one line of
// "radnode analyze --json".
type Analysis struct {
	File           string             `json:"file,omitempty"`
	SOPInstanceUID UID                `json:"sop_instance_uid"`
	Frame          int                `json:"frame,omitempty"` // 1-based; 0: the only frame
	Gate           Gate               `json:"gate"`
	Model          ModelRef           `json:"model"`
	Device         string             `json:"device"`
	Findings       []Finding          `json:"findings"`
	Features       map[string]float64 `json:"features"`
	Measured       []Measured         `json:"measured,omitempty"`
	Timings        Timings            `json:"timings_ms"`
	Error          *string            `json:"error"`
	Embedding      []byte             `json:"embedding,omitempty"` // little-endian float32, base64 in JSON
	Typicality     *Typicality        `json:"typicality,omitempty"`
	Provenance     *Provenance        `json:"provenance,omitempty"`
	Stages         []Stage            `json:"stages,omitempty"`
}

// Measured is a number that a pipeline measured in the image, with the lines
// and outlines it was measured by. It stands among the features too.
type Measured struct {
	Measurement
	Pipeline string        `json:"pipeline"` // sha256 of the canonical text of the pipeline that measured
	Regions  []NamedRegion `json:"regions"`
}

// NamedRegion is a region and what it shows.
type NamedRegion struct {
	Name string `json:"name"` // thoracic_width, heart_left, lung_right, …
	Region
}

// Gate is the decision whether an image fits a model. Reasons say why not
// (one sentence each) or, for an accepted image, what the reader should know.
type Gate struct {
	Accepted bool     `json:"accepted"`
	Reasons  []string `json:"reasons"`
}

// ModelRef names one version of a model beyond doubt.
type ModelRef struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Digest  string `json:"digest"` // "sha256:" + hex of the ONNX file
}

// Finding is one label of a model on one image.
type Finding struct {
	Label       string   `json:"label"`
	Code        *Concept `json:"code"`        // nil: a technical label without a code
	Probability float64  `json:"probability"` // 0..1; 0 for a number without one
	Threshold   float64  `json:"threshold"`
	Present     bool     `json:"present"` // Probability >= Threshold
	Heatmap     *Heatmap `json:"heatmap,omitempty"`

	Region      *Region      `json:"region,omitempty"`      // where: a box of a detector
	Measurement *Measurement `json:"measurement,omitempty"` // how much: of a regression or a segmented area

	Undecided bool       `json:"undecided,omitempty"` // neither yes nor no at the coverage the manifest declares
	Interval  *Interval  `json:"interval,omitempty"`
	Agreement *Agreement `json:"agreement,omitempty"`
}

// IsNumber reports whether the finding is the number of a regression, which
// has no probability.
func (f Finding) IsNumber() bool {
	return f.Measurement != nil && f.Heatmap == nil && f.Region == nil && f.Present && f.Probability == 0 && f.Threshold == 0
}

// Agreement tells what several models said of one finding of one image.
type Agreement struct {
	Models  int     `json:"models"`
	Present int     `json:"present"` // how many of them call it present
	Low     float64 `json:"low"`     // their least probability
	High    float64 `json:"high"`
}

// Interval holds the least and the largest probability of a finding over small
// changes of the image that should not matter.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Runs int     `json:"runs"`
}

// Typicality tells how like the images its model was judged on an image is:
// about 1 is ordinary, over Limit is outside.
type Typicality struct {
	Distance float64 `json:"distance"`
	Limit    float64 `json:"limit"`
}

// Heatmap is a small grid of evidence for one finding, in the coordinates of
// the source image: the grid covers the rectangle Left, Top, Width, Height
// (pixels of the source frame; it may reach beyond the frame where the
// pipeline padded). Values are 0..255 row by row; 255 stands for Max.
type Heatmap struct {
	Rows    int     `json:"rows"`
	Columns int     `json:"columns"`
	Left    float64 `json:"left"`
	Top     float64 `json:"top"`
	Width   float64 `json:"width"`
	Height  float64 `json:"height"`
	Max     float64 `json:"max"`
	Method  string  `json:"method,omitempty"` // cam, occlusion, rise
	Values  []byte  `json:"values"`           // base64 in JSON
}

// Stage is one step of a pipeline kept as a picture for the reader.
type Stage struct {
	Name       string             `json:"name"`
	Step       string             `json:"step"`
	Parameters map[string]any     `json:"parameters,omitempty"`
	Millis     float64            `json:"ms"`
	File       string             `json:"file"` // PNG, relative to the output folder
	Note       string             `json:"note,omitempty"`
	Values     map[string]float64 `json:"values,omitempty"`
}

// Timings are wall-clock milliseconds of the parts of one analysis.
type Timings struct {
	Decode     float64 `json:"decode"`
	Preprocess float64 `json:"preprocess"`
	Inference  float64 `json:"inference"`
}

// Provenance is what is needed to replay an analysis.
type Provenance struct {
	InputDigest    string   `json:"input_digest"`    // sha256 of the decoded stored values
	PipelineDigest string   `json:"pipeline_digest"` // sha256 of the canonical pipeline text
	TensorDigest   string   `json:"tensor_digest"`   // sha256 of the input tensor
	Runtime        string   `json:"runtime"`         // ONNX Runtime version
	Device         string   `json:"device"`
	Fallbacks      []string `json:"fallbacks,omitempty"` // why better providers were not used
	Software       string   `json:"software"`            // radnode version
	Evaluation     string   `json:"evaluation"`          // data and figures the model was judged on
	Calibrated     bool     `json:"calibrated"`

	Members []MemberProvenance `json:"members,omitempty"` // of an ensemble
}

// MemberProvenance is what a member of an ensemble was and said.
type MemberProvenance struct {
	Model          ModelRef           `json:"model"`
	Weight         float64            `json:"weight"`
	Device         string             `json:"device"`
	PipelineDigest string             `json:"pipeline_digest"`
	TensorDigest   string             `json:"tensor_digest"`
	Probabilities  map[string]float64 `json:"probabilities"` // by label, calibrated
}
