package node

import (
	"context"
	"math"
	"strconv"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
)

// archive gives out what is stored: C-GET, C-MOVE.
type archive struct {
	store   *store.Store
	callers *callers
	egress  egress
	calling calling
	audited func(audit.Event) // writes the row beside the transfer
}

var (
	_ dimse.Retriever    = archive{}
	_ dimse.Destinations = archive{}
)

// Retrieve implements dimse.Retriever.
func (a archive) Retrieve(ctx context.Context, req *dimse.RetrieveRequest, identifier *dicom.Dataset) ([]dimse.Object, error) {
	stored, err := a.store.Objects(ctx, identifier, optionsOf(req.SOPClassUID, req.Negotiated, a.calling.ae), math.MaxUint16)
	if err != nil {
		return nil, err
	}
	objects := make([]dimse.Object, len(stored))
	for i, o := range stored {
		objects[i] = a.egress.object(o)
	}
	if len(objects) == 0 {
		return nil, nil
	}
	if peer, known, err := a.peerOf(ctx, req.MoveDestination); err == nil && known {
		a.calling.learn.narrow(ctx, peer.Name, objects)
	}
	event := audit.Event{Action: audit.InstancesFetched, Actor: req.CallingAE, Remote: req.Host(),
		Detail: strconv.Itoa(len(objects)) + " instances by C-GET"}
	if req.MoveDestination != "" {
		event.Detail = strconv.Itoa(len(objects)) + " instances by C-MOVE to " + req.MoveDestination
	}
	if uid := identifier.UID(dicom.StudyInstanceUID); uid.Usable() {
		event.StudyUID = uid
	}
	a.audited(event)
	return objects, nil
}

// peerOf finds a peer by its AE title.
func (a archive) peerOf(ctx context.Context, aeTitle string) (radnode.Peer, bool, error) {
	return a.callers.find(ctx, func(p radnode.Peer) bool { return p.AETitle == aeTitle })
}

// Destination implements dimse.Destinations: the peers are the destinations.
func (a archive) Destination(ctx context.Context, req *dimse.RetrieveRequest, aeTitle string) (dimse.Destination, error) {
	peer, known, err := a.peerOf(ctx, aeTitle)
	if err != nil {
		return dimse.Destination{}, err
	}
	if !known {
		return dimse.Destination{}, radnode.Errorf(radnode.NotFound, "C-MOVE", "no peer has the AE title of the destination; `radnode peer add` adds one")
	}
	return a.calling.to(peer).destination()
}
