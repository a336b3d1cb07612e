package iod

import (
	"slices"

	"github.com/radnode/radnode/dicom"
)

func is(t dicom.Tag, values ...string) func(*dicom.Dataset) bool {
	return func(d *dicom.Dataset) bool { return slices.Contains(values, d.Text(t)) }
}

func has(t dicom.Tag) func(*dicom.Dataset) bool {
	return func(d *dicom.Dataset) bool { return d.Has(t) }
}

func lacks(t dicom.Tag) func(*dicom.Dataset) bool {
	return func(d *dicom.Dataset) bool { return !d.Has(t) }
}

func atLeast(t dicom.Tag, n int) func(*dicom.Dataset) bool {
	return func(d *dicom.Dataset) bool { v, ok := d.Int(t); return ok && v >= n }
}

// PatientStudy are the Patient and General Study modules.
var PatientStudy = []Attribute{
	{Tag: dicom.PatientName, Type: 2, Module: "C.7.1.1"}, {Tag: dicom.PatientID, Type: 2, Module: "C.7.1.1"},
	{Tag: dicom.PatientBirthDate, Type: 2, Module: "C.7.1.1"}, {Tag: dicom.PatientSex, Type: 2, Module: "C.7.1.1", Values: []string{"M", "F", "O"}},
	{Tag: dicom.StudyInstanceUID, Type: 1, Module: "C.7.2.1"}, {Tag: dicom.StudyDate, Type: 2, Module: "C.7.2.1"}, {Tag: dicom.StudyTime, Type: 2, Module: "C.7.2.1"},
	{Tag: dicom.ReferringPhysicianName, Type: 2, Module: "C.7.2.1"}, {Tag: dicom.StudyID, Type: 2, Module: "C.7.2.1"}, {Tag: dicom.AccessionNumber, Type: 2, Module: "C.7.2.1"},
}

// SOPCommon is the SOP Common module.
var SOPCommon = []Attribute{
	{Tag: dicom.SOPClassUID, Type: 1, Module: "C.12.1"}, {Tag: dicom.SOPInstanceUID, Type: 1, Module: "C.12.1"},
	{Tag: dicom.InstanceNumber, Type: 1, Module: "C.12.1"}, // type 1 in each class written here, or 2 and useful
}

var generalSeries = []Attribute{
	{Tag: dicom.Modality, Type: 1, Module: "C.7.3.1"}, {Tag: dicom.SeriesInstanceUID, Type: 1, Module: "C.7.3.1"}, {Tag: dicom.SeriesNumber, Type: 1, Module: "C.7.3.1"}, // 2 in the standard for some classes
}

var everyObject = [][]Attribute{PatientStudy, generalSeries, SOPCommon}

// Unpaired are body parts (PS3.16 Annex L) that surely have no side.
var Unpaired = []string{"ABDOMEN", "BRAIN", "CHEST", "CSPINE", "HEAD", "HEART", "LSPINE", "NECK", "PELVIS", "SKULL", "TSPINE"}

// laterality is type 2C for the general series of images of paired parts; a
// part that is not known to be unpaired may be one.
var laterality = []Attribute{
	{Tag: dicom.Laterality, Type: 2, Module: "C.7.3.1", May: true, Values: []string{"L", "R"},
		When: func(d *dicom.Dataset) bool { return !slices.Contains(Unpaired, d.Text(dicom.BodyPartExamined)) }},
}

// noLaterality is the same for objects with functional groups: the side stands
// in Frame Anatomy.
var noLaterality = []Attribute{{Tag: dicom.Laterality, Type: 2, Module: "C.7.3.1", When: func(*dicom.Dataset) bool { return false }}}

var generalEquipment = []Attribute{{Tag: dicom.Manufacturer, Type: 2, Module: "C.7.5.1"}}

var enhancedEquipment = []Attribute{
	{Tag: dicom.Manufacturer, Type: 1, Module: "C.7.5.2"}, {Tag: dicom.ManufacturerModelName, Type: 1, Module: "C.7.5.2"},
	{Tag: dicom.DeviceSerialNumber, Type: 1, Module: "C.7.5.2"}, {Tag: dicom.SoftwareVersions, Type: 1, Module: "C.7.5.2"},
}

