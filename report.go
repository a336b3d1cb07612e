package radnode

import "time"

// StudySummary is one row of the worklist.
type StudySummary struct {
	StudyInstanceUID UID        `json:"study_uid"`
	PatientName      string     `json:"patient_name"` // as in the header: five components, up to three groups
	PatientID        string     `json:"patient_id"`
	PatientBirthDate string     `json:"patient_birth_date"`
	PatientSex       string     `json:"patient_sex"`
	PatientAge       string     `json:"patient_age"`
	StudyDate        string     `json:"study_date"`
	StudyTime        string     `json:"study_time"`
	AccessionNumber  string     `json:"accession_number"`
	Description      string     `json:"description"`
	Modalities       []string   `json:"modalities"`
	SeriesCount      int        `json:"series_count"`
	InstanceCount    int        `json:"instance_count"`
	State            StudyState `json:"state"`
	StateReason      string     `json:"state_reason"` // why it is in this state, in one sentence
	Urgency          int        `json:"urgency"`      // 0 none … 9, from present findings of triage models
	Findings         []string   `json:"findings"`     // the top present findings, "pneumonia 91"
	Assessed         bool       `json:"assessed"`     // a model looked for findings of the patient; false: that there are none means nothing
	Source           string     `json:"source"`       // calling AE title or user
	Reader           string     `json:"reader"`       // who signed
	DeliveryState    string     `json:"delivery_state"`
	FirstReceivedAt  time.Time  `json:"first_received_at"`
	LastReceivedAt   time.Time  `json:"last_received_at"`
	Version          int64      `json:"version"` // grows with each change of the study
}

// StudyFilter selects and orders the worklist.
type StudyFilter struct {
	Text       string // name, patient ID, accession number or study UID
	From, To   string // study dates YYYYMMDD, inclusive
	Modality   string
	State      StudyState
	Sort       string // "urgency" (default), "received", "name", "date"
	Descending bool
	Limit      int // 1..500, default 100
	Offset     int
}

// Study is everything the study page shows.
type Study struct {
	StudySummary
	Series   []Series `json:"series"`
	Results  []Result `json:"results"`
	Reports  []Report `json:"reports"` // newest first
	Warnings []string `json:"warnings"`
	// Completeness is whether all of its images are here, as far as is known.
	Completeness Completeness `json:"completeness"`
}

// Series is one series of a study.
type Series struct {
	SeriesInstanceUID UID        `json:"series_uid"`
	Modality          string     `json:"modality"`
	Number            int        `json:"number"`
	Description       string     `json:"description"`
	BodyPart          string     `json:"body_part"`
	Instances         []Instance `json:"instances"`
}

// Result is one Analysis as it was filed. Stage pictures are served by result
// and stage name.
type Result struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	Analysis
}

// ReportState is where a report stands.
type ReportState string

// The states of a report.
const (
	Draft          ReportState = "draft"
	AwaitingSecond ReportState = "awaiting_second" // signed once; the site wants a second person's signature
	Final          ReportState = "signed"
	Superseded     ReportState = "superseded" // an amended report replaces it
)

// Decision is what a reader did with a finding.
type Decision string

// The decisions.
const (
	Undecided Decision = "undecided"
	Accepted  Decision = "accepted"
	Rejected  Decision = "rejected"
)

// Report is one version of the report of a study. A signed report never
// changes; an amendment is a new report that names its predecessor.
type Report struct {
	ID               string          `json:"id"`
	StudyInstanceUID UID             `json:"study_uid"`
	State            ReportState     `json:"state"`
	Version          int64           `json:"version"` // for If-Match; grows with each change of the draft
	SOPInstanceUID   UID             `json:"sop_instance_uid"`
	Predecessor      string          `json:"predecessor,omitempty"` // ID of the report this one amends
	Findings         []ReportFinding `json:"findings"`
	NotAnalysed      []string        `json:"not_analysed"` // "chest-film-quality: not analysed because …"
	FindingsText     string          `json:"findings_text"`
	Impression       string          `json:"impression"`
	Language         string          `json:"language"` // RFC 5646 tag of the two texts; "" until they were composed: English
	Addenda          []Addendum      `json:"addenda"`  // oldest first; the last one of a draft is still to be signed
	CreatedAt        time.Time       `json:"created_at"`
	SignedAt         *time.Time      `json:"signed_at"`
	SignedBy         string          `json:"signed_by"` // full name of the verifying observer
	SecondSignedAt   *time.Time      `json:"second_signed_at,omitempty"`
	SecondSignedBy   string          `json:"second_signed_by,omitempty"` // full name of the second verifying observer
	Deliveries       []Delivery      `json:"deliveries"`
}

