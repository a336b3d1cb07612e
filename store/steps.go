package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
)

// Step is a modality performed procedure step (PS3.4 Annex F).
type Step struct {
	SOPInstanceUID radnode.UID
	AETitle        string // who performs it
	Status         string
	Studies        []radnode.UID
	Instances      []radnode.UID // that it made
	Attributes     []byte        // the data set, explicit VR little endian
}

// AddStep keeps a new step. Conflict: there is one already.
func (t *Tx) AddStep(ctx context.Context, p *Step) error {
	const op = "keep performed procedure step"
	studies, instances, err := p.lists()
	if err != nil {
		return databaseError(op, err)
	}
	at := micros(now())
	res, err := t.ExecContext(ctx, `INSERT INTO performed_steps (sop_uid, ae_title, status, study_uids, instances, attributes, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (sop_uid) DO NOTHING`,
		string(p.SOPInstanceUID), p.AETitle, p.Status, studies, instances, p.Attributes, at, at)
	if err != nil {
		return databaseError(op, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return firstError(err, radnode.Errorf(radnode.Conflict, op, "this performed procedure step is known already"))
	}
	return t.linkStep(ctx, p)
}

// SaveStep writes what changed of a step.
func (t *Tx) SaveStep(ctx context.Context, p *Step) error {
	const op = "keep performed procedure step"
	studies, instances, err := p.lists()
	if err != nil {
		return databaseError(op, err)
	}
	if err := t.one(ctx, op, `UPDATE performed_steps SET status = $1, study_uids = $2, instances = $3, attributes = $4, updated_at = $5 WHERE sop_uid = $6`,
		p.Status, studies, instances, p.Attributes, micros(now()), string(p.SOPInstanceUID)); err != nil {
		return err
	}
	return t.linkStep(ctx, p)
}

func (p *Step) lists() (studies, instances string, err error) {
	a, err := json.Marshal(append([]radnode.UID{}, p.Studies...))
	if err != nil {
		return "", "", err
	}
	b, err := json.Marshal(append([]radnode.UID{}, p.Instances...))
	return string(a), string(b), err
}

func (t *Tx) linkStep(ctx context.Context, p *Step) error {
	for _, study := range p.Studies {
		if _, err := t.ExecContext(ctx, `INSERT INTO performed_step_studies (study_uid, step_uid) VALUES ($1, $2) ON CONFLICT (study_uid, step_uid) DO NOTHING`,
			string(study), string(p.SOPInstanceUID)); err != nil {
			return databaseError("keep performed procedure step", err)
		}
	}
	return nil
}

const stepColumns = `p.sop_uid, p.ae_title, p.status, p.study_uids, p.instances, p.attributes`

func scanStep(row scanner) (Step, error) {
	var p Step
	var studies, instances string
	if err := row.Scan(&p.SOPInstanceUID, &p.AETitle, &p.Status, &studies, &instances, &p.Attributes); err != nil {
		return p, err
	}
	return p, errors.Join(json.Unmarshal([]byte(studies), &p.Studies), json.Unmarshal([]byte(instances), &p.Instances))
}

// Step finds a step as this transaction sees it.
func (t *Tx) Step(ctx context.Context, uid radnode.UID) (Step, error) {
	p, err := scanStep(t.QueryRowContext(ctx, `SELECT `+stepColumns+` FROM performed_steps p WHERE p.sop_uid = $1`, string(uid)))
	if errors.Is(err, sql.ErrNoRows) {
		return p, radnode.Errorf(radnode.NotFound, "find performed procedure step", "no such performed procedure step")
	}
	return p, databaseError("find performed procedure step", err)
}

// Steps lists the steps that belong to a study.
func (s *Store) Steps(ctx context.Context, study radnode.UID) ([]Step, error) {
	return list(ctx, s.read, scanStep, `SELECT `+stepColumns+` FROM performed_step_studies x JOIN performed_steps p ON p.sop_uid = x.step_uid WHERE x.study_uid = $1`, string(study))
}

// lookups is how many instances one statement looks for.
const lookups = 500

// StudiesOf lists the studies that instances belong to, and how many of the
// instances are here.
func (s *Store) StudiesOf(ctx context.Context, instances []radnode.UID) (studies []radnode.UID, here int, err error) {
	for part := range slices.Chunk(instances, lookups) {
		args := make([]any, len(part))
		for i, uid := range part {
			args[i] = string(uid)
		}
		rows, err := list(ctx, s.read, func(row scanner) (radnode.UID, error) {
			var study radnode.UID
			var n int
			err := row.Scan(&study, &n)
			here += n
			return study, err
		}, numbered(`SELECT study_uid, COUNT(*) FROM instances WHERE study_uid IS NOT NULL AND sop_uid IN (?`+strings.Repeat(", ?", len(args)-1)+`) GROUP BY study_uid`), args...)
		if err != nil {
			return nil, 0, err
		}
		for _, study := range rows {
			if !slices.Contains(studies, study) {
				studies = append(studies, study)
			}
		}
	}
	return studies, here, nil
}

// LastReceived is when the newest instance of a study came in; zero: there is
// no such study.
func (s *Store) LastReceived(ctx context.Context, study radnode.UID) (time.Time, error) {
	var us int64
	err := s.read.QueryRowContext(ctx, `SELECT last_received_at FROM studies WHERE study_uid = $1`, string(study)).Scan(&us)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return timeOf(us), databaseError("find study", err)
}
