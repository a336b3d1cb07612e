package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

// peerFlags are what can be said of a peer.
type peerFlags struct {
	flags    *flag.FlagSet
	allow    *string
	deliver  *string
	secured  *bool
	passcode *string
	kind     *string
	token    *string
	silence  *time.Duration
	quiet    *time.Duration
	terms    radnode.PeerTerms
}

func newPeerFlags(f *flag.FlagSet) *peerFlags {
	p := &peerFlags{
		flags:    f,
		allow:    f.String("allow", strings.Join(node.Services, ","), "services the peer may use here, with commas; none: it may not call"),
		deliver:  f.String("deliver", "", "kinds of object to send there once signed, with commas: "+strings.Join(node.Deliverables, ", ")),
		secured:  f.Bool("tls", false, "call the peer with TLS, and let it call only with TLS"),
		passcode: f.String("passcode-file", "", "`file` with the passcode that the peer's user identity has, its AE title being the name"),
		kind:     f.String("kind", "", "kind of a destination that is no DICOM application entity: stow or fhir (its URL), hl7 (HOST:PORT)"),
		token:    f.String("token-file", "", "`file` with the bearer token for a URL"),
		silence:  f.Duration("max-silence", 0, "longest silence between its messages, and longest wait for its answers; 0: the usual times"),
		quiet:    f.Duration("study-quiet", 0, "its studies are whole when nothing arrived for so long; 0: the node's time"),
	}
	f.BoolVar(&p.terms.CheckHost, "check-host", false, "let it call only from the address of its host")
	f.IntVar(&p.terms.Associations, "max-associations", 0, "most associations at once; 0: as many as the node has")
	f.IntVar(&p.terms.Rate, "max-rate", 0, "most new associations in a minute; 0: any number")
	f.BoolVar(&p.terms.RequireIdentity, "require-identity", false, "let it call only with a user identity that is right")
	f.BoolVar(&p.terms.IgnoreRelease, "ignore-release", false, "the release of its association does not mean that a study is whole")
	f.BoolVar(&p.terms.WaitForMPPS, "wait-mpps", false, "its studies wait for a completed performed procedure step")
	f.BoolVar(&p.terms.ExpectCount, "expect-count", false, "ask it (C-FIND) how many instances a study has, and wait for them")
	return p
}

// apply puts what was said into a peer: everything into a new one, else only
// the flags that were given.
func (p *peerFlags) apply(to *radnode.Peer, all bool) error {
	given := map[string]bool{}
	p.flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	text := func(name, value string, into *[]string, known []string) {
		if err == nil && (all || given[name]) {
			*into, err = listOf(value, known)
		}
	}
	text("allow", *p.allow, &to.Allow, node.Services)
	text("deliver", *p.deliver, &to.Deliver, node.Deliverables)
	p.terms.TimeoutSeconds, p.terms.QuietSeconds = seconds(*p.silence), seconds(*p.quiet)
	for name, set := range map[string]func(){
		"tls":              func() { to.TLS = *p.secured },
		"max-silence":      func() { to.TimeoutSeconds = p.terms.TimeoutSeconds },
		"study-quiet":      func() { to.QuietSeconds = p.terms.QuietSeconds },
		"check-host":       func() { to.CheckHost = p.terms.CheckHost },
		"max-associations": func() { to.Associations = p.terms.Associations },
		"max-rate":         func() { to.Rate = p.terms.Rate },
		"require-identity": func() { to.RequireIdentity = p.terms.RequireIdentity },
		"ignore-release":   func() { to.IgnoreRelease = p.terms.IgnoreRelease },
		"wait-mpps":        func() { to.WaitForMPPS = p.terms.WaitForMPPS },
		"expect-count":     func() { to.ExpectCount = p.terms.ExpectCount },
	} {
		if all || given[name] {
			set()
		}
	}
	if to.Kind != "" && !given["allow"] {
		to.Allow = []string{} // it does not call
	}
	if (to.Kind == "fhir" || to.Kind == "hl7") && !given["deliver"] {
		to.Deliver = []string{to.Kind} // it takes nothing else
	}
	for file, secret := range map[*string]*string{p.passcode: &to.Passcode, p.token: &to.Token} {
		if err == nil && *file != "" {
			var b []byte
			b, err = os.ReadFile(*file)
			*secret = strings.TrimRight(string(b), "\r\n")
		}
	}
	return err
}

