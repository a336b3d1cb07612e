package sr

import (
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// class is what one SR storage class allows (PS3.3 A.35).
type class struct {
	modality    string
	byReference bool
	context     bool // HAS OBS CONTEXT below TEXT, CODE and NUM too
	types       []ValueType
}

var (
	basicTypes = []ValueType{Text, Code, DateTime, Date, Time, UIDRef, PName, Composite, Image, Waveform, Container}
	enhanced   = append([]ValueType{Num, SCoord, TCoord}, basicTypes...)
	three      = append([]ValueType{SCoord3D}, enhanced...)
)

var classes = map[radnode.UID]class{
	dicom.BasicTextSRStorage:                {"SR", false, false, basicTypes},
	dicom.EnhancedSRStorage:                 {"SR", false, false, enhanced},
	dicom.ComprehensiveSRStorage:            {"SR", true, true, enhanced},
	dicom.Comprehensive3DSRStorage:          {"SR", true, true, three},
	dicom.KeyObjectSelectionDocumentStorage: {"KO", false, false, []ValueType{Text, Code, UIDRef, PName, Composite, Image, Waveform, Container}},
}

// leaves are the types of plain values, with or without what they point to.
var (
	plain      = []ValueType{Text, Code, Num, DateTime, Date, Time, UIDRef, PName}
	pointers   = []ValueType{Image, Waveform, Composite, SCoord, SCoord3D, TCoord}
	everything = append(append([]ValueType{Container}, plain...), pointers...)
)

// rule is a row of PS3.3 Table A.35.13-2: sources may relate to targets.
type rule struct {
	sources []ValueType
	rel     Relationship
	targets []ValueType
}

// relations are the rules of Comprehensive 3D SR; the smaller classes follow
// them within their value types.
var relations = []rule{
	{[]ValueType{Container}, Contains, everything},
	{[]ValueType{Container, Text, Code, Num}, HasObsContext, append([]ValueType{Composite}, plain...)},
	{[]ValueType{Container, Image, Waveform, Composite, Num}, HasAcqContext, append([]ValueType{Container}, plain...)},
	{everything, HasConceptMod, []ValueType{Text, Code}},
	{[]ValueType{Text, Code, Num}, HasProperties, everything},
	{[]ValueType{PName}, HasProperties, []ValueType{Text, Code, DateTime, Date, Time, UIDRef, PName}},
	{[]ValueType{Text, Code, Num}, InferredFrom, everything},
	{[]ValueType{SCoord}, SelectedFrom, []ValueType{Image}},
	{[]ValueType{SCoord3D}, SelectedFrom, []ValueType{Image}},
	{[]ValueType{TCoord}, SelectedFrom, []ValueType{SCoord, SCoord3D, Image, Waveform}},
}
