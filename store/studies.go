package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/radnode/radnode"
)

// Touch is what one transaction brings to one study. New is known, and the
// study's row written, when AtEnd functions run.
type Touch struct {
	Study   radnode.UID
	New     bool // the study was not there before
	Waiting int  // new instances that wait for analysis
	first   *Record
	added   int
	series  map[radnode.UID]*Record
	last    time.Time
}

// touch notes one new instance of a study.
func (t *Tx) touch(r *Record) *Touch {
	w := t.touches[r.StudyInstanceUID]
	if w == nil {
		w = &Touch{Study: r.StudyInstanceUID, first: r, series: map[radnode.UID]*Record{}}
		t.touches[w.Study] = w
		t.order = append(t.order, w)
	}
	w.added++
	if r.Status == Waiting {
		w.Waiting++
	}
	if w.series[r.SeriesInstanceUID] == nil {
		w.series[r.SeriesInstanceUID] = r
	}
	if r.ReceivedAt.After(w.last) {
		w.last = r.ReceivedAt
	}
	return w
}

// ArrivingReason is the state reason of a study whose images still come in.
const ArrivingReason = "images are coming in"

const insertStudy = `INSERT INTO studies (study_uid, patient_name, patient_id, patient_birth_date, patient_sex, patient_age, study_date,
  study_time, study_id, accession_number, description, referring_physician, modalities, search, series_count, instance_count, state,
  state_reason, urgency, findings, source, reader, delivery_state, first_received_at, last_received_at, version)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, ' ', $13, 0, $14, $15, $16, 0, '[]', $17, '', '', $18, $19, 1)
  ON CONFLICT (study_uid) DO NOTHING`

const touchStudy = `UPDATE studies SET instance_count = instance_count + $1,
  last_received_at = CASE WHEN last_received_at > $2 THEN last_received_at ELSE $3 END,
  state = CASE WHEN $4 > 0 THEN 'arriving' ELSE state END, state_reason = CASE WHEN $5 > 0 THEN $6 ELSE state_reason END,
  completeness = CASE WHEN $7 > 0 THEN '' ELSE completeness END, version = version + 1 WHERE study_uid = $8 RETURNING patient_id, patient_name`

// flush writes the study and series rows of a touch.
func (t *Tx) flush(ctx context.Context, w *Touch) error {
	const op = "index study"
	var id, name string
	r := w.first
	err := t.QueryRowContext(ctx, touchStudy, w.added, micros(w.last), micros(w.last), w.Waiting, w.Waiting, ArrivingReason, w.Waiting, string(w.Study)).Scan(&id, &name)
	if errors.Is(err, sql.ErrNoRows) {
		w.New = true
		_, err = t.ExecContext(ctx, insertStudy, string(w.Study), r.Study.PatientName, r.Study.PatientID, r.Study.PatientBirthDate,
			r.Study.PatientSex, r.Study.PatientAge, r.Study.Date, r.Study.Time, r.Study.ID, r.Study.AccessionNumber, r.Study.Description,
			r.Study.ReferringPhysician, r.searchText(), w.added, string(radnode.Arriving), ArrivingReason, r.Source,
			micros(r.ReceivedAt), micros(w.last))
		id, name = r.Study.PatientID, r.Study.PatientName
	}
	if err != nil {
		return databaseError(op, err)
	}
	for uid, r := range w.series {
		if err := t.addSeries(ctx, w.Study, uid, r.Series); err != nil {
			return databaseError(op, err)
		}
		if r.Study.PatientID != id || !sameName(r.Study.PatientName, name) {
			if err := t.Warn(ctx, w.Study, "the objects of this study name different patients: check which patient the images belong to"); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameName compares names as devices write them: padding, case and empty
// trailing components do not count (PS3.5 6.2.1).
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "^= "), strings.TrimRight(b, "^= "))
}

const insertSeries = `INSERT INTO series (study_uid, series_uid, modality, number, description, body_part)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (study_uid, series_uid) DO NOTHING`

func (t *Tx) addSeries(ctx context.Context, study, uid radnode.UID, h SeriesHeader) error {
	res, err := t.ExecContext(ctx, insertSeries, string(study), string(uid), h.Modality, h.Number, h.Description, h.BodyPart)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	m := " " + strings.ReplaceAll(h.Modality, " ", "") + " "
	_, err = t.ExecContext(ctx, `UPDATE studies SET series_count = series_count + 1,
  modalities = CASE WHEN modalities LIKE $1 ESCAPE '\' THEN modalities ELSE modalities || $2 END WHERE study_uid = $3`,
		"%"+likeText(m)+"%", m[1:], string(study))
	return err
}

// likeText makes text literal in a LIKE pattern with ESCAPE '\'.
func likeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// maxWarnings bounds the warnings of one study: a broken sender repeats itself.
const maxWarnings = 50

