package node

import (
	"context"
	"io"

	"github.com/radnode/radnode/dimse"
)

// receiver takes objects in; who may send them is the business of callers.
type receiver struct {
	ingest func(ctx context.Context, req *dimse.StoreRequest, data io.Reader) error
}

var _ dimse.Storer = receiver{}

// Store implements dimse.Storer.
func (r receiver) Store(ctx context.Context, req *dimse.StoreRequest, data io.Reader) error {
	return r.ingest(ctx, req, data)
}
