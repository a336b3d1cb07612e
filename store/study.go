package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/radnode/radnode"
)

// snapshot runs fn in a reading transaction: all of its queries see the same
// commit.
func (s *Store) snapshot(ctx context.Context, op string, fn func(*sql.Tx) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return databaseError(op, err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return fn(tx)
}

// Study gathers everything that is kept of a study, as of one commit.
func (s *Store) Study(ctx context.Context, uid radnode.UID) (*radnode.Study, error) {
	study := &radnode.Study{Results: []radnode.Result{}, Reports: []radnode.Report{}, Warnings: []string{}}
	err := s.snapshot(ctx, "read study", func(tx *sql.Tx) error { return fillStudy(ctx, tx, uid, study) })
	if err != nil {
		return nil, err
	}
	return study, nil
}

// Outline is a study with its series and reports alone: of a long one the
// results are most of what is kept.
func (s *Store) Outline(ctx context.Context, uid radnode.UID) (*radnode.Study, error) {
	study := &radnode.Study{}
	err := s.snapshot(ctx, "read study", func(tx *sql.Tx) error { return fillOutline(ctx, tx, uid, study) })
	if err != nil {
		return nil, err
	}
	return study, nil
}

func fillOutline(ctx context.Context, tx *sql.Tx, uid radnode.UID, study *radnode.Study) (err error) {
	row := tx.QueryRowContext(ctx, `SELECT `+studyColumns+` FROM studies WHERE study_uid = $1`, string(uid))
	if study.StudySummary, err = studySummary(row, uid); err != nil {
		return err
	}
	if study.Series, err = series(ctx, tx, uid); err != nil {
		return err
	}
	written, err := reports(ctx, tx, uid)
	for _, r := range written {
		study.Reports = append(study.Reports, r.Report)
	}
	return err
}

func fillStudy(ctx context.Context, tx *sql.Tx, uid radnode.UID, study *radnode.Study) error {
	if err := fillOutline(ctx, tx, uid, study); err != nil {
		return err
	}
	found, err := results(ctx, tx, uid)
	if err != nil {
		return err
	}
	for _, r := range found {
		study.Results = append(study.Results, r.Result)
	}
	if study.Completeness, err = completenessOf(ctx, tx, uid); err != nil {
		return err
	}
	warnings, err := list(ctx, tx, scanText, `SELECT warning FROM study_warnings WHERE study_uid = $1 ORDER BY at, warning`, string(uid))
	study.Warnings = append(study.Warnings, warnings...)
	return err
}

// series lists the series of a study with the instances that came from
// outside; the node's own documents are shown as reports.
func series(ctx context.Context, q querier, study radnode.UID) ([]radnode.Series, error) {
	all, err := list(ctx, q, func(row scanner) (radnode.Series, error) {
		v := radnode.Series{Instances: []radnode.Instance{}}
		err := row.Scan(&v.SeriesInstanceUID, &v.Modality, &v.Number, &v.Description, &v.BodyPart)
		return v, err
	}, `SELECT series_uid, modality, number, description, body_part FROM series WHERE study_uid = $1 ORDER BY number, series_uid`, string(study))
	if err != nil {
		return nil, err
	}
	found, err := instances(ctx, q, study)
	if err != nil {
		return nil, err
	}
	at := map[radnode.UID]int{}
	for i := range all {
		at[all[i].SeriesInstanceUID] = i
	}
	for _, r := range found {
		if i, ok := at[r.SeriesInstanceUID]; ok && r.Origin == Received {
			all[i].Instances = append(all[i].Instances, r.Instance)
		}
	}
	return slices.DeleteFunc(all, func(v radnode.Series) bool { return len(v.Instances) == 0 }), nil
}
