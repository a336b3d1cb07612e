package sr

import (
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
)

// Violation is a rule that a document breaks.
type Violation = iod.Violation

// Check tells which rules of the document, its content tree and TID 1500 the
// object ds breaks. It is run before a document leaves; nil is good.
func Check(ds *dicom.Dataset) []Violation {
	c := &checker{Checker: iod.Checker{Dataset: ds}, ds: ds, class: classes[ds.UID(dicom.SOPClassUID)]}
	if c.class.modality == "" {
		c.Bad("PS3.3 A.35", "SOPClassUID", "%s is no structured report class", ds.UID(dicom.SOPClassUID))
		return c.List
	}
	c.attributes()
	c.verification()
	c.Values(ds, "")
	c.Common()
	c.evidence()
	c.itemRows(ds, []int{1})
	budget := maxItems
	root, err := decode(ds, 0, &budget)
	if err != nil {
		c.Bad("PS3.3 C.17.3", "1", "%s", err)
		return c.List
	}
	c.root = root
	c.content(root, nil, []int{1})
	if rules, ok := templates[root.Template]; ok {
		rules(c)
	} else if c.class.modality == "KO" {
		c.Bad("PS3.3 A.35.4", "1", "the template is %q, must be 2010", root.Template)
	}
	return c.List
}

// templates are the rules of the templates that are written here.
var templates = map[string]func(*checker){"1500": (*checker).tid1500, "2000": (*checker).tid2000, "2010": (*checker).tid2010}

type checker struct {
	iod.Checker
	ds    *dicom.Dataset
	class class
	root  *Item
	known map[radnode.UID]radnode.UID // instances of the evidence sequences and their class
}

var documentAttributes = []iod.Attribute{
	{Tag: dicom.Modality, Type: 1, Module: "C.17.1"}, {Tag: dicom.SeriesInstanceUID, Type: 1, Module: "C.17.1"}, {Tag: dicom.SeriesNumber, Type: 1, Module: "C.17.1"},
	{Tag: dicom.ReferencedPerformedProcedureStepSequence, Type: 2, Module: "C.17.1"}, {Tag: dicom.Manufacturer, Type: 2, Module: "C.7.5.1"},
	{Tag: dicom.InstanceNumber, Type: 1, Module: "C.17.2"}, {Tag: dicom.ContentDate, Type: 1, Module: "C.17.2"}, {Tag: dicom.ContentTime, Type: 1, Module: "C.17.2"},
	{Tag: dicom.ValueType, Type: 1, Module: "C.17.3", Values: []string{"CONTAINER"}}, {Tag: dicom.ConceptNameCodeSequence, Type: 1, Module: "C.17.3", One: true},
	{Tag: dicom.ContinuityOfContent, Type: 1, Module: "C.17.3", Values: []string{"SEPARATE", "CONTINUOUS"}},
	{Tag: dicom.ContentSequence, Type: 1, Module: "C.17.3"}, // 1C: a document without content says nothing
	{Tag: dicom.ContentTemplateSequence, Type: 1, Module: "C.18.8", One: true, Items: templateIdentification},
	{Tag: dicom.PredecessorDocumentsSequence, Type: 1, Module: "C.17.2", When: never, May: true, Items: hierarchicalReference},
	{Tag: dicom.CurrentRequestedProcedureEvidenceSequence, Type: 1, Module: "C.17.2", When: never, May: true, Items: hierarchicalReference},
	{Tag: dicom.PertinentOtherEvidenceSequence, Type: 1, Module: "C.17.2", When: never, May: true, Items: hierarchicalReference},
	{Tag: dicom.AuthorObserverSequence, Type: 1, Module: "C.17.2", When: never, May: true, Items: identifiedObserver},
	{Tag: dicom.ReferencedRequestSequence, Type: 1, Module: "C.17.2", When: never, May: true, Items: []iod.Attribute{
		{Tag: dicom.StudyInstanceUID, Type: 1, Module: "C.17.2"}, {Tag: dicom.ReferencedStudySequence, Type: 2, Module: "C.17.2"}, {Tag: dicom.AccessionNumber, Type: 2, Module: "C.17.2"},
		{Tag: dicom.PlacerOrderNumberImagingServiceRequest, Type: 2, Module: "C.17.2"}, {Tag: dicom.FillerOrderNumberImagingServiceRequest, Type: 2, Module: "C.17.2"},
		{Tag: dicom.RequestedProcedureID, Type: 2, Module: "C.17.2"}, {Tag: dicom.RequestedProcedureDescription, Type: 2, Module: "C.17.2"},
		{Tag: dicom.RequestedProcedureCodeSequence, Type: 2, Module: "C.17.2"}}},
}

