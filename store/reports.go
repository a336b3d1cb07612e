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
	Signer    string      // account of SignedBy
}

// AddReport files a new report with its findings.
func (t *Tx) AddReport(ctx context.Context, r *ReportRow) error {
	notAnalysed, err := json.Marshal(r.NotAnalysed)
	if err != nil {
		return databaseError("file report", err)
	}
	addenda, err := json.Marshal(append([]radnode.Addendum{}, r.Addenda...))
	if err != nil {
		return databaseError("file report", err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO reports (id, study_uid, state, version, sop_uid, draft_uid, series_uid, predecessor,
  not_analysed, findings_text, impression, language, addenda, created_at, signed_at, signed_by)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, '')`,
		r.ID, string(r.StudyInstanceUID), string(r.State), r.Version, string(r.SOPInstanceUID), string(r.DraftUID), string(r.SeriesUID),
		r.Predecessor, string(notAnalysed), r.FindingsText, r.Impression, r.Language, string(addenda), micros(r.CreatedAt))
	if err != nil {
		return databaseError("file report", err)
	}
	return t.addFindings(ctx, r)
}

func (t *Tx) addFindings(ctx context.Context, r *ReportRow) error {
	for i, f := range r.Findings {
		if err := t.addFinding(ctx, r.ID, i, f); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) addFinding(ctx context.Context, report string, ordinal int, f radnode.ReportFinding) error {
	const op = "file finding"
	model, err := json.Marshal(f.Model)
	if err != nil {
		return databaseError(op, err)
	}
	finding, err := json.Marshal(f.Finding)
	if err != nil {
		return databaseError(op, err)
	}
	reading, err := readingText(f)
	if err != nil {
		return databaseError(op, err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO report_findings (id, report_id, ordinal, result_id, sop_uid, frame, model, finding, decision,
  reason, decided_by, decided_at, reading) VALUES ($1, $2, $3, NULLIF($4, ''), $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		f.ID, report, ordinal, f.ResultID, string(f.SOPInstanceUID), f.Frame, string(model), string(finding), string(f.Decision), f.Reason,
		f.DecidedBy, microsOf(f.DecidedAt), reading)
	return databaseError(op, err)
}

// readingText is what a reader states of a finding as it is kept.
func readingText(f radnode.ReportFinding) (string, error) {
	if f.Reading == nil {
		return "", nil
	}
	b, err := json.Marshal(f.Reading)
	return string(b), err
}

func microsOf(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return micros(*t)
}

// RenewDraft replaces the content of a draft by what r holds and counts its
// version up. A first signature under the old content falls. expected is the
// version that r was made from; another one, or a signed report, is a Conflict.
func (t *Tx) RenewDraft(ctx context.Context, r *ReportRow, expected int64) error {
	notAnalysed, err := json.Marshal(r.NotAnalysed)
	if err != nil {
		return databaseError("renew draft", err)
	}
	addenda, err := json.Marshal(append([]radnode.Addendum{}, r.Addenda...))
	if err != nil {
		return databaseError("renew draft", err)
	}
	err = t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, state = 'draft', signed_at = 0, signed_by = '', signer = '',
  draft_uid = $1, not_analysed = $2, findings_text = $3, impression = $4, language = $5, addenda = $6
  WHERE id = $7 AND version = $8 AND state IN ('draft', 'awaiting_second')`,
		string(r.DraftUID), string(notAnalysed), r.FindingsText, r.Impression, r.Language, string(addenda), r.ID, expected)
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

const countVersion = `UPDATE reports SET version = version + 1 WHERE id = $1 AND version = $2 AND state = 'draft'`

// SetFinding writes what a reader decided about and states of one finding of a
// draft.
func (t *Tx) SetFinding(ctx context.Context, r *ReportRow, f radnode.ReportFinding, expected int64) error {
	const op = "decide finding"
	if err := t.draftChange(ctx, r, expected, countVersion, r.ID, expected); err != nil {
		return err
	}
	finding, err := json.Marshal(f.Finding)
	if err != nil {
		return databaseError(op, err)
	}
	reading, err := readingText(f)
	if err != nil {
		return databaseError(op, err)
	}
	return t.one(ctx, op, `UPDATE report_findings SET decision = $1, reason = $2, decided_by = $3, decided_at = $4, finding = $5, reading = $6
  WHERE id = $7 AND report_id = $8`, string(f.Decision), f.Reason, f.DecidedBy, microsOf(f.DecidedAt), string(finding), reading, f.ID, r.ID)
}

// AddFinding adds a reader's finding to a draft, behind the others.
func (t *Tx) AddFinding(ctx context.Context, r *ReportRow, f radnode.ReportFinding, expected int64) error {
	if err := t.draftChange(ctx, r, expected, countVersion, r.ID, expected); err != nil {
		return err
	}
	return t.addFinding(ctx, r.ID, len(r.Findings), f)
}

// SetText writes the free text of a draft.
func (t *Tx) SetText(ctx context.Context, r *ReportRow, expected int64) error {
	addenda, err := json.Marshal(append([]radnode.Addendum{}, r.Addenda...))
	if err != nil {
		return databaseError("change report", err)
	}
	return t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, findings_text = $1, impression = $2, language = $3, addenda = $4
  WHERE id = $5 AND version = $6 AND state = 'draft'`, r.FindingsText, r.Impression, r.Language, string(addenda), r.ID, expected)
}

// FirstSignature notes the first of two signatures: the report waits for the
// second one.
func (t *Tx) FirstSignature(ctx context.Context, r *ReportRow, expected int64) error {
	return t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, state = 'awaiting_second', signed_at = $1, signed_by = $2,
  signer = $3 WHERE id = $4 AND version = $5 AND state = 'draft'`, microsOf(r.SignedAt), r.SignedBy, r.Signer, r.ID, expected)
}

