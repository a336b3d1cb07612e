package workflow

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

// Sign turns a draft into a signed report: the verified document is made and
// stored, a delivery per destination is ordered and the act is audited, in one
// transaction. version is the version the reader saw. Of two signers one wins;
// the other gets Conflict. Where the site wants a second reader, this is the
// first of two signatures: the content is fixed and waits for Cosign.
func (w *Workflow) Sign(ctx context.Context, user radnode.User, reportID string, version int64) (*radnode.Report, error) {
	r, err := w.toSign(ctx, user, reportID)
	if err != nil {
		return nil, err
	}
	if err := signable(r, version); err != nil {
		return nil, err
	}
	at := w.now()
	r.SignedAt, r.SignedBy, r.Signer = &at, user.FullName, user.Name
	if w.SecondReader {
		return w.signFirst(ctx, user, r, version)
	}
	return w.signLast(ctx, user, r, version)
}

// Cosign is the second of two signatures, by another person than the first.
func (w *Workflow) Cosign(ctx context.Context, user radnode.User, reportID string, version int64) (*radnode.Report, error) {
	const op = "cosign report"
	r, err := w.toSign(ctx, user, reportID)
	if err != nil {
		return nil, err
	}
	switch {
	case r.State != radnode.AwaitingSecond:
		return nil, radnode.Errorf(radnode.Conflict, op, "report %s is %s and waits for no second signature", r.ID, r.State)
	case r.Version != version:
		return nil, radnode.Errorf(radnode.Conflict, op, "report %s was changed meanwhile: load it again", r.ID)
	case r.Signer == user.Name || strings.EqualFold(r.SignedBy, user.FullName):
		return nil, radnode.Errorf(radnode.Forbidden, op, "the second signature must be of another person than the first")
	}
	at := w.now()
	r.SecondSignedAt, r.SecondSignedBy = &at, user.FullName
	return w.signLast(ctx, user, r, version)
}

// Reopen takes the first of two signatures back: the report is a draft again.
func (w *Workflow) Reopen(ctx context.Context, user radnode.User, reportID string, version int64) (*radnode.Report, error) {
	if err := reader("reopen report", user); err != nil {
		return nil, err
	}
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.Report(ctx, reportID)
		if err != nil {
			return err
		}
		if r.State != radnode.AwaitingSecond {
			return radnode.Errorf(radnode.Conflict, "reopen report", "report %s is %s and waits for no second signature", r.ID, r.State)
		}
		if err := tx.Reopen(ctx, r, version); err != nil {
			return err
		}
		return w.signatureChanged(ctx, tx, user, r, "opened again, the signature of "+r.Signer+" is void")
	})
	if err != nil {
		return nil, err
	}
	return w.Report(ctx, reportID)
}

// toSign finds a report for somebody who may sign it: a person, with a full
// name to sign with. A program that holds a token is none.
func (w *Workflow) toSign(ctx context.Context, user radnode.User, reportID string) (*store.ReportRow, error) {
	const op = "sign report"
	if err := reader(op, user); err != nil {
		return nil, err
	}
	if user.Program {
		return nil, radnode.Errorf(radnode.Forbidden, op, "a signature is a person's: an API token cannot sign")
	}
	if user.FullName == "" {
		return nil, radnode.Errorf(radnode.Forbidden, op, "the account %s has no full name to sign with: an administrator can set it", user.Name)
	}
	r, err := w.store.Report(ctx, reportID)
	if err != nil {
		return nil, err
	}
	return r, w.onePatient(ctx, r.StudyInstanceUID)
}

// signFirst files the first of two signatures.
func (w *Workflow) signFirst(ctx context.Context, user radnode.User, r *store.ReportRow, version int64) (*radnode.Report, error) {
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.FirstSignature(ctx, r, version); err != nil {
			return err
		}
		return w.signatureChanged(ctx, tx, user, r, "first signature of two")
	})
	if err != nil {
		return nil, err
	}
	return w.Report(ctx, r.ID)
}

