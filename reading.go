package radnode

import "time"

// Reading is what a reader states of a finding, in place of what a model did.
type Reading struct {
	Label       string       `json:"label"`
	Code        *Concept     `json:"code"`
	Text        string       `json:"text"`                   // in the reader's words
	TrackingUID UID          `json:"tracking_uid,omitempty"` // of an added finding: the same in every document that tells it
	Region      *Region      `json:"region,omitempty"`
	Measurement *Measurement `json:"measurement,omitempty"`
	Reason      string       `json:"reason,omitempty"` // why a model's statement was changed
	By          string       `json:"by"`
	At          time.Time    `json:"at"`
}

// Graphic is the type of a region (PS3.3 C.18.6.1.2).
type Graphic string

// The graphics. A polyline whose first point is its last encloses an area.
const (
	Point    Graphic = "POINT"
	Polyline Graphic = "POLYLINE"
	Circle   Graphic = "CIRCLE"  // centre, a point of the circle
	Ellipse  Graphic = "ELLIPSE" // ends of the long axis, ends of the short axis
)

// Region is a place in a frame. Points are column and row by turns, in pixels;
// 0, 0 is the top left corner of the top left pixel (PS3.3 C.18.6).
type Region struct {
	Graphic Graphic   `json:"graphic"`
	Points  []float64 `json:"points"`
}

// Measurement is a number that a reader measured.
type Measurement struct {
	Name  string  `json:"name"` // length, area, angle, ratio, cardiothoracic_ratio
	Value float64 `json:"value"`
	Unit  string  `json:"unit"` // UCUM: mm, mm2, deg, 1, {pixels}
}

// Added reports whether a reader added the finding: no model stated it.
func (f ReportFinding) Added() bool { return f.Model.ID == "" }

// Stated is the finding as it stands in the report: as the reader states it,
// else as the model does. What a reader states is there.
func (f ReportFinding) Stated() Finding {
	stated := f.Finding
	if f.Reading != nil {
		stated.Label, stated.Code, stated.Present = f.Reading.Label, f.Reading.Code, true
	}
	return stated
}

// Addendum is text that was added to a signed report without changing it. It is
// signed with the report that carries it: By and At are empty until then.
type Addendum struct {
	Text string     `json:"text"`
	By   string     `json:"by"`
	At   *time.Time `json:"at"`
}

// Prior is an earlier study of a patient with its signed reports, newest first.
type Prior struct {
	StudySummary
	Reports []Report `json:"reports"`
}

// Priors are the earlier studies of the patient of a study, newest first: those
// whose Patient ID and issuer are the same. Studies that agree in the name alone
// may be of somebody else; they are counted, not shown.
type Priors struct {
	Priors    []Prior `json:"priors"`
	Uncertain int     `json:"uncertain"`
	Reason    string  `json:"reason,omitempty"` // why studies are uncertain
}

// ReportText changes the free text of a draft; nil leaves a text as it is.
type ReportText struct {
	Findings   *string `json:"findings_text,omitempty"`
	Impression *string `json:"impression,omitempty"`
	Addendum   *string `json:"addendum,omitempty"` // of a draft that only adds a text
}

// ReadingChange adds a finding to a draft or changes one. Members left out stay
// as they are. A code counts only where no label is given.
type ReadingChange struct {
	Label          *string      `json:"label,omitempty"`
	Code           *Concept     `json:"code,omitempty"`
	Text           *string      `json:"text,omitempty"`
	SOPInstanceUID UID          `json:"instance,omitempty"` // of a new finding
	Frame          int          `json:"frame,omitempty"`    // 1-based; 0: the only frame
	Region         *Region      `json:"region,omitempty"`
	Measurement    *Measurement `json:"measurement,omitempty"`
	Reason         *string      `json:"reason,omitempty"`
}

// Term is a finding that a reader can name by a word.
type Term struct {
	Label   string   `json:"label"`
	Code    *Concept `json:"code"` // nil: no standard code is confirmed, the label is sent as a private one
	English string   `json:"en"`
	Chinese string   `json:"zh"`
}
