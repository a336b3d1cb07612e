package radnode

import "time"

// Instance is one SOP instance as the index knows it.
type Instance struct {
	SOPInstanceUID    UID       `json:"sop_instance_uid"`
	SOPClassUID       UID       `json:"sop_class_uid"`
	SeriesInstanceUID UID       `json:"series_uid"`
	StudyInstanceUID  UID       `json:"study_uid"`
	TransferSyntaxUID UID       `json:"transfer_syntax_uid"`
	InstanceNumber    int       `json:"instance_number"`
	Rows              int       `json:"rows"`
	Columns           int       `json:"columns"`
	Frames            int       `json:"frames"` // 0: not an image
	Size              int64     `json:"size"`
	Digest            string    `json:"digest"` // "sha256:" + hex of the data set bytes as received
	Source            string    `json:"source"` // calling AE title or user
	ReceivedAt        time.Time `json:"received_at"`
}

// StudyState is where a study stands on its way (workflow).
type StudyState string

// The states of a study, in the order of the way.
const (
	Arriving    StudyState = "arriving"     // images still come in
	Analysing   StudyState = "analysing"    // a worker reads it
	ToReview    StudyState = "to_review"    // a draft report waits for a reader
	NotAnalysed StudyState = "not_analysed" // no model fitted, or it could not be read; reasons are shown
	Signed      StudyState = "signed"       // signed, delivery under way
	Delivered   StudyState = "delivered"    // every destination proved it has the report
	Undelivered StudyState = "undelivered"  // a destination refused for good
)

// CompletenessState says whether a study counts as whole.
type CompletenessState string

// The states of completeness. A late image takes a study back to the first.
const (
	ImagesArriving CompletenessState = "arriving" // it is given time for more images
	ImagesMissing  CompletenessState = "waiting"  // something says that images are missing
	ImagesWhole    CompletenessState = "whole"
)

// Completeness is what speaks for and against a study being whole.
type Completeness struct {
	State    CompletenessState `json:"state"`
	Reason   string            `json:"reason"` // in one sentence
	Here     int               `json:"here"`
	Expected int               `json:"expected"` // instances that its sender or its steps name; 0: nobody said
	Evidence []string          `json:"evidence"` // everything that was weighed
}

// Role is what a user or token may do.
type Role string

// The roles (public contract).
const (
	Admin        Role = "admin"        // everything
	Radiologist  Role = "radiologist"  // read, decide, sign
	Technologist Role = "technologist" // read, import, retry
	Service      Role = "service"      // programs: DICOMweb, inference, analyze
)

// Roles lists every role.
var Roles = []Role{Admin, Radiologist, Technologist, Service}