// signatureChanged audits and shows a step of signing.
func (w *Workflow) signatureChanged(ctx context.Context, tx *store.Tx, user radnode.User, r *store.ReportRow, what string) error {
	if err := w.audit(ctx, tx, audit.ReportSigned, user, r, what); err != nil {
		return err
	}
	tx.AfterCommit(func() { w.reportChanged(r) })
	return w.stand(ctx, tx, r.StudyInstanceUID)
}

// signLast makes the verified document and files everything that the last
// signature brings about.
func (w *Workflow) signLast(ctx context.Context, user radnode.User, r *store.ReportRow, version int64) (*radnode.Report, error) {
	from, at := r.State, *r.SignedAt
	if r.SecondSignedAt != nil {
		at = *r.SecondSignedAt
	}
	if addendumOnly(r) {
		last := &r.Addenda[len(r.Addenda)-1]
		last.By, last.At = r.SignedBy, r.SignedAt
	}
	r.State = radnode.Final
	docs, err := w.verified(ctx, r)
	if err != nil {
		return nil, err
	}
	defer w.discardAll(docs) // nothing once the files are kept
	w.Trace("sign.written")
	err = w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return w.fileSigned(ctx, tx, user, r, docs, from, version, at)
	})
	if err != nil {
		return nil, err
	}
	w.Trace("sign.done")
	w.queue.Wake(at)
	if err := docs.keep(); err != nil {
		w.Log.Warn("file of a signed report not closed", "report", r.ID, "error", err)
	}
	return w.Report(ctx, r.ID)
}

// signable says why a report cannot be signed now.
func signable(r *store.ReportRow, version int64) error {
	if err := open(r, version); err != nil {
		return err
	}
	n := 0
	for _, f := range r.Findings {
		if mustDecide(f) && f.Decision == radnode.Undecided {
			n++
		}
	}
	if n > 0 {
		return radnode.Errorf(radnode.Conflict, "sign report", "%d of the present findings wait for a decision: accept or reject each first", n)
	}
	return nil
}

// onePatient answers Conflict when the objects that came in for a study do not
// all name the same patient: a signature under findings of two people would
// stand in the record of one. The files are asked, not the index, which keeps
// the patient of the first object. The message names nobody.
func (w *Workflow) onePatient(ctx context.Context, study radnode.UID) error {
	all, err := w.store.Instances(ctx, study)
	if err != nil {
		return err
	}
	var first *dicom.Dataset
	for _, r := range all {
		if r.Origin != store.Received {
			continue
		}
		f, err := dicom.ReadFile(w.store.Path(r.File), dicom.Limits{})
		if err != nil { // the document cannot cite it either, see citable
			w.Log.Warn("patient of an object not checked", "instance", r.SOPInstanceUID, "error", err)
			continue
		}
		if first == nil {
			first = f.Dataset
		}
		if !report.SamePatient(first, f.Dataset) {
			return radnode.Errorf(radnode.Conflict, "sign report", "the images of this study carry different patients: "+
				"have them corrected at their source and sent again as studies of their own, then sign")
		}
	}
	return nil
}

// mustDecide reports whether a finding needs a decision before the signature:
// what a model says is present and is a finding of the patient. Technical
// labels (no code) describe the picture.
func mustDecide(f radnode.ReportFinding) bool {
	return f.Finding.Present && f.Finding.Code != nil
}

// verified writes the verified document and the companions that a destination
// wants. Its SOP Instance UID was fixed with the draft: signing again after a
// crash gives the same identity.
func (w *Workflow) verified(ctx context.Context, r *store.ReportRow) (*documents, error) {
	doc, err := w.signedDocument(ctx, r)
	if err != nil {
		return nil, err
	}
	peers, err := w.store.Peers(ctx)
	if err != nil {
		return nil, err
	}
	doc.Kinds = []string{}
	for _, p := range peers {
		if message(p) {
			continue
		}
		for _, kind := range p.Deliver {
			if kind != report.KindSR && !slices.Contains(doc.Kinds, kind) {
				doc.Kinds = append(doc.Kinds, kind)
			}
		}
	}
	return w.write(ctx, doc)
}