var contributing = []Attribute{
	{Tag: dicom.PurposeOfReferenceCodeSequence, Type: 1, Module: "C.12.1", One: true}, {Tag: dicom.Manufacturer, Type: 1, Module: "C.12.1"},
}

var frameOfReference = []Attribute{
	{Tag: dicom.FrameOfReferenceUID, Type: 1, Module: "C.7.4.1"}, {Tag: dicom.PositionReferenceIndicator, Type: 2, Module: "C.7.4.1"},
}

var generalImage = []Attribute{
	{Tag: dicom.PatientOrientation, Type: 2, Module: "C.7.6.1", When: lacks(dicom.ImageOrientationPatient)},
}

var contentTime = []Attribute{
	{Tag: dicom.ContentDate, Type: 1, Module: "C.7.6.16"}, {Tag: dicom.ContentTime, Type: 1, Module: "C.7.6.16"},
}

var imagePixel = []Attribute{
	{Tag: dicom.SamplesPerPixel, Type: 1, Module: "C.7.6.3"}, {Tag: dicom.PhotometricInterpretation, Type: 1, Module: "C.7.6.3"},
	{Tag: dicom.Rows, Type: 1, Module: "C.7.6.3"}, {Tag: dicom.Columns, Type: 1, Module: "C.7.6.3"},
	{Tag: dicom.BitsAllocated, Type: 1, Module: "C.7.6.3"}, {Tag: dicom.BitsStored, Type: 1, Module: "C.7.6.3"}, {Tag: dicom.HighBit, Type: 1, Module: "C.7.6.3"},
	{Tag: dicom.PixelRepresentation, Type: 1, Module: "C.7.6.3", Values: []string{"0", "1"}},
	{Tag: dicom.PlanarConfiguration, Type: 1, Module: "C.7.6.3", When: atLeast(dicom.SamplesPerPixel, 2), Values: []string{"0", "1"}},
}

var lossy = []Attribute{
	{Tag: dicom.LossyImageCompression, Type: 1, Module: "C.7.6.1", Values: []string{"00", "01"}},
	{Tag: dicom.LossyImageCompressionRatio, Type: 1, Module: "C.7.6.1", When: func(d *dicom.Dataset) bool { return false }, May: true},
}

var contentIdentification = []Attribute{
	{Tag: dicom.ContentLabel, Type: 1, Module: "10.9"}, {Tag: dicom.ContentDescription, Type: 2, Module: "10.9"}, {Tag: dicom.ContentCreatorName, Type: 2, Module: "10.9"},
}

var sopReference = []Attribute{
	{Tag: dicom.ReferencedSOPClassUID, Type: 1, Module: "10.8"}, {Tag: dicom.ReferencedSOPInstanceUID, Type: 1, Module: "10.8"},
}

var instanceReference = []Attribute{
	{Tag: dicom.ReferencedSeriesSequence, Type: 1, Module: "C.12.2", Items: []Attribute{
		{Tag: dicom.SeriesInstanceUID, Type: 1, Module: "C.12.2"},
		{Tag: dicom.ReferencedInstanceSequence, Type: 1, Module: "C.12.2", Items: sopReference},
	}},
}

var dimensions = []Attribute{
	{Tag: dicom.DimensionOrganizationSequence, Type: 1, Module: "C.7.6.17", Items: []Attribute{{Tag: dicom.DimensionOrganizationUID, Type: 1, Module: "C.7.6.17"}}},
	{Tag: dicom.DimensionIndexSequence, Type: 1, Module: "C.7.6.17", Items: []Attribute{
		{Tag: dicom.DimensionIndexPointer, Type: 1, Module: "C.7.6.17"}, {Tag: dicom.DimensionOrganizationUID, Type: 1, Module: "C.7.6.17"},
		{Tag: dicom.FunctionalGroupPointer, Type: 1, Module: "C.7.6.17"}}}, // 1C: the pointers of the objects written here lie in groups
}

