package iod

import (
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// class is an IOD: its modules besides those of every object, and the rules
// that no table can tell.
type class struct {
	modalities []string
	modules    [][]Attribute
	rules      []func(*Checker, *dicom.Dataset)
}

var classes = map[radnode.UID]class{
	dicom.SegmentationStorage: { // PS3.3 A.51
		modalities: []string{"SEG"},
		modules: [][]Attribute{enhancedEquipment, noLaterality, generalImage, contentTime, imagePixel, lossy, contentIdentification, segmentation,
			functionalGroups(nil, segmentFrame), dimensions, instanceReference},
		rules: []func(*Checker, *dicom.Dataset){pixels, frames, segments, imageType(2)},
	},
	dicom.ParametricMapStorage: { // PS3.3 A.75
		modalities: []string{"OT", "CT", "MR", "PT", "NM"},
		modules: [][]Attribute{enhancedEquipment, frameOfReference, noLaterality, generalImage, contentTime, imagePixel, lossy, contentIdentification, parametricMap,
			functionalGroups(mapShared, mapFrame), dimensions, instanceReference},
		rules: []func(*Checker, *dicom.Dataset){pixels, frames, realWorldValues, imageType(4)},
	},
	dicom.SecondaryCaptureImageStorage: { // PS3.3 A.8.1
		modalities: []string{"OT"},
		modules:    [][]Attribute{generalEquipment, laterality, generalImage, imagePixel, lossy, capture},
		rules:      []func(*Checker, *dicom.Dataset){pixels, derived},
	},
	dicom.EncapsulatedPDFStorage: { // PS3.3 A.45.1
		modalities: []string{"DOC"},
		modules:    [][]Attribute{generalEquipment, encapsulated},
		rules:      []func(*Checker, *dicom.Dataset){pdf},
	},
	dicom.GrayscaleSoftcopyPresentationStateStorage: { // PS3.3 A.33.1
		modalities: []string{"PR"},
		modules:    [][]Attribute{generalEquipment, laterality, contentIdentification, presentation},
		rules:      []func(*Checker, *dicom.Dataset){annotations, displayedAreas},
	},
}