// signedDocument is what the objects of a signed report are made from: what
// stood there when it was signed, and nothing that came later.
func (w *Workflow) signedDocument(ctx context.Context, r *store.ReportRow) (Document, error) {
	if w.Author == nil {
		return Document{}, radnode.Errorf(radnode.Unavailable, "sign report", "this program cannot make report documents")
	}
	rows, err := w.store.Results(ctx, r.StudyInstanceUID)
	if err != nil {
		return Document{}, err
	}
	at := *r.SignedAt
	if r.SecondSignedAt != nil {
		at = *r.SecondSignedAt
	}
	rows = slices.DeleteFunc(rows, func(row store.ResultRow) bool { return row.CreatedAt.After(at) })
	uids := []radnode.UID{r.DraftUID}
	if r.Predecessor != "" {
		old, err := w.store.Report(ctx, r.Predecessor)
		if err != nil {
			return Document{}, err
		}
		uids = append(uids, old.SOPInstanceUID)
	}
	predecessors, err := w.instances(ctx, uids...)
	if err != nil {
		return Document{}, err
	}
	doc := Document{
		SOPInstanceUID: r.SOPInstanceUID, SeriesInstanceUID: r.SeriesUID, Report: r.Report, Results: radnodeResults(rows),
		Predecessors: predecessors, Observer: &radnode.User{Name: r.Signer, FullName: r.SignedBy},
	}
	doc.Report.State = radnode.Final
	if r.SecondSignedAt != nil {
		doc.Second = &radnode.User{FullName: r.SecondSignedBy}
	}
	return doc, nil
}

// fileSigned writes everything that a signature brings about.
func (w *Workflow) fileSigned(ctx context.Context, tx *store.Tx, user radnode.User, r *store.ReportRow, docs *documents,
	from radnode.ReportState, version int64, at time.Time,
) error {
	if err := tx.SignReport(ctx, r, from, version); err != nil {
		return err
	}
	for _, d := range docs.all {
		if err := tx.AddAuthored(ctx, &d.Record); err != nil {
			return err
		}
	}
	for _, text := range docs.warnings {
		if err := tx.Warn(ctx, r.StudyInstanceUID, text); err != nil {
			return err
		}
	}
	if err := w.order(ctx, tx, r, docs, at); err != nil {
		return err
	}
	return w.signatureChanged(ctx, tx, user, r, "document "+string(r.SOPInstanceUID))
}

// order files the deliveries of the objects that each destination wants, in the
// order in which they go: what the report refers to before the report.
func (w *Workflow) order(ctx context.Context, tx *store.Tx, r *store.ReportRow, docs *documents, at time.Time) error {
	peers, err := tx.Peers(ctx)
	if err != nil {
		return err
	}
	for _, p := range peers {
		if message(p) {
			if len(p.Deliver) > 0 {
				err = w.orderOne(ctx, tx, r, radnode.Delivery{Peer: p.Name, Kind: p.Kind, SOPInstanceUID: r.SOPInstanceUID}, at)
			}
			if err != nil {
				return err
			}
			continue
		}
		for _, d := range docs.all {
			if !slices.Contains(p.Deliver, d.kind) {
				continue
			}
			if err := w.orderOne(ctx, tx, r, radnode.Delivery{Peer: p.Name, Kind: d.kind, SOPInstanceUID: d.SOPInstanceUID}, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// orderOne files one delivery and its job.
func (w *Workflow) orderOne(ctx context.Context, tx *store.Tx, r *store.ReportRow, d radnode.Delivery, at time.Time) error {
	d.ID, d.ReportID, d.StudyInstanceUID = store.NewID(), r.ID, r.StudyInstanceUID
	d.State, d.NextAttempt, d.OrderedAt, d.StartedAt, d.UpdatedAt = radnode.DeliveryQueued, &at, at, at, at
	if err := tx.AddDelivery(ctx, &store.DeliveryRow{Delivery: d}); err != nil {
		return err
	}
	return jobs.Enqueue(ctx, tx, deliverJob, d.ID, at)
}

// message reports whether a destination takes messages instead of objects.
func message(p radnode.Peer) bool { return p.Kind == KindFHIR || p.Kind == KindHL7 }
