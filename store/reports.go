package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/radnode/radnode"
)

// ReportRow is a report as it is filed.
type ReportRow struct {
	radnode.Report
	DraftUID  radnode.UID // of the newest unverified document
	SeriesUID radnode.UID // of the documents of the study
}

// AddReport files a new report with its findings.
func (t *Tx) AddReport(ctx context.Context, r *ReportRow) error {
	notAnalysed, err := json.Marshal(r.NotAnalysed)
	if err != nil {
		return databaseError("file report", err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO reports (id, study_uid, state, version, sop_uid, draft_uid, series_uid, predecessor,
  not_analysed, impression, created_at, signed_at, signed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '')`,
		r.ID, string(r.StudyInstanceUID), string(r.State), r.Version, string(r.SOPInstanceUID), string(r.DraftUID), string(r.SeriesUID),
		r.Predecessor, string(notAnalysed), r.Impression, micros(r.CreatedAt))
	if err != nil {
		return databaseError("file report", err)
	}
	return t.addFindings(ctx, r)
}

func (t *Tx) addFindings(ctx context.Context, r *ReportRow) error {
	for i, f := range r.Findings {
		model, err := json.Marshal(f.Model)
		if err != nil {
			return databaseError("file finding", err)
		}
		finding, err := json.Marshal(f.Finding)
		if err != nil {
			return databaseError("file finding", err)
		}
		var decided time.Time
		if f.DecidedAt != nil {
			decided = *f.DecidedAt
		}
		_, err = t.ExecContext(ctx, `INSERT INTO report_findings (id, report_id, ordinal, result_id, sop_uid, frame, model, finding, decision,
  reason, decided_by, decided_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			f.ID, r.ID, i, f.ResultID, string(f.SOPInstanceUID), f.Frame, string(model), string(finding), string(f.Decision), f.Reason,
			f.DecidedBy, micros(decided))
		if err != nil {
			return databaseError("file finding", err)
		}
	}
	return nil
}

// RenewDraft replaces the content of a draft by what r holds and counts its
// version up. expected is the version that r was made from; another one, or a
// report that is no draft any more, is a Conflict.
func (t *Tx) RenewDraft(ctx context.Context, r *ReportRow, expected int64) error {
	notAnalysed, err := json.Marshal(r.NotAnalysed)
	if err != nil {
		return databaseError("renew draft", err)
	}
	err = t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, draft_uid = $1, not_analysed = $2, impression = $3
  WHERE id = $4 AND version = $5 AND state = 'draft'`, string(r.DraftUID), string(notAnalysed), r.Impression, r.ID, expected)
	if err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM report_findings WHERE report_id = $1`, r.ID); err != nil {
		return databaseError("renew draft", err)
	}
	return t.addFindings(ctx, r)
}

// draftChange runs an update that is guarded by state and version.
func (t *Tx) draftChange(ctx context.Context, r *ReportRow, expected int64, q string, args ...any) error {
	res, err := t.ExecContext(ctx, q, args...)
	if err != nil {
		return databaseError("change report", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return databaseError("change report", err)
	}
	if n != 1 {
		return radnode.Errorf(radnode.Conflict, "change report", "report %s was changed or signed meanwhile: load it again", r.ID)
	}
	r.Version = expected + 1
	return nil
}

// SetDecision writes a reader's decision about one finding of a draft.
func (t *Tx) SetDecision(ctx context.Context, r *ReportRow, f radnode.ReportFinding, expected int64) error {
	err := t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1 WHERE id = $1 AND version = $2 AND state = 'draft'`, r.ID, expected)
	if err != nil {
		return err
	}
	var decided time.Time
	if f.DecidedAt != nil {
		decided = *f.DecidedAt
	}
	return t.one(ctx, "decide finding", `UPDATE report_findings SET decision = $1, reason = $2, decided_by = $3, decided_at = $4
  WHERE id = $5 AND report_id = $6`, string(f.Decision), f.Reason, f.DecidedBy, micros(decided), f.ID, r.ID)
}

// SetImpression writes the free text of a draft.
func (t *Tx) SetImpression(ctx context.Context, r *ReportRow, text string, expected int64) error {
	return t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, impression = $1
  WHERE id = $2 AND version = $3 AND state = 'draft'`, text, r.ID, expected)
}

