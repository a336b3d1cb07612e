package models

// Schema is the version of the manifest format that this package reads.
const Schema = 1

// Manifest is a checked manifest. Build one with Parse or Load only.
type Manifest struct {
	Schema      int              `yaml:"schema" json:"schema"`
	ID          string           `yaml:"id" json:"id"`
	Version     string           `yaml:"version" json:"version"`
	Name        string           `yaml:"name" json:"name"`
	Licence     string           `yaml:"licence" json:"licence"`
	ONNX        string           `yaml:"onnx" json:"onnx"`     // file beside the manifest
	Digest      string           `yaml:"digest" json:"digest"` // "sha256:" + hex of the ONNX file; of an ensemble, that of the manifest
	IntendedUse string           `yaml:"intended_use" json:"intended_use"`
	NotFor      []string         `yaml:"not_for" json:"not_for"`
	Kind        string           `yaml:"kind" json:"kind,omitempty"`   // KindClassification where it is left out
	Calibrated  bool             `yaml:"calibrated" json:"calibrated"` // the probabilities are calibrated
	Evaluation  string           `yaml:"evaluation" json:"evaluation"`
	Frames      string           `yaml:"frames" json:"frames"` // FramesAll, FramesMiddle or "" for the default
	Gate        Gate             `yaml:"gate" json:"gate"`
	Input       Input            `yaml:"input" json:"input"`
	Pipeline    []map[string]any `yaml:"pipeline" json:"pipeline"` // steps of package preprocess
	Outputs     Outputs          `yaml:"outputs" json:"outputs"`
	Detection   *Detection       `yaml:"detection" json:"detection,omitempty"`
	Embedding   *Embedding       `yaml:"embedding" json:"embedding,omitempty"`
	Ensemble    *Ensemble        `yaml:"ensemble" json:"ensemble,omitempty"`
	Labels      []Label          `yaml:"labels" json:"labels"` // in the order of the output
	Typical     *Typical         `yaml:"typical" json:"typical,omitempty"`
	Disturb     []Disturbance    `yaml:"disturb" json:"disturb,omitempty"`
	Explain     *Explain         `yaml:"explain" json:"explain,omitempty"`
	References  []Reference      `yaml:"references" json:"references,omitempty"`

	file        string
	stepLines   []int
	memberLines []int // of an ensemble
}

// The choices of Manifest.Frames for a multi-frame image. Without a choice
// every frame is read up to FramesLimit, and the middle one of a longer run.
const (
	FramesAll    = "all"
	FramesMiddle = "middle"
	FramesLimit  = 8
)

// Gate is the list of conditions an image must meet before the model sees it.
// A nil list or zero number is no condition; "" in a list accepts an
// attribute that is absent from the header.
type Gate struct {
	Modality    []string    `yaml:"modality" json:"modality,omitempty"`
	BodyPart    []string    `yaml:"body_part" json:"body_part,omitempty"`
	Photometric []string    `yaml:"photometric" json:"photometric,omitempty"`
	View        []string    `yaml:"view" json:"view,omitempty"`
	AgeYears    *Range      `yaml:"age_years" json:"age_years,omitempty"` // absent age refuses
	MinRows     int         `yaml:"min_rows" json:"min_rows,omitempty"`
	MinColumns  int         `yaml:"min_columns" json:"min_columns,omitempty"`
	MaxAspect   float64     `yaml:"max_aspect" json:"max_aspect,omitempty"` // longer side / shorter side
	BurnedIn    string      `yaml:"burned_in" json:"burned_in,omitempty"`   // BurnedInRefuse or BurnedInAccept
	Exposure    *Exposure   `yaml:"exposure" json:"exposure,omitempty"`
	Findings    []Condition `yaml:"findings" json:"findings,omitempty"`
}

// Exposure bounds the share of pixels that the display shows as plain black or
// plain white: what is burnt out or never reached the detector cannot be read.
type Exposure struct {
	Black float64 `yaml:"black" json:"black"`
	White float64 `yaml:"white" json:"white"`
}

// The choices of Gate.BurnedIn; refuse is the default.
const (
	BurnedInRefuse = "refuse"
	BurnedInAccept = "accept"
)

// Range is an inclusive range of numbers. Ages count completed years, so a
// maximum of 5 includes the whole sixth year of life up to the birthday.
type Range struct {
	Min float64 `yaml:"min" json:"min"`
	Max float64 `yaml:"max" json:"max"`
}

// Condition is a learned condition: the finding of another model on the same
// image, which runs first.
type Condition struct {
	Model   string `yaml:"model" json:"model"`
	Label   string `yaml:"label" json:"label"`
	Present bool   `yaml:"present" json:"present"`
	Reason  string `yaml:"reason" json:"reason"` // why the image is refused when the condition fails
}