var sourceImage = append(slices.Clone(sopReference), Attribute{Tag: dicom.PurposeOfReferenceCodeSequence, Type: 1, Module: "C.7.6.1", One: true})

// perFrame are the functional groups that every frame written here has.
var perFrame = []Attribute{
	{Tag: dicom.FrameContentSequence, Type: 1, Module: "C.7.6.16.2.2", One: true, Items: []Attribute{
		{Tag: dicom.DimensionIndexValues, Type: 1, Module: "C.7.6.16.2.2"},
		{Tag: dicom.StackID, Type: 1, Module: "C.7.6.16.2.2", When: has(dicom.InStackPositionNumber)},
		{Tag: dicom.InStackPositionNumber, Type: 1, Module: "C.7.6.16.2.2", When: has(dicom.StackID)}}},
	{Tag: dicom.DerivationImageSequence, Type: 1, Module: "C.7.6.16.2.6", Items: []Attribute{
		{Tag: dicom.DerivationCodeSequence, Type: 1, Module: "C.7.6.16.2.6"},
		{Tag: dicom.SourceImageSequence, Type: 2, Module: "C.7.6.16.2.6", Items: sourceImage},
	}},
}

func functionalGroups(shared, frame []Attribute) []Attribute {
	return []Attribute{
		{Tag: dicom.NumberOfFrames, Type: 1, Module: "C.7.6.16"},
		{Tag: dicom.SharedFunctionalGroupsSequence, Type: 2, Module: "C.7.6.16", One: true, Items: shared},
		{Tag: dicom.PerFrameFunctionalGroupsSequence, Type: 1, Module: "C.7.6.16", Items: append(slices.Clone(perFrame), frame...)},
	}
}

var segmentation = []Attribute{
	{Tag: dicom.ImageType, Type: 1, Module: "C.8.20.2"},
	{Tag: dicom.SegmentationType, Type: 1, Module: "C.8.20.2", Values: []string{"BINARY", "FRACTIONAL"}},
	{Tag: dicom.SegmentationFractionalType, Type: 1, Module: "C.8.20.2", When: is(dicom.SegmentationType, "FRACTIONAL"), Values: []string{"PROBABILITY", "OCCUPANCY"}},
	{Tag: dicom.MaximumFractionalValue, Type: 1, Module: "C.8.20.2", When: is(dicom.SegmentationType, "FRACTIONAL")},
	{Tag: dicom.SegmentSequence, Type: 1, Module: "C.8.20.2", Items: []Attribute{
		{Tag: dicom.SegmentNumber, Type: 1, Module: "C.8.20.4"}, {Tag: dicom.SegmentLabel, Type: 1, Module: "C.8.20.4"},
		{Tag: dicom.SegmentAlgorithmType, Type: 1, Module: "C.8.20.4", Values: []string{"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"}},
		{Tag: dicom.SegmentAlgorithmName, Type: 1, Module: "C.8.20.4", When: is(dicom.SegmentAlgorithmType, "AUTOMATIC", "SEMIAUTOMATIC"), May: true},
		{Tag: dicom.SegmentedPropertyCategoryCodeSequence, Type: 1, Module: "C.8.20.4", One: true},
		{Tag: dicom.SegmentedPropertyTypeCodeSequence, Type: 1, Module: "C.8.20.4", One: true},
		{Tag: dicom.TrackingID, Type: 1, Module: "C.8.20.4", When: has(dicom.TrackingUID)}, {Tag: dicom.TrackingUID, Type: 1, Module: "C.8.20.4", When: has(dicom.TrackingID)},
		{Tag: dicom.SegmentationAlgorithmIdentificationSequence, Type: 1, Module: "C.8.20.4", When: is(dicom.SegmentAlgorithmType, "AUTOMATIC"), May: true, Items: []Attribute{
			{Tag: dicom.AlgorithmFamilyCodeSequence, Type: 1, Module: "10.19", One: true}, {Tag: dicom.AlgorithmName, Type: 1, Module: "10.19"}, {Tag: dicom.AlgorithmVersion, Type: 1, Module: "10.19"},
		}},
	}},
}

