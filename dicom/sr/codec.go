package sr

import (
	"math"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// maxDepth and maxItems bound a content tree that is read.
const (
	maxDepth = 24
	maxItems = 100_000
)

// SetConcept writes c as the only item of a code sequence (PS3.3 8.8). Long
// and URN values take the attributes made for them.
func SetConcept(d *dicom.Dataset, t dicom.Tag, c radnode.Concept) {
	d.SetItems(t, ConceptItem(c))
}

// ConceptItem is one item of a code sequence.
func ConceptItem(c radnode.Concept) *dicom.Dataset {
	it := dicom.NewDataset()
	switch {
	case strings.HasPrefix(c.Value, "urn:") || strings.Contains(c.Value, "://"):
		it.SetText(dicom.URNCodeValue, c.Value)
	case len(c.Value) > 16:
		it.SetText(dicom.LongCodeValue, c.Value)
	default:
		it.SetText(dicom.CodeValue, c.Value)
	}
	if c.Scheme != "" {
		it.SetText(dicom.CodingSchemeDesignator, c.Scheme)
	}
	it.SetText(dicom.CodeMeaning, shortened(c.Meaning, 64))
	return it
}

// shortened cuts s to n characters (PS3.5 6.2: LO).
func shortened(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// ConceptOf reads the first item of a code sequence.
func ConceptOf(d *dicom.Dataset, t dicom.Tag) (radnode.Concept, bool) {
	it := d.Item(t)
	if it == nil {
		return radnode.Concept{}, false
	}
	return conceptFrom(it), true
}

func conceptFrom(it *dicom.Dataset) radnode.Concept {
	c := radnode.Concept{Scheme: it.Text(dicom.CodingSchemeDesignator), Meaning: it.Text(dicom.CodeMeaning)}
	for _, t := range []dicom.Tag{dicom.CodeValue, dicom.LongCodeValue, dicom.URNCodeValue} {
		if v := it.Text(t); v != "" {
			c.Value = v
			break
		}
	}
	return c
}

// encode writes i and what is below it into d.
func (i *Item) encode(d *dicom.Dataset) {
	if i.Relationship != "" {
		d.SetText(dicom.RelationshipType, string(i.Relationship))
	}
	if len(i.Target) > 0 {
		d.SetInts(dicom.ReferencedContentItemIdentifier, i.Target...)
		return
	}
	d.SetText(dicom.ValueType, string(i.Type))
	if i.Name.Value != "" {
		SetConcept(d, dicom.ConceptNameCodeSequence, i.Name)
	}
	i.encodeValue(d)
	if len(i.Items) == 0 {
		return
	}
	children := make([]*dicom.Dataset, len(i.Items))
	for n, c := range i.Items {
		children[n] = dicom.NewDataset()
		c.encode(children[n])
	}
	d.SetItems(dicom.ContentSequence, children...)
}

// textTags tells where the value of an item that is text stands.
var textTags = map[ValueType]dicom.Tag{
	Text: dicom.TextValue, PName: dicom.PersonNameTag, UIDRef: dicom.UID,
	Date: dicom.Date, Time: dicom.Time, DateTime: dicom.DateTime,
}

func (i *Item) encodeValue(d *dicom.Dataset) {
	if t, ok := textTags[i.Type]; ok {
		d.SetText(t, i.Text)
		return
	}
	switch {
	case i.Type == Container:
		continuity := "SEPARATE"
		if i.Continuous {
			continuity = "CONTINUOUS"
		}
		d.SetText(dicom.ContinuityOfContent, continuity)
		if i.Template != "" {
			t := dicom.NewDataset()
			t.SetText(dicom.MappingResource, "DCMR")
			t.SetUID(dicom.MappingResourceUID, "1.2.840.10008.8.1.1")
			t.SetText(dicom.TemplateIdentifier, i.Template)
			d.SetItems(dicom.ContentTemplateSequence, t)
		}
	case i.Type == Code && i.Code != nil:
		SetConcept(d, dicom.ConceptCodeSequence, *i.Code)
	case i.Type == Num && i.Number != nil:
		i.Number.encode(d)
	case i.Reference != nil:
		d.SetItems(dicom.ReferencedSOPSequence, i.Reference.sopItem())
	case i.Graphic != nil:
		d.SetText(dicom.GraphicType, i.Graphic.Type)
		d.SetFloats(dicom.GraphicData, i.Graphic.Points...)
		if i.Type == SCoord3D {
			d.SetUID(dicom.ReferencedFrameOfReferenceUID, i.Graphic.FrameOfReference)
		}
	}
}

func (r *Reference) sopItem() *dicom.Dataset {
	it := dicom.NewDataset()
	it.SetUID(dicom.ReferencedSOPClassUID, r.SOPClassUID)
	it.SetUID(dicom.ReferencedSOPInstanceUID, r.SOPInstanceUID)
	if len(r.Frames) > 0 {
		it.SetInts(dicom.ReferencedFrameNumber, r.Frames...)
	}
	if len(r.Segments) > 0 {
		it.SetInts(dicom.ReferencedSegmentNumber, r.Segments...)
	}
	return it
}

func (n *Number) text() string {
	if n.Text != "" {
		return n.Text
	}
	return dicom.FormatDS(n.Value)
}

func (n *Number) encode(d *dicom.Dataset) {
	if n.Qualifier != nil {
		SetConcept(d, dicom.NumericValueQualifierCodeSequence, *n.Qualifier)
	}
	if n.Missing {
		d.SetItems(dicom.MeasuredValueSequence) // type 2: empty
		return
	}
	m := dicom.NewDataset()
	m.SetText(dicom.NumericValue, n.text())
	if s, err := strconv.ParseFloat(n.text(), 64); err == nil && s != n.Value && n.Text == "" {
		// PS3.3 C.18.1: where the 16 characters of a DS lose digits.
		m.SetFloats(dicom.FloatingPointValue, n.Value)
	}
	SetConcept(m, dicom.MeasurementUnitsCodeSequence, n.Unit)
	d.SetItems(dicom.MeasuredValueSequence, m)
}

// decode reads the item in d and what is below it.
func decode(d *dicom.Dataset, depth int, budget *int) (*Item, error) {
	const op = "read structured report"
	if depth > maxDepth {
		return nil, radnode.Errorf(radnode.TooLarge, op, "the content tree is deeper than %d", maxDepth)
	}
	if *budget--; *budget < 0 {
		return nil, radnode.Errorf(radnode.TooLarge, op, "the content tree has more than %d items", maxItems)
	}
	i := &Item{
		Relationship: Relationship(d.Text(dicom.RelationshipType)),
		Type:         ValueType(d.Text(dicom.ValueType)),
		Target:       d.Ints(dicom.ReferencedContentItemIdentifier),
	}
	i.Name, _ = ConceptOf(d, dicom.ConceptNameCodeSequence)
	i.decodeValue(d)
	for _, c := range d.Items(dicom.ContentSequence) {
		child, err := decode(c, depth+1, budget)
		if err != nil {
			return nil, err
		}
		i.Items = append(i.Items, child)
	}
	return i, nil
}

func (i *Item) decodeValue(d *dicom.Dataset) {
	if t, ok := textTags[i.Type]; ok {
		i.Text = d.Text(t)
		return
	}
	switch i.Type {
	case Container:
		i.Continuous = d.Text(dicom.ContinuityOfContent) == "CONTINUOUS"
		i.Template = d.Item(dicom.ContentTemplateSequence).Text(dicom.TemplateIdentifier)
	case Code:
		if c, ok := ConceptOf(d, dicom.ConceptCodeSequence); ok {
			i.Code = &c
		}
	case Num:
		i.Number = decodeNumber(d)
	case Image, Composite, Waveform:
		if s := d.Item(dicom.ReferencedSOPSequence); s != nil {
			i.Reference = &Reference{SOPClassUID: s.UID(dicom.ReferencedSOPClassUID), SOPInstanceUID: s.UID(dicom.ReferencedSOPInstanceUID),
				Frames: s.Ints(dicom.ReferencedFrameNumber), Segments: s.Ints(dicom.ReferencedSegmentNumber)}
		}
	case SCoord, SCoord3D:
		i.Graphic = &Graphic{Type: d.Text(dicom.GraphicType), Points: d.Floats(dicom.GraphicData),
			FrameOfReference: d.UID(dicom.ReferencedFrameOfReferenceUID)}
	}
}

func decodeNumber(d *dicom.Dataset) *Number {
	n := &Number{}
	if c, ok := ConceptOf(d, dicom.NumericValueQualifierCodeSequence); ok {
		n.Qualifier = &c
	}
	m := d.Item(dicom.MeasuredValueSequence)
	v, ok := m.Float(dicom.FloatingPointValue)
	if !ok {
		v, ok = m.Float(dicom.NumericValue)
	}
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		n.Missing = true
		return n
	}
	n.Value = v
	if t := m.Text(dicom.NumericValue); t != dicom.FormatDS(v) {
		n.Text = t
	}
	n.Unit, _ = ConceptOf(m, dicom.MeasurementUnitsCodeSequence)
	return n
}
