package report

import (
	"fmt"
	"strconv"

	"github.com/radnode/radnode"
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
		TrackingID: "reader " + r.Label, TrackingUID: r.TrackingUID, Finding: &code,
		Evaluations: []sr.Evaluation{{Name: code, Code: &presence}},
	}
	comment := func(text string) { g.Evaluations = append(g.Evaluations, sr.Evaluation{Name: sr.Comment, Text: text}) }
	if r.Text != "" {
		comment(r.Text)
	}
	if f.Added() {
		comment("Added by " + r.By)
	} else {
		g.TrackingID = fmt.Sprintf("%s %s", f.Model.ID, f.Finding.Label)
		g.TrackingUID, g.Algorithm = TrackingUID(f.SOPInstanceUID, f.Frame, f.Model, f.Finding.Label), b.algorithm(f)
		comment("Changed by " + r.By + reasonText(r.Reason) + ". " + "The model stated: " + modelSentence(f))
	}
	if f.Decision == radnode.Rejected {
		comment(decisionText(f))
	}
	image := b.reference(f.SOPInstanceUID, f.Frame)
	if m := r.Measurement; m != nil {
		name, known := measurementNames[m.Name]
		if !known {
			name = b.privateCode(m.Name)
		}
		unit := radnode.Concept{Value: m.Unit, Scheme: "UCUM", Meaning: unitMeanings[m.Unit]}
		g.Measurements = []sr.Measurement{{Name: name, Number: sr.Number{Value: m.Value, Unit: unit}}}
	}
	if r.Region != nil {
		return &sr.PlanarROI{Group: g, Region: &sr.Region{Graphic: sr.Graphic{Type: string(r.Region.Graphic), Points: r.Region.Points}, Image: image}}
	}
	return &sr.MeasurementGroup{Group: g, Sources: []sr.Reference{image}}
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
		s += fmt.Sprintf(", %s %s %s", m.Name, strconv.FormatFloat(m.Value, 'g', 4, 64), m.Unit)
	}
	if f.Reading.Text != "" {
		s += ", " + f.Reading.Text
	}
	if f.Added() {
		return s + "."
	}
	return s + ". The model stated: " + modelSentence(f)
}
