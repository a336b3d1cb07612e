package radnode

import "time"

// ModelUse is how a version of a model fared lately at this site. It holds no
// patient data.
type ModelUse struct {
	Since    *time.Time `json:"since"`     // of the oldest analysis that is counted; null: none
	Read     int        `json:"read"`      // images that were analysed
	Refused  int        `json:"refused"`   // images that the model is not for
	Failed   int        `json:"failed"`    // images that could not be analysed
	MedianMS float64    `json:"median_ms"` // from decoding to findings; 0: nothing was read
	P95MS    float64    `json:"p95_ms"`
	Labels   []LabelUse `json:"labels"` // in the order of the model
	// Error is that of the newest analysis that failed, At its time.
	Error   string     `json:"error,omitempty"`
	ErrorAt *time.Time `json:"error_at,omitempty"`
}

// LabelUse is how often a model stated a finding, and what readers made of it
// in the reports they signed.
type LabelUse struct {
	Label    string  `json:"label"`
	Present  int     `json:"present"`
	Scores   [10]int `json:"scores"` // images by tenths of the score
	Accepted int     `json:"accepted"`
	Edited   int     `json:"edited"` // of the accepted ones: the reader states something else
	Rejected int     `json:"rejected"`
}
