package dicomweb

import "github.com/radnode/radnode/dicom"

// The levels of a search.
const (
	studyLevel = iota
	seriesLevel
	instanceLevel
)

// levels are the values of Query/Retrieve Level (PS3.4 C.6.2).
var levels = [...]string{"STUDY", "SERIES", "IMAGE"}

// uniqueKeys are the unique keys of the levels.
var uniqueKeys = [...]dicom.Tag{dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.SOPInstanceUID}

// always is what every match of a level shows (PS3.18 Tables 10.6.3-3 to
// 10.6.3-5) beside Retrieve URL and Instance Availability.
var always = [...][]dicom.Tag{
	studyLevel: {
		dicom.StudyDate, dicom.StudyTime, dicom.AccessionNumber, dicom.ModalitiesInStudy, dicom.ReferringPhysicianName,
		dicom.PatientName, dicom.PatientID, dicom.PatientBirthDate, dicom.PatientSex, dicom.StudyInstanceUID, dicom.StudyID,
		dicom.NumberOfStudyRelatedSeries, dicom.NumberOfStudyRelatedInstances, dicom.StudyDescription,
	},
	seriesLevel: {
		dicom.Modality, dicom.SeriesDescription, dicom.SeriesInstanceUID, dicom.SeriesNumber, dicom.NumberOfSeriesRelatedInstances,
		dicom.PerformedProcedureStepStartDate, dicom.PerformedProcedureStepStartTime, dicom.RequestAttributesSequence,
	},
	instanceLevel: {
		dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.InstanceNumber, dicom.Rows, dicom.Columns, dicom.NumberOfFrames,
		dicom.AvailableTransferSyntaxUID,
	},
}

// conditional are shown where they are known and else left out.
var conditional = map[dicom.Tag]bool{
	dicom.PerformedProcedureStepStartDate: true, dicom.PerformedProcedureStepStartTime: true, dicom.RequestAttributesSequence: true,
	dicom.TimezoneOffsetFromUTC: true,
}

// indexed are attributes that a search of the index answers without a header.
var indexed = func() map[dicom.Tag]bool {
	m := map[dicom.Tag]bool{}
	for _, list := range always {
		for _, t := range list {
			m[t] = !conditional[t]
		}
	}
	for _, t := range []dicom.Tag{
		dicom.SOPClassesInStudy, dicom.PatientAge, dicom.BodyPartExamined, dicom.NumberOfPatientRelatedStudies,
		dicom.NumberOfPatientRelatedSeries, dicom.NumberOfPatientRelatedInstances,
	} {
		m[t] = true
	}
	return m
}()

// entities are the attributes of patient and study, and of series: the same in
// all instances (PS3.3 C.7.1 to C.7.3). Of an instance every attribute may be
// asked for.
var entities = [...][]dicom.Tag{
	studyLevel: {
		dicom.SOPClassesInStudy, dicom.PatientAge, dicom.NumberOfPatientRelatedStudies, dicom.NumberOfPatientRelatedSeries,
		dicom.NumberOfPatientRelatedInstances, dicom.IssuerOfPatientID, dicom.PatientBirthTime, dicom.OtherPatientIDsSequence,
		dicom.OtherPatientNames, dicom.EthnicGroup, dicom.PatientComments, dicom.PatientSpeciesDescription, dicom.ResponsiblePerson,
		dicom.PatientSize, dicom.PatientWeight, dicom.Occupation, dicom.AdditionalPatientHistory, dicom.PhysiciansOfRecord,
		dicom.NameOfPhysiciansReadingStudy, dicom.AdmittingDiagnosesDescription, dicom.ProcedureCodeSequence,
		dicom.RequestingService, dicom.IssuerOfAccessionNumberSequence, dicom.ReferencedStudySequence, dicom.TimezoneOffsetFromUTC,
	},
	seriesLevel: {
		dicom.BodyPartExamined, dicom.Laterality, dicom.SeriesDate, dicom.SeriesTime, dicom.PerformingPhysicianName, dicom.OperatorsName,
		dicom.ProtocolName, dicom.PatientPosition, dicom.Manufacturer, dicom.ManufacturerModelName, dicom.StationName,
		dicom.InstitutionName, dicom.InstitutionalDepartmentName, dicom.PerformedProcedureStepID,
		dicom.PerformedProcedureStepDescription, dicom.FrameOfReferenceUID,
	},
}

// attributesOf is what a match of a level may show; nil: everything.
func attributesOf(level int) map[dicom.Tag]bool {
	if level == instanceLevel {
		return nil
	}
	m := map[dicom.Tag]bool{}
	for l := studyLevel; l <= level; l++ {
		for _, list := range [][]dicom.Tag{always[l], entities[l]} {
			for _, t := range list {
				m[t] = true
			}
		}
	}
	return m
}
