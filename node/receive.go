package node

import (
	"context"
	"io"
	"log/slog"
	"net"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
)

// receiver adapts the DIMSE server to the node: who may call, and where
// objects go.
type receiver struct {
	peers         func(ctx context.Context) ([]radnode.Peer, error)
	ingest        func(ctx context.Context, req *dimse.StoreRequest, data io.Reader) error
	trail         *audit.Trail
	allowLoopback bool
	log           *slog.Logger
}

// authorize is the calling-AE allow-list. It is read anew for each
// association, so that a peer added by a command counts at once.
func (r *receiver) authorize(ctx context.Context, a *dimse.Association, _ *ul.AssociateRQ) *ul.Reject {
	if r.allowLoopback {
		if ip := net.ParseIP(a.Host()); ip != nil && ip.IsLoopback() {
			return nil
		}
	}
	peers, err := r.peers(ctx)
	if err != nil {
		r.log.Error("allow-list cannot be read", "error", err)
		reject := ul.RejectCongestion
		return &reject
	}
	if slices.ContainsFunc(peers, func(p radnode.Peer) bool { return p.AETitle == a.CallingAE && len(p.Allow) > 0 }) {
		return nil
	}
	r.log.Warn("caller refused: not a configured peer", "calling_ae", a.CallingAE, "remote", a.RemoteAddr)
	if err := r.trail.Record(ctx, audit.Event{Action: audit.CallerRefused, Actor: a.CallingAE, Remote: a.Host(), Failed: true}); err != nil {
		r.log.Error("audit", "error", err)
	}
	reject := ul.RejectCallingAE
	return &reject
}

// Store checks that the caller may store and hands the object on.
func (r *receiver) Store(ctx context.Context, req *dimse.StoreRequest, data io.Reader) error {
	if !r.allows(ctx, req.Association, "store") {
		return &dimse.StatusError{Status: dimse.StatusNotAuthorized, Comment: "this AE title may not store here"}
	}
	return r.ingest(ctx, req, data)
}

func (r *receiver) allows(ctx context.Context, a *dimse.Association, service string) bool {
	if r.allowLoopback {
		if ip := net.ParseIP(a.Host()); ip != nil && ip.IsLoopback() {
			return true
		}
	}
	peers, err := r.peers(ctx)
	if err != nil {
		r.log.Error("allow-list cannot be read", "error", err)
		return false
	}
	return slices.ContainsFunc(peers, func(p radnode.Peer) bool {
		return p.AETitle == a.CallingAE && slices.Contains(p.Allow, service)
	})
}
