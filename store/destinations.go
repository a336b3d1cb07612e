package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
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
