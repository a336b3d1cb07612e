package iod

import (
	"fmt"
	"slices"
	"strings"

	"github.com/radnode/radnode/dicom"
)

// Violation is a rule that an object breaks.
type Violation struct {
	Rule string // where the rule stands: "PS3.3 C.17.2", "TID 1500"
	Path string // attribute, or content item as in "1.7.2"
	Text string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Rule, v.Path, v.Text) }

// Attribute is a row of a module table.
type Attribute struct {
	Tag    dicom.Tag
	Type   int    // 1 or 2
	Module string // section of PS3.3
	Values []string
	// When makes the row conditional (1C, 2C): it counts where When is true, and
	// the attribute must not be there where it is not.
	When func(*dicom.Dataset) bool
	// May lets a conditional attribute be there without its condition.
	May   bool
	Items []Attribute // rows of each item
	One   bool        // exactly one item
}

// Checker collects violations.
type Checker struct {
	Dataset *dicom.Dataset
	List    []Violation
}

// Bad notes a violation.
func (c *Checker) Bad(rule, path, format string, args ...any) {
	c.List = append(c.List, Violation{Rule: rule, Path: path, Text: fmt.Sprintf(format, args...)})
}

// Rows checks a module or macro against d, which stands at path.
func (c *Checker) Rows(path string, d *dicom.Dataset, rows []Attribute) {
	for _, a := range rows {
		c.row(join(path, a.Tag.Keyword()), d, a)
	}
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

func (c *Checker) row(name string, d *dicom.Dataset, a Attribute) {
	rule := "PS3.3 " + a.Module
	e, ok := d.Get(a.Tag)
	if a.When != nil && !a.When(d) {
		if ok && !a.May {
			c.Bad(rule, name, "its condition is not met, and it must not be present then")
		}
		if !ok {
			return
		}
	}
	switch {
	case !ok:
		c.Bad(rule, name, "type %d attribute is missing", a.Type)
		return
	case a.Type == 1 && len(e.Value) == 0 && len(e.Items) == 0 && len(e.Fragments) == 0:
		c.Bad(rule, name, "type 1 attribute has no value")
	case a.One && len(e.Items) != 1:
		c.Bad(rule, name, "%d items, there must be one", len(e.Items))
	}
	if v := d.Text(a.Tag); a.Values != nil && v != "" && !slices.Contains(a.Values, v) {
		c.Bad(rule, name, "%q is none of %v", v, a.Values)
	}
	for i, it := range e.Items {
		c.Rows(fmt.Sprintf("%s[%d]", name, i+1), it, a.Items)
	}
}

// Identity is what stands in an object as it stood in the images, whatever its
// form: a changed identity would be worse than a wrong one.
var Identity = []dicom.Tag{dicom.PatientName, dicom.PatientID, dicom.AccessionNumber, dicom.StudyID, dicom.ReferringPhysicianName, dicom.IssuerOfPatientID}

// Values checks the form of every value (PS3.5 6.2) and every code sequence.
func (c *Checker) Values(d *dicom.Dataset, path string) {
	for _, e := range d.Elements() {
		name := join(path, e.Tag.Keyword())
		c.form(name, d, e)
		c.count(name, d, e)
		c.sizes(name, d, e)
		if len(e.Items) == 0 && !slices.Contains(Identity, e.Tag) {
			for _, v := range d.Texts(e.Tag) {
				if p := dicom.ValueProblem(e.VR, v); p != "" {
					c.Bad("PS3.5 6.2", name, "%s", p)
				}
			}
		}
		if e.VR == dicom.SQ && len(e.Items) == 0 && !slices.Contains(emptySequences, e.Tag) {
			c.Bad("PS3.5 7.4", name, "a sequence without items; only one of type 2 may be so")
		}
		for i, it := range e.Items {
			at := fmt.Sprintf("%s[%d]", name, i+1)
			if strings.HasSuffix(e.Tag.Keyword(), "CodeSequence") || e.Tag == dicom.AnatomicRegionSequence {
				c.code(at, it)
			}
			c.Values(it, at)
		}
	}
}

// emptySequences are of type 2 where they are written.
var emptySequences = []dicom.Tag{
	dicom.ReferencedPerformedProcedureStepSequence, dicom.PerformedProcedureCodeSequence, dicom.RequestedProcedureCodeSequence, dicom.ReferencedStudySequence,
	dicom.VerifyingObserverIdentificationCodeSequence, dicom.InstitutionCodeSequence, dicom.AcquisitionContextSequence, dicom.MeasuredValueSequence,
}

// schemes are the designators of PS3.16 Table 8-1 that are used here; others
// must be described in the Coding Scheme Identification Sequence.
var schemes = []string{"DCM", "SCT", "SRT", "LN", "UCUM", "UMLS", "NCIt", "RADLEX", "RFC5646", "ISO3166_1", "ISO639_2", "FMA", "IBSI", "MSH", "NEU", "I10", "I10P", "I9C", "C4", "BI"}

// KnownScheme reports whether a coding scheme needs no description.
func KnownScheme(designator string) bool { return slices.Contains(schemes, designator) }

// code checks the Code Sequence Macro (PS3.3 Table 8.8-1).
func (c *Checker) code(path string, it *dicom.Dataset) {
	value, urn := it.Text(dicom.CodeValue), it.Has(dicom.URNCodeValue)
	kinds := 0
	for _, t := range []dicom.Tag{dicom.CodeValue, dicom.LongCodeValue, dicom.URNCodeValue} {
		if v := it.Text(t); v != "" {
			value = v
			kinds++
		}
	}
	scheme := it.Text(dicom.CodingSchemeDesignator)
	switch {
	case value == "":
		c.Bad("PS3.3 8.8", path, "a code without value")
	case kinds > 1:
		c.Bad("PS3.3 8.8", path, "code %s has values of several kinds", value)
	case it.Text(dicom.CodeMeaning) == "":
		c.Bad("PS3.3 8.8", path, "code %s has no meaning", value)
	case scheme == "" && !urn:
		c.Bad("PS3.3 8.8", path, "code %s has no coding scheme", value)
	case !urn && !KnownScheme(scheme) && !c.describes(scheme):
		c.Bad("PS3.3 C.12.1.1.8", path, "coding scheme %s is neither known nor described", scheme)
	}
}

func (c *Checker) describes(scheme string) bool {
	for _, s := range c.Dataset.Items(dicom.CodingSchemeIdentificationSequence) {
		if s.Text(dicom.CodingSchemeDesignator) == scheme && (s.Has(dicom.CodingSchemeName) || s.Has(dicom.CodingSchemeUID)) {
			return true
		}
	}
	return false
}

// Check tells which rules the object ds breaks; nil is good. It knows the
// companions of a report. Objects of a class it does not know are refused.
func Check(ds *dicom.Dataset) []Violation {
	c := &Checker{Dataset: ds}
	class, ok := classes[ds.UID(dicom.SOPClassUID)]
	if !ok {
		c.Bad("PS3.4 B.5", "SOPClassUID", "%q is no class that is written here", ds.UID(dicom.SOPClassUID))
		return c.List
	}
	for _, m := range append(slices.Clone(everyObject), class.modules...) {
		c.Rows("", ds, m)
	}
	if m := ds.Text(dicom.Modality); m != "" && !slices.Contains(class.modalities, m) {
		c.Bad("PS3.3 C.7.3.1", "Modality", "is %q, must be one of %v", m, class.modalities)
	}
	c.Values(ds, "")
	c.Common()
	for _, rule := range class.rules {
		rule(c, ds)
	}
	return c.List
}

// Common checks the rules that every object has: the identity of the study in
// its references, the description of text, the contributing equipment.
func (c *Checker) Common() {
	d := c.Dataset
	for _, t := range []dicom.Tag{dicom.StudyInstanceUID, dicom.SeriesInstanceUID} {
		if u := d.UID(t); u != "" && u == d.UID(dicom.SOPInstanceUID) {
			c.Bad("PS3.3 C.12.1", t.Keyword(), "is the SOP Instance UID too")
		}
	}
	if d.UID(dicom.StudyInstanceUID) == d.UID(dicom.SeriesInstanceUID) && d.Has(dicom.SeriesInstanceUID) {
		c.Bad("PS3.3 C.7.3.1", "SeriesInstanceUID", "is the Study Instance UID too")
	}
	if d.Text(dicom.PatientIdentityRemoved) == "YES" && !d.Has(dicom.DeidentificationMethod) && !d.Has(dicom.DeidentificationMethodCodeSequence) {
		c.Bad("PS3.3 C.7.1.1", "DeidentificationMethod", "the identity is removed but not told how")
	}
	if set := d.Text(dicom.SpecificCharacterSet); set != "ISO_IR 192" && !ascii(d) {
		c.Bad("PS3.3 C.12.1.1.2", "SpecificCharacterSet", "is %q beside text that is UTF-8", set)
	}
	for i, it := range d.Items(dicom.CodingSchemeIdentificationSequence) {
		c.Rows(fmt.Sprintf("CodingSchemeIdentificationSequence[%d]", i+1), it, []Attribute{{Tag: dicom.CodingSchemeDesignator, Type: 1, Module: "C.12.1"}})
	}
	for i, it := range d.Items(dicom.ContributingEquipmentSequence) {
		c.Rows(fmt.Sprintf("ContributingEquipmentSequence[%d]", i+1), it, contributing)
		// IHE AIR 6.5.3.1 makes these mandatory for an algorithm.
		for _, t := range []dicom.Tag{dicom.ManufacturerModelName, dicom.SoftwareVersions, dicom.DeviceUID} {
			if it.Text(t) == "" {
				c.Bad("IHE AIR 6.5.3.1", fmt.Sprintf("ContributingEquipmentSequence[%d].%s", i+1, t.Keyword()), "is missing")
			}
		}
	}
}

func ascii(d *dicom.Dataset) bool {
	for _, e := range d.Elements() {
		for _, it := range e.Items {
			if !ascii(it) {
				return false
			}
		}
		if len(e.Items) > 0 || !textual(e.VR) {
			continue
		}
		for _, v := range d.Texts(e.Tag) {
			if strings.ContainsFunc(v, func(r rune) bool { return r > '~' }) {
				return false
			}
		}
	}
	return true
}

func textual(vr dicom.VR) bool {
	return slices.Contains([]dicom.VR{dicom.LO, dicom.LT, dicom.PN, dicom.SH, dicom.ST, dicom.UC, dicom.UT}, vr)
}
