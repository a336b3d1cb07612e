package workflow

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// DeleteStudy removes a study that nobody has answered for: one with a signed
// report stays, with all that the report is about, and one that is being read
// is not taken away from under the models.
func (w *Workflow) DeleteStudy(ctx context.Context, study radnode.UID) error {
	const op = "delete study"
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		state, _, err := tx.StudyState(ctx, study)
		if err != nil {
			return err
		}
		if state == radnode.Analysing {
			return radnode.Errorf(radnode.Conflict, op, "the study is being read by the models: try again when they are done")
		}
		reports, err := tx.Reports(ctx, study)
		if err != nil {
			return err
		}
		for _, r := range reports {
			if r.State != radnode.Draft {
				return radnode.Errorf(radnode.Conflict, op, "the study has a signed report and stays")
			}
		}
		for _, kind := range []string{analyzeJob, metadataJob} {
			if err := jobs.Cancel(ctx, tx, kind, string(study)); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() { w.changed(study) })
		return tx.DeleteStudy(ctx, study)
	})
	if err != nil {
		return err
	}
	if err := w.store.RemoveFiles(ctx); err != nil {
		w.Log.Warn("files of a deleted study left behind for the next start to remove", "error", err)
	}
	return nil
}
