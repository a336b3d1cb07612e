package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/workflow"
)

// author makes the SR documents of the workflow.
type author struct {
	station      string // our AE title
	organisation string
}

var _ workflow.Author = author{}

// Author implements workflow.Author.
func (a author) Author(_ context.Context, doc workflow.Document) (*dicom.Dataset, error) {
	in := a.input(doc.Report.StudyInstanceUID, doc.SOPInstanceUID)
	if doc.Observer != nil {
		in.SeriesInstanceUID, in.SeriesNumber = radnode.DeriveUID("signed report series", string(doc.Report.StudyInstanceUID)), signedSeries
	}
	for _, e := range doc.Evidence {
		file, err := dicom.ReadFile(e.Path, dicom.Limits{})
		if err != nil {
			return nil, err
		}
		in.Source = append(in.Source, file.Dataset)
	}
	for _, r := range doc.Results {
		in.Analyses = append(in.Analyses, r.Analysis)
	}
	in.InstanceNumber = doc.InstanceNumber
	in.Findings, in.FindingsText, in.Language = doc.Report.Findings, doc.Report.FindingsText, doc.Report.Language
	in.Impression, in.Now = impression(doc.Report), doc.Report.CreatedAt
	in.Observer, in.Second = a.person(doc.Observer, doc.Report.SignedAt), a.person(doc.Second, doc.Report.SecondSignedAt)
	for _, at := range []*time.Time{doc.Report.SignedAt, doc.Report.SecondSignedAt} {
		if at != nil {
			in.Now = *at
		}
	}
	for _, p := range doc.Predecessors {
		in.Predecessors = append(in.Predecessors, sr.Reference{
			StudyInstanceUID: p.StudyInstanceUID, SeriesInstanceUID: p.SeriesInstanceUID,
			SOPClassUID: p.SOPClassUID, SOPInstanceUID: p.SOPInstanceUID,
		})
	}
	return report.SR(in)
}

// person is who signed, and when.
func (a author) person(u *radnode.User, at *time.Time) *report.Person {
	if u == nil {
		return nil
	}
	p := &report.Person{Name: u.FullName, Organization: a.organisation, Login: u.Name}
	if at != nil {
		p.At = *at
	}
	return p
}

// impression is the impression of a report with its addenda.
func impression(r radnode.Report) string {
	text := r.Impression
	for _, a := range r.Addenda {
		head := "Addendum"
		if a.At != nil {
			head += fmt.Sprintf(", %s, %s", a.At.Format("2006-01-02 15:04 MST"), dicom.ParsePersonName(a.By).Display())
		}
		text = strings.TrimSpace(text + "\n\n" + head + ":\n" + a.Text)
	}
	return text
}

// signedSeries is the series number of signed reports, beside 9901 of the
// unverified ones.
const signedSeries = 9902

// input is what all our documents in a study have in common. The unverified
// ones share one series, the signed ones another: the description of a series
// must be true of everything in it.
func (a author) input(study, instance radnode.UID) report.Input {
	return report.Input{
		SOPInstanceUID: instance, SeriesInstanceUID: radnode.DeriveUID("unverified report series", string(study)),
		Now: time.Now(), Software: Version, Station: a.station,
	}
}
