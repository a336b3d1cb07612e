package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// group is one finding: TID 1410 with its region, else TID 1501 with its image.
func (b *builder) group(f radnode.ReportFinding) sr.MeasurementItem {
	if f.Reading != nil {
		return b.reading(f)
	}
	code := b.code(f.Finding)
	id, uid := tracking(f)
	g := sr.Group{
		TrackingID:  id,
		TrackingUID: uid,
		Finding:     &code,
		Algorithm:   b.algorithm(f),
	}
	if !f.Finding.IsNumber() {
		g.Measurements = []sr.Measurement{{Name: sr.CertaintyOfFinding,
			Number: sr.Number{Value: percent(f.Finding.Probability), Unit: sr.Percent}}}
	}
	if m := f.Finding.Measurement; m != nil {
		g.Measurements = append(g.Measurements, sr.Measurement{Name: b.measurementName(m.Name), Number: sr.Number{Value: m.Value, Unit: unit(m.Unit)}})
	}
	state := presence(f)
	if !f.Finding.IsNumber() || !sr.Is(state, sr.Yes) {
		g.Evaluations = append(g.Evaluations, sr.Evaluation{Name: code, Code: &state})
	}
	comment := func(text string) {
		if text != "" {
			g.Evaluations = append(g.Evaluations, sr.Evaluation{Name: sr.Comment, Text: text})
		}
	}
	if !f.Finding.IsNumber() && !sr.Is(state, sr.Yes) {
		comment(certaintyText)
	}
	comment(intervalText(f.Finding))
	comment(b.decisionText(f))
	image := b.reference(f.SOPInstanceUID, f.Frame)
	if region := b.region(f); f.Finding.Present && region != nil {
		comment(regionText(f.Finding))
		return &sr.PlanarROI{Group: g, Region: &sr.Region{Graphic: sr.Graphic{Type: "POLYLINE", Points: region}, Image: image}}
	}
	return &sr.MeasurementGroup{Group: g, Sources: []sr.Reference{image}}
}

// regionText says what the region of a finding is.
func regionText(f radnode.Finding) string {
	switch {
	case f.Region != nil:
		return "The region is the box of the detector."
	case f.Heatmap.Method == "segmentation":
		return "The region outlines the mask of the model at half of its largest value."
	}
	return "The region is the half maximum of the " + mapName(f.Heatmap) + ": where the model looked, not the extent of a lesion."
}

// region is the outline of a finding in its image: the reader's, the box of a
// detector, or that of the heat map; nil where there is none.
func (b *builder) region(f radnode.ReportFinding) []float64 {
	if f.Reading != nil {
		if f.Reading.Region == nil {
			return nil
		}
		return points(f.Reading.Region)
	}
	if f.Finding.Region != nil {
		return points(f.Finding.Region)
	}
	rows, columns := size(b.images[f.SOPInstanceUID])
	if rows <= 0 || columns <= 0 {
		return nil
	}
	return Outline(f.Finding.Heatmap, rows, columns)
}

// certaintyText says what the certainty of an absent finding is a certainty of.
const certaintyText = "The certainty is the probability that the finding is present."

// undecidedText marks in a verified document what no person decided about.
const undecidedText = "AI output, not decided on by the reader"

// decisionText says who stands behind a finding. In a draft nobody does, which
// the document says as a whole.
func (b *builder) decisionText(f radnode.ReportFinding) string {
	if t := decisionText(f); t != "" || b.Observer == nil {
		return t
	}
	return undecidedText
}

func decisionText(f radnode.ReportFinding) string {
	by := ""
	if f.DecidedBy != "" {
		by = " by " + f.DecidedBy
	}
	reason := ""
	if f.Reason != "" {
		reason = ": " + f.Reason
	}
	switch f.Decision {
	case radnode.Accepted:
		return "Accepted" + by + reason
	case radnode.Rejected:
		return "Rejected" + by + reason
	}
	return ""
}

// code is the code of a finding, or a private one made from its label.
func (b *builder) code(f radnode.Finding) radnode.Concept {
	if f.Code != nil && f.Code.Value != "" && f.Code.Scheme != "" {
		c := *f.Code
		c.Meaning = cmp.Or(c.Meaning, f.Label)
		b.private = b.private || c.Scheme == privateScheme.Designator
		return c
	}
	return b.privateCode(f.Label)
}

func (b *builder) privateCode(label string) radnode.Concept {
	b.private = true
	return PrivateConcept(label)
}

// algorithm is TID 4019 with everything needed to judge and replay a result.
func (b *builder) algorithm(f radnode.ReportFinding) *sr.Algorithm {
	if f.Finding.IsNumber() {
		return b.algorithmOf(f.Model)
	}
	threshold := "threshold=" + number(f.Finding.Threshold)
	if f.Finding.Threshold == 0 {
		threshold = largestOfGroup
	}
	return b.algorithmOf(f.Model, threshold)
}

// largestOfGroup is how a label of an exclusive group is decided: it has no
// threshold.
const largestOfGroup = "largest of its group"

