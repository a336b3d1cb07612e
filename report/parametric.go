package report

import (
	"encoding/binary"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// anatomy codes the body parts (PS3.16 Table L-1) that a map can be of.
var anatomy = map[string]radnode.Concept{
	"CHEST":  {Value: "51185008", Scheme: "SCT", Meaning: "Chest"},
	"THORAX": {Value: "51185008", Scheme: "SCT", Meaning: "Chest"},
	"BREAST": {Value: "76752008", Scheme: "SCT", Meaning: "Breast"},
	"HEAD":   {Value: "69536005", Scheme: "SCT", Meaning: "Head"},
	"SKULL":  {Value: "89546000", Scheme: "SCT", Meaning: "Skull"},
}

// spatialConcept is the category of CID 7150 for segments that are no tissue.
var spatialConcept = radnode.Concept{Value: "309825002", Scheme: "SCT", Meaning: "Spatial and Relational Concept"}

// attentionMapping is how a heat map was derived; CID 7203 has no word for it.
var attentionMapping = radnode.Concept{Value: "attention_mapping", Scheme: privateScheme.Designator, Meaning: "Mapping of model attention"}

// ParametricMap makes a Parametric Map (PS3.3 A.75) of the heat maps of the
// positive findings on one image, one frame each, in the units of the model. It
// is nil, without error, where there is none. A parametric map has a place in
// the patient and codes the anatomy: of an image that does not tell both, as a
// radiograph never does, FractionalSegmentation makes the map.
func ParametricMap(in Input, image radnode.UID, frame int) (*dicom.Dataset, error) {
	b, source, findings, err := mapped(in, image, frame, true)
	if err != nil || len(findings) == 0 {
		return nil, err
	}
	part, known := anatomy[source.Text(dicom.BodyPartExamined)]
	if !known || !placed(source) {
		return FractionalSegmentation(in, image, frame)
	}
	rows, columns := size(source)
	ref := b.reference(image, frame)
	ds := b.companion(dicom.ParametricMapStorage, "OT", "AI heat maps")
	b.mapModule(ds, source)
	greyFrames(ds, rows, columns, len(findings))
	for tag, v := range map[dicom.Tag]int{dicom.BitsAllocated: 16, dicom.BitsStored: 16, dicom.HighBit: 15} {
		ds.SetInts(tag, v)
	}
	b.dimensions(ds, dicom.InStackPositionNumber, dicom.FrameContentSequence, "Finding")
	pixels := make([]byte, 0, 2*rows*columns*len(findings))
	var frames []*dicom.Dataset
	for i, f := range findings {
		frames = append(frames, b.mapFrame(i+1, f, ref))
		render(f.Finding.Heatmap, rows, columns, func(v float64) {
			pixels = binary.LittleEndian.AppendUint16(pixels, uint16(math.Round(v*math.MaxUint16)))
		})
	}
	ds.SetItems(dicom.SharedFunctionalGroupsSequence, sharedGroups(source, part))
	ds.SetItems(dicom.PerFrameFunctionalGroupsSequence, frames...)
	ds.SetItems(dicom.ReferencedSeriesSequence, referencedSeries(ref))
	ds.SetBytes(dicom.PixelDataTag, dicom.OW, pixels)
	return ds, nil
}

// placed reports whether an image tells its place in the patient.
func placed(source *dicom.Dataset) bool {
	spacing := source.Floats(dicom.PixelSpacing)
	return source.UID(dicom.FrameOfReferenceUID).Valid() && len(source.Floats(dicom.ImagePositionPatient)) == 3 &&
		len(source.Floats(dicom.ImageOrientationPatient)) == 6 && len(spacing) == 2 && spacing[0] > 0 && spacing[1] > 0
}

// mapModule writes the Parametric Map Series and Image modules, the Frame of
// Reference and the Enhanced General Equipment (PS3.3 C.8.32, C.7.4.1, C.7.5.2).
func (b *builder) mapModule(ds, source *dicom.Dataset) {
	ds.SetText(dicom.DeviceSerialNumber, string(NodeUID(b.Software, b.Station)))
	ds.SetUID(dicom.FrameOfReferenceUID, source.UID(dicom.FrameOfReferenceUID))
	ds.SetText(dicom.PositionReferenceIndicator)
	ds.SetItems(dicom.AcquisitionContextSequence)
	ds.SetText(dicom.ImageType, "DERIVED", "PRIMARY", "VOLUME", "NONE")
	ds.SetText(dicom.ContentLabel, "AI_HEAT_MAPS")
	ds.SetText(dicom.ContentDescription, b.mark("Heat maps"))
	ds.SetText(dicom.ContentCreatorName)
	ds.SetText(dicom.ContentQualification, "RESEARCH")
	ds.SetText(dicom.RecognizableVisualFeatures, "NO")
	ds.SetText(dicom.BurnedInAnnotation, "NO")
	ds.SetText(dicom.PresentationLUTShape, "IDENTITY")
	ds.SetText(dicom.PatientOrientation)
	lossy(ds, source)
	bodyPart(ds, source)
}

// mapFrame are the functional groups of the map of one finding.
func (b *builder) mapFrame(n int, f radnode.ReportFinding, ref sr.Reference) *dicom.Dataset {
	g := dicom.NewDataset()
	indexAndSource(g, n, ref, attentionMapping)
	content := g.Item(dicom.FrameContentSequence)
	content.SetText(dicom.StackID, "1")
	content.SetInts(dicom.InStackPositionNumber, n)
	content.SetText(dicom.FrameComments, b.mark("Model attention: "+b.code(f.Finding).Meaning+", "+f.Model.ID+" "+f.Model.Version))
	content.SetText(dicom.FrameLabel, shortened(f.Finding.Label, 64))
	return addValueMap(g, f, b.code(f.Finding))
}

// addValueMap tells what the stored values mean (PS3.3 C.7.6.16.2.11).
func addValueMap(g *dicom.Dataset, f radnode.ReportFinding, code radnode.Concept) *dicom.Dataset {
	top := f.Finding.Heatmap.Max
	if top <= 0 || math.IsInf(top, 0) || math.IsNaN(top) {
		top = 1
	}
	quantity, finding := dicom.NewDataset(), dicom.NewDataset()
	for item, c := range map[*dicom.Dataset][2]radnode.Concept{
		quantity: {{Value: "246205007", Scheme: "SCT", Meaning: "Quantity"}, attention}, finding: {sr.FindingName, code},
	} {
		item.SetText(dicom.ValueType, "CODE")
		sr.SetConcept(item, dicom.ConceptNameCodeSequence, c[0])
		sr.SetConcept(item, dicom.ConceptCodeSequence, c[1])
	}
	m := dicom.NewDataset()
	m.SetInts(dicom.RealWorldValueFirstValueMapped, 0)
	m.SetInts(dicom.RealWorldValueLastValueMapped, math.MaxUint16)
	m.SetFloats(dicom.RealWorldValueIntercept, 0)
	m.SetFloats(dicom.RealWorldValueSlope, top/math.MaxUint16)
	m.SetText(dicom.LUTExplanation, shortened("Values of the "+mapName(f.Finding.Heatmap)+", in units of the model", 64))
	m.SetText(dicom.LUTLabel, "ATTENTION")
	sr.SetConcept(m, dicom.MeasurementUnitsCodeSequence, sr.NoUnits)
	m.SetItems(dicom.QuantityDefinitionSequence, quantity, finding)
	g.SetItems(dicom.RealWorldValueMappingSequence, m)
	return g
}

// sharedGroups are the functional groups that all frames share.
func sharedGroups(source *dicom.Dataset, part radnode.Concept) *dicom.Dataset {
	g := dicom.NewDataset()
	measures, position, orientation := dicom.NewDataset(), dicom.NewDataset(), dicom.NewDataset()
	measures.Copy(source, dicom.PixelSpacing)
	if t, ok := source.Float(dicom.SliceThickness); ok && t > 0 {
		measures.SetFloats(dicom.SliceThickness, t)
	}
	g.SetItems(dicom.PixelMeasuresSequence, measures)
	position.Copy(source, dicom.ImagePositionPatient)
	g.SetItems(dicom.PlanePositionSequence, position)
	orientation.Copy(source, dicom.ImageOrientationPatient)
	g.SetItems(dicom.PlaneOrientationSequence, orientation)
	anatomic := dicom.NewDataset()
	laterality := source.Text(dicom.Laterality)
	if laterality != "L" && laterality != "R" {
		laterality = "U"
	}
	anatomic.SetText(dicom.FrameLaterality, laterality)
	sr.SetConcept(anatomic, dicom.AnatomicRegionSequence, part)
	g.SetItems(dicom.FrameAnatomySequence, anatomic)
	identity := dicom.NewDataset()
	identity.SetInts(dicom.RescaleIntercept, 0)
	identity.SetInts(dicom.RescaleSlope, 1)
	identity.SetText(dicom.RescaleType, "US")
	g.SetItems(dicom.PixelValueTransformationSequence, identity)
	window := dicom.NewDataset()
	window.SetFloats(dicom.WindowCenter, 32768)
	window.SetFloats(dicom.WindowWidth, 65536)
	g.SetItems(dicom.FrameVOILUTSequence, window)
	kind := dicom.NewDataset()
	kind.SetText(dicom.FrameType, "DERIVED", "PRIMARY", "VOLUME", "NONE")
	g.SetItems(dicom.ParametricMapFrameTypeSequence, kind)
	return g
}