// never makes a row optional: it counts where the attribute is there.
func never(*dicom.Dataset) bool { return false }

// hierarchicalReference is the Hierarchical SOP Instance Reference Macro.
var hierarchicalReference = []iod.Attribute{
	{Tag: dicom.StudyInstanceUID, Type: 1, Module: "C.17.2.1"},
	{Tag: dicom.ReferencedSeriesSequence, Type: 1, Module: "C.17.2.1", Items: []iod.Attribute{
		{Tag: dicom.SeriesInstanceUID, Type: 1, Module: "C.17.2.1"},
		{Tag: dicom.ReferencedSOPSequence, Type: 1, Module: "C.17.2.1", Items: []iod.Attribute{
			{Tag: dicom.ReferencedSOPClassUID, Type: 1, Module: "10.8"}, {Tag: dicom.ReferencedSOPInstanceUID, Type: 1, Module: "10.8"}}}}},
}

func isDevice(d *dicom.Dataset) bool { return d.Text(dicom.ObserverType) == "DEV" }

// identifiedObserver is the Identified Person or Device Macro.
var identifiedObserver = []iod.Attribute{
	{Tag: dicom.ObserverType, Type: 1, Module: "C.17.2.5", Values: []string{"PSN", "DEV"}},
	{Tag: dicom.PersonNameTag, Type: 1, Module: "C.17.2.5", When: func(d *dicom.Dataset) bool { return !isDevice(d) }},
	{Tag: dicom.StationName, Type: 2, Module: "C.17.2.5", When: isDevice}, {Tag: dicom.DeviceUID, Type: 1, Module: "C.17.2.5", When: isDevice},
	{Tag: dicom.Manufacturer, Type: 1, Module: "C.17.2.5", When: isDevice}, {Tag: dicom.ManufacturerModelName, Type: 1, Module: "C.17.2.5", When: isDevice},
	{Tag: dicom.InstitutionName, Type: 2, Module: "C.17.2.5"}, {Tag: dicom.InstitutionCodeSequence, Type: 2, Module: "C.17.2.5"},
}

// contentItem are the rows of every content item below the root (PS3.3 Tables
// C.17-5, C.17-6, C.18-8) that is not a reference to another one.
var contentItem = []iod.Attribute{
	{Tag: dicom.RelationshipType, Type: 1, Module: "C.17.3.2.4"}, {Tag: dicom.ValueType, Type: 1, Module: "C.17.3.2.1"},
	{Tag: dicom.ContinuityOfContent, Type: 1, Module: "C.18.8", When: isContainer, Values: []string{"SEPARATE", "CONTINUOUS"}},
	{Tag: dicom.ContentTemplateSequence, Type: 1, Module: "C.18.8", When: never, May: true, One: true, Items: templateIdentification},
}

func isContainer(d *dicom.Dataset) bool { return d.Text(dicom.ValueType) == string(Container) }

var templateIdentification = []iod.Attribute{
	{Tag: dicom.MappingResource, Type: 1, Module: "C.18.8"}, {Tag: dicom.TemplateIdentifier, Type: 1, Module: "C.18.8"},
}

// itemRows checks the attributes of content items.
func (c *checker) itemRows(d *dicom.Dataset, at []int) {
	if len(at) > maxDepth {
		return
	}
	for n, it := range d.Items(dicom.ContentSequence) {
		p := append(slices.Clone(at), n+1)
		if !it.Has(dicom.ReferencedContentItemIdentifier) {
			c.Rows(path(p), it, contentItem)
		}
		c.itemRows(it, p)
	}
}

func verified(d *dicom.Dataset) bool { return d.Text(dicom.VerificationFlag) == "VERIFIED" }

