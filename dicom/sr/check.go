package sr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Violation is a rule that a document breaks.
type Violation struct {
	Rule string // where the rule stands: "PS3.3 C.17.2", "TID 1500"
	Path string // attribute, or content item as in "1.7.2"
	Text string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Rule, v.Path, v.Text) }

// Check tells which rules of the document, its content tree and TID 1500 the
// object ds breaks. It is run before a document leaves; nil is good.
func Check(ds *dicom.Dataset) []Violation {
	c := &checker{ds: ds, class: classes[ds.UID(dicom.SOPClassUID)]}
	if c.class.modality == "" {
		c.bad("PS3.3 A.35", "SOPClassUID", "%s is no structured report class", ds.UID(dicom.SOPClassUID))
		return c.list
	}
	c.attributes()
	c.verification()
	c.values(ds, "")
	c.evidence()
	budget := maxItems
	root, err := decode(ds, 0, &budget)
	if err != nil {
		c.bad("PS3.3 C.17.3", "1", "%s", err)
		return c.list
	}
	c.root = root
	c.content(root, nil, []int{1})
	if root.Template == "1500" {
		c.tid1500()
	}
	return c.list
}

type checker struct {
	ds    *dicom.Dataset
	class class
	root  *Item
	list  []Violation
	known map[radnode.UID]radnode.UID // instances of the evidence sequences and their class
}

func (c *checker) bad(rule, path, format string, args ...any) {
	c.list = append(c.list, Violation{Rule: rule, Path: path, Text: fmt.Sprintf(format, args...)})
}

// attribute is a row of a module table.
type attribute struct {
	tag    dicom.Tag
	typ    int // 1 or 2
	module string
	values []string // enumerated
}

var documentAttributes = []attribute{
	{dicom.PatientName, 2, "C.7.1.1", nil}, {dicom.PatientID, 2, "C.7.1.1", nil},
	{dicom.PatientBirthDate, 2, "C.7.1.1", nil}, {dicom.PatientSex, 2, "C.7.1.1", []string{"M", "F", "O"}},
	{dicom.StudyInstanceUID, 1, "C.7.2.1", nil}, {dicom.StudyDate, 2, "C.7.2.1", nil}, {dicom.StudyTime, 2, "C.7.2.1", nil},
	{dicom.ReferringPhysicianName, 2, "C.7.2.1", nil}, {dicom.StudyID, 2, "C.7.2.1", nil}, {dicom.AccessionNumber, 2, "C.7.2.1", nil},
	{dicom.Modality, 1, "C.17.1", nil}, {dicom.SeriesInstanceUID, 1, "C.17.1", nil}, {dicom.SeriesNumber, 1, "C.17.1", nil},
	{dicom.ReferencedPerformedProcedureStepSequence, 2, "C.17.1", nil}, {dicom.Manufacturer, 2, "C.7.5.1", nil},
	{dicom.InstanceNumber, 1, "C.17.2", nil}, {dicom.ContentDate, 1, "C.17.2", nil}, {dicom.ContentTime, 1, "C.17.2", nil},
	{dicom.SOPClassUID, 1, "C.12.1", nil}, {dicom.SOPInstanceUID, 1, "C.12.1", nil},
	{dicom.ValueType, 1, "C.17.3", []string{"CONTAINER"}}, {dicom.ConceptNameCodeSequence, 1, "C.17.3", nil},
	{dicom.ContinuityOfContent, 1, "C.17.3", []string{"SEPARATE", "CONTINUOUS"}},
}

// reportAttributes are those that a key object selection does not have.
var reportAttributes = []attribute{
	{dicom.PerformedProcedureCodeSequence, 2, "C.17.2", nil},
	{dicom.CompletionFlag, 1, "C.17.2", []string{"PARTIAL", "COMPLETE"}},
	{dicom.VerificationFlag, 1, "C.17.2", []string{"UNVERIFIED", "VERIFIED"}},
}

func (c *checker) attributes() {
	rows := documentAttributes
	if c.class.modality == "SR" {
		rows = append(slices.Clone(rows), reportAttributes...)
	}
	c.rows(c.ds, rows)
	if m := c.ds.Text(dicom.Modality); m != "" && m != c.class.modality {
		c.bad("PS3.3 C.17.1", "Modality", "is %q, must be %s", m, c.class.modality)
	}
	for i, p := range c.ds.Items(dicom.ReferencedRequestSequence) {
		c.item(fmt.Sprintf("ReferencedRequestSequence[%d]", i+1), p, []attribute{
			{dicom.StudyInstanceUID, 1, "C.17.2", nil}, {dicom.ReferencedStudySequence, 2, "C.17.2", nil}, {dicom.AccessionNumber, 2, "C.17.2", nil},
			{dicom.PlacerOrderNumberImagingServiceRequest, 2, "C.17.2", nil}, {dicom.FillerOrderNumberImagingServiceRequest, 2, "C.17.2", nil},
			{dicom.RequestedProcedureID, 2, "C.17.2", nil}, {dicom.RequestedProcedureDescription, 2, "C.17.2", nil},
			{dicom.RequestedProcedureCodeSequence, 2, "C.17.2", nil}})
	}
}

func (c *checker) rows(d *dicom.Dataset, rows []attribute) { c.item("", d, rows) }

