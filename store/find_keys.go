package store

import (
	"slices"

	"github.com/radnode/radnode/dicom"
)

// QueryLevel is a level of the query/retrieve information models (PS3.4 C.3).
type QueryLevel int

// The levels, from the top.
const (
	PatientLevel QueryLevel = iota
	StudyLevel
	SeriesLevel
	ImageLevel
)

var levelNames = [...]string{"PATIENT", "STUDY", "SERIES", "IMAGE"}

// String is the value of Query/Retrieve Level (0008,0052).
func (l QueryLevel) String() string { return levelNames[l] }

// Matching is how the key of an attribute is compared (PS3.4 C.2.2.2). Every
// kind has universal matching beside it.
type Matching string

// The kinds of matching.
const (
	MatchUID      Matching = "single value, list of UID"
	MatchText     Matching = "single value, wild card, list"
	MatchName     Matching = "single value, wild card; fuzzy if negotiated"
	MatchDate     Matching = "single value, range of dates"
	MatchTime     Matching = "single value, range of times"
	MatchDateTime Matching = "single value, range of moments"
	MatchNumber   Matching = "single value, list"
	MatchSequence Matching = "sequence"
	MatchNothing  Matching = "returned only"
)

// KeyType is what a key is in its information model (PS3.4 C.2.2.1).
type KeyType string

// The types of key.
const (
	UniqueKey   KeyType = "U"
	RequiredKey KeyType = "R"
	OptionalKey KeyType = "O"
)

// Attribute is one attribute that a query may name.
type Attribute struct {
	Tag      dicom.Tag
	Level    QueryLevel
	Type     KeyType
	Matching Matching

	column string // over the tables s (studies), r (series) and i (instances); "": read from the header of an instance
	blanks bool   // the column holds several values with blanks between them
	zero   bool   // 0 means that there is none
}

// Documents of the node are found once they are signed; drafts are nobody
// else's business.
const (
	visible       = `(i.origin = 'received' OR EXISTS (SELECT 1 FROM reports p WHERE p.sop_uid = i.sop_uid AND p.state <> 'draft'))`
	signedReports = `FROM reports p WHERE p.study_uid = s.study_uid AND p.state <> 'draft'`
	patients      = `FROM studies c WHERE c.patient_id = s.patient_id`
)