// seconds rounds up, so that a short time is not none.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func peer(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	said := newPeerFlags(f)
	asJSON := f.Bool("json", false, "print JSON objects")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"say what to do: add, set, list or remove"}
	}
	d, err := node.OpenDesk(ctx, *c)
	if err != nil {
		return err
	}
	defer d.Close()
	switch {
	case rest[0] == "add" && len(rest) == 3:
		added, err := node.ParseDestination(rest[1], *said.kind, rest[2])
		if err != nil {
			return usageError{err.Error()}
		}
		if err := said.apply(&added, true); err != nil {
			return err
		}
		added.Source = "command line"
		return usageOr(d.AddPeer(ctx, added))
	case rest[0] == "set" && (len(rest) == 2 || len(rest) == 3):
		return setPeer(ctx, d, said, rest[1], rest[2:])
	case rest[0] == "remove" && len(rest) == 2:
		return d.RemovePeer(ctx, rest[1])
	case rest[0] == "list" && len(rest) == 1:
		return listPeers(ctx, p, d, *asJSON)
	}
	return usageError{"wrong arguments for peer " + rest[0]}
}

// setPeer changes what is said of a peer and leaves the rest.
func setPeer(ctx context.Context, d *node.Desk, said *peerFlags, name string, address []string) error {
	peers, err := d.Peers(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(peers, func(p radnode.Peer) bool { return p.Name == name })
	if at < 0 {
		return radnode.Errorf(radnode.NotFound, "set peer", "no peer is called %.40q", name)
	}
	changed := peers[at]
	if len(address) == 1 {
		moved, err := node.ParseDestination(name, changed.Kind, address[0])
		if err != nil {
			return usageError{err.Error()}
		}
		changed.AETitle, changed.Host, changed.Port, changed.URL = moved.AETitle, moved.Host, moved.Port, moved.URL
	}
	if err := said.apply(&changed, false); err != nil {
		return err
	}
	return usageOr(d.AddPeer(ctx, changed))
}

func listPeers(ctx context.Context, p *program, d *node.Desk, asJSON bool) error {
	peers, err := d.Peers(ctx)
	if err != nil {
		return err
	}
	for _, one := range peers {
		if asJSON {
			if err := p.line(one); err != nil {
				return err
			}
			continue
		}
		p.say("%-16s %s allow=%s deliver=%s%s (%s)", one.Name, addressOf(one),
			strings.Join(one.Allow, ","), strings.Join(one.Deliver, ","), termsText(one), one.Source)
		if n := len(one.Abilities); n > 0 {
			p.say("%-16s has answered to %d pairs of SOP class and transfer syntax; --json lists them", "", n)
		}
	}
	return nil
}

// addressOf is where a peer is.
func addressOf(p radnode.Peer) string {
	switch {
	case p.URL != "":
		return p.Kind + " " + p.URL
	case p.Kind != "":
		return fmt.Sprintf("%s %s:%d", p.Kind, p.Host, p.Port)
	}
	return fmt.Sprintf("%s@%s:%d", p.AETitle, p.Host, p.Port)
}

// termsText names what is set of a peer's terms.
func termsText(p radnode.Peer) string {
	var b strings.Builder
	for _, on := range []struct {
		set  bool
		name string
	}{{p.TLS, "tls"}, {p.CheckHost, "check-host"}, {p.RequireIdentity, "require-identity"}, {p.IgnoreRelease, "ignore-release"},
		{p.WaitForMPPS, "wait-mpps"}, {p.ExpectCount, "expect-count"}, {p.PasscodeHash != "", "passcode"}} {
		if on.set {
			b.WriteString(" " + on.name)
		}
	}
	for _, n := range []struct {
		value      int
		name, unit string
	}{{p.Associations, "max-associations", ""}, {p.Rate, "max-rate", ""}, {p.TimeoutSeconds, "max-silence", "s"}, {p.QuietSeconds, "study-quiet", "s"}} {
		if n.value != 0 {
			fmt.Fprintf(&b, " %s=%d%s", n.name, n.value, n.unit)
		}
	}
	return b.String()
}

// listOf reads a list with commas whose members are known.
func listOf(text string, known []string) ([]string, error) {
	list := []string{}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if word == "" || word == "none" {
			continue
		}
		if !slices.Contains(known, word) {
			return nil, usageError{radnode.Errorf(radnode.Invalid, "", "%q is none of %s", word, strings.Join(known, ", ")).Error()}
		}
		list = append(list, word)
	}
	return list, nil
}