func (b *builder) algorithmOf(ref radnode.ModelRef, parameters ...string) *sr.Algorithm {
	family := sr.ArtificialIntelligence
	a := &sr.Algorithm{Name: ref.ID, Version: cmp.Or(ref.Version, "unknown"), Manufacturer: Manufacturer, Family: &family, Parameters: parameters}
	a.Parameters = append(a.Parameters, "model="+ref.Digest)
	for _, m := range b.models {
		if m.ref != ref || m.provenance == nil {
			continue
		}
		p := m.provenance
		a.Parameters = append(a.Parameters, fmt.Sprintf("calibrated=%t", p.Calibrated))
		for _, kv := range [][2]string{{"evaluation", p.Evaluation}, {"pipeline", p.PipelineDigest}, {"runtime", p.Runtime}, {"device", cmp.Or(p.Device, m.device)}} {
			if kv[1] != "" {
				a.Parameters = append(a.Parameters, kv[0]+"="+kv[1])
			}
		}
	}
	return a
}

// measured are the features that are measurements a reader uses, with their
// units; texture features stay with the result.
var measured = map[string]radnode.Concept{"cardiothoracic_ratio": sr.Ratio}

// measurement is a number that a model measured in an image.
type measurement struct {
	name  radnode.Concept
	value float64
	unit  radnode.Concept
	image radnode.UID
	frame int
	model radnode.ModelRef
	lines []radnode.NamedRegion

	// by and version are what measured: the model, or the pipeline with this
	// digest, which is part of the program.
	by, version, pipeline string
}

// stated is the measurement as its source stated it.
func (m measurement) stated() radnode.Measurement {
	return radnode.Measurement{Name: m.name.Value, Value: m.value, Unit: m.unit.Value}
}

// measurements lists those of all analyses, in their order.
func (b *builder) measurements() []measurement {
	var out []measurement
	for _, a := range b.Analyses {
		for _, name := range slices.Sorted(maps.Keys(a.Features)) {
			if unit, ok := measured[name]; ok && b.images[a.SOPInstanceUID] != nil {
				m := measurement{b.privateCode(name), a.Features[name], unit, a.SOPInstanceUID, a.Frame, a.Model, linesOf(a, name), a.Model.ID, a.Model.Version, pipelineOf(a, name)}
				if m.pipeline != "" {
					m.by, m.version = b.device().Model, b.Software
				}
				out = append(out, m)
			}
		}
	}
	return out
}

// pipelineOf is the digest of the pipeline that measured a number beside a model;
// "": the model did.
func pipelineOf(a radnode.Analysis, name string) string {
	for _, m := range a.Measured {
		if m.Name == name {
			return m.Pipeline
		}
	}
	return ""
}

// measuredBy is TID 4019 of a measurement: what the evaluation of a model tells
// says nothing of a pipeline that ran beside it.
func (b *builder) measuredBy(m measurement) *sr.Algorithm {
	if m.pipeline == "" {
		return b.algorithmOf(m.model)
	}
	return &sr.Algorithm{Name: m.by, Version: m.version, Manufacturer: Manufacturer, Parameters: []string{"pipeline=" + m.pipeline}}
}

// linesOf are the lines that a number was measured along; outlines of what lay
// beside them stay with the result.
func linesOf(a radnode.Analysis, name string) []radnode.NamedRegion {
	var out []radnode.NamedRegion
	for _, m := range a.Measured {
		for _, r := range m.Regions {
			if m.Name == name && len(r.Points) == 4 {
				out = append(out, r)
			}
		}
	}
	return out
}

// measurementGroup is TID 1501 for one measurement, with the lines that it was
// taken along (TID 320).
func (b *builder) measurementGroup(m measurement) sr.MeasurementItem {
	g := sr.Group{TrackingID: m.by + " " + m.name.Value, TrackingUID: TrackingUID(m.image, m.frame, m.model, m.name.Value),
		Algorithm: b.measuredBy(m), Measurements: []sr.Measurement{{Name: m.name, Number: sr.Number{Value: m.value, Unit: m.unit}}}}
	image := b.reference(m.image, m.frame)
	for _, l := range m.lines {
		g.Measurements[0].Regions = append(g.Measurements[0].Regions, *b.readerRegion(&l.Region, image))
	}
	if b.Observer != nil {
		g.Evaluations = append(g.Evaluations, sr.Evaluation{Name: sr.Comment, Text: undecidedText})
	}
	return &sr.MeasurementGroup{Group: g, Sources: []sr.Reference{image}}
}