// attributes is the table of what is indexed.
var attributes = []Attribute{
	{Tag: dicom.PatientName, Level: PatientLevel, Type: RequiredKey, Matching: MatchName, column: "s.patient_name"},
	{Tag: dicom.PatientID, Level: PatientLevel, Type: UniqueKey, Matching: MatchText, column: "s.patient_id"},
	{Tag: dicom.PatientBirthDate, Level: PatientLevel, Type: OptionalKey, Matching: MatchDate, column: "s.patient_birth_date"},
	{Tag: dicom.PatientSex, Level: PatientLevel, Type: OptionalKey, Matching: MatchText, column: "s.patient_sex"},
	{Tag: dicom.NumberOfPatientRelatedStudies, Level: PatientLevel, Type: OptionalKey, Matching: MatchNothing,
		column: `(SELECT COUNT(*) ` + patients + `)`},
	{Tag: dicom.NumberOfPatientRelatedSeries, Level: PatientLevel, Type: OptionalKey, Matching: MatchNothing,
		column: `(SELECT SUM(series_count) ` + patients + `)`},
	{Tag: dicom.NumberOfPatientRelatedInstances, Level: PatientLevel, Type: OptionalKey, Matching: MatchNothing,
		column: `(SELECT SUM(instance_count) ` + patients + `)`},

	{Tag: dicom.StudyInstanceUID, Level: StudyLevel, Type: UniqueKey, Matching: MatchUID, column: "s.study_uid"},
	{Tag: dicom.StudyDate, Level: StudyLevel, Type: RequiredKey, Matching: MatchDate, column: "s.study_date"},
	{Tag: dicom.StudyTime, Level: StudyLevel, Type: RequiredKey, Matching: MatchTime, column: "s.study_time"},
	{Tag: dicom.AccessionNumber, Level: StudyLevel, Type: RequiredKey, Matching: MatchText, column: "s.accession_number"},
	{Tag: dicom.StudyID, Level: StudyLevel, Type: RequiredKey, Matching: MatchText, column: "s.study_id"},
	{Tag: dicom.StudyDescription, Level: StudyLevel, Type: OptionalKey, Matching: MatchText, column: "s.description"},
	{Tag: dicom.ReferringPhysicianName, Level: StudyLevel, Type: OptionalKey, Matching: MatchName, column: "s.referring_physician"},
	{Tag: dicom.PatientAge, Level: StudyLevel, Type: OptionalKey, Matching: MatchText, column: "s.patient_age"},
	{Tag: dicom.ModalitiesInStudy, Level: StudyLevel, Type: OptionalKey, Matching: MatchText, blanks: true,
		column: `(s.modalities || CASE WHEN EXISTS (SELECT 1 ` + signedReports + `) THEN 'SR ' ELSE '' END)`},
	{Tag: dicom.SOPClassesInStudy, Level: StudyLevel, Type: OptionalKey, Matching: MatchUID, blanks: true,
		column: `(SELECT COALESCE(STRING_AGG(u.class_uid, ' '), '') FROM (SELECT DISTINCT i.class_uid FROM instances i WHERE i.study_uid = s.study_uid AND ` + visible + `) AS u)`},
	{Tag: dicom.NumberOfStudyRelatedSeries, Level: StudyLevel, Type: OptionalKey, Matching: MatchNothing,
		column: `(s.series_count + CASE WHEN EXISTS (SELECT 1 ` + signedReports + `) THEN 1 ELSE 0 END)`},
	{Tag: dicom.NumberOfStudyRelatedInstances, Level: StudyLevel, Type: OptionalKey, Matching: MatchNothing,
		column: `(s.instance_count + (SELECT COUNT(*) ` + signedReports + `))`},

	{Tag: dicom.SeriesInstanceUID, Level: SeriesLevel, Type: UniqueKey, Matching: MatchUID, column: "r.series_uid"},
	{Tag: dicom.Modality, Level: SeriesLevel, Type: RequiredKey, Matching: MatchText, column: "r.modality"},
	{Tag: dicom.SeriesNumber, Level: SeriesLevel, Type: RequiredKey, Matching: MatchNumber, column: "r.number"},
	{Tag: dicom.SeriesDescription, Level: SeriesLevel, Type: OptionalKey, Matching: MatchText, column: "r.description"},
	{Tag: dicom.BodyPartExamined, Level: SeriesLevel, Type: OptionalKey, Matching: MatchText, column: "r.body_part"},
	{Tag: dicom.NumberOfSeriesRelatedInstances, Level: SeriesLevel, Type: OptionalKey, Matching: MatchNothing,
		column: `(SELECT COUNT(*) FROM instances i WHERE i.study_uid = r.study_uid AND i.series_uid = r.series_uid AND ` + visible + `)`},

	{Tag: dicom.SOPInstanceUID, Level: ImageLevel, Type: UniqueKey, Matching: MatchUID, column: "i.sop_uid"},
	{Tag: dicom.InstanceNumber, Level: ImageLevel, Type: RequiredKey, Matching: MatchNumber, column: "i.number"},
	{Tag: dicom.SOPClassUID, Level: ImageLevel, Type: OptionalKey, Matching: MatchUID, column: "i.class_uid"},
	{Tag: dicom.AvailableTransferSyntaxUID, Level: ImageLevel, Type: OptionalKey, Matching: MatchUID, column: "i.syntax_uid"},
	{Tag: dicom.Rows, Level: ImageLevel, Type: OptionalKey, Matching: MatchNumber, column: "i.pixel_rows", zero: true},
	{Tag: dicom.Columns, Level: ImageLevel, Type: OptionalKey, Matching: MatchNumber, column: "i.pixel_columns", zero: true},
	{Tag: dicom.NumberOfFrames, Level: ImageLevel, Type: OptionalKey, Matching: MatchNumber, column: "i.frames", zero: true},
}

