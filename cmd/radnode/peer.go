package main

import (
	"context"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

func peer(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	allow := f.String("allow", strings.Join(node.Services, ","), "services the peer may use here, with commas; none: it may not call")
	deliver := f.String("deliver", "", "kinds of object to send there once signed, with commas: "+strings.Join(node.Deliverables, ", "))
	secured := f.Bool("tls", false, "call the peer with TLS, and let it call only with TLS")
	asJSON := f.Bool("json", false, "print JSON objects")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"say what to do: add, list or remove"}
	}
	d, err := node.OpenDesk(ctx, *c)
	if err != nil {
		return err
	}
	defer d.Close()
	switch {
	case rest[0] == "add" && len(rest) == 3:
		added, err := node.ParsePeer(rest[1], rest[2])
		if err != nil {
			return usageError{err.Error()}
		}
		if added.Allow, err = listOf(*allow, node.Services); err != nil {
			return err
		}
		if added.Deliver, err = listOf(*deliver, node.Deliverables); err != nil {
			return err
		}
		added.TLS, added.Source = *secured, "command line"
		return d.AddPeer(ctx, added)
	case rest[0] == "remove" && len(rest) == 2:
		return d.RemovePeer(ctx, rest[1])
	case rest[0] == "list" && len(rest) == 1:
		return listPeers(ctx, p, d, *asJSON)
	}
	return usageError{"wrong arguments for peer " + rest[0]}
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
		secured := ""
		if one.TLS {
			secured = " tls"
		}
		p.say("%-16s %s@%s:%d%s allow=%s deliver=%s (%s)", one.Name, one.AETitle, one.Host, one.Port, secured,
			strings.Join(one.Allow, ","), strings.Join(one.Deliver, ","), one.Source)
	}
	return nil
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
