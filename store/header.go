package store

import (
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Record is everything the index keeps of one instance.
type Record struct {
	radnode.Instance
	Study  StudyHeader
	Series SeriesHeader
	Remote string
	Origin Origin
	Status InstanceStatus
	Reason string // why it is not analysed
	Remark string // what the reader of its study is to know, "" for nothing
	File   string // see File.Name
}

// Origin says whether an instance came from outside.
type Origin string

// The origins.
const (
	Received Origin = "received"
	Authored Origin = "authored"
)

// InstanceStatus says what became of an instance.
type InstanceStatus string

// The states of an instance. Every instance is in one of them.
const (
	Waiting     InstanceStatus = "received"     // its study's job will read it
	Analysed    InstanceStatus = "analysed"     // it has results
	NotAnalysed InstanceStatus = "not_analysed" // it has none; the reason is kept
	Own         InstanceStatus = "authored"     // the node made it
)

// StudyHeader is the patient and study part of a header (PS3.3 C.7.1, C.7.2).
type StudyHeader struct {
	PatientName, PatientID, PatientBirthDate, PatientSex, PatientAge string
	Date, Time, ID, AccessionNumber, Description, ReferringPhysician string
}

// SeriesHeader is the series part of a header (PS3.3 C.7.3).
type SeriesHeader struct {
	Modality, Description, BodyPart string
	Number                          int
}

// maxText bounds the text columns: the longest value representation used here
// is PN with three groups of 64 characters (PS3.5 6.2); what is longer is no
// header a person reads.
const maxText = 512

// RecordOf takes the indexed attributes out of a header. UIDs are as found:
// the caller checks them.
func RecordOf(h *dicom.Dataset) Record {
	text := func(t dicom.Tag) string { return clip(h.Text(t)) }
	number := func(t dicom.Tag) int { n, _ := h.Int(t); return n } // absent or broken: 0
	r := Record{
		Instance: radnode.Instance{
			SOPInstanceUID:    h.UID(dicom.SOPInstanceUID),
			SOPClassUID:       h.UID(dicom.SOPClassUID),
			SeriesInstanceUID: h.UID(dicom.SeriesInstanceUID),
			StudyInstanceUID:  h.UID(dicom.StudyInstanceUID),
			InstanceNumber:    number(dicom.InstanceNumber),
			Rows:              number(dicom.Rows),
			Columns:           number(dicom.Columns),
		},
		Study: StudyHeader{
			PatientName:        text(dicom.PatientName),
			PatientID:          text(dicom.PatientID),
			PatientBirthDate:   text(dicom.PatientBirthDate),
			PatientSex:         text(dicom.PatientSex),
			PatientAge:         text(dicom.PatientAge),
			Date:               text(dicom.StudyDate),
			Time:               text(dicom.StudyTime),
			ID:                 text(dicom.StudyID),
			AccessionNumber:    text(dicom.AccessionNumber),
			Description:        text(dicom.StudyDescription),
			ReferringPhysician: text(dicom.ReferringPhysicianName),
		},
		Series: SeriesHeader{
			Modality:    strings.ToUpper(text(dicom.Modality)),
			Number:      number(dicom.SeriesNumber),
			Description: text(dicom.SeriesDescription),
			BodyPart:    text(dicom.BodyPartExamined),
		},
	}
	if h.HasPixelData() && r.Rows > 0 && r.Columns > 0 {
		// PS3.3 C.7.6.6: absent means one frame.
		r.Frames = max(1, number(dicom.NumberOfFrames))
	}
	return r
}

// clip shortens text that is too long for a column, at a character boundary,
// and drops what no database keeps in text.
func clip(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// searchText is what the worklist's text filter looks at.
func (r *Record) searchText() string {
	return strings.ToLower(strings.Join([]string{
		r.Study.PatientName, strings.NewReplacer("^", " ", "=", " ").Replace(r.Study.PatientName),
		r.Study.PatientID, r.Study.AccessionNumber, string(r.StudyInstanceUID),
	}, "\n"))
}
