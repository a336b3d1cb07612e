package node

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
)

// abilities is what peers have answered to proposals, and its use.
type abilities struct {
	store  *store.Store
	beside func(func()) // runs work beside the request it is about
	log    *slog.Logger
}

const (
	// abilityFresh is how long an answer is believed: after that a refused
	// syntax is proposed again, since devices are updated.
	abilityFresh = 24 * time.Hour
	// abilityTime limits reading and keeping.
	abilityTime = 10 * time.Second
)

// pair is a SOP class in a transfer syntax.
type pair struct{ class, syntax radnode.UID }

// learn keeps the answers of one association that tell something new. Of a
// proposal with several syntaxes only the one that was chosen is an answer.
func (a *abilities) learn(peer string, outcomes []dimse.ContextOutcome) {
	if a == nil {
		return
	}
	a.beside(func() {
		ctx, cancel := context.WithTimeout(context.Background(), abilityTime)
		defer cancel()
		if err := a.keep(ctx, peer, answersOf(outcomes, time.Now().UTC())); err != nil {
			a.log.Warn("what a peer accepts was not kept", "peer", peer, "error", err)
		}
	})
}

func answersOf(outcomes []dimse.ContextOutcome, at time.Time) []radnode.PeerAbility {
	var answers []radnode.PeerAbility
	for _, o := range outcomes {
		syntaxes := o.Proposed
		if o.TransferSyntaxUID != "" {
			syntaxes = []radnode.UID{o.TransferSyntaxUID}
		}
		for _, ts := range syntaxes {
			answers = append(answers, radnode.PeerAbility{SOPClassUID: o.SOPClassUID, TransferSyntaxUID: ts, Accepted: o.TransferSyntaxUID != "", At: at})
		}
	}
	return answers
}

func (a *abilities) keep(ctx context.Context, peer string, answers []radnode.PeerAbility) error {
	known, err := a.known(ctx, peer)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(answers, func(n radnode.PeerAbility) bool {
		old, ok := known[pair{n.SOPClassUID, n.TransferSyntaxUID}]
		return ok && old.Accepted == n.Accepted && n.At.Sub(old.At) < abilityFresh/2
	})
	if len(fresh) == 0 {
		return nil
	}
	return a.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.Learn(ctx, peer, fresh) })
}

func (a *abilities) known(ctx context.Context, peer string) (map[pair]radnode.PeerAbility, error) {
	list, err := a.store.Abilities(ctx, peer)
	known := make(map[pair]radnode.PeerAbility, len(list))
	for _, k := range list {
		known[pair{k.SOPClassUID, k.TransferSyntaxUID}] = k
	}
	return known, err
}

// narrow leaves out of the syntaxes of objects those that the peer has lately
// refused, where it accepts another one: an association then has room for more
// classes. What is not known is proposed.
func (a *abilities) narrow(ctx context.Context, peer string, objects []dimse.Object) {
	if a == nil {
		return
	}
	known, err := a.known(ctx, peer)
	if err != nil {
		a.log.Warn("what a peer accepts could not be read: everything is proposed", "peer", peer, "error", err)
		return
	}
	now := time.Now()
	for i := range objects {
		o := &objects[i]
		said := func(ts radnode.UID, accepted bool) bool {
			k, ok := known[pair{o.SOPClassUID, ts}]
			return ok && k.Accepted == accepted && now.Sub(k.At) < abilityFresh
		}
		if slices.ContainsFunc(o.Syntaxes, func(ts radnode.UID) bool { return said(ts, true) }) {
			o.Syntaxes = slices.DeleteFunc(slices.Clone(o.Syntaxes), func(ts radnode.UID) bool { return said(ts, false) })
		}
	}
}