func (c *checker) item(path string, d *dicom.Dataset, rows []attribute) {
	for _, a := range rows {
		name := strings.TrimPrefix(path+"."+a.tag.Keyword(), ".")
		e, ok := d.Get(a.tag)
		switch {
		case !ok:
			c.bad("PS3.3 "+a.module, name, "type %d attribute is missing", a.typ)
			continue
		case a.typ == 1 && len(e.Value) == 0 && len(e.Items) == 0:
			c.bad("PS3.3 "+a.module, name, "type 1 attribute has no value")
		}
		if v := d.Text(a.tag); a.values != nil && v != "" && !slices.Contains(a.values, v) {
			c.bad("PS3.3 "+a.module, name, "%q is none of %v", v, a.values)
		}
	}
}

func (c *checker) verification() {
	if c.class.modality != "SR" {
		return
	}
	verified := c.ds.Text(dicom.VerificationFlag) == "VERIFIED"
	observers := c.ds.Items(dicom.VerifyingObserverSequence)
	if verified && len(observers) == 0 {
		c.bad("PS3.3 C.17.2", "VerifyingObserverSequence", "the document is VERIFIED but names no observer")
	}
	if !verified && c.ds.Has(dicom.VerifyingObserverSequence) {
		c.bad("PS3.3 C.17.2", "VerifyingObserverSequence", "the document is not VERIFIED but names an observer")
	}
	for i, o := range observers {
		c.item(fmt.Sprintf("VerifyingObserverSequence[%d]", i+1), o, []attribute{
			{dicom.VerifyingObserverName, 1, "C.17.2", nil}, {dicom.VerifyingObserverIdentificationCodeSequence, 2, "C.17.2", nil},
			{dicom.VerifyingOrganization, 1, "C.17.2", nil}, {dicom.VerificationDateTime, 1, "C.17.2", nil}})
	}
	if verified && c.ds.Text(dicom.PreliminaryFlag) == "PRELIMINARY" {
		c.bad("PS3.3 C.17.2", "PreliminaryFlag", "the document is VERIFIED but PRELIMINARY")
	}
}

// identity is what stands in a report as it stood in the images, whatever its
// form: a changed identity would be worse than a wrong one.
var identity = []dicom.Tag{dicom.PatientName, dicom.PatientID, dicom.AccessionNumber, dicom.StudyID, dicom.ReferringPhysicianName, dicom.IssuerOfPatientID}

// values checks the form of every value and the code sequences.
func (c *checker) values(d *dicom.Dataset, path string) {
	for _, e := range d.Elements() {
		name := strings.TrimPrefix(path+"."+e.Tag.Keyword(), ".")
		if len(e.Items) == 0 && !slices.Contains(identity, e.Tag) {
			for _, v := range d.Texts(e.Tag) {
				if p := dicom.ValueProblem(e.VR, v); p != "" {
					c.bad("PS3.5 6.2", name, "%s", p)
				}
			}
		}
		for i, it := range e.Items {
			at := fmt.Sprintf("%s[%d]", name, i+1)
			if strings.HasSuffix(e.Tag.Keyword(), "CodeSequence") {
				c.code(at, it)
			}
			c.values(it, at)
		}
	}
}

// schemes are the designators of PS3.16 Table 8-1 that are used here; others
// must be described in the Coding Scheme Identification Sequence.
var schemes = []string{"DCM", "SCT", "SRT", "LN", "UCUM", "UMLS", "NCIt", "RADLEX", "RFC5646", "ISO3166_1", "ISO639_2", "FMA", "IBSI", "MSH", "NEU", "I10", "I10P", "I9C", "C4", "BI"}

// KnownScheme reports whether a coding scheme needs no description.
func KnownScheme(designator string) bool { return slices.Contains(schemes, designator) }

// code checks the Code Sequence Macro (PS3.3 Table 8.8-1).
func (c *checker) code(path string, it *dicom.Dataset) {
	cc := conceptFrom(it)
	urn := it.Has(dicom.URNCodeValue)
	switch {
	case cc.Value == "":
		c.bad("PS3.3 8.8", path, "a code without value")
	case cc.Meaning == "":
		c.bad("PS3.3 8.8", path, "code %s has no meaning", cc.Value)
	case cc.Scheme == "" && !urn:
		c.bad("PS3.3 8.8", path, "code %s has no coding scheme", cc.Value)
	case !urn && !KnownScheme(cc.Scheme) && !c.describes(cc.Scheme):
		c.bad("PS3.3 C.12.1.1.8", path, "coding scheme %s is neither known nor described", cc.Scheme)
	}
}

func (c *checker) describes(scheme string) bool {
	for _, s := range c.ds.Items(dicom.CodingSchemeIdentificationSequence) {
		if s.Text(dicom.CodingSchemeDesignator) == scheme && (s.Has(dicom.CodingSchemeName) || s.Has(dicom.CodingSchemeUID)) {
			return true
		}
	}
	return false
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
				c.bad("PS3.3 C.17.2.1", t.Keyword(), "a reference is incomplete")
				continue
			}
			if seen[r.SOPInstanceUID] {
				c.bad("PS3.3 C.17.2.1", t.Keyword(), "%s is named twice", r.SOPInstanceUID)
			}
			seen[r.SOPInstanceUID] = true
			switch {
			case t == dicom.PredecessorDocumentsSequence:
				if r.SOPInstanceUID == c.ds.UID(dicom.SOPInstanceUID) {
					c.bad("PS3.3 C.17.2", t.Keyword(), "the document names itself as its predecessor")
				}
				continue
			case t == dicom.CurrentRequestedProcedureEvidenceSequence && r.StudyInstanceUID != study:
				c.bad("PS3.3 C.17.2.3", t.Keyword(), "%s is of another study", r.SOPInstanceUID)
			}
			c.known[r.SOPInstanceUID] = r.SOPClassUID
		}
	}
}
