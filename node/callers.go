package node

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
)

// callers is the allow-list: which AE titles may call, and for what.
type callers struct {
	peers         func(ctx context.Context) ([]radnode.Peer, error)
	trail         *audit.Trail
	allowLoopback bool
	log           *slog.Logger

	mu      sync.Mutex
	known   []radnode.Peer
	readAt  time.Time
	refused refusals
	hosts   addresses
	pace    pace
}

const (
	// peersFresh is how long the list of peers is used before it is read
	// again: each association asks for it several times.
	peersFresh = time.Second
	// peersRetry is how soon it is read again for somebody who is not on it:
	// a peer added by a command counts at once.
	peersRetry = 100 * time.Millisecond
)

// list is the list of peers, at most maxAge old.
func (c *callers) list(ctx context.Context, maxAge time.Duration) ([]radnode.Peer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.readAt.IsZero() && time.Since(c.readAt) < maxAge {
		return c.known, nil
	}
	known, err := c.peers(ctx)
	if err != nil {
		return nil, err
	}
	c.known, c.readAt = known, time.Now()
	return known, nil
}

// find returns the first peer for which the condition holds.
func (c *callers) find(ctx context.Context, is func(radnode.Peer) bool) (radnode.Peer, bool, error) {
	for _, age := range []time.Duration{peersFresh, peersRetry} {
		known, err := c.list(ctx, age)
		if err != nil {
			return radnode.Peer{}, false, err
		}
		if i := slices.IndexFunc(known, is); i >= 0 {
			return known[i], true, nil
		}
	}
	return radnode.Peer{}, false, nil
}

// of lists the peers that a caller may be: those with its AE title that call
// from anywhere or from its address.
func (c *callers) of(ctx context.Context, a *dimse.Association) ([]radnode.Peer, error) {
	var found []radnode.Peer
	for _, age := range []time.Duration{peersFresh, peersRetry} {
		known, err := c.list(ctx, age)
		if err != nil {
			return nil, err
		}
		for _, p := range known {
			if p.AETitle == a.CallingAE && (!p.CheckHost || c.hosts.has(ctx, p.Host, a.Host())) {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found, nil
}

// fromHere reports whether a call comes from this machine and such calls are
// welcome.
func (c *callers) fromHere(a *dimse.Association) bool {
	if !c.allowLoopback {
		return false
	}
	ip := net.ParseIP(a.Host())
	return ip != nil && ip.IsLoopback()
}

// authorize decides whether an association may stand.
func (c *callers) authorize(ctx context.Context, a *dimse.Association, _ *ul.AssociateRQ) *ul.Reject {
	if c.fromHere(a) {
		return nil
	}
	peers, err := c.of(ctx, a)
	peers = slices.DeleteFunc(peers, func(p radnode.Peer) bool { return len(p.Allow) == 0 })
	reject := ul.RejectCallingAE
	switch {
	case err != nil:
		c.log.Error("allow-list cannot be read", "error", err)
		reject = ul.RejectCongestion
		return &reject
	case len(peers) == 0:
		c.log.Warn("caller refused: no configured peer with this AE title calls from there", "calling_ae", a.CallingAE, "remote", a.RemoteAddr)
	case a.TLS == nil && !slices.ContainsFunc(peers, func(p radnode.Peer) bool { return !p.TLS }):
		c.log.Warn("caller refused: this peer is configured for TLS and came without", "calling_ae", a.CallingAE, "remote", a.RemoteAddr)
	case !c.pace.admits(a.CallingAE, peers[0].Rate, time.Now()):
		c.log.Warn("caller refused for now: it opens more associations in a minute than it may", "calling_ae", a.CallingAE, "remote", a.RemoteAddr)
		reject = ul.RejectCongestion
		return &reject
	default:
		return nil
	}
	if !c.refused.worthARow(a.CallingAE, a.Host(), time.Now()) {
		return &reject
	}
	if err := c.trail.Record(ctx, audit.Event{Action: audit.CallerRefused, Actor: a.CallingAE, Remote: a.Host(), Failed: true}); err != nil {
		c.log.Error("audit", "error", err)
	}
	return &reject
}

// rights is what a peer must be allowed for each service; a service that is
// not named is free for every peer.
var rights = map[dimse.Service]string{
	dimse.ServiceStore: "store", dimse.ServiceSteps: "store", dimse.ServiceQuery: "query", dimse.ServiceWorklist: "query",
	dimse.ServiceRetrieve: "retrieve", dimse.ServiceCommit: "commit",
}

// allow decides whether a caller may use a service.
func (c *callers) allow(ctx context.Context, a *dimse.Association, service dimse.Service) bool {
	right := rights[service]
	if right == "" || c.fromHere(a) {
		return true
	}
	peers, err := c.of(ctx, a)
	if err != nil {
		c.log.Error("allow-list cannot be read", "error", err)
	}
	return slices.ContainsFunc(peers, func(p radnode.Peer) bool { return slices.Contains(p.Allow, right) && (!p.TLS || a.TLS != nil) })
}

// terms are the limits of a caller.
func (c *callers) terms(ctx context.Context, a *dimse.Association) dimse.Terms {
	peers, err := c.of(ctx, a)
	if err != nil || len(peers) == 0 {
		return dimse.Terms{} // from this machine, or authorize has refused it
	}
	return dimse.Terms{Associations: peers[0].Associations, Silence: time.Duration(peers[0].TimeoutSeconds) * time.Second}
}

// refusals bounds what strangers can write into the audit trail.
type refusals struct {
	mu     sync.Mutex
	minute time.Time
	seen   map[string]int
	total  int
}

const (
	refusalsPerHost = 20
	refusalsAtAll   = 200
)

// worthARow reports whether a refusal is the first of its AE title and host in
// this minute and neither the host nor all together have had too many.
func (r *refusals) worthARow(ae, host string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if minute := now.Truncate(time.Minute); minute != r.minute {
		r.minute, r.seen, r.total = minute, map[string]int{}, 0
	}
	caller := ae + "@" + host
	if r.total >= refusalsAtAll || r.seen[host] >= refusalsPerHost || r.seen[caller] > 0 {
		return false
	}
	r.seen[caller]++
	r.seen[host]++
	r.total++
	return true
}
