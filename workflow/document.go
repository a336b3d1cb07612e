package workflow

import (
	"context"
	"errors"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/store"
)

// Author makes the structured report document of a report. It checks what it
// makes and refuses to hand out a document that breaks a rule.
type Author interface {
	Author(ctx context.Context, doc Document) (*dicom.Dataset, error)
}

// Document is what a structured report is made from.
type Document struct {
	SOPInstanceUID    radnode.UID        // the identity the document must have
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
}

// write makes a document and writes its file.
func (w *Workflow) write(ctx context.Context, doc Document) (*document, error) {
	const op = "write document"
	study := doc.Report.StudyInstanceUID
	images, err := w.store.Instances(ctx, study)
	if err != nil {
		return nil, err
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
	ds, err := w.Author.Author(ctx, doc)
	if err != nil {
		return nil, err
	}
	rec := store.RecordOf(ds)
	if rec.SOPInstanceUID != doc.SOPInstanceUID || rec.StudyInstanceUID != study || !rec.SeriesInstanceUID.Valid() || !rec.SOPClassUID.Valid() {
		return nil, radnode.Errorf(radnode.Internal, op, "the document does not have the identity it was asked to have")
	}
	rec.TransferSyntaxUID, rec.Source, rec.ReceivedAt = explicitLittleEndian, w.AE, now()
	f, err := w.store.Create(rec.SOPInstanceUID)
	if err != nil {
		return nil, err
	}
	d := &document{Record: rec, file: f}
	if err := d.fill(ds); err != nil {
		return nil, errors.Join(err, f.Discard())
	}
	return d, nil
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

// radnodeResults drops what only the store knows of results.
func radnodeResults(rows []store.ResultRow) []radnode.Result {
	out := make([]radnode.Result, len(rows))
	for i, r := range rows {
		out[i] = r.Result
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
