package store

import (
	"context"
	"errors"
	"os"

	"github.com/radnode/radnode"
)

// ofStudy are the rows that go with a study, those that others refer to last.
var ofStudy = []string{
	`INSERT INTO removals (file) SELECT file FROM instances WHERE study_uid = $1 UNION SELECT file FROM variants WHERE study_uid = $1 ON CONFLICT (file) DO NOTHING`,
	`DELETE FROM workitem_outputs WHERE sop_uid IN (SELECT sop_uid FROM instances WHERE study_uid = $1)`,
	`DELETE FROM series_metadata WHERE study_uid = $1`,
	`DELETE FROM deliveries WHERE study_uid = $1`,
	`DELETE FROM report_findings WHERE report_id IN (SELECT id FROM reports WHERE study_uid = $1)`,
	`DELETE FROM reports WHERE study_uid = $1`,
	`DELETE FROM results WHERE study_uid = $1`,
	`DELETE FROM study_warnings WHERE study_uid = $1`,
	`DELETE FROM variants WHERE study_uid = $1`,
	`DELETE FROM instances WHERE study_uid = $1`,
	`DELETE FROM series WHERE study_uid = $1`,
	`DELETE FROM studies WHERE study_uid = $1`,
}

// DeleteStudy removes a study with everything that was made of it. Its files
// are removed after the commit; those that a crash leaves are at the next
// start.
func (t *Tx) DeleteStudy(ctx context.Context, study radnode.UID) error {
	const op = "delete study"
	runs, err := list(ctx, t, scanText, `SELECT DISTINCT run FROM results WHERE study_uid = $1`, string(study))
	if err != nil {
		return err
	}
	for _, q := range ofStudy {
		if _, err := t.ExecContext(ctx, q, string(study)); err != nil {
			return databaseError(op, err)
		}
	}
	s := t.s
	t.AfterCommit(func() {
		for _, run := range runs {
			if err := s.DropRun(run); err != nil {
				s.log.Warn("stage pictures of a deleted study left behind for the next start to sweep", "error", err)
			}
		}
	})
	return nil
}

// RemoveFiles removes the files of deleted studies.
func (s *Store) RemoveFiles(ctx context.Context) error {
	names, err := list(ctx, s.read, scanText, `SELECT file FROM removals`)
	if err != nil || len(names) == 0 {
		return err
	}
	for _, name := range names {
		if err := os.Remove(s.Path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fileError("remove instance file", err)
		}
	}
	return s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		for _, name := range names {
			if _, err := tx.ExecContext(ctx, `DELETE FROM removals WHERE file = $1`, name); err != nil {
				return databaseError("remove instance file", err)
			}
		}
		return nil
	})
}
