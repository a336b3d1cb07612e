package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// ScheduledStep is a scheduled procedure step: an item of the modality
// worklist (PS3.4 Annex K).
type ScheduledStep struct {
	Study      radnode.UID
	StepID     string
	State      string
	Attributes *dicom.Dataset // as the worklist answers them, with one step in its sequence
	Source     string         // who scheduled it
	UpdatedAt  time.Time
}

// The states of a scheduled step. The last two are no longer answered.
const (
	StepScheduled    = "SCHEDULED"
	StepStarted      = "STARTED"
	StepCompleted    = "COMPLETED"
	StepDiscontinued = "DISCONTINUED"
)

const opSchedule = "keep scheduled procedure step"

// SaveScheduledStep adds a step or replaces the one of its study and ID, whose
// state stays.
func (t *Tx) SaveScheduledStep(ctx context.Context, s *ScheduledStep) error {
	attributes, err := packed(s.Attributes)
	if err != nil {
		return err
	}
	step := s.Attributes.Item(dicom.ScheduledProcedureStepSequence)
	_, err = t.ExecContext(ctx, `INSERT INTO scheduled_steps (study_uid, step_id, state, patient_id, accession_number, start_date, station, modality,
  attributes, source, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (study_uid, step_id) DO UPDATE SET
  patient_id = excluded.patient_id, accession_number = excluded.accession_number, start_date = excluded.start_date, station = excluded.station,
  modality = excluded.modality, attributes = excluded.attributes, source = excluded.source, updated_at = excluded.updated_at`,
		string(s.Study), s.StepID, s.State, clip(s.Attributes.Text(dicom.PatientID)), clip(s.Attributes.Text(dicom.AccessionNumber)),
		clip(step.Text(dicom.ScheduledProcedureStepStartDate)), clip(strings.Join(step.Texts(dicom.ScheduledStationAETitle), `\`)),
		clip(step.Text(dicom.Modality)), attributes, s.Source, micros(now()))
	return databaseError(opSchedule, err)
}

// SetScheduledState says how far a step is that a performed step names. No
// such step is no error: it was scheduled elsewhere.
func (t *Tx) SetScheduledState(ctx context.Context, study radnode.UID, stepID, state string) error {
	_, err := t.ExecContext(ctx, `UPDATE scheduled_steps SET state = $1, updated_at = $2 WHERE study_uid = $3 AND step_id = $4`,
		state, micros(now()), string(study), stepID)
	return databaseError(opSchedule, err)
}

// RemoveScheduledStep removes a step.
func (t *Tx) RemoveScheduledStep(ctx context.Context, study radnode.UID, stepID string) error {
	return t.one(ctx, "remove scheduled procedure step", `DELETE FROM scheduled_steps WHERE study_uid = $1 AND step_id = $2`, string(study), stepID)
}

// RemoveScheduledBefore removes the steps that were to start before a date
// (YYYYMMDD), and says how many there were.
func (t *Tx) RemoveScheduledBefore(ctx context.Context, date string) (int64, error) {
	const op = "remove scheduled procedure steps"
	res, err := t.ExecContext(ctx, `DELETE FROM scheduled_steps WHERE start_date <> '' AND start_date < $1`, date)
	if err != nil {
		return 0, databaseError(op, err)
	}
	n, err := res.RowsAffected()
	return n, databaseError(op, err)
}

func scanScheduledStep(row scanner) (*ScheduledStep, error) {
	s := &ScheduledStep{}
	var attributes []byte
	var updated int64
	if err := row.Scan(&s.Study, &s.StepID, &s.State, &attributes, &s.Source, &updated); err != nil {
		return nil, err
	}
	s.UpdatedAt = timeOf(updated)
	var err error
	s.Attributes, err = unpacked(attributes)
	return s, err
}

// schedulePage is how many steps are read at once.
const schedulePage = 256

// EachScheduledStep calls each for the steps that the worklist answers to a
// query (PS3.4 K.6.1.2), without holding the database. all includes those that
// are over.
func (s *Store) EachScheduledStep(ctx context.Context, keys *dicom.Dataset, all bool, each func(*ScheduledStep) error) error {
	matches, err := scheduleMatcher(keys)
	if err != nil {
		return err
	}
	where, args := scheduleWhere(keys)
	if !all {
		where += ` AND state IN ('SCHEDULED', 'STARTED')`
	}
	var study, step string
	for {
		page, err := list(ctx, s.read, scanScheduledStep, numbered(`SELECT study_uid, step_id, state, attributes, source, updated_at FROM scheduled_steps
  WHERE (study_uid, step_id) > (?, ?)`+where+` ORDER BY study_uid, step_id LIMIT ?`), append(append([]any{study, step}, args...), schedulePage)...)
		if err != nil {
			return err
		}
		for _, found := range page {
			found.show()
			if !matches(found.Attributes) {
				continue
			}
			if err := each(found); err != nil {
				return err
			}
		}
		if len(page) < schedulePage {
			return nil
		}
		study, step = string(page[len(page)-1].Study), page[len(page)-1].StepID
	}
}

// show puts the state into the attributes (PS3.3 C.4.10: Scheduled Procedure
// Step Status is SCHEDULED, STARTED or DEPARTED here).
func (s *ScheduledStep) show() {
	state := s.State
	if state == StepCompleted || state == StepDiscontinued {
		state = "DEPARTED"
	}
	s.Attributes = s.Attributes.Clone()
	s.Attributes.Item(dicom.ScheduledProcedureStepSequence).SetText(dicom.ScheduledProcedureStepStatus, state)
}

// scheduleWhere is what an index can narrow of a query.
func scheduleWhere(keys *dicom.Dataset) (where string, args []any) {
	equal := func(column string, values []string) {
		if len(values) == 1 && values[0] != "" && !hasWildcard(values[0]) {
			where, args = where+" AND "+column+" = ?", append(args, values[0])
		}
	}
	equal("patient_id", keys.Texts(dicom.PatientID))
	equal("accession_number", keys.Texts(dicom.AccessionNumber))
	step := keys.Item(dicom.ScheduledProcedureStepSequence)
	equal("modality", step.Texts(dicom.Modality))
	if from, to, err := dateRange(step.Text(dicom.ScheduledProcedureStepStartDate)); err == nil {
		if from != "" {
			where, args = where+" AND start_date >= ?", append(args, from)
		}
		if to != "" {
			where, args = where+" AND start_date <= ?", append(args, to)
		}
	}
	return where, args
}

// scheduleMatcher compares steps with the keys of a query. Start date and time
// keys that are both ranges are one range of moments (PS3.4 Table K.6-1).
func scheduleMatcher(keys *dicom.Dataset) (func(*dicom.Dataset) bool, error) {
	keys = keys.Clone()
	keys.Remove(dicom.SpecificCharacterSet)
	keys.Remove(dicom.TimezoneOffsetFromUTC)
	step := keys.Item(dicom.ScheduledProcedureStepSequence)
	dates, times := step.Text(dicom.ScheduledProcedureStepStartDate), step.Text(dicom.ScheduledProcedureStepStartTime)
	if !strings.Contains(dates, "-") || !strings.Contains(times, "-") {
		return Matcher(keys, false)
	}
	within, err := combined(dates, times, time.Local, time.Local)
	if err != nil {
		return nil, err
	}
	step.Remove(dicom.ScheduledProcedureStepStartDate)
	step.Remove(dicom.ScheduledProcedureStepStartTime)
	rest, err := Matcher(keys, false)
	if err != nil {
		return nil, err
	}
	return func(d *dicom.Dataset) bool {
		return rest(d) && slices.ContainsFunc(d.Items(dicom.ScheduledProcedureStepSequence), func(item *dicom.Dataset) bool {
			return within(item.Text(dicom.ScheduledProcedureStepStartDate), item.Text(dicom.ScheduledProcedureStepStartTime))
		})
	}, nil
}

// Requested reduces a data set to the attributes that keys ask for; those it
// does not have are empty (PS3.4 C.4.1.1.3.2).
func Requested(d, keys *dicom.Dataset) *dicom.Dataset {
	answer := dicom.NewDataset()
	for _, e := range keys.Elements() {
		if passed[e.Tag] || e.Tag.Element() == 0 {
			continue
		}
		var items *dicom.Dataset
		if item := keys.Item(e.Tag); item.Len() > 0 {
			items = item
		}
		answer.SetBytes(e.Tag, "", nil)
		copyKey(answer, d, e.Tag, items)
	}
	return answer
}
