package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
)

// queries answers C-FIND from the index.
type queries struct {
	store *store.Store
	ae    string // our AE title: where matches can be retrieved
	limit int    // matches of one query
}

var _ dimse.Finder = queries{}

// offered are the extensions of query and retrieve that the index knows.
var offered = dimse.QueryOptions{Relational: true, DateTime: true, FuzzyNames: true, TimezoneAdjust: true}

// optionsOf is what a class and its negotiated extensions mean for the index.
func optionsOf(class radnode.UID, n dimse.QueryOptions, ae string) store.QueryOptions {
	patientRoot := class == dimse.PatientRootFind || class == dimse.PatientRootMove || class == dimse.PatientRootGet
	return store.QueryOptions{
		PatientRoot: patientRoot, Relational: n.Relational, DateTime: n.DateTime, FuzzyNames: n.FuzzyNames,
		Timezone: n.TimezoneAdjust, RetrieveAE: ae,
	}
}

// Find implements dimse.Finder.
func (q queries) Find(ctx context.Context, req *dimse.FindRequest, identifier *dicom.Dataset, send func(*dicom.Dataset) error) error {
	query, err := store.NewQuery(identifier, optionsOf(req.SOPClassUID, req.Negotiated, q.ae))
	if err != nil {
		return err
	}
	req.UnsupportedKeys = len(query.Unsupported()) > 0
	err = q.store.Find(ctx, query, q.limit, send)
	if errors.Is(err, store.ErrMoreMatches) {
		return &dimse.StatusError{Status: dimse.StatusResponseLimit, Comment: fmt.Sprintf("more than %d matches: narrow the query", q.limit)}
	}
	return err
}
