package report

import (
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
	"github.com/radnode/radnode/dicom/sr"
)

// companion starts an object that goes with the report: patient, study,
// series, equipment and SOP common modules (PS3.3 C.7.1 to C.7.5, C.12.1).
func (b *builder) companion(class radnode.UID, modality, description string) *dicom.Dataset {
	ds := dicom.NewDataset()
	sr.CopySubject(ds, b.Source[0])
	ds.SetUID(dicom.SOPClassUID, class)
	ds.SetUID(dicom.SOPInstanceUID, b.SOPInstanceUID)
	ds.SetUID(dicom.SeriesInstanceUID, b.SeriesInstanceUID)
	ds.SetText(dicom.Modality, modality)
	ds.SetInts(dicom.SeriesNumber, b.SeriesNumber)
	ds.SetInts(dicom.InstanceNumber, b.InstanceNumber)
	ds.SetText(dicom.SeriesDescription, b.mark(description))
	date, clock := b.Now.Format("20060102"), b.Now.Format("150405.000000")
	for _, t := range []dicom.Tag{dicom.ContentDate, dicom.InstanceCreationDate} {
		ds.SetText(t, date)
	}
	for _, t := range []dicom.Tag{dicom.ContentTime, dicom.InstanceCreationTime} {
		ds.SetText(t, clock)
	}
	ds.SetText(dicom.TimezoneOffsetFromUTC, b.Now.Format("-0700"))
	b.device().Describe(ds)
	var equipment []*dicom.Dataset
	for _, m := range b.models {
		equipment = append(equipment, b.equipment(m).Contributing(b.Now))
	}
	equipment = append(equipment, b.device().Contributing(b.Now))
	ds.SetItems(dicom.ContributingEquipmentSequence, equipment...)
	ds.SetItems(dicom.CodingSchemeIdentificationSequence, privateScheme.Item())
	return ds
}

// mark says in a description whether a person stands behind the report that the
// object belongs to. Nobody verifies a heat map: its findings were.
func (b *builder) mark(description string) string {
	if b.Observer != nil {
		return description + ", with signed report"
	}
	return description + ", " + Unverified
}

// sourceImage is an item of the Source Image Sequence (PS3.3 C.7.6.1.1.4).
func sourceImage(r sr.Reference) *dicom.Dataset {
	it := dicom.NewDataset()
	it.SetUID(dicom.ReferencedSOPClassUID, r.SOPClassUID)
	it.SetUID(dicom.ReferencedSOPInstanceUID, r.SOPInstanceUID)
	if len(r.Frames) > 0 {
		it.SetInts(dicom.ReferencedFrameNumber, r.Frames...)
	}
	sr.SetConcept(it, dicom.PurposeOfReferenceCodeSequence,
		radnode.Concept{Value: "121322", Scheme: "DCM", Meaning: "Source image for image processing operation"})
	return it
}

// lossy copies what the source says about lossy compression: it cannot be
// undone (PS3.3 C.7.6.1.1.5).
func lossy(ds, source *dicom.Dataset) {
	if source.Text(dicom.LossyImageCompression) != "01" {
		ds.SetText(dicom.LossyImageCompression, "00")
		return
	}
	ds.Copy(source, dicom.LossyImageCompression, dicom.LossyImageCompressionRatio, dicom.LossyImageCompressionMethod)
}

// bodyPart copies the body part.
func bodyPart(ds, source *dicom.Dataset) {
	if part := source.Text(dicom.BodyPartExamined); part != "" && dicom.ValueProblem(dicom.CS, part) == "" {
		ds.SetText(dicom.BodyPartExamined, part)
	}
}

// bodySide copies the body part and its side; a side that is not known is empty
// (type 2C, PS3.3 C.7.3.1). Objects with functional groups tell the side there.
func bodySide(ds, source *dicom.Dataset) {
	bodyPart(ds, source)
	for _, t := range []dicom.Tag{dicom.ImageLaterality, dicom.Laterality} {
		if side := source.Text(t); side == "L" || side == "R" {
			ds.SetText(dicom.Laterality, side)
			return
		}
	}
	if !slices.Contains(iod.Unpaired, ds.Text(dicom.BodyPartExamined)) {
		ds.SetText(dicom.Laterality)
	}
}