// ReportFinding is a finding with the reader's decision about it. Finding is
// what the model stated and never changes; Reading is what the reader states
// instead. A finding that a reader added names no model and no result.
type ReportFinding struct {
	ID             string     `json:"id"`
	ResultID       string     `json:"result_id"`
	SOPInstanceUID UID        `json:"sop_instance_uid"`
	Frame          int        `json:"frame"`
	Model          ModelRef   `json:"model"`
	Finding        Finding    `json:"finding"`
	Decision       Decision   `json:"decision"`
	Reason         string     `json:"reason"`
	DecidedBy      string     `json:"decided_by"`
	DecidedAt      *time.Time `json:"decided_at"`
	Reading        *Reading   `json:"reading,omitempty"`
}

// DeliveryState is where one object stands on its way to one destination.
type DeliveryState string

// The states of a delivery. Only DeliveryProven may be shown as "delivered".
const (
	DeliveryQueued     DeliveryState = "queued"
	DeliverySent       DeliveryState = "sent"       // the peer answered success; proof is outstanding
	DeliveryProven     DeliveryState = "delivered"  // storage commitment, a query or an acknowledgement of the content proved it
	DeliveryUnprovable DeliveryState = "unprovable" // sent, and the peer offers no way to prove it; see Proof
	DeliveryFailed     DeliveryState = "failed"     // refused for good or given up; see Error
)

// Delivery is one object on its way to one destination.
type Delivery struct {
	ID               string        `json:"id"`
	ReportID         string        `json:"report_id"`
	StudyInstanceUID UID           `json:"study_uid"`
	Peer             string        `json:"peer"`
	Kind             string        `json:"kind"` // sr, seg, sc, pdf, pr, pm, ko; fhir, hl7
	SOPInstanceUID   UID           `json:"sop_instance_uid"`
	State            DeliveryState `json:"state"`
	Proof            string        `json:"proof"`              // "storage commitment", "query" or why there is none
	Optional         bool          `json:"optional,omitempty"` // its refusal does not make the report undelivered
	Note             string        `json:"note"`               // what else is to be known, such as the class it was sent in
	Attempts         int           `json:"attempts"`
	Error            string        `json:"error"`
	NextAttempt      *time.Time    `json:"next_attempt"`
	OrderedAt        time.Time     `json:"ordered_at"`
	StartedAt        time.Time     `json:"started_at"` // begin of the present series of attempts, or of the questions for proof
	UpdatedAt        time.Time     `json:"updated_at"`
}

// User is a person or program that signs in.
type User struct {
	Name     string `json:"name"`
	FullName string `json:"full_name"` // a DICOM person name, e.g. "Kim^Ann^^Dr."
	Role     Role   `json:"role"`
	Disabled bool   `json:"disabled"`
	Program  bool   `json:"program,omitempty"` // it came with an API token: no person, it cannot sign
}

// MaySign reports whether u may decide about findings and sign. An
// administrator may, so that one person can run a small site; a site that
// separates the duties gives the role admin to nobody who reads.
func (u User) MaySign() bool {
	return !u.Disabled && (u.Role == Radiologist || u.Role == Admin)
}

// Event tells browsers what changed; they fetch the change themselves.
type Event struct {
	Kind             string `json:"kind"` // study, report, delivery, model, peer
	StudyInstanceUID UID    `json:"study_uid,omitempty"`
	ID               string `json:"id,omitempty"`
}

// LedgerRow is one line of the balance of everything the node accepted.
type LedgerRow struct {
	Kind        string `json:"kind"`  // instance, study, result, report, delivery
	State       string `json:"state"` // e.g. analysed, not_analysed, queued, delivered
	Count       int64  `json:"count"`
	Unaccounted bool   `json:"unaccounted"`      // an item in no defined state, or a file without row or row without file
	Detail      string `json:"detail,omitempty"` // what is wrong and where
}
