package workflow

import (
	"context"
	"errors"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

// Author makes the objects of a report. It checks what it makes and refuses to
// hand out one that breaks a rule.
type Author interface {
	// Author makes the companions of the wanted kinds and then the structured
	// report. An Unavailable companion can be made later; the report's own error
	// is the second result.
	Author(ctx context.Context, doc Document) ([]report.Object, error)

	// Message makes the report as a destination of that kind takes it (fhir,
	// hl7). Equal documents give equal messages.
	Message(ctx context.Context, doc Document, kind string) ([]byte, error)
}

// Document is what the objects of a report are made from.
type Document struct {
	SOPInstanceUID    radnode.UID        // the identity the report must have, or is derived from in another class
	Class             radnode.UID        // one of report.Ladder; "" is the first
	Kinds             []string           // companions to make
	SeriesInstanceUID radnode.UID        // of all report documents of the study
	InstanceNumber    int                // counts them
	Report            radnode.Report     // signed: State is Final, SignedAt is set
	Observer          *radnode.User      // who verified it; nil: an unverified draft
	Second            *radnode.User      // who verified it besides; nil: nobody
	Evidence          []Evidence         // the images that were looked at
	Results           []radnode.Result   // what the models said
	Predecessors      []radnode.Instance // documents whose content it takes over
}

// Evidence is one image and its file.
type Evidence struct {
	radnode.Instance
	Path string
}

// explicitLittleEndian is how our documents are written: every SCP that takes
// SR takes it (PS3.5 A.2).
const explicitLittleEndian radnode.UID = "1.2.840.10008.1.2.1"

// document is a written document: a durable file that has no row yet.
type document struct {
	store.Record
	file *store.File
	kind string
}

// documents are the objects of one report, the structured report last.
type documents struct {
	all      []*document
	warnings []string // why a companion could not be made
}

func (d *documents) root() *document { return d.all[len(d.all)-1] }

// keep closes the files, whose rows are committed.
func (d *documents) keep() error {
	var errs []error
	for _, one := range d.all {
		errs = append(errs, one.file.Keep())
	}
	return errors.Join(errs...)
}

// discardAll removes the files that got no row.
func (w *Workflow) discardAll(d *documents) {
	for _, one := range d.all {
		w.discard(one.file)
	}
}

// evidence adds to a document the images it is about.
func (w *Workflow) evidence(ctx context.Context, doc *Document) error {
	images, err := w.store.Instances(ctx, doc.Report.StudyInstanceUID)
	if err != nil {
		return err
	}
	doc.InstanceNumber = 1
	for _, r := range images {
		switch looked := looked(doc.Results, r.SOPInstanceUID); {
		case r.Origin == store.Authored:
			doc.InstanceNumber++
		case looked && w.citable(doc.Results, r):
			doc.Evidence = append(doc.Evidence, Evidence{Instance: r.Instance, Path: w.store.Path(r.File)})
		}
	}
	return nil
}

// write makes the objects of a report and writes the files of those kinds that
// are wanted; nil is all.
func (w *Workflow) write(ctx context.Context, doc Document, wanted ...string) (*documents, error) {
	if err := w.evidence(ctx, &doc); err != nil {
		return nil, err
	}
	made, err := w.Author.Author(ctx, doc)
	if err != nil {
		return nil, err
	}
	out := &documents{}
	for _, o := range made {
		switch code := radnode.CodeOf(o.Err); {
		case o.Err == nil && wanted != nil && !slices.Contains(wanted, o.Kind):
		case o.Err == nil:
			err = w.add(out, o, doc.Report.StudyInstanceUID)
		case code == radnode.Unavailable || code == radnode.NoResources || code == radnode.Canceled:
			err = radnode.Errorf(code, "write document", "the %s of the report cannot be made now: %w", o.Kind, o.Err)
		default:
			w.Log.Error("object of a report not made", "study", doc.Report.StudyInstanceUID, "kind", o.Kind, "error", o.Err)
			out.warnings = append(out.warnings, "the report goes without its "+o.Kind+": "+radnode.MessageOf(o.Err))
		}
		if err != nil {
			w.discardAll(out)
			return nil, err
		}
	}
	if n := len(made); n == 0 || made[n-1].SOPInstanceUID != report.InstanceUID(doc.SOPInstanceUID, doc.Class) {
		w.discardAll(out)
		return nil, radnode.Errorf(radnode.Internal, "write document", "the document does not have the identity it was asked to have")
	}
	return out, nil
}

// add writes the file of one object.
func (w *Workflow) add(to *documents, o report.Object, study radnode.UID) error {
	rec := store.RecordOf(o.Dataset)
	if rec.StudyInstanceUID != study || !rec.SOPInstanceUID.Valid() || !rec.SeriesInstanceUID.Valid() || !rec.SOPClassUID.Valid() {
		return radnode.Errorf(radnode.Internal, "write document", "the %s of a report does not have the identity it was asked to have", o.Kind)
	}
	rec.TransferSyntaxUID, rec.Source, rec.ReceivedAt = explicitLittleEndian, w.AE, w.now()
	f, err := w.store.Create(rec.SOPInstanceUID)
	if err != nil {
		return err
	}
	d := &document{Record: rec, file: f, kind: o.Kind}
	if err := d.fill(o.Dataset); err != nil {
		return errors.Join(err, f.Discard())
	}
	to.all = append(to.all, d)
	return nil
}

// looked reports whether any model was asked about an image.
func looked(results []radnode.Result, uid radnode.UID) bool {
	return slices.ContainsFunc(results, func(r radnode.Result) bool { return r.SOPInstanceUID == uid })
}

// citable reports whether a document can cite an image. One that no model could
// read may have a file that nobody can read; the document tells of it in words
// then, rather than not being made.
func (w *Workflow) citable(results []radnode.Result, r store.Record) bool {
	if slices.ContainsFunc(results, func(res radnode.Result) bool {
		return res.SOPInstanceUID == r.SOPInstanceUID && res.Model.ID != ""
	}) {
		return true
	}
	if _, err := dicom.ReadFile(w.store.Path(r.File), dicom.Limits{}); err != nil {
		w.Log.Warn("image not cited in the document of its study", "instance", r.SOPInstanceUID, "error", err)
		return false
	}
	return true
}

// fill writes the file and makes it durable.
func (d *document) fill(ds *dicom.Dataset) error {
	meta := dicom.Meta{SOPClassUID: d.SOPClassUID, SOPInstanceUID: d.SOPInstanceUID, TransferSyntaxUID: d.TransferSyntaxUID}
	if err := dicom.WriteMeta(d.file.Header(), meta); err != nil {
		return err
	}
	if err := dicom.Write(d.file, ds, d.TransferSyntaxUID); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	d.Size, d.Digest, d.File = d.file.Size(), d.file.Digest(), d.file.Name()
	return nil
}

// radnodeResults drops what only the store knows of results, and that an image
// could not be read which was read later.
func radnodeResults(rows []store.ResultRow) []radnode.Result {
	read := map[radnode.UID]bool{}
	for _, r := range rows {
		read[r.SOPInstanceUID] = read[r.SOPInstanceUID] || r.Model.ID != ""
	}
	out := make([]radnode.Result, 0, len(rows))
	for _, r := range rows {
		if r.Model.ID != "" || !read[r.SOPInstanceUID] {
			out = append(out, r.Result)
		}
	}
	return out
}

// instances finds the documents with the given UIDs; one that is not there is
// left out.
func (w *Workflow) instances(ctx context.Context, uids ...radnode.UID) ([]radnode.Instance, error) {
	var found []radnode.Instance
	for _, uid := range slices.Compact(uids) {
		if uid == "" {
			continue
		}
		r, err := w.store.Instance(ctx, uid)
		if radnode.CodeOf(err) == radnode.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, r.Instance)
	}
	return found, nil
}
