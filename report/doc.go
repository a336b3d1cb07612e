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
// The companions take the same Input, with a SOP instance and a series UID of
// their own; the pictures are frames that the pixel worker rendered:
//
//	sc, err := report.SecondaryCapture(in, report.Picture{Image: img, SOPInstanceUID: uid})
//	pdf, err := report.EncapsulatedPDF(in, pictures...)
//	seg, err := report.Segmentation(in, uid, frame)  // nil, nil where no finding has a heat map
//	pr, err := report.Presentation(in, uid, frame)   // likewise
//
// All of them at once, with identities derived from in.SOPInstanceUID, in the
// order in which they may be sent; the report refers to the others:
//
//	objects, err := report.Documents(in, report.Options{Pictures: pictures})
//	err = objects[i].Write(w)
//
// The same report for other systems:
//
//	bundle, err := report.FHIRBundle(in, report.BundleOptions{}) // JSON of a FHIR R4 transaction
//	message, err := report.ORU(in, report.MessageOptions{ReceivingApplication: "RIS"})
//	err = hl7.Client{Address: "ris:2575"}.Send(ctx, message)
//
// A peer that refuses Comprehensive 3D SR gets in.Class = report.Ladder[1], and
// so on. Documents of one series should be of one kind: drafts and signed
// reports, and each kind of companion, belong in series of their own.
//
// Equal input gives equal bytes: nothing in it is random and no clock is read.
package report
