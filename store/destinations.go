package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/radnode/radnode"
)

// Breaker is what is kept of a destination that did not answer.
type Breaker struct {
	Peer     string
	Failures int       // in a row; 0: it answers
	Since    time.Time // of the first
	Next     time.Time // nothing is sent before
	Probing  bool      // one delivery finds out whether it answers, until Next
	Reason   string
}

const breakerColumns = `peer, failures, since, next_attempt, probing, reason`

func scanBreaker(row scanner) (Breaker, error) {
	var b Breaker
	var since, next int64
	var probing int
	err := row.Scan(&b.Peer, &b.Failures, &since, &next, &probing, &b.Reason)
	b.Since, b.Next, b.Probing = timeOf(since), timeOf(next), probing != 0
	return b, err
}

// Breakers lists the destinations that did not answer.
func (s *Store) Breakers(ctx context.Context) ([]Breaker, error) {
	return list(ctx, s.read, scanBreaker, `SELECT `+breakerColumns+` FROM breakers ORDER BY peer`)
}

// Breaker finds out how a destination answered, as this transaction sees it.
func (t *Tx) Breaker(ctx context.Context, peer string) (Breaker, error) {
	b, err := scanBreaker(t.QueryRowContext(ctx, `SELECT `+breakerColumns+` FROM breakers WHERE peer = $1`, peer))
	if errors.Is(err, sql.ErrNoRows) {
		return Breaker{Peer: peer}, nil
	}
	return b, databaseError("find breaker", err)
}

// SetBreaker writes how a destination answered.
func (t *Tx) SetBreaker(ctx context.Context, b Breaker) error {
	if b.Failures == 0 {
		_, err := t.ExecContext(ctx, `DELETE FROM breakers WHERE peer = $1`, b.Peer)
		return databaseError("close breaker", err)
	}
	probing := 0
	if b.Probing {
		probing = 1
	}
	_, err := t.ExecContext(ctx, `INSERT INTO breakers (peer, failures, since, next_attempt, probing, reason) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (peer) DO UPDATE SET failures = excluded.failures, since = excluded.since, next_attempt = excluded.next_attempt,
  probing = excluded.probing, reason = excluded.reason`, b.Peer, b.Failures, micros(b.Since), micros(b.Next), probing, clip(b.Reason))
	return databaseError("set breaker", err)
}

// Waiting lists the deliveries to a destination that are not finished, the
// oldest first.
func (t *Tx) Waiting(ctx context.Context, peer string) ([]string, error) {
	return list(ctx, t, scanText, `SELECT id FROM deliveries WHERE peer = $1 AND state IN ('queued', 'sent') ORDER BY id`, peer)
}

// PeerClass is whether a destination takes a SOP class, as it answered at a
// time.
type PeerClass struct {
	Peer  string
	Class radnode.UID
	Taken bool
	At    time.Time
}

// PeerClasses lists what a destination was found to take or refuse since a
// time; "" is every destination.
func (s *Store) PeerClasses(ctx context.Context, peer string, since time.Time) ([]PeerClass, error) {
	return list(ctx, s.read, func(row scanner) (c PeerClass, err error) {
		var taken int
		var at int64
		err = row.Scan(&c.Peer, &c.Class, &taken, &at)
		c.Taken, c.At = taken != 0, timeOf(at)
		return c, err
	}, `SELECT peer, class_uid, taken, at FROM peer_classes WHERE ($1 = '' OR peer = $1) AND at >= $2 ORDER BY peer, class_uid`, peer, micros(since))
}

// SetPeerClass notes whether a destination takes a SOP class.
func (t *Tx) SetPeerClass(ctx context.Context, c PeerClass) error {
	taken := 0
	if c.Taken {
		taken = 1
	}
	_, err := t.ExecContext(ctx, `INSERT INTO peer_classes (peer, class_uid, taken, at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (peer, class_uid) DO UPDATE SET taken = excluded.taken, at = excluded.at`, c.Peer, string(c.Class), taken, micros(c.At))
	return databaseError("note what a destination takes", err)
}

// ForgetPeerClasses forgets what a destination was found to take or refuse.
func (t *Tx) ForgetPeerClasses(ctx context.Context, peer string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM peer_classes WHERE peer = $1`, peer)
	return databaseError("forget what a destination takes", err)
}