// evaluations are the statements about the whole study: the reader's
// findings and impression, what was not analysed and why, and that no person has verified
// the document.
func (b *builder) evaluations() []sr.Evaluation {
	var out []sr.Evaluation
	for _, e := range []sr.Evaluation{{Name: sr.FindingName, Text: strings.TrimSpace(b.FindingsText)}, {Name: sr.Impression, Text: strings.TrimSpace(b.Impression)}} {
		if e.Text == "" {
			continue
		}
		e.Language = b.readerLanguage()
		if b.Observer != nil {
			e.By = &sr.Observer{Person: &sr.PersonObserver{Name: b.Observer.Name, Login: b.Observer.Login, Organization: b.Observer.Organization}}
		}
		out = append(out, e)
	}
	if b.Observer == nil {
		out = append(out, sr.Evaluation{Name: sr.Comment, Text: Unverified + ". Findings are the output of algorithms and need review by a physician."})
	}
	if t := b.otherFilmsText(); t != "" {
		out = append(out, sr.Evaluation{Name: sr.Comment, Text: t})
	}
	for _, t := range NotAnalysed(b.Analyses) {
		out = append(out, sr.Evaluation{Name: sr.Comment, Text: t})
	}
	if len(out) == 0 && len(b.findings) == 0 {
		out = append(out, sr.Evaluation{Name: sr.Comment, Text: "No finding was reported."})
	}
	return out
}

// NotAnalysed says in one sentence each which model did not read which image,
// and why; equal sentences are told once with the number of images.
func NotAnalysed(analyses []radnode.Analysis) []string {
	counts := map[string]int{}
	var order []string
	for _, a := range analyses {
		why := Why(a)
		if why == "" {
			continue
		}
		s := fmt.Sprintf("%s: not analysed: %s", cmp.Or(a.Model.ID, "all models"), why)
		if counts[s]++; counts[s] == 1 {
			order = append(order, s)
		}
	}
	for i, s := range order {
		if n := counts[s]; n > 1 {
			order[i] = fmt.Sprintf("%s (%d images)", s, n)
		}
	}
	return order
}

// prefixes are how the parts of the product begin a reason; whoever tells it
// says so once.
var prefixes = []string{"not analysed: ", "not analysed because ", "not applicable: ", "image: "}

// Bare is a reason without the words that say that it is one.
func Bare(reason string) string {
	for {
		cut := reason
		for _, p := range prefixes {
			cut = strings.TrimPrefix(cut, p)
		}
		if cut == reason {
			return reason
		}
		reason = cut
	}
}

// Why says why a model did not read an image, "" where it did.
func Why(a radnode.Analysis) string {
	if a.Error != nil {
		return cmp.Or(Bare(*a.Error), "no reason was given")
	}
	if a.Gate.Accepted {
		return ""
	}
	var reasons []string
	for _, r := range a.Gate.Reasons {
		reasons = append(reasons, Bare(r))
	}
	return cmp.Or(strings.Join(reasons, "; "), "not accepted")
}

// library is TID 1600: a group per series, in the order of the images.
func (b *builder) library() *sr.ImageLibrary {
	lib := &sr.ImageLibrary{}
	index := map[radnode.UID]int{}
	for _, s := range b.Source {
		series := s.UID(dicom.SeriesInstanceUID)
		i, ok := index[series]
		if !ok {
			i = len(lib.Groups)
			index[series] = i
			lib.Groups = append(lib.Groups, sr.LibraryGroup{Common: common(s)})
		}
		d := sr.Descriptors{}
		d.Rows, d.Columns = size(s)
		if spacing := s.Floats(dicom.PixelSpacing); len(spacing) == 2 && spacing[0] > 0 && spacing[1] > 0 {
			d.VerticalSpacing, d.HorizontalSpacing = &spacing[0], &spacing[1]
		}
		if o := s.Texts(dicom.PatientOrientation); len(o) == 2 {
			d.RowDirection, d.ColumnDirection = o[0], o[1]
		}
		lib.Groups[i].Images = append(lib.Groups[i].Images, sr.LibraryImage{Image: b.reference(s.UID(dicom.SOPInstanceUID), 0), Descriptors: d})
	}
	return lib
}

// modalities are the codes of CID 29 that images of this product have; another
// modality is left out of the library rather than coded wrongly.
var modalities = map[string]string{
	"CR": "Computed Radiography", "DX": "Digital Radiography", "CT": "Computed Tomography", "MR": "Magnetic Resonance",
	"MG": "Mammography", "US": "Ultrasound", "NM": "Nuclear Medicine", "PT": "Positron emission tomography", "XA": "X-Ray Angiography",
	"RF": "Radiofluoroscopy", "OT": "Other Modality", "ES": "Endoscopy", "XC": "External-camera Photography", "SM": "Slide Microscopy",
}

func common(s *dicom.Dataset) sr.Descriptors {
	d := sr.Descriptors{StudyDate: valid(dicom.DA, s.Text(dicom.StudyDate)), StudyTime: valid(dicom.TM, s.Text(dicom.StudyTime))}
	if m := s.Text(dicom.Modality); modalities[m] != "" {
		d.Modality = &radnode.Concept{Value: m, Scheme: "DCM", Meaning: modalities[m]}
	}
	if part := s.Text(dicom.BodyPartExamined); part == "CHEST" || part == "THORAX" {
		d.TargetRegion = &radnode.Concept{Value: "51185008", Scheme: "SCT", Meaning: "Thorax"}
	}
	return d
}

// valid returns s where it is a value of vr, else "".
func valid(vr dicom.VR, s string) string {
	if dicom.ValueProblem(vr, s) != "" {
		return ""
	}
	return s
}