var segmentFrame = []Attribute{
	{Tag: dicom.SegmentIdentificationSequence, Type: 1, Module: "C.8.20.3.1", One: true, Items: []Attribute{{Tag: dicom.ReferencedSegmentNumber, Type: 1, Module: "C.8.20.3.1"}}},
}

var parametricMap = []Attribute{
	{Tag: dicom.ImageType, Type: 1, Module: "C.8.32.2"}, {Tag: dicom.AcquisitionContextSequence, Type: 2, Module: "C.7.6.14"},
	{Tag: dicom.ContentQualification, Type: 1, Module: "C.8.32.2", Values: []string{"PRODUCT", "RESEARCH", "SERVICE"}},
	{Tag: dicom.RecognizableVisualFeatures, Type: 1, Module: "C.8.32.2", Values: []string{"YES", "NO"}},
	{Tag: dicom.BurnedInAnnotation, Type: 1, Module: "C.8.32.2", Values: []string{"NO"}},
	{Tag: dicom.PresentationLUTShape, Type: 1, Module: "C.8.32.2", Values: []string{"IDENTITY"}},
}

var mapShared = []Attribute{
	{Tag: dicom.PixelMeasuresSequence, Type: 1, Module: "C.7.6.16.2.1", One: true, Items: []Attribute{
		{Tag: dicom.PixelSpacing, Type: 1, Module: "C.7.6.16.2.1"}, {Tag: dicom.SliceThickness, Type: 1, Module: "C.7.6.16.2.1", When: has(dicom.SliceThickness)}}},
	{Tag: dicom.PlanePositionSequence, Type: 1, Module: "C.7.6.16.2.3", One: true, Items: []Attribute{{Tag: dicom.ImagePositionPatient, Type: 1, Module: "C.7.6.16.2.3"}}},
	{Tag: dicom.PlaneOrientationSequence, Type: 1, Module: "C.7.6.16.2.4", One: true, Items: []Attribute{{Tag: dicom.ImageOrientationPatient, Type: 1, Module: "C.7.6.16.2.4"}}},
	{Tag: dicom.FrameAnatomySequence, Type: 1, Module: "C.7.6.16.2.8", One: true, Items: []Attribute{
		{Tag: dicom.FrameLaterality, Type: 1, Module: "C.7.6.16.2.8", Values: []string{"R", "L", "U", "B"}}, {Tag: dicom.AnatomicRegionSequence, Type: 1, Module: "10.5", One: true}}},
	{Tag: dicom.PixelValueTransformationSequence, Type: 1, Module: "C.7.6.16.2.9b", One: true, Items: []Attribute{
		{Tag: dicom.RescaleIntercept, Type: 1, Module: "C.7.6.16.2.9b", Values: []string{"0"}}, {Tag: dicom.RescaleSlope, Type: 1, Module: "C.7.6.16.2.9b", Values: []string{"1"}}, {Tag: dicom.RescaleType, Type: 1, Module: "C.7.6.16.2.9b", Values: []string{"US"}}}},
	{Tag: dicom.FrameVOILUTSequence, Type: 1, Module: "C.7.6.16.2.10b", One: true, Items: []Attribute{
		{Tag: dicom.WindowCenter, Type: 1, Module: "C.7.6.16.2.10b"}, {Tag: dicom.WindowWidth, Type: 1, Module: "C.7.6.16.2.10b"}}},
	{Tag: dicom.ParametricMapFrameTypeSequence, Type: 1, Module: "C.8.32.3.1", One: true, Items: []Attribute{{Tag: dicom.FrameType, Type: 1, Module: "C.8.32.3.1"}}},
}

