package iod

import (
	"slices"
	"strconv"
	"strings"

	"github.com/radnode/radnode/dicom"
)

// form checks an element against the data dictionary (PS3.6 6): its VR and how
// many values it has.
func (c *Checker) form(name string, d *dicom.Dataset, e *dicom.Element) {
	entry, known := dicom.Lookup(e.Tag)
	if !known {
		return
	}
	if !slices.Contains(strings.Fields(entry.VR), string(e.VR)) {
		c.Bad("PS3.6 6", name, "its VR is %s, must be %s", e.VR, entry.VR)
		return
	}
	vm := entry.VM
	if e.Tag == dicom.NumericValue {
		vm = "1" // PS3.3 C.18.1
	}
	if n := values(d, e); n > 0 && !slices.Contains(Identity, e.Tag) && !multiplicity(vm, n) {
		c.Bad("PS3.6 6", name, "%d values, must be %s", n, vm)
	}
}

// widths are the bytes of one value of the binary VRs (PS3.5 6.2).
var widths = map[dicom.VR]int{dicom.US: 2, dicom.SS: 2, dicom.UL: 4, dicom.SL: 4, dicom.FL: 4, dicom.AT: 4, dicom.FD: 8, dicom.UV: 8, dicom.SV: 8}

// multiple are the text VRs that separate values by a backslash (PS3.5 6.4).
var multiple = []dicom.VR{dicom.AE, dicom.AS, dicom.CS, dicom.DA, dicom.DS, dicom.DT, dicom.IS, dicom.LO, dicom.PN, dicom.SH, dicom.TM, dicom.UC, dicom.UI}

// values counts the values of an element; 0 where it has none or no count.
func values(d *dicom.Dataset, e *dicom.Element) int {
	switch {
	case len(e.Value) == 0:
		return 0
	case widths[e.VR] > 0:
		return len(e.Value) / widths[e.VR]
	case slices.Contains(multiple, e.VR):
		return len(d.Texts(e.Tag))
	}
	return 0
}

// multiplicity reports whether n values are as many as a VM such as "1", "1-3",
// "2-n" or "2-2n" allows.
func multiplicity(vm string, n int) bool {
	low, high, ranged := strings.Cut(vm, "-")
	least, err := strconv.Atoi(low)
	if err != nil {
		return true // "1-n or 1", of a retired element
	}
	if step, open := strings.CutSuffix(high, "n"); open {
		each, _ := strconv.Atoi(step)
		return n >= least && n%max(each, 1) == 0
	}
	most := least
	if ranged {
		most, _ = strconv.Atoi(high)
	}
	return n >= least && n <= most
}

// single are the sequences that hold one item at most wherever they are written
// here.
var single = []dicom.Tag{
	dicom.ConceptNameCodeSequence, dicom.ConceptCodeSequence, dicom.MeasurementUnitsCodeSequence, dicom.MeasuredValueSequence, dicom.NumericValueQualifierCodeSequence,
	dicom.ContentTemplateSequence, dicom.PurposeOfReferenceCodeSequence, dicom.AnatomicRegionSequence, dicom.SegmentedPropertyCategoryCodeSequence,
	dicom.SegmentedPropertyTypeCodeSequence, dicom.AlgorithmFamilyCodeSequence,
}

// count checks how many items a sequence has.
func (c *Checker) count(name string, d *dicom.Dataset, e *dicom.Element) {
	one := slices.Contains(single, e.Tag) || e.Tag == dicom.ReferencedSOPSequence && d.Has(dicom.ValueType) // PS3.3 C.18.3
	if one && len(e.Items) > 1 {
		c.Bad("PS3.3 7.5", name, "%d items, there must be one", len(e.Items))
	}
}

// positive are sizes, which nothing has of 0 (PS3.3 C.7.6.16.2.1, C.11.2.1.2,
// C.10.4).
var positive = []dicom.Tag{dicom.PixelSpacing, dicom.SliceThickness, dicom.WindowWidth, dicom.PresentationPixelSpacing, dicom.PresentationPixelAspectRatio}

// sizes checks that what is a size is one, and what is a direction too.
func (c *Checker) sizes(name string, d *dicom.Dataset, e *dicom.Element) {
	if slices.Contains(positive, e.Tag) {
		for _, v := range d.Floats(e.Tag) {
			if v <= 0 {
				c.Bad("PS3.3 10.7", name, "is %g, must be more than 0", v)
			}
		}
	}
	if e.Tag == dicom.PatientOrientation {
		for _, v := range d.Texts(e.Tag) {
			if strings.Trim(v, "LRAPHF") != "" {
				c.Bad("PS3.3 C.7.6.1.1.1", name, "%.8q is no direction in a patient", v)
			}
		}
	}
}
