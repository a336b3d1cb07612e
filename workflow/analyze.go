package workflow

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

const (
	// maxAttempts is how often a study is tried that fails for an unknown
	// reason.
	maxAttempts = 5
	// waitForWorker is the pause when no worker or no room is there; such
	// failures are nobody's fault and do not count.
	waitForWorker = 15 * time.Second
)

// read is one instance with what the models said.
type read struct {
	store.Record
	analyses []radnode.Analysis
	reason   string // why it was not analysed
}

// analyze is the handler of analyze jobs: it reads the images of a study that
// have not been read, and files results and draft in one transaction.
func (w *Workflow) analyze(ctx context.Context, job jobs.Job) error {
	study := radnode.UID(job.Key)
	pending, err := w.pending(ctx, study)
	if err != nil {
		return err
	}
	if len(pending) == 0 {
		return w.settle(ctx, study)
	}
	whole, again, err := w.whole(ctx, pending, job)
	if err == nil {
		err = w.sayCompleteness(ctx, study, whole)
	}
	if err != nil {
		return err
	}
	if whole.State != radnode.ImagesWhole {
		return jobs.Snooze(again)
	}
	if err := w.say(ctx, study, radnode.Analysing, fmt.Sprintf("%d of its images are being read: %s", len(pending), whole.Reason)); err != nil {
		return err
	}
	run, dir, err := w.store.NewRun()
	if err != nil {
		return w.later(ctx, study, err)
	}
	reads, err := w.readAll(ctx, job, pending, dir)
	w.Trace("analyze.read")
	if err == nil {
		err = w.fileAnalysis(ctx, study, run, reads)
	}
	if err == nil {
		w.Trace("analyze.filed")
		return nil
	}
	if drop := w.store.DropRun(run); drop != nil {
		w.Log.Warn("stage pictures left behind for the next start to sweep", "error", drop)
	}
	return w.later(ctx, study, err)
}

// pending lists the instances of a study that wait to be read.
func (w *Workflow) pending(ctx context.Context, study radnode.UID) ([]store.Record, error) {
	all, err := w.store.Instances(ctx, study)
	return slices.DeleteFunc(all, func(r store.Record) bool { return r.Status != store.Waiting }), err
}

// settle files where a study stands that has nothing to be read.
func (w *Workflow) settle(ctx context.Context, study radnode.UID) error {
	err := w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.AfterCommit(func() { w.changed(study) })
		if err := w.describeLater(ctx, tx, study); err != nil {
			return err
		}
		return w.stand(ctx, tx, study)
	})
	if radnode.CodeOf(err) == radnode.NotFound {
		return nil // it was deleted meanwhile
	}
	return err
}

// say shows what is going on.
func (w *Workflow) say(ctx context.Context, study radnode.UID, state radnode.StudyState, reason string) error {
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.AfterCommit(func() { w.changed(study) })
		return tx.SetState(ctx, study, state, reason)
	})
}

// later decides when a study that could not be read is tried again, and says
// so on its page.
func (w *Workflow) later(ctx context.Context, study radnode.UID, cause error) error {
	if ctx.Err() == nil {
		reason := "waits to be read: " + radnode.MessageOf(cause)
		if err := w.say(ctx, study, radnode.Analysing, reason); err != nil {
			w.Log.Warn("state of a study not written", "study", study, "error", err)
		}
	}
	switch radnode.CodeOf(cause) {
	case radnode.Unavailable, radnode.NoResources:
		w.Log.Warn("analysis put off", "study", study, "error", cause)
		return jobs.Snooze(w.Now().Add(jobs.Jitter(waitForWorker)))
	case radnode.Conflict:
		return jobs.Snooze(w.Now()) // a reader was faster; look again
	}
	return cause
}

// readAll asks the models about each instance.
func (w *Workflow) readAll(ctx context.Context, job jobs.Job, pending []store.Record, dir string) ([]read, error) {
	reads := make([]read, 0, len(pending))
	for _, rec := range pending {
		r := read{Record: rec}
		if job.Attempts >= maxAttempts {
			r.reason = fmt.Sprintf("not analysed: given up after %d attempts (%s)", job.Attempts, job.Error)
		} else if job.Crashes >= jobs.MaxCrashes {
			r.reason = fmt.Sprintf("not analysed: given up, because the node ended %d times in a row while it read this study", job.Crashes)
		} else if err := w.readOne(ctx, job, &r, dir); err != nil {
			return nil, err
		}
		reads = append(reads, r)
	}
	return reads, nil
}

