package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/radnode/radnode"
)

// ResultRow is a result as it is filed.
type ResultRow struct {
	radnode.Result
	Study  radnode.UID
	Run    string // the analysis run that made it
	Folder string // its stage pictures, relative to the stage folder; "": none
}

// AddResult files one result.
func (t *Tx) AddResult(ctx context.Context, r *ResultRow) error {
	text, err := json.Marshal(r.Analysis)
	if err != nil {
		return databaseError("file result", err)
	}
	accepted := 0
	if r.Gate.Accepted && r.Error == nil {
		accepted = 1
	}
	_, err = t.ExecContext(ctx, `INSERT INTO results (id, study_uid, sop_uid, run, folder, model_id, model_version, model_digest, accepted,
  analysis, created_at, input_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		r.ID, string(r.Study), string(r.SOPInstanceUID), r.Run, r.Folder, r.Model.ID, r.Model.Version, r.Model.Digest, accepted,
		string(text), micros(r.CreatedAt), inputDigest(r.Analysis))
	return databaseError("file result", err)
}

func inputDigest(a radnode.Analysis) string {
	if a.Provenance == nil {
		return ""
	}
	return a.Provenance.InputDigest
}

// Twin is an analysed image whose pixels are those of another one.
type Twin struct {
	Study       radnode.UID
	SamePatient bool // the Patient IDs are there and equal
}

// twinQuery looks at so many copies at most: a test picture may be sent every
// day for years. That the digest is not empty is said because SQLite looks into
// the partial index for no other query.
const twinQuery = `SELECT r.study_uid, theirs.patient_id <> '' AND theirs.patient_id = ours.patient_id
  FROM (SELECT study_uid FROM results WHERE input_digest = $2 AND input_digest <> '' AND sop_uid <> $3 LIMIT 1000) r
  JOIN studies theirs ON theirs.study_uid = r.study_uid, studies ours
  WHERE ours.study_uid = $1
  ORDER BY r.study_uid = $1 DESC, theirs.patient_id = ours.patient_id LIMIT 1`

// FindTwin looks for another instance with the same decoded values, first in
// the same study; nil if there is none.
func (s *Store) FindTwin(ctx context.Context, study, instance radnode.UID, inputDigest string) (*Twin, error) {
	var t Twin
	err := s.read.QueryRowContext(ctx, twinQuery, string(study), inputDigest, string(instance)).Scan(&t.Study, &t.SamePatient)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &t, databaseError("find the same pixels", err)
}

const resultColumns = `id, study_uid, run, folder, analysis, created_at`

func scanResult(row scanner) (ResultRow, error) {
	var r ResultRow
	var text string
	var created int64
	if err := row.Scan(&r.ID, &r.Study, &r.Run, &r.Folder, &text, &created); err != nil {
		return r, err
	}
	r.CreatedAt = timeOf(created)
	return r, json.Unmarshal([]byte(text), &r.Analysis)
}

// Results lists the results of a study, oldest first.
func (s *Store) Results(ctx context.Context, study radnode.UID) ([]ResultRow, error) {
	return results(ctx, s.read, study)
}

// Results lists the results of a study as this transaction sees them.
func (t *Tx) Results(ctx context.Context, study radnode.UID) ([]ResultRow, error) {
	return results(ctx, t, study)
}

func results(ctx context.Context, q querier, study radnode.UID) ([]ResultRow, error) {
	return list(ctx, q, scanResult, `SELECT `+resultColumns+` FROM results WHERE study_uid = $1 ORDER BY id`, string(study))
}

// Result finds one result.
func (s *Store) Result(ctx context.Context, id string) (ResultRow, error) {
	r, err := scanResult(s.read.QueryRowContext(ctx, `SELECT `+resultColumns+` FROM results WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, radnode.Errorf(radnode.NotFound, "find result", "no result %.40q is stored here", id)
	}
	return r, databaseError("find result", err)
}

// NewRun makes the folder for the stage pictures of one analysis run. A run
// without results is removed by the sweep.
func (s *Store) NewRun() (run, dir string, err error) {
	if err := s.CheckSpace(); err != nil {
		return "", "", err
	}
	run = NewID()
	dir = s.RunPath(run)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fileError("make stage folder", err)
	}
	return run, dir, nil
}

// RunPath is the folder of an analysis run. Runs of about three days share a
// parent, so that no folder grows without bound.
func (s *Store) RunPath(run string) string {
	return filepath.Join(s.stageRoot(), run[:4], run)
}

// DropRun removes the stage pictures of a run that was not filed.
func (s *Store) DropRun(run string) error {
	return fileError("remove stage folder", os.RemoveAll(s.RunPath(run)))
}

// StagePath finds the picture of one stage of a result.
func (s *Store) StagePath(ctx context.Context, resultID, stage string) (string, error) {
	const op = "find stage"
	r, err := s.Result(ctx, resultID)
	if err != nil {
		return "", err
	}
	for _, st := range r.Stages {
		if st.Name == stage && st.File != "" && filepath.IsLocal(st.File) {
			return filepath.Join(s.RunPath(r.Run), r.Folder, st.File), nil
		}
	}
	return "", radnode.Errorf(radnode.NotFound, op, "result %s has no stage %.60q", resultID, stage)
}
