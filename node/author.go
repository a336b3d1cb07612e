package node

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/worker"
	"github.com/radnode/radnode/workflow"
)

// author makes the objects and messages of reports for the workflow.
type author struct {
	station      string // our AE title
	organisation string
	render       renderer
	scratch      string // folder of pictures on their way
}

// renderer makes a picture of a frame as a reader sees it.
type renderer interface {
	Render(ctx context.Context, r worker.RenderRequest) (worker.RenderInfo, error)
}

var _ workflow.Author = author{}

// Author implements workflow.Author.
func (a author) Author(ctx context.Context, doc workflow.Document) ([]report.Object, error) {
	in, err := a.of(doc)
	if err != nil {
		return nil, err
	}
	o := report.Options{Kinds: append([]string{}, doc.Kinds...)}
	if slices.Contains(o.Kinds, report.KindCapture) || slices.Contains(o.Kinds, report.KindPDF) {
		if o.Pictures, err = a.pictures(ctx, in, doc.Evidence); err != nil {
			return nil, err
		}
	}
	return report.Documents(in, o)
}

// Message implements workflow.Author.
func (a author) Message(_ context.Context, doc workflow.Document, kind string) ([]byte, error) {
	in, err := a.of(doc)
	if err != nil {
		return nil, err
	}
	if kind == workflow.KindFHIR {
		return report.FHIRBundle(in, report.BundleOptions{Organization: a.organisation})
	}
	m, err := report.ORU(in, report.MessageOptions{SendingApplication: a.station, SendingFacility: a.organisation})
	if err != nil {
		return nil, err
	}
	return m.Encode(), nil
}

// pictureSize is the longest side of the pictures in captures and PDFs.
const pictureSize = 2048

// pictures renders the frames that captures and the PDF show. A frame that
// cannot be rendered at all has none; one that cannot now is an error.
func (a author) pictures(ctx context.Context, in report.Input, evidence []workflow.Evidence) ([]report.Picture, error) {
	wanted, err := report.Wanted(in)
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	dir, err := os.MkdirTemp(a.scratch, "pictures-")
	if err != nil {
		return nil, radnode.Errorf(radnode.NoResources, "render picture", "no folder for pictures: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // emptied at the next start
	var out []report.Picture
	for _, f := range wanted {
		at := slices.IndexFunc(evidence, func(e workflow.Evidence) bool { return e.SOPInstanceUID == f.SOPInstanceUID })
		if at < 0 || a.render == nil {
			continue
		}
		img, err := a.picture(ctx, filepath.Join(dir, "picture.png"), evidence[at].Path, max(1, f.Number), pictureSize)
		switch radnode.CodeOf(err) {
		case "":
			out = append(out, report.Picture{Image: img, SOPInstanceUID: f.SOPInstanceUID, Frame: f.Number})
		case radnode.Unavailable, radnode.NoResources, radnode.Canceled:
			return nil, err
		}
	}
	return out, nil
}

func (a author) picture(ctx context.Context, out, path string, frame, size int) (image.Image, error) {
	if _, err := a.render.Render(ctx, worker.RenderRequest{Path: path, Frame: frame, Out: out, MaxSize: size, Format: "png"}); err != nil {
		return nil, err
	}
	f, err := os.Open(out)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return png.Decode(f)
}

// of gathers what a report is made from.
func (a author) of(doc workflow.Document) (report.Input, error) {
	in := a.input(doc.Report.StudyInstanceUID, doc.SOPInstanceUID)
	if doc.Observer != nil {
		in.SeriesInstanceUID, in.SeriesNumber = radnode.DeriveUID("signed report series", string(doc.Report.StudyInstanceUID), Version), signedSeries
	}
	for _, e := range doc.Evidence {
		file, err := dicom.ReadFile(e.Path, dicom.Limits{})
		if err != nil {
			return in, err
		}
		in.Source = append(in.Source, file.Dataset)
	}
	for _, r := range doc.Results {
		in.Analyses = append(in.Analyses, r.Analysis)
	}
	in.Class, in.InstanceNumber = doc.Class, doc.InstanceNumber
	in.Findings, in.FindingsText, in.Language = doc.Report.Findings, doc.Report.FindingsText, doc.Report.Language
	in.Impression, in.Now = impression(doc.Report), doc.Report.CreatedAt
	in.Amends = doc.Report.Predecessor != "" && doc.Observer != nil
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
	return in, nil
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
		SOPInstanceUID: instance, SeriesInstanceUID: radnode.DeriveUID("unverified report series", string(study), Version),
		Now: time.Now(), Software: Version, Station: a.station,
	}
}