var mapFrame = []Attribute{
	{Tag: dicom.RealWorldValueMappingSequence, Type: 1, Module: "C.7.6.16.2.11", Items: []Attribute{
		{Tag: dicom.RealWorldValueFirstValueMapped, Type: 1, Module: "C.7.6.16.2.11"}, {Tag: dicom.RealWorldValueLastValueMapped, Type: 1, Module: "C.7.6.16.2.11"},
		{Tag: dicom.RealWorldValueIntercept, Type: 1, Module: "C.7.6.16.2.11"}, {Tag: dicom.RealWorldValueSlope, Type: 1, Module: "C.7.6.16.2.11"},
		{Tag: dicom.LUTExplanation, Type: 1, Module: "C.7.6.16.2.11"}, {Tag: dicom.LUTLabel, Type: 1, Module: "C.7.6.16.2.11"},
		{Tag: dicom.MeasurementUnitsCodeSequence, Type: 1, Module: "C.7.6.16.2.11", One: true},
		{Tag: dicom.QuantityDefinitionSequence, Type: 1, Module: "C.7.6.16.2.11", Items: []Attribute{
			{Tag: dicom.ValueType, Type: 1, Module: "10.2", Values: []string{"CODE"}}, {Tag: dicom.ConceptCodeSequence, Type: 1, Module: "10.2", One: true}, {Tag: dicom.ConceptNameCodeSequence, Type: 1, Module: "10.2", One: true}}},
	}},
}

var capture = []Attribute{
	{Tag: dicom.ConversionType, Type: 1, Module: "C.8.6.1", Values: []string{"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"}},
	{Tag: dicom.ImageType, Type: 1, Module: "C.7.6.1"},                                   // 3 in the standard; a derived image must say so
	{Tag: dicom.BurnedInAnnotation, Type: 1, Module: "C.7.6.1", Values: []string{"YES"}}, // the legend
	{Tag: dicom.SourceImageSequence, Type: 1, Module: "C.7.6.1.1.4", Items: sourceImage},
}

var encapsulated = []Attribute{
	{Tag: dicom.ContentDate, Type: 2, Module: "C.24.2"}, {Tag: dicom.ContentTime, Type: 2, Module: "C.24.2"}, {Tag: dicom.AcquisitionDateTime, Type: 2, Module: "C.24.2"},
	{Tag: dicom.ConversionType, Type: 1, Module: "C.8.6.1"}, {Tag: dicom.BurnedInAnnotation, Type: 1, Module: "C.24.2", Values: []string{"YES", "NO"}},
	{Tag: dicom.SourceInstanceSequence, Type: 1, Module: "C.24.2", Items: sopReference}, // 1C: derived from images
	{Tag: dicom.DocumentTitle, Type: 2, Module: "C.24.2"}, {Tag: dicom.ConceptNameCodeSequence, Type: 2, Module: "C.24.2"},
	{Tag: dicom.VerificationFlag, Type: 1, Module: "C.24.2", Values: []string{"UNVERIFIED", "VERIFIED"}},
	{Tag: dicom.MIMETypeOfEncapsulatedDocument, Type: 1, Module: "C.24.2", Values: []string{"application/pdf"}},
	{Tag: dicom.EncapsulatedDocument, Type: 1, Module: "C.24.2"},
}

var graphicText = []Attribute{
	{Tag: dicom.UnformattedTextValue, Type: 1, Module: "C.10.5"},
	{Tag: dicom.BoundingBoxTopLeftHandCorner, Type: 1, Module: "C.10.5", When: lacks(dicom.AnchorPoint), May: true},
	{Tag: dicom.AnchorPoint, Type: 1, Module: "C.10.5", When: lacks(dicom.BoundingBoxTopLeftHandCorner), May: true},
	{Tag: dicom.AnchorPointAnnotationUnits, Type: 1, Module: "C.10.5", When: has(dicom.AnchorPoint), Values: []string{"PIXEL", "DISPLAY"}},
	{Tag: dicom.AnchorPointVisibility, Type: 1, Module: "C.10.5", When: has(dicom.AnchorPoint), Values: []string{"Y", "N"}},
}

