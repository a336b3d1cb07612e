package report

import (
	"cmp"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// measurementNames are the concepts of what a reader measures (PS3.16 CID 7470,
// 7471); what has none there is named by its label.
var measurementNames = map[string]radnode.Concept{
	"length": {Value: "410668003", Scheme: "SCT", Meaning: "Length"},
	"area":   {Value: "42798000", Scheme: "SCT", Meaning: "Area"},
	"angle":  {Value: "1483009", Scheme: "SCT", Meaning: "Angle"},
}

// unitMeanings are the meanings of the UCUM units of measurements.
var unitMeanings = map[string]string{
	"mm": "mm", "cm": "cm", "mm2": "square millimeter", "cm2": "square centimeter", "deg": "degrees", "1": "no units", "{pixels}": "pixels",
}

// reading is the group of a finding that a reader added or changed: TID 1410
// with the reader's region, else TID 1501. What the model stated of a changed
// one is told in words.
func (b *builder) reading(f radnode.ReportFinding) sr.MeasurementItem {
	r, presence := f.Reading, sr.Yes
	code := b.code(f.Stated())
	g := sr.Group{
		Finding:     &code,
		Evaluations: []sr.Evaluation{{Name: code, Code: &presence}},
	}
	g.TrackingID, g.TrackingUID = tracking(f)
	comment := func(text string) { g.Evaluations = append(g.Evaluations, sr.Evaluation{Name: sr.Comment, Text: text}) }
	if r.Text != "" {
		comment(r.Text)
	}
	if f.Added() {
		comment("Added by " + r.By)
	} else {
		g.Algorithm = b.algorithm(f)
		comment("Changed by " + r.By + reasonText(r.Reason) + ". " + "The model stated: " + modelSentence(f))
	}
	if f.Decision == radnode.Rejected {
		comment(decisionText(f))
	}
	image := b.reference(f.SOPInstanceUID, f.Frame)
	region := b.readerRegion(r.Region, image)
	if m := r.Measurement; m != nil {
		measured := sr.Measurement{Name: b.measurementName(m.Name), Number: sr.Number{Value: m.Value, Unit: unit(m.Unit)}}
		if region != nil && !planar(region.Graphic) {
			// TID 1410 takes areas and points; a line is what the number was measured along (TID 320).
			measured.Regions, region = []sr.Region{*region}, nil
		}
		g.Measurements = []sr.Measurement{measured}
		if b.magnified(f.SOPInstanceUID) && slices.Contains([]string{"mm", "cm", "mm2", "cm2"}, m.Unit) {
			comment("Measured in the plane of the detector, without correction of the magnification.")
		}
	}
	if region == nil {
		return &sr.MeasurementGroup{Group: g, Sources: []sr.Reference{image}}
	}
	if !planar(region.Graphic) { // there and back again, so that it is closed
		p := region.Graphic.Points
		for i := len(p) - 4; i >= 0; i -= 2 {
			region.Graphic.Points = append(region.Graphic.Points, p[i], p[i+1])
		}
	}
	return &sr.PlanarROI{Group: g, Region: region}
}

func (b *builder) readerRegion(r *radnode.Region, image sr.Reference) *sr.Region {
	if r == nil {
		return nil
	}
	return &sr.Region{Graphic: sr.Graphic{Type: string(r.Graphic), Points: slices.Clone(r.Points)}, Image: image}
}

// planar reports whether a shape can be the region of TID 1410: a polyline must
// be closed.
func planar(g sr.Graphic) bool { return g.Type != "POLYLINE" || g.Closed() }

// magnified reports whether the millimetres of an image are those of its detector:
// in the body it is less (PS3.3 10.7.1.3).
func (b *builder) magnified(image radnode.UID) bool {
	s := b.images[image]
	detector, body := s.Floats(dicom.ImagerPixelSpacing), s.Floats(dicom.PixelSpacing)
	return len(detector) == 2 && s.Text(dicom.PixelSpacingCalibrationType) == "" && (len(body) == 0 || slices.Equal(body, detector))
}

func (b *builder) measurementName(name string) radnode.Concept {
	if c, known := measurementNames[name]; known {
		return c
	}
	return b.privateCode(name)
}

// unit is a unit of UCUM with its meaning.
func unit(code string) radnode.Concept {
	return radnode.Concept{Value: code, Scheme: "UCUM", Meaning: cmp.Or(unitMeanings[code], code)}
}

func reasonText(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// readingSentence tells what a reader states of a finding in one sentence.
func readingSentence(f radnode.ReportFinding) string {
	stated := f.Stated()
	name := stated.Label
	if stated.Code != nil && stated.Code.Meaning != "" {
		name = stated.Code.Meaning
	}
	s := name + ": stated by " + f.Reading.By
	if m := f.Reading.Measurement; m != nil {
		s += ", " + languages["en"].measured(*m)
	}
	if f.Reading.Text != "" {
		s += ", " + f.Reading.Text
	}
	if f.Added() {
		return s + "."
	}
	return s + ". The model stated: " + modelSentence(f)
}