// reportAttributes are those that a key object selection does not have.
var reportAttributes = []iod.Attribute{
	{Tag: dicom.PerformedProcedureCodeSequence, Type: 2, Module: "C.17.2"},
	{Tag: dicom.CompletionFlag, Type: 1, Module: "C.17.2", Values: []string{"PARTIAL", "COMPLETE"}},
	{Tag: dicom.VerificationFlag, Type: 1, Module: "C.17.2", Values: []string{"UNVERIFIED", "VERIFIED"}},
	{Tag: dicom.PreliminaryFlag, Type: 1, Module: "C.17.2", Values: []string{"PRELIMINARY", "FINAL"}}, // 3 in the standard; a reader must know
	{Tag: dicom.VerifyingObserverSequence, Type: 1, Module: "C.17.2", When: verified, Items: []iod.Attribute{
		{Tag: dicom.VerifyingObserverName, Type: 1, Module: "C.17.2"}, {Tag: dicom.VerifyingObserverIdentificationCodeSequence, Type: 2, Module: "C.17.2"},
		{Tag: dicom.VerifyingOrganization, Type: 1, Module: "C.17.2"}, {Tag: dicom.VerificationDateTime, Type: 1, Module: "C.17.2"}}},
}

// keyObjectAttributes are those that only a key object selection has.
var keyObjectAttributes = []iod.Attribute{
	{Tag: dicom.CurrentRequestedProcedureEvidenceSequence, Type: 1, Module: "C.17.6.2"},
	{Tag: dicom.VerificationFlag, Type: 1, Module: "C.17.6.2", When: never},
	{Tag: dicom.CompletionFlag, Type: 1, Module: "C.17.6.2", When: never},
}

func (c *checker) attributes() {
	rows := reportAttributes
	if c.class.modality == "KO" {
		rows = keyObjectAttributes
	}
	for _, m := range [][]iod.Attribute{iod.PatientStudy, iod.SOPCommon, documentAttributes, rows} {
		c.Rows("", c.ds, m)
	}
	if m := c.ds.Text(dicom.Modality); m != "" && m != c.class.modality {
		c.Bad("PS3.3 C.17.1", "Modality", "is %q, must be %s", m, c.class.modality)
	}
}

func (c *checker) verification() {
	if !verified(c.ds) {
		return
	}
	if c.ds.Text(dicom.PreliminaryFlag) == "PRELIMINARY" {
		c.Bad("PS3.3 C.17.2", "PreliminaryFlag", "the document is VERIFIED but PRELIMINARY")
	}
	if c.ds.Text(dicom.CompletionFlag) == "PARTIAL" {
		c.Bad("PS3.3 C.17.2", "CompletionFlag", "the document is VERIFIED but PARTIAL")
	}
}

// evidence collects the instances of the evidence sequences and checks their
// hierarchy.
func (c *checker) evidence() {
	c.known = map[radnode.UID]radnode.UID{}
	study := c.ds.UID(dicom.StudyInstanceUID)
	for _, t := range []dicom.Tag{dicom.CurrentRequestedProcedureEvidenceSequence, dicom.PertinentOtherEvidenceSequence, dicom.PredecessorDocumentsSequence} {
		seen := map[radnode.UID]bool{}
		for _, r := range references(c.ds, t) {
			if !r.StudyInstanceUID.Valid() || !r.SeriesInstanceUID.Valid() || !r.SOPClassUID.Valid() || !r.SOPInstanceUID.Valid() {
				c.Bad("PS3.3 C.17.2.1", t.Keyword(), "a reference is incomplete")
				continue
			}
			if seen[r.SOPInstanceUID] {
				c.Bad("PS3.3 C.17.2.1", t.Keyword(), "%s is named twice", r.SOPInstanceUID)
			}
			seen[r.SOPInstanceUID] = true
			switch {
			case t == dicom.PredecessorDocumentsSequence:
				if r.SOPInstanceUID == c.ds.UID(dicom.SOPInstanceUID) {
					c.Bad("PS3.3 C.17.2", t.Keyword(), "the document names itself as its predecessor")
				}
				continue
			case t == dicom.CurrentRequestedProcedureEvidenceSequence && r.StudyInstanceUID != study:
				c.Bad("PS3.3 C.17.2.3", t.Keyword(), "%s is of another study", r.SOPInstanceUID)
			}
			c.known[r.SOPInstanceUID] = r.SOPClassUID
		}
	}
}