var graphicObject = []Attribute{
	{Tag: dicom.GraphicAnnotationUnits, Type: 1, Module: "C.10.5", Values: []string{"PIXEL", "DISPLAY"}}, {Tag: dicom.GraphicDimensions, Type: 1, Module: "C.10.5", Values: []string{"2"}},
	{Tag: dicom.NumberOfGraphicPoints, Type: 1, Module: "C.10.5"}, {Tag: dicom.GraphicData, Type: 1, Module: "C.10.5"},
	{Tag: dicom.GraphicFilled, Type: 1, Module: "C.10.5", When: has(dicom.GraphicFilled), Values: []string{"Y", "N"}},
	{Tag: dicom.GraphicType, Type: 1, Module: "C.10.5", Values: []string{"POINT", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE"}},
}

var presentation = []Attribute{
	{Tag: dicom.PresentationCreationDate, Type: 1, Module: "C.11.10"}, {Tag: dicom.PresentationCreationTime, Type: 1, Module: "C.11.10"},
	{Tag: dicom.ReferencedSeriesSequence, Type: 1, Module: "C.11.11", Items: []Attribute{
		{Tag: dicom.SeriesInstanceUID, Type: 1, Module: "C.11.11"}, {Tag: dicom.ReferencedImageSequence, Type: 1, Module: "C.11.11", Items: sopReference}}},
	{Tag: dicom.DisplayedAreaSelectionSequence, Type: 1, Module: "C.10.4", Items: []Attribute{
		{Tag: dicom.DisplayedAreaTopLeftHandCorner, Type: 1, Module: "C.10.4"}, {Tag: dicom.DisplayedAreaBottomRightHandCorner, Type: 1, Module: "C.10.4"},
		{Tag: dicom.PresentationSizeMode, Type: 1, Module: "C.10.4", Values: []string{"SCALE TO FIT", "TRUE SIZE", "MAGNIFY"}},
		{Tag: dicom.PresentationPixelSpacing, Type: 1, Module: "C.10.4", When: is(dicom.PresentationSizeMode, "TRUE SIZE"), May: true},
		{Tag: dicom.PresentationPixelAspectRatio, Type: 1, Module: "C.10.4", When: lacks(dicom.PresentationPixelSpacing)}}},
	{Tag: dicom.GraphicAnnotationSequence, Type: 1, Module: "C.10.5", Items: []Attribute{
		{Tag: dicom.GraphicLayer, Type: 1, Module: "C.10.5"}, {Tag: dicom.ReferencedImageSequence, Type: 1, Module: "C.10.5", Items: sopReference},
		{Tag: dicom.TextObjectSequence, Type: 1, Module: "C.10.5", When: lacks(dicom.GraphicObjectSequence), May: true, Items: graphicText},
		{Tag: dicom.GraphicObjectSequence, Type: 1, Module: "C.10.5", When: lacks(dicom.TextObjectSequence), May: true, Items: graphicObject}}},
	{Tag: dicom.GraphicLayerSequence, Type: 1, Module: "C.10.7", When: has(dicom.GraphicAnnotationSequence), Items: []Attribute{
		{Tag: dicom.GraphicLayer, Type: 1, Module: "C.10.7"}, {Tag: dicom.GraphicLayerOrder, Type: 1, Module: "C.10.7"}}},
	{Tag: dicom.PresentationLUTShape, Type: 1, Module: "C.11.6", When: lacks(dicom.PresentationLUTSequence), Values: []string{"IDENTITY", "INVERSE"}},
	{Tag: dicom.RescaleIntercept, Type: 1, Module: "C.11.1", When: has(dicom.RescaleSlope)}, {Tag: dicom.RescaleSlope, Type: 1, Module: "C.11.1", When: has(dicom.RescaleIntercept)},
	{Tag: dicom.RescaleType, Type: 1, Module: "C.11.1", When: has(dicom.RescaleIntercept)},
	{Tag: dicom.ModalityLUTSequence, Type: 1, Module: "C.11.1", When: func(d *dicom.Dataset) bool { return false }, May: true, One: true},
	{Tag: dicom.SoftcopyVOILUTSequence, Type: 1, Module: "C.11.8", When: func(d *dicom.Dataset) bool { return false }, May: true, Items: []Attribute{
		{Tag: dicom.WindowCenter, Type: 1, Module: "C.11.8", When: lacks(dicom.VOILUTSequence), May: true}, {Tag: dicom.WindowWidth, Type: 1, Module: "C.11.8", When: has(dicom.WindowCenter)}}},
}
