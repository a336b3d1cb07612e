package workflow

import (
	"context"

	"github.com/radnode/radnode"
)

// Worklist lists the studies a filter selects, and how many there are.
func (w *Workflow) Worklist(ctx context.Context, f radnode.StudyFilter) ([]radnode.StudySummary, int, error) {
	list, total, err := w.store.Worklist(ctx, f)
	if list == nil {
		list = []radnode.StudySummary{}
	}
	return list, total, err
}

// Study gathers everything the page of a study shows.
func (w *Workflow) Study(ctx context.Context, uid radnode.UID) (*radnode.Study, error) {
	return w.store.Study(ctx, uid)
}

// Outline is a study with its series and reports alone.
func (w *Workflow) Outline(ctx context.Context, uid radnode.UID) (*radnode.Study, error) {
	return w.store.Outline(ctx, uid)
}

// Report finds one report.
func (w *Workflow) Report(ctx context.Context, id string) (*radnode.Report, error) {
	r, err := w.store.Report(ctx, id)
	if err != nil {
		return nil, err
	}
	return &r.Report, nil
}

// Deliveries lists the deliveries of a report.
func (w *Workflow) Deliveries(ctx context.Context, reportID string) ([]radnode.Delivery, error) {
	r, err := w.store.Report(ctx, reportID)
	if err != nil {
		return nil, err
	}
	return r.Deliveries, nil
}

// InstancePath finds the file of an instance.
func (w *Workflow) InstancePath(ctx context.Context, uid radnode.UID) (string, radnode.Instance, error) {
	r, err := w.store.Instance(ctx, uid)
	if err != nil {
		return "", radnode.Instance{}, err
	}
	return w.store.Path(r.File), r.Instance, nil
}

// StagePath finds the picture of one stage of a result.
func (w *Workflow) StagePath(ctx context.Context, resultID, stage string) (string, error) {
	return w.store.StagePath(ctx, resultID, stage)
}