// Reopen makes a report that waits for its second signature a draft again.
func (t *Tx) Reopen(ctx context.Context, r *ReportRow, expected int64) error {
	return t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, state = 'draft', signed_at = 0, signed_by = '', signer = ''
  WHERE id = $1 AND version = $2 AND state = 'awaiting_second'`, r.ID, expected)
}

// SignReport turns a draft, or a report that waits for its second signature,
// into a signed report and, when it amends another, that one into a superseded
// one. from is the state it must be in.
func (t *Tx) SignReport(ctx context.Context, r *ReportRow, from radnode.ReportState, expected int64) error {
	addenda, err := json.Marshal(append([]radnode.Addendum{}, r.Addenda...))
	if err != nil {
		return databaseError("sign report", err)
	}
	err = t.draftChange(ctx, r, expected, `UPDATE reports SET version = version + 1, state = 'signed', signed_at = $1, signed_by = $2, signer = $3,
  second_signed_at = $4, second_signed_by = $5, addenda = $6 WHERE id = $7 AND version = $8 AND state = $9`, microsOf(r.SignedAt), r.SignedBy,
		r.Signer, microsOf(r.SecondSignedAt), r.SecondSignedBy, string(addenda), r.ID, expected, string(from))
	if err != nil || r.Predecessor == "" {
		return err
	}
	return t.one(ctx, "supersede report", `UPDATE reports SET state = 'superseded', version = version + 1 WHERE id = $1`, r.Predecessor)
}

const reportColumns = `id, study_uid, state, version, sop_uid, draft_uid, series_uid, predecessor, not_analysed, findings_text, impression,
  language, addenda, created_at, signed_at, signed_by, signer, second_signed_at, second_signed_by`

func scanReport(row scanner) (ReportRow, error) {
	var r ReportRow
	var notAnalysed, addenda string
	var created, signed, second int64
	err := row.Scan(&r.ID, &r.StudyInstanceUID, &r.State, &r.Version, &r.SOPInstanceUID, &r.DraftUID, &r.SeriesUID, &r.Predecessor,
		&notAnalysed, &r.FindingsText, &r.Impression, &r.Language, &addenda, &created, &signed, &r.SignedBy, &r.Signer, &second, &r.SecondSignedBy)
	if err != nil {
		return r, err
	}
	r.CreatedAt, r.SignedAt, r.SecondSignedAt = timeOf(created), timePointer(signed), timePointer(second)
	return r, errors.Join(json.Unmarshal([]byte(notAnalysed), &r.NotAnalysed), json.Unmarshal([]byte(addenda), &r.Addenda))
}

func scanFinding(row scanner) (radnode.ReportFinding, error) {
	var f radnode.ReportFinding
	var model, finding, reading string
	var decided int64
	err := row.Scan(&f.ID, &f.ResultID, &f.SOPInstanceUID, &f.Frame, &model, &finding, &f.Decision, &f.Reason, &f.DecidedBy, &decided, &reading)
	if err != nil {
		return f, err
	}
	if reading != "" {
		f.Reading = &radnode.Reading{}
		err = json.Unmarshal([]byte(reading), f.Reading)
	}
	f.DecidedAt = timePointer(decided)
	return f, errors.Join(err, json.Unmarshal([]byte(model), &f.Model), json.Unmarshal([]byte(finding), &f.Finding))
}

// fill loads the findings and deliveries of a report.
func (r *ReportRow) fill(ctx context.Context, q querier) (err error) {
	r.Findings, err = list(ctx, q, scanFinding, `SELECT id, COALESCE(result_id, ''), sop_uid, frame, model, finding, decision, reason, decided_by, decided_at, reading
  FROM report_findings WHERE report_id = $1 ORDER BY ordinal`, r.ID)
	if err != nil {
		return err
	}
	r.Deliveries, err = deliveries(ctx, q, `report_id = $1 ORDER BY created_at, id`, r.ID)
	if r.Findings == nil {
		r.Findings = []radnode.ReportFinding{}
	}
	if r.NotAnalysed == nil {
		r.NotAnalysed = []string{}
	}
	if r.Addenda == nil {
		r.Addenda = []radnode.Addendum{}
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