// Input is the tensor the model takes; the first dimension is the batch.
type Input struct {
	Name     string `yaml:"name" json:"name"`
	Layout   string `yaml:"layout" json:"layout"` // NCHW or NHWC
	Type     string `yaml:"type" json:"type"`     // float32
	Channels int    `yaml:"channels" json:"channels"`
	Rows     int    `yaml:"rows" json:"rows"`
	Columns  int    `yaml:"columns" json:"columns"`
}

// The layouts of an input tensor.
const (
	LayoutNCHW = "NCHW"
	LayoutNHWC = "NHWC"
)

// Shape returns the dimensions of n images.
func (in Input) Shape(n int) []int64 {
	c, h, w := int64(in.Channels), int64(in.Rows), int64(in.Columns)
	if in.Layout == LayoutNHWC {
		return []int64{int64(n), h, w, c}
	}
	return []int64{int64(n), c, h, w}
}

// Size returns the number of values of one image.
func (in Input) Size() int { return in.Channels * in.Rows * in.Columns }

// Label is one output of the model. Labels of one exclusive group compete:
// only the most probable of the group can be present.
type Label struct {
	Name        string       `yaml:"name" json:"name"`
	Code        *Concept     `yaml:"code" json:"code"`
	Threshold   float64      `yaml:"threshold" json:"threshold"` // may be left out in an exclusive group
	Exclusive   string       `yaml:"exclusive" json:"exclusive,omitempty"`
	Heatmap     bool         `yaml:"heatmap" json:"heatmap"`
	Urgency     int          `yaml:"urgency" json:"urgency"` // 0 none … 9
	Calibration *Calibration `yaml:"calibration" json:"calibration,omitempty"`
	Undecided   *Undecided   `yaml:"undecided" json:"undecided,omitempty"`
	MinArea     float64      `yaml:"min_area" json:"min_area,omitempty"`   // segmentation: share of the image from which on the label is present
	Unit        string       `yaml:"unit" json:"unit,omitempty"`           // regression: UCUM
	Plausible   *Range       `yaml:"plausible" json:"plausible,omitempty"` // regression: a value outside is no result
}

// Undecided is the range of probabilities in which a label says neither yes
// nor no at the coverage it was set for: class-conditional split conformal
// prediction, the set {present, absent} (Vovk, Gammerman, Shafer 2005).
type Undecided struct {
	From     float64 `yaml:"from" json:"from"`         // below: absent
	To       float64 `yaml:"to" json:"to"`             // above: present
	Coverage float64 `yaml:"coverage" json:"coverage"` // share of films of each class whose set holds the truth
}

// Concept is a coded concept (PS3.3 section 8). It converts to the Concept of
// the root package.
type Concept struct {
	Value   string `yaml:"value" json:"value"`
	Scheme  string `yaml:"scheme" json:"scheme"`
	Meaning string `yaml:"meaning" json:"meaning"`
}

// Calibration turns the output p of the graph into a calibrated probability:
// temperature sigmoid(logit(p)/T), platt sigmoid(a·logit(p)+b), isotonic the
// linear interpolation through the points (X, Y).
type Calibration struct {
	Method      string    `yaml:"method" json:"method"`
	Temperature float64   `yaml:"temperature" json:"temperature,omitempty"`
	A           float64   `yaml:"a" json:"a,omitempty"`
	B           float64   `yaml:"b" json:"b,omitempty"`
	X           []float64 `yaml:"x" json:"x,omitempty"`
	Y           []float64 `yaml:"y" json:"y,omitempty"`
}

// The calibration methods.
const (
	CalibrationTemperature = "temperature"
	CalibrationPlatt       = "platt"
	CalibrationIsotonic    = "isotonic"
)

// Reference is a golden case: an input tensor, kept beside the manifest as
// little-endian float32 values, and the probabilities the model gave when it
// was released. A model that no longer gives them is not used.
type Reference struct {
	Name      string    `yaml:"name" json:"name"`
	Tensor    string    `yaml:"tensor" json:"tensor"` // file beside the manifest
	Digest    string    `yaml:"digest" json:"digest"`
	Output    []float64 `yaml:"output" json:"output"` // one per label, before calibration: of a detector the best score, of masks the largest value; of an embedding the features
	Tolerance float64   `yaml:"tolerance" json:"tolerance"`

	// Cases name, in place of a tensor, one reference case of each member of an
	// ensemble; Output is the mean of what the members make of them.
	Cases []string `yaml:"cases" json:"cases,omitempty"`
}

// File returns where the manifest was read from.
func (m *Manifest) File() string { return m.file }

// StepLine returns the line of step i of the pipeline in the manifest, so
// that an error of the preprocessor can name it; 0 if there is no such step.
func (m *Manifest) StepLine(i int) int {
	if i < 0 || i >= len(m.stepLines) {
		return 0
	}
	return m.stepLines[i]
}

// Label returns the label of that name.
func (m *Manifest) Label(name string) (Label, bool) {
	for _, l := range m.Labels {
		if l.Name == name {
			return l, true
		}
	}
	return Label{}, false
}