// readOne asks the models about one instance. The error it returns stops the
// whole attempt; what is wrong with the instance alone becomes its reason.
func (w *Workflow) readOne(ctx context.Context, job jobs.Job, r *read, dir string) error {
	problem, err := w.store.Problem(ctx, &r.Record)
	if err != nil {
		return err
	}
	if problem != "" {
		w.Log.Error("stored file damaged", "instance", r.SOPInstanceUID, "file", r.File, "problem", problem)
		r.reason = notAnalysed(problem + ": have the image sent again")
		return nil
	}
	out := filepath.Join(dir, string(r.SOPInstanceUID))
	if err := os.MkdirAll(out, 0o700); err != nil {
		return radnode.Errorf(radnode.NoResources, "analyze", "no folder for stage pictures: %w", err)
	}
	analyses, err := w.Analyzer.Analyze(ctx, AnalyzeRequest{Path: w.store.Path(r.File), OutDir: out})
	if err == nil {
		r.analyses = analyses
		return nil
	}
	switch radnode.CodeOf(err) {
	case radnode.Unavailable, radnode.NoResources, radnode.Canceled:
		return err
	case radnode.Internal:
		// A defect, perhaps a passing one; the last attempt files it.
		if job.Attempts+1 < maxAttempts {
			return err
		}
	}
	w.Log.Warn("instance not analysed", "instance", r.SOPInstanceUID, "error", err)
	r.reason = notAnalysed(radnode.MessageOf(err))
	return nil
}

func notAnalysed(text string) string {
	return "not analysed: " + report.Bare(text)
}

// results turns what the models said into rows. An image that nobody could
// read has a refused result too: what is filed here is what notes and documents
// tell of the study's images.
func (r *read) results(run string, at time.Time) []store.ResultRow {
	analyses := r.analyses
	if r.reason != "" {
		analyses = []radnode.Analysis{r.unread()}
	}
	rows := make([]store.ResultRow, 0, len(analyses))
	for _, a := range analyses {
		a.SOPInstanceUID = r.SOPInstanceUID
		a.File = "" // a path of this machine is no part of the record
		rows = append(rows, store.ResultRow{
			Result: radnode.Result{ID: store.NewID(), CreatedAt: at, Analysis: a},
			Study:  r.StudyInstanceUID, Run: run, Folder: string(r.SOPInstanceUID),
		})
	}
	return rows
}

// unread is the analysis of an image that was not read by any model.
func (r *read) unread() radnode.Analysis {
	reason := r.reason
	return radnode.Analysis{
		Gate: radnode.Gate{Reasons: []string{}}, Findings: []radnode.Finding{}, Features: map[string]float64{}, Error: &reason,
	}
}

// outcome is the state that the instance ends in.
func (r *read) outcome() (store.InstanceStatus, string) {
	if r.reason != "" {
		return store.NotAnalysed, r.reason
	}
	var reasons []string
	for _, a := range r.analyses {
		if accepted(a) {
			return store.Analysed, ""
		}
		reasons = append(reasons, why(a))
	}
	if len(reasons) == 0 {
		return store.NotAnalysed, "not analysed: no model is installed"
	}
	return store.NotAnalysed, strings.Join(slices.Compact(reasons), "; ")
}

// accepted reports whether a model read the image.
func accepted(a radnode.Analysis) bool { return a.Gate.Accepted && a.Error == nil }

// why says why a model did not read an image, after the model's name where
// there is one.
func why(a radnode.Analysis) string {
	if a.Model.ID == "" {
		return report.Why(a)
	}
	return a.Model.ID + ": " + report.Why(a)
}

// refusal is the sentence for the report.
func refusal(a radnode.Analysis) string {
	return cmp.Or(a.Model.ID, "image") + ": not analysed because " + report.Why(a)
}

// fileAnalysis writes results, instance states, draft report and draft
// document in one transaction. A reader may decide meanwhile; then nothing is
// written and Conflict tells the caller to look again.
func (w *Workflow) fileAnalysis(ctx context.Context, study radnode.UID, run string, reads []read) error {
	at := w.now()
	var rows []store.ResultRow
	for i := range reads {
		rows = append(rows, reads[i].results(run, at)...)
	}
	if err := w.relate(ctx, rows); err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		err := w.tryFile(ctx, study, reads, rows)
		if radnode.CodeOf(err) != radnode.Conflict || tries == maxAttempts {
			return err
		}
	}
}

func (w *Workflow) tryFile(ctx context.Context, study radnode.UID, reads []read, rows []store.ResultRow) error {
	d, err := w.draft(ctx, study, rows)
	if err != nil {
		return err
	}
	defer w.discardDraft(d)
	if err := w.authorDraft(ctx, d); err != nil {
		return err
	}
	err = w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for i := range rows {
			if err := tx.AddResult(ctx, &rows[i]); err != nil {
				return err
			}
		}
		for i := range reads {
			status, reason := reads[i].outcome()
			if err := tx.SetStatus(ctx, reads[i].SOPInstanceUID, status, reason); err != nil {
				return err
			}
		}
		if err := w.fileDraft(ctx, tx, d); err != nil {
			return err
		}
		if err := w.describeLater(ctx, tx, study); err != nil {
			return err
		}
		tx.AfterCommit(func() { w.changed(study) })
		return w.stand(ctx, tx, study)
	})
	if err != nil {
		return err
	}
	return d.keep()
}
