package workflow

import (
	"context"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/store"
)

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
		old, open, err := w.toFollow(ctx, tx, op, reportID)
		if err != nil {
			return err
		}
		if open != nil {
			id = open.ID
			if !addendumOnly(open) {
				return nil
			}
			return radnode.Errorf(radnode.Conflict, op, "an addendum to report %s is open: sign it first", reportID)
		}
		return w.follow(ctx, tx, user, old, id, nil)
	})
	if err != nil {
		return nil, err
	}
	return w.Report(ctx, id)
}

// Addend opens a draft that repeats a signed report and adds text to it. Nothing
// else of it can be changed; it is signed as any other draft.
func (w *Workflow) Addend(ctx context.Context, user radnode.User, reportID, text string) (*radnode.Report, error) {
	const op = "add to report"
	if err := reader(op, user); err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" {
		return nil, radnode.Errorf(radnode.Invalid, op, "an addendum needs a text")
	}
	if err := plainText(op, "addendum", text, maxNarrative); err != nil {
		return nil, err
	}
	id := store.NewID()
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		old, open, err := w.toFollow(ctx, tx, op, reportID)
		if err != nil {
			return err
		}
		if open != nil {
			return radnode.Errorf(radnode.Conflict, op, "a draft that follows report %s is open: write into it or sign it first", reportID)
		}
		return w.follow(ctx, tx, user, old, id, &radnode.Addendum{Text: text})
	})
	if err != nil {
		return nil, err
	}
	return w.Report(ctx, id)
}

// toFollow finds a signed report, and the open draft that follows it already.
func (w *Workflow) toFollow(ctx context.Context, tx *store.Tx, op, id string) (signed, open *store.ReportRow, err error) {
	if signed, err = tx.Report(ctx, id); err != nil {
		return nil, nil, err
	}
	all, err := tx.Reports(ctx, signed.StudyInstanceUID)
	if err != nil {
		return nil, nil, err
	}
	if n := &all[0]; isOpen(n) && n.Predecessor == id {
		return signed, n, nil
	}
	if signed.State != radnode.Final {
		return nil, nil, radnode.Errorf(radnode.Conflict, op, "report %s is %s: only a signed report can be amended", id, signed.State)
	}
	return signed, nil, nil
}

// isOpen reports whether a report is still to be signed.
func isOpen(r *store.ReportRow) bool {
	return r.State == radnode.Draft || r.State == radnode.AwaitingSecond
}

// addendumOnly reports whether an open report adds a text to the signed one and
// changes nothing else.
func addendumOnly(r *store.ReportRow) bool {
	n := len(r.Addenda)
	return isOpen(r) && n > 0 && r.Addenda[n-1].At == nil
}

func addendumOnlyError(r *store.ReportRow) error {
	return radnode.Errorf(radnode.Conflict, "change report", "report %s only adds a text to the signed one: sign it, then amend it to change anything else", r.ID)
}

// follow files the draft that follows a signed report.
func (w *Workflow) follow(ctx context.Context, tx *store.Tx, user radnode.User, old *store.ReportRow, id string, addendum *radnode.Addendum) error {
	r := &store.ReportRow{Report: radnode.Report{
		ID: id, StudyInstanceUID: old.StudyInstanceUID, State: radnode.Draft, Version: 1, SOPInstanceUID: radnode.NewUID(),
		Predecessor: old.ID, Findings: slices.Clone(old.Findings), NotAnalysed: old.NotAnalysed, FindingsText: old.FindingsText,
		Impression: old.Impression, Language: old.Language, Addenda: slices.Clone(old.Addenda), CreatedAt: w.now(),
	}, SeriesUID: old.SeriesUID}
	for i := range r.Findings {
		r.Findings[i].ID = store.NewID()
	}
	what := "amends " + old.ID
	if addendum != nil {
		r.Addenda, what = append(r.Addenda, *addendum), "addendum to "+old.ID
	}
	if err := tx.AddReport(ctx, r); err != nil {
		return err
	}
	if err := w.audit(ctx, tx, audit.ReportAmended, user, r, what); err != nil {
		return err
	}
	tx.AfterCommit(func() { w.reportChanged(r) })
	return w.stand(ctx, tx, r.StudyInstanceUID)
}
