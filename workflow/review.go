package workflow

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/store"
)

const (
	maxReason     = 1024  // characters of a reason for a decision
	maxImpression = 10000 // characters of an impression
)

// Decide writes a reader's decision about one finding of a draft. version is
// the version the reader saw; another one is a Conflict.
func (w *Workflow) Decide(ctx context.Context, user radnode.User, reportID, findingID string, version int64, d radnode.Decision, reason string) (*radnode.Report, error) {
	const op = "decide finding"
	if !slices.Contains([]radnode.Decision{radnode.Undecided, radnode.Accepted, radnode.Rejected}, d) {
		return nil, radnode.Errorf(radnode.Invalid, op, "the decision must be accepted, rejected or undecided")
	}
	if err := plainText(op, "reason", reason, maxReason); err != nil {
		return nil, err
	}
	return w.change(ctx, user, reportID, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		i := slices.IndexFunc(r.Findings, func(f radnode.ReportFinding) bool { return f.ID == findingID })
		if i < 0 {
			return "", radnode.Errorf(radnode.NotFound, op, "report %s has no finding %.40q", reportID, findingID)
		}
		f := r.Findings[i]
		f.Decision, f.Reason, f.DecidedBy, f.DecidedAt = d, reason, "", nil
		if d != radnode.Undecided {
			at := now()
			f.DecidedBy, f.DecidedAt = user.Name, &at
		}
		return "finding " + f.Finding.Label + " " + string(d), tx.SetDecision(ctx, r, f, version)
	})
}

// SetImpression writes the free text of a draft.
func (w *Workflow) SetImpression(ctx context.Context, user radnode.User, reportID string, version int64, text string) (*radnode.Report, error) {
	if err := plainText("set impression", "impression", text, maxImpression); err != nil {
		return nil, err
	}
	return w.change(ctx, user, reportID, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		return "impression", tx.SetImpression(ctx, r, text, version)
	})
}

// change changes a draft: role, state and version are checked, the change
// made, audited and shown, in one transaction.
func (w *Workflow) change(ctx context.Context, user radnode.User, id string, version int64,
	fn func(context.Context, *store.Tx, *store.ReportRow) (string, error),
) (*radnode.Report, error) {
	if err := reader("change report", user); err != nil {
		return nil, err
	}
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.Report(ctx, id)
		if err != nil {
			return err
		}
		if err := open(r, version); err != nil {
			return err
		}
		what, err := fn(ctx, tx, r)
		if err != nil {
			return err
		}
		if err := w.audit(ctx, tx, audit.ReportChanged, user, r, what); err != nil {
			return err
		}
		tx.AfterCommit(func() { w.reportChanged(r) })
		return w.stand(ctx, tx, r.StudyInstanceUID)
	})
	if err != nil {
		return nil, err
	}
	return w.Report(ctx, id)
}

// open answers Conflict for a report that is no draft or not of the version
// that the reader saw.
func open(r *store.ReportRow, version int64) error {
	switch {
	case r.State != radnode.Draft:
		return radnode.Errorf(radnode.Conflict, "change report", "report %s is %s and cannot be changed: amend it", r.ID, r.State)
	case r.Version != version:
		return radnode.Errorf(radnode.Conflict, "change report", "report %s was changed meanwhile: load it again", r.ID)
	}
	return nil
}

// reader lets only those who may sign decide and sign.
func reader(op string, user radnode.User) error {
	if !user.MaySign() {
		return radnode.Errorf(radnode.Forbidden, op, "only a radiologist may decide about findings and sign")
	}
	return nil
}

// plainText bounds free text and keeps control characters out of documents.
func plainText(op, what, text string, limit int) error {
	if !utf8.ValidString(text) {
		return radnode.Errorf(radnode.Invalid, op, "the %s is not UTF-8 text", what)
	}
	if utf8.RuneCountInString(text) > limit {
		return radnode.Errorf(radnode.TooLarge, op, "the %s is longer than %d characters", what, limit)
	}
	for _, c := range text {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return radnode.Errorf(radnode.Invalid, op, "the %s holds control characters", what)
		}
	}
	return nil
}

func (w *Workflow) audit(ctx context.Context, tx *store.Tx, action audit.Action, user radnode.User, r *store.ReportRow, detail string) error {
	return audit.Record(ctx, tx, audit.Event{Action: action, Actor: user.Name, StudyUID: r.StudyInstanceUID, ObjectID: r.ID, Detail: detail})
}

func (w *Workflow) reportChanged(r *store.ReportRow) {
	w.events.publish(radnode.Event{Kind: "report", StudyInstanceUID: r.StudyInstanceUID, ID: r.ID})
	w.changed(r.StudyInstanceUID)
}

// Amend opens a new draft that will replace a signed report. Findings and
// decisions are taken over; the signed report stays as it is until the
// amendment is signed. If a draft for the study is open already, it is that.
func (w *Workflow) Amend(ctx context.Context, user radnode.User, reportID string) (*radnode.Report, error) {
	const op = "amend report"
	if err := reader(op, user); err != nil {
		return nil, err
	}
	id := store.NewID()
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		old, err := tx.Report(ctx, reportID)
		if err != nil {
			return err
		}
		newest, err := tx.Reports(ctx, old.StudyInstanceUID)
		if err != nil {
			return err
		}
		if n := newest[0]; n.State == radnode.Draft && n.Predecessor == reportID {
			id = n.ID
			return nil
		}
		if old.State != radnode.Final {
			return radnode.Errorf(radnode.Conflict, op, "report %s is %s: only a signed report can be amended", old.ID, old.State)
		}
		return w.openAmendment(ctx, tx, user, old, id)
	})
	if err != nil {
		return nil, err
	}
	return w.Report(ctx, id)
}

func (w *Workflow) openAmendment(ctx context.Context, tx *store.Tx, user radnode.User, old *store.ReportRow, id string) error {
	r := &store.ReportRow{Report: radnode.Report{
		ID: id, StudyInstanceUID: old.StudyInstanceUID, State: radnode.Draft, Version: 1, SOPInstanceUID: radnode.NewUID(),
		Predecessor: old.ID, Findings: slices.Clone(old.Findings), NotAnalysed: old.NotAnalysed, Impression: old.Impression, CreatedAt: now(),
	}, SeriesUID: old.SeriesUID}
	for i := range r.Findings {
		r.Findings[i].ID = store.NewID()
	}
	if err := tx.AddReport(ctx, r); err != nil {
		return err
	}
	if err := w.audit(ctx, tx, audit.ReportAmended, user, r, "amends "+old.ID); err != nil {
		return err
	}
	tx.AfterCommit(func() { w.reportChanged(r) })
	return w.stand(ctx, tx, r.StudyInstanceUID)
}
