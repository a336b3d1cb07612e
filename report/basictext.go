package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/sr"
)

// basicText is the same content as sentences, for archives that take nothing
// but Basic Text SR (PS3.3 A.35.1): no numbers, no coordinates.
func (b *builder) basicText() (*sr.Item, error) {
	r := &sr.TextReport{
		Title:     sr.DiagnosticImagingReport,
		Language:  documentLanguage,
		Observers: []sr.Observer{{Device: b.observer()}},
	}
	findings := sr.TextSection{Heading: sr.Findings}
	for _, f := range b.findings {
		findings.Texts = append(findings.Texts, sr.TextItem{Name: sr.FindingName, Text: b.sentence(f), Images: []sr.Reference{b.reference(f.SOPInstanceUID, f.Frame)}})
	}
	for _, m := range b.measurements() {
		findings.Texts = append(findings.Texts, sr.TextItem{Name: sr.FindingName, Text: b.measurementSentence(m), Images: []sr.Reference{b.reference(m.image, m.frame)}})
	}
	if len(findings.Texts) > 0 {
		r.Sections = append(r.Sections, findings)
	}
	impressions, comments := sr.TextSection{Heading: sr.Impressions}, sr.TextSection{Heading: sr.Findings}
	for _, e := range b.evaluations() {
		t := sr.TextItem{Name: e.Name, Text: e.Text, Language: e.Language}
		if sr.Is(e.Name, sr.Impression) {
			impressions.By = e.By
			impressions.Texts = append(impressions.Texts, t)
		} else {
			comments.Texts = append(comments.Texts, t)
		}
	}
	for _, s := range []sr.TextSection{comments, impressions} {
		if len(s.Texts) > 0 {
			r.Sections = append(r.Sections, s)
		}
	}
	root, err := r.Content()
	if err != nil {
		return nil, err
	}
	root.Items = append(root.Items, b.resultObjects()...)
	return root, nil
}

// measurementSentence tells a measurement of a model in words.
func (b *builder) measurementSentence(m measurement) string {
	mark := Unverified
	if b.Observer != nil {
		mark = undecidedText
	}
	return fmt.Sprintf("%s (%s %s). %s.", capital(languages["en"].measured(m.stated())), m.by, m.version, mark)
}

// sentence is Sentence, and in a verified document who stands behind it.
func (b *builder) sentence(f radnode.ReportFinding) string {
	s := Sentence(f)
	if decisionText(f) == "" && b.Observer != nil {
		s += " " + undecidedText + "."
	}
	return s
}

// Sentence tells a finding in one English sentence.
func Sentence(f radnode.ReportFinding) string {
	if f.Reading != nil {
		return readingSentence(f)
	}
	s := modelSentence(f)
	if slices.Contains([]radnode.Decision{radnode.Accepted, radnode.Rejected}, f.Decision) {
		s += " " + decisionText(f) + "."
	}
	return s
}

// modelSentence tells what a model stated of a finding.
func modelSentence(f radnode.ReportFinding) string {
	name := f.Finding.Label
	if f.Finding.Code != nil {
		name = cmp.Or(f.Finding.Code.Meaning, name)
	}
	if f.Finding.IsNumber() {
		return fmt.Sprintf("%s: %s (%s %s).", name, Amount(*f.Finding.Measurement), f.Model.ID, f.Model.Version)
	}
	state := "not detected"
	switch {
	case f.Finding.Undecided:
		state = "undecided by the model"
	case f.Finding.Present:
		state = "detected"
	}
	rule := fmt.Sprintf("threshold %.1f %%", percent(f.Finding.Threshold))
	if f.Finding.Threshold == 0 {
		rule = largestOfGroup
	}
	return fmt.Sprintf("%s: %s, probability of presence %.1f %%, %s (%s %s).", name, state, percent(f.Finding.Probability), rule,
		f.Model.ID, f.Model.Version)
}
