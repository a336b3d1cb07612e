package radnode

import "time"

// ScheduledStep is a scheduled procedure step of the modality worklist.
type ScheduledStep struct {
	StudyInstanceUID UID       `json:"study_uid"`
	StepID           string    `json:"step_id"`
	State            string    `json:"state"` // SCHEDULED, STARTED, COMPLETED or DISCONTINUED
	PatientName      string    `json:"patient_name"`
	PatientID        string    `json:"patient_id"`
	AccessionNumber  string    `json:"accession_number"`
	Modality         string    `json:"modality"`
	Station          string    `json:"station"` // AE title
	StartDate        string    `json:"start_date"`
	StartTime        string    `json:"start_time"`
	Description      string    `json:"description"`
	Source           string    `json:"source"` // who scheduled it
	UpdatedAt        time.Time `json:"updated_at"`
}
