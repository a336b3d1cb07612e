package node

import (
	"context"
	"errors"
	"io"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/workflow"
)

// receiver takes objects in; who may send them is the business of callers.
type receiver struct {
	flow     *workflow.Workflow
	evidence *evidence
}

var _ dimse.Storer = receiver{}

// Store implements dimse.Storer.
func (r receiver) Store(ctx context.Context, req *dimse.StoreRequest, data io.Reader) error {
	source := workflow.Source{Name: req.CallingAE, Remote: req.Host()}
	err := r.flow.Ingest(ctx, source, req.TransferSyntaxUID, req.AffectedSOPClassUID, req.AffectedSOPInstanceUID, data)
	if err == nil {
		r.evidence.stored(req.Association.ID, req.AffectedSOPInstanceUID)
		return nil
	}
	r.evidence.refused(req.Association.ID)
	if errors.Is(err, workflow.ErrMismatch) { // PS3.4 B.2.3
		return &dimse.StatusError{Status: dimse.StatusDataSetMismatch, Comment: radnode.MessageOf(err), Err: err}
	}
	return err
}