// SignReport turns a draft into a signed report and, when it amends another,
// that one into a superseded one.
func (t *Tx) SignReport(ctx context.Context, r *ReportRow, expected int64) error {
	err := t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, state = 'signed', signed_at = $1, signed_by = $2
  WHERE id = $3 AND version = $4 AND state = 'draft'`, micros(*r.SignedAt), r.SignedBy, r.ID, expected)
	if err != nil || r.Predecessor == "" {
		return err
	}
	return t.one(ctx, "supersede report", `UPDATE reports SET state = 'superseded', version = version + 1 WHERE id = $1`, r.Predecessor)
}

const reportColumns = `id, study_uid, state, version, sop_uid, draft_uid, series_uid, predecessor, not_analysed, impression, created_at, signed_at, signed_by`

func scanReport(row scanner) (ReportRow, error) {
	var r ReportRow
	var notAnalysed string
	var created, signed int64
	err := row.Scan(&r.ID, &r.StudyInstanceUID, &r.State, &r.Version, &r.SOPInstanceUID, &r.DraftUID, &r.SeriesUID, &r.Predecessor,
		&notAnalysed, &r.Impression, &created, &signed, &r.SignedBy)
	if err != nil {
		return r, err
	}
	r.CreatedAt, r.SignedAt = timeOf(created), timePointer(signed)
	return r, json.Unmarshal([]byte(notAnalysed), &r.NotAnalysed)
}

func scanFinding(row scanner) (radnode.ReportFinding, error) {
	var f radnode.ReportFinding
	var model, finding string
	var decided int64
	err := row.Scan(&f.ID, &f.ResultID, &f.SOPInstanceUID, &f.Frame, &model, &finding, &f.Decision, &f.Reason, &f.DecidedBy, &decided)
	if err != nil {
		return f, err
	}
	f.DecidedAt = timePointer(decided)
	return f, errors.Join(json.Unmarshal([]byte(model), &f.Model), json.Unmarshal([]byte(finding), &f.Finding))
}

// fill loads the findings and deliveries of a report.
func (r *ReportRow) fill(ctx context.Context, q querier) (err error) {
	r.Findings, err = list(ctx, q, scanFinding, `SELECT id, result_id, sop_uid, frame, model, finding, decision, reason, decided_by, decided_at
  FROM report_findings WHERE report_id = $1 ORDER BY ordinal`, r.ID)
	if err != nil {
		return err
	}
	r.Deliveries, err = deliveries(ctx, q, `report_id = $1`, r.ID)
	if r.Findings == nil {
		r.Findings = []radnode.ReportFinding{}
	}
	if r.NotAnalysed == nil {
		r.NotAnalysed = []string{}
	}
	if r.Deliveries == nil {
		r.Deliveries = []radnode.Delivery{}
	}
	return err
}

// Report finds one report, as of one commit.
func (s *Store) Report(ctx context.Context, id string) (found *ReportRow, err error) {
	err = s.snapshot(ctx, "find report", func(tx *sql.Tx) error {
		found, err = report(ctx, tx, tx.QueryRowContext(ctx, `SELECT `+reportColumns+` FROM reports WHERE id = $1`, id), id)
		return err
	})
	return found, err
}

// Report finds one report as this transaction sees it.
func (t *Tx) Report(ctx context.Context, id string) (*ReportRow, error) {
	return report(ctx, t, t.QueryRowContext(ctx, `SELECT `+reportColumns+` FROM reports WHERE id = $1`, id), id)
}

func report(ctx context.Context, q querier, row scanner, id string) (*ReportRow, error) {
	r, err := scanReport(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, radnode.Errorf(radnode.NotFound, "find report", "no report %.40q is stored here", id)
	}
	if err != nil {
		return nil, databaseError("find report", err)
	}
	return &r, r.fill(ctx, q)
}

// Reports lists the reports of a study, newest first, as of one commit.
func (s *Store) Reports(ctx context.Context, study radnode.UID) (all []ReportRow, err error) {
	err = s.snapshot(ctx, "read reports", func(tx *sql.Tx) error {
		all, err = reports(ctx, tx, study)
		return err
	})
	return all, err
}

// Reports lists the reports of a study as this transaction sees them.
func (t *Tx) Reports(ctx context.Context, study radnode.UID) ([]ReportRow, error) {
	return reports(ctx, t, study)
}

func reports(ctx context.Context, q querier, study radnode.UID) ([]ReportRow, error) {
	all, err := list(ctx, q, scanReport, `SELECT `+reportColumns+` FROM reports WHERE study_uid = $1 ORDER BY created_at DESC, id DESC`, string(study))
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := all[i].fill(ctx, q); err != nil {
			return nil, err
		}
	}
	return all, nil
}
