package workflow

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

const (
	maxReason    = 1024  // characters of a reason for a decision
	maxNarrative = 10000 // characters of findings, impression or an addendum
)

// Decide writes a reader's decision about one finding of a draft. version is
// the version the reader saw; another one is a Conflict. A model's finding that
// is not accepted any more stands as the model stated it.
func (w *Workflow) Decide(ctx context.Context, user radnode.User, reportID, findingID string, version int64, d radnode.Decision, reason string) (*radnode.Report, error) {
	const op = "decide finding"
	if !slices.Contains([]radnode.Decision{radnode.Undecided, radnode.Accepted, radnode.Rejected}, d) {
		return nil, radnode.Errorf(radnode.Invalid, op, "the decision must be accepted, rejected or undecided")
	}
	if err := plainText(op, "reason", reason, maxReason); err != nil {
		return nil, err
	}
	return w.change(ctx, user, reportID, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		f, err := findingOf(r, findingID)
		if err != nil {
			return "", err
		}
		f.Decision, f.Reason, f.DecidedBy, f.DecidedAt = d, reason, "", nil
		if d != radnode.Undecided {
			at := w.now()
			f.DecidedBy, f.DecidedAt = user.Name, &at
		}
		if d != radnode.Accepted && !f.Added() {
			f.Reading = nil
		}
		return "finding " + f.Finding.Label + " " + string(d), tx.SetFinding(ctx, r, f, version)
	})
}

func findingOf(r *store.ReportRow, id string) (radnode.ReportFinding, error) {
	i := slices.IndexFunc(r.Findings, func(f radnode.ReportFinding) bool { return f.ID == id })
	if i < 0 {
		return radnode.ReportFinding{}, radnode.Errorf(radnode.NotFound, "change report", "report %s has no finding %.40q", r.ID, id)
	}
	return r.Findings[i], nil
}

// SetText writes the free text of a draft. nil leaves a text as it is.
func (w *Workflow) SetText(ctx context.Context, user radnode.User, reportID string, version int64, text radnode.ReportText) (*radnode.Report, error) {
	const op = "change report"
	for what, t := range map[string]*string{"findings": text.Findings, "impression": text.Impression, "addendum": text.Addendum} {
		if t == nil {
			continue
		}
		if err := plainText(op, what, *t, maxNarrative); err != nil {
			return nil, err
		}
	}
	return w.changeAny(ctx, user, reportID, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		n := len(r.Addenda)
		switch {
		case addendumOnly(r) && (text.Findings != nil || text.Impression != nil):
			return "", addendumOnlyError(r)
		case text.Addendum != nil && !addendumOnly(r):
			return "", radnode.Errorf(radnode.Invalid, op, "report %s carries no open addendum", r.ID)
		case text.Addendum != nil:
			r.Addenda[n-1].Text = *text.Addendum
		}
		if text.Findings != nil {
			r.FindingsText = *text.Findings
		}
		if text.Impression != nil {
			r.Impression = *text.Impression
		}
		return "text", tx.SetText(ctx, r, version)
	})
}

// Compose writes findings and impression of a draft from the reader's
// decisions, in a language that there are templates for; what stood there is
// replaced.
func (w *Workflow) Compose(ctx context.Context, user radnode.User, reportID string, version int64, language string) (*radnode.Report, error) {
	return w.change(ctx, user, reportID, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		var err error
		if r.FindingsText, r.Impression, err = report.Narrative(r.Findings, language); err != nil {
			return "", err
		}
		r.Language = language
		return "narrative composed in " + language, tx.SetText(ctx, r, version)
	})
}

// change changes a draft that is no mere addendum.
func (w *Workflow) change(ctx context.Context, user radnode.User, id string, version int64,
	fn func(context.Context, *store.Tx, *store.ReportRow) (string, error),
) (*radnode.Report, error) {
	return w.changeAny(ctx, user, id, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		if addendumOnly(r) {
			return "", addendumOnlyError(r)
		}
		return fn(ctx, tx, r)
	})
}

// changeAny changes a draft: role, state and version are checked, the change
// made, audited and shown, in one transaction.
func (w *Workflow) changeAny(ctx context.Context, user radnode.User, id string, version int64,
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
	case r.State == radnode.AwaitingSecond:
		return radnode.Errorf(radnode.Conflict, "change report", "report %s waits for a second signature: open it again to change it", r.ID)
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
