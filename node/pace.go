package node

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

// pace holds callers to their number of associations in a minute: each has a
// bucket that fills evenly and holds as many as the minute allows.
type pace struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// admits takes one association of an AE title; a rate of 0 admits all.
func (p *pace) admits(aeTitle string, rate int, now time.Time) bool {
	if rate <= 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.buckets == nil {
		p.buckets = map[string]bucket{}
	}
	b, known := p.buckets[aeTitle]
	if !known {
		b.left = float64(rate)
	} else {
		b.left = min(float64(rate), b.left+now.Sub(b.at).Minutes()*float64(rate))
	}
	b.at = now
	admitted := b.left >= 1
	if admitted {
		b.left--
	}
	p.buckets[aeTitle] = b // one for each configured peer with a rate
	return admitted
}

// addresses knows the addresses of hosts by name.
type addresses struct {
	mu    sync.Mutex
	known map[string]resolved
}

type resolved struct {
	ips []string
	at  time.Time
}

const (
	// addressFresh is how long a name's addresses are believed.
	addressFresh = time.Minute
	// addressTime limits asking for them.
	addressTime = 3 * time.Second
)

// has reports whether an address is one of a host's. A name that cannot be
// resolved has none.
func (a *addresses) has(ctx context.Context, host, address string) bool {
	caller := net.ParseIP(address)
	if caller == nil {
		return false
	}
	if ip := net.ParseIP(host); ip != nil {
		return ip.Equal(caller)
	}
	return slices.ContainsFunc(a.of(ctx, host), func(ip string) bool { return caller.Equal(net.ParseIP(ip)) })
}

func (a *addresses) of(ctx context.Context, host string) []string {
	a.mu.Lock()
	r, ok := a.known[host]
	a.mu.Unlock()
	if ok && time.Since(r.at) < addressFresh {
		return r.ips
	}
	ctx, cancel := context.WithTimeout(ctx, addressTime)
	defer cancel()
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		ips = nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]resolved{}
	}
	a.known[host] = resolved{ips, time.Now()}
	return ips
}
