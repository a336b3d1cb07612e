// Package report turns what the models found and the reader decided into the
// result objects a PACS keeps (PS3.3 A.35, PS3.16 TID 1500, IHE AI Results).
//
// The exact calls:
//
//	in := report.Input{
//		Source:   headers,          // []*dicom.Dataset, one per image of the study that was looked at
//		Analyses: analyses,         // []radnode.Analysis, of every image and model, refused ones too
//		Findings: findings,         // []radnode.ReportFinding with decisions; nil for a first draft
//		Impression: "…",
//		SOPInstanceUID: …, SeriesInstanceUID: …, SeriesNumber: 9901, // kept by the caller, equal on a retry
//		Observer: nil,              // a *report.Person makes the document VERIFIED
//		Predecessors: nil,          // []sr.Reference of the documents this one replaces
//		Now: time.Now(), Software: "1.0.0", Station: "RADNODE",
//	}
//	ds, err := report.SR(in)       // *dicom.Dataset, Comprehensive 3D SR, checked by sr.Check
//	err = dicom.WriteFile(w, ds, dicom.ExplicitVRLittleEndian)
//
// Equal input gives equal bytes: nothing in it is random and no clock is read.
package report
