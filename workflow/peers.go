package workflow

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

var (
	services = []string{"store", "query", "retrieve", "commit"}
	// kinds are what each kind of destination can be sent.
	kinds = map[string][]string{
		"": append([]string{report.KindSR}, companionKinds...), KindSTOW: append([]string{report.KindSR}, companionKinds...),
		KindFHIR: {KindFHIR}, KindHL7: {KindHL7},
	}
)

// daySeconds is the longest time of a peer.
const daySeconds = 24 * 60 * 60

// Peers lists the peers by name with what was learned of each. Their tokens stay
// here.
func (w *Workflow) Peers(ctx context.Context) ([]radnode.Peer, error) {
	list, err := w.store.KnownPeers(ctx)
	for i := range list {
		list[i].Token = ""
	}
	if list == nil {
		list = []radnode.Peer{}
	}
	return list, err
}

// AddPeer adds a peer or replaces the one of that name.
func (w *Workflow) AddPeer(ctx context.Context, p radnode.Peer) error {
	if err := checkPeer(p); err != nil {
		return err
	}
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.AfterCommit(func() { w.events.publish(radnode.Event{Kind: "peer", ID: p.Name}) })
		// Who is at another address, or changed, is asked anew.
		if err := errors.Join(tx.ForgetClasses(ctx, p.Name), w.callNow(ctx, tx, p.Name)); err != nil {
			return err
		}
		if p.Token == "" {
			known, err := tx.Peers(ctx)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(known, func(k radnode.Peer) bool { return k.Name == p.Name && k.Kind == p.Kind && k.URL == p.URL })
			if i >= 0 { // it is never shown, so nobody can send it back
				p.Token = known[i].Token
			}
		}
		return tx.SavePeer(ctx, p)
	})
}

// RemovePeer removes a peer. Its open deliveries end as failed: there is
// nowhere to send them.
func (w *Workflow) RemovePeer(ctx context.Context, name string) error {
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.AfterCommit(func() { w.events.publish(radnode.Event{Kind: "peer", ID: name}) })
		return tx.RemovePeer(ctx, name)
	})
}

// checkPeer keeps peers out that nobody could call.
func checkPeer(p radnode.Peer) error {
	const op = "add peer"
	switch {
	case p.Name == "" || len(p.Name) > 64 || strings.ContainsFunc(p.Name, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return radnode.Errorf(radnode.Invalid, op, "the name of a peer is 1 to 64 characters without blanks")
	case kinds[p.Kind] == nil:
		return radnode.Errorf(radnode.Invalid, op, "%.20q is no kind of destination: use stow, fhir or hl7, or none for DIMSE", p.Kind)
	case p.Kind != "" && len(p.Allow) > 0:
		return radnode.Errorf(radnode.Invalid, op, "a destination of kind %s calls nobody: allow it nothing", p.Kind)
	case p.Kind == KindSTOW || p.Kind == KindFHIR:
		if err := checkURL(p.URL); err != nil {
			return err
		}
	case p.Kind == "" && !validAETitle(p.AETitle):
		return radnode.Errorf(radnode.Invalid, op, "%.20q is no AE title: 1 to 16 characters, not only blanks, no backslash (PS3.5 6.2)", p.AETitle)
	case p.Host == "" || len(p.Host) > 255 || strings.ContainsAny(p.Host, " /@\t\n"):
		return radnode.Errorf(radnode.Invalid, op, "%.60q is no host name or address", p.Host)
	case p.Port < 1 || p.Port > 65535:
		return radnode.Errorf(radnode.Invalid, op, "the port must be 1 to 65535, not %d", p.Port)
	case p.Associations < 0 || p.Associations > 10_000 || p.Rate < 0 || p.Rate > 1_000_000:
		return radnode.Errorf(radnode.Invalid, op, "the limits are 0 (those of the node) to 10000 associations and 1000000 new ones in a minute")
	case p.TimeoutSeconds < 0 || p.TimeoutSeconds > daySeconds || p.QuietSeconds < 0 || p.QuietSeconds > daySeconds:
		return radnode.Errorf(radnode.Invalid, op, "times are 0 (those of the node) to %d seconds", daySeconds)
	}
	for _, list := range []struct {
		given, known []string
		what         string
	}{{p.Allow, services, "service"}, {p.Deliver, kinds[p.Kind], "kind of object for this destination"}} {
		for _, v := range list.given {
			if !slices.Contains(list.known, v) {
				return radnode.Errorf(radnode.Invalid, op, "%.20q is no %s: use %s", v, list.what, strings.Join(list.known, ", "))
			}
		}
	}
	return nil
}

// checkURL refuses what is no address of a web service. Credentials do not
// belong in an address, which is shown.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > 1024 || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return radnode.Errorf(radnode.Invalid, "add peer", "the URL of a destination is http or https with a host, without name, password, query and fragment")
	}
	return nil
}

// validAETitle follows the AE value representation (PS3.5 6.2).
func validAETitle(s string) bool {
	if len(s) == 0 || len(s) > 16 || strings.TrimSpace(s) == "" {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '\\' })
}