// Warn tells the reader of a study something; the same text once.
func (t *Tx) Warn(ctx context.Context, study radnode.UID, text string) error {
	var n int
	if err := t.QueryRowContext(ctx, `SELECT COUNT(*) FROM study_warnings WHERE study_uid = $1`, string(study)).Scan(&n); err != nil {
		return databaseError("warn", err)
	}
	if n >= maxWarnings {
		return nil
	}
	_, err := t.ExecContext(ctx, `INSERT INTO study_warnings (study_uid, warning, at) VALUES ($1, $2, $3) ON CONFLICT (study_uid, warning) DO NOTHING`,
		string(study), clip(text), micros(now()))
	return databaseError("warn", err)
}

// StudyStanding is the part of a study's row that the workflow decides.
type StudyStanding struct {
	State         radnode.StudyState
	Reason        string
	Urgency       int
	Findings      []string
	Assessed      bool
	Reader        string
	DeliveryState string
}

// SetStanding writes where a study stands.
func (t *Tx) SetStanding(ctx context.Context, study radnode.UID, st StudyStanding) error {
	if st.Findings == nil {
		st.Findings = []string{}
	}
	findings, err := json.Marshal(st.Findings)
	if err != nil {
		return databaseError("set study state", err)
	}
	return t.one(ctx, "set study state", `UPDATE studies SET state = $1, state_reason = $2, urgency = $3, findings = $4, reader = $5,
  delivery_state = $6, assessed = $7, version = version + 1 WHERE study_uid = $8`,
		string(st.State), clip(st.Reason), st.Urgency, string(findings), st.Reader, st.DeliveryState, flag(st.Assessed), string(study))
}

// SetState writes the state of a study alone.
func (t *Tx) SetState(ctx context.Context, study radnode.UID, state radnode.StudyState, reason string) error {
	return t.one(ctx, "set study state", `UPDATE studies SET state = $1, state_reason = $2, version = version + 1 WHERE study_uid = $3`,
		string(state), clip(reason), string(study))
}

const studyColumns = `study_uid, patient_name, patient_id, patient_birth_date, patient_sex, patient_age, study_date, study_time,
  accession_number, description, modalities, series_count, instance_count, state, state_reason, urgency, findings, source, reader,
  delivery_state, first_received_at, last_received_at, version, assessed`

func scanStudy(row scanner) (radnode.StudySummary, error) {
	var s radnode.StudySummary
	var modalities, findings string
	var first, last int64
	err := row.Scan(&s.StudyInstanceUID, &s.PatientName, &s.PatientID, &s.PatientBirthDate, &s.PatientSex, &s.PatientAge, &s.StudyDate,
		&s.StudyTime, &s.AccessionNumber, &s.Description, &modalities, &s.SeriesCount, &s.InstanceCount, &s.State, &s.StateReason,
		&s.Urgency, &findings, &s.Source, &s.Reader, &s.DeliveryState, &first, &last, &s.Version, &s.Assessed)
	if err != nil {
		return s, err
	}
	s.Modalities = append([]string{}, strings.Fields(modalities)...)
	s.FirstReceivedAt, s.LastReceivedAt = timeOf(first), timeOf(last)
	return s, json.Unmarshal([]byte(findings), &s.Findings)
}

// StudySummary finds the worklist row of a study.
func (s *Store) StudySummary(ctx context.Context, study radnode.UID) (radnode.StudySummary, error) {
	return studySummary(s.read.QueryRowContext(ctx, `SELECT `+studyColumns+` FROM studies WHERE study_uid = $1`, string(study)), study)
}

// StudySummary finds the worklist row of a study as this transaction sees it.
func (t *Tx) StudySummary(ctx context.Context, study radnode.UID) (radnode.StudySummary, error) {
	return studySummary(t.QueryRowContext(ctx, `SELECT `+studyColumns+` FROM studies WHERE study_uid = $1`, string(study)), study)
}

func studySummary(row scanner, study radnode.UID) (radnode.StudySummary, error) {
	sum, err := scanStudy(row)
	if errors.Is(err, sql.ErrNoRows) {
		return sum, radnode.Errorf(radnode.NotFound, "find study", "no study %.70s is stored here", study)
	}
	return sum, databaseError("find study", err)
}

func scanText(row scanner) (string, error) {
	var v string
	err := row.Scan(&v)
	return v, err
}

// StudyState is where a study stands, and how many instances came in for it,
// as this transaction sees it.
func (t *Tx) StudyState(ctx context.Context, study radnode.UID) (state radnode.StudyState, instances int, err error) {
	const op = "find study"
	err = t.QueryRowContext(ctx, `SELECT state, instance_count FROM studies WHERE study_uid = $1`, string(study)).Scan(&state, &instances)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, radnode.Errorf(radnode.NotFound, op, "there is no such study")
	}
	return state, instances, databaseError(op, err)
}