// headerAttributes are read from the header of one instance of the entity:
// they are the same in all of them by the information model (PS3.3 C.7.1 to
// C.7.3). At image level every attribute can be.
var headerAttributes = map[QueryLevel][]dicom.Tag{
	PatientLevel: {
		dicom.IssuerOfPatientID, dicom.PatientBirthTime, dicom.OtherPatientIDsSequence, dicom.OtherPatientNames, dicom.EthnicGroup,
		dicom.PatientComments, dicom.PatientSpeciesDescription, dicom.ResponsiblePerson,
	},
	StudyLevel: {
		dicom.PatientSize, dicom.PatientWeight, dicom.Occupation, dicom.AdditionalPatientHistory, dicom.PhysiciansOfRecord,
		dicom.NameOfPhysiciansReadingStudy, dicom.AdmittingDiagnosesDescription, dicom.ProcedureCodeSequence,
		dicom.RequestingService, dicom.IssuerOfAccessionNumberSequence, dicom.ReferencedStudySequence,
	},
	SeriesLevel: {
		dicom.Laterality, dicom.SeriesDate, dicom.SeriesTime, dicom.PerformingPhysicianName, dicom.OperatorsName, dicom.ProtocolName,
		dicom.PatientPosition, dicom.Manufacturer, dicom.ManufacturerModelName, dicom.StationName, dicom.InstitutionName,
		dicom.InstitutionalDepartmentName, dicom.PerformedProcedureStepID, dicom.PerformedProcedureStepStartDate,
		dicom.PerformedProcedureStepStartTime, dicom.PerformedProcedureStepDescription, dicom.RequestAttributesSequence,
		dicom.FrameOfReferenceUID,
	},
}

// attributeIndex is all of the table by tag.
var attributeIndex = func() map[dicom.Tag]*Attribute {
	index := map[dicom.Tag]*Attribute{}
	for _, a := range QueryAttributes() {
		index[a.Tag] = &a
	}
	return index
}()

// QueryAttributes is the table of what can be queried below image level, for
// the conformance statement.
func QueryAttributes() []Attribute {
	all := slices.Clone(attributes)
	for level := PatientLevel; level < ImageLevel; level++ {
		for _, t := range headerAttributes[level] {
			all = append(all, Attribute{Tag: t, Level: level, Type: OptionalKey, Matching: matchingOf(t)})
		}
	}
	slices.SortStableFunc(all, func(a, b Attribute) int { return int(a.Level - b.Level) })
	return all
}

// matchingOf is the matching of an attribute by its value representation.
func matchingOf(t dicom.Tag) Matching {
	entry, ok := dicom.Lookup(t)
	if !ok {
		return MatchNothing
	}
	return vrMatching[dicom.VR(entry.VR)]
}

// vrMatching is PS3.4 C.2.2.2 by value representation; what is not named is
// returned without being compared.
var vrMatching = map[dicom.VR]Matching{
	dicom.UI: MatchUID, dicom.PN: MatchName, dicom.DA: MatchDate, dicom.TM: MatchTime, dicom.DT: MatchDateTime, dicom.SQ: MatchSequence,
	dicom.IS: MatchNumber, dicom.DS: MatchNumber, dicom.US: MatchNumber, dicom.SS: MatchNumber, dicom.UL: MatchNumber,
	dicom.SL: MatchNumber, dicom.FL: MatchNumber, dicom.FD: MatchNumber,
	dicom.AE: MatchText, dicom.AS: MatchText, dicom.CS: MatchText, dicom.LO: MatchText, dicom.LT: MatchText, dicom.SH: MatchText,
	dicom.ST: MatchText, dicom.UC: MatchText, dicom.UT: MatchText,
}

// attributeOf finds an attribute that a query at a level may name; nil: none.
func attributeOf(t dicom.Tag, level QueryLevel) *Attribute {
	if a := attributeIndex[t]; a != nil {
		if a.Level > level {
			return nil
		}
		return a
	}
	entry, known := dicom.Lookup(t)
	if level != ImageLevel || !known || t.Group() <= 2 || t.Group() >= 0x6000 && !t.Private() || vrMatching[dicom.VR(entry.VR)] == "" {
		return nil
	}
	return &Attribute{Tag: t, Level: ImageLevel, Type: OptionalKey, Matching: vrMatching[dicom.VR(entry.VR)]}
}

// FromHeader reports whether the attribute is read from instance files.
func (a Attribute) FromHeader() bool { return a.column == "" }
