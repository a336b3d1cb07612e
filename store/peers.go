package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/radnode/radnode"
)

const peerColumns = `name, ae_title, host, port, allow, deliver, tls, source, terms, passcode, kind, url, token`

func scanPeer(row scanner) (radnode.Peer, error) {
	var p radnode.Peer
	var allow, deliver, terms string
	var secured int
	err := row.Scan(&p.Name, &p.AETitle, &p.Host, &p.Port, &allow, &deliver, &secured, &p.Source, &terms, &p.PasscodeHash, &p.Kind, &p.URL, &p.Token)
	if err != nil {
		return p, err
	}
	p.TLS = secured != 0
	return p, errors.Join(json.Unmarshal([]byte(allow), &p.Allow), json.Unmarshal([]byte(deliver), &p.Deliver), json.Unmarshal([]byte(terms), &p.PeerTerms))
}

// Peers lists the peers by name.
func (s *Store) Peers(ctx context.Context) ([]radnode.Peer, error) {
	return list(ctx, s.read, scanPeer, `SELECT `+peerColumns+` FROM peers ORDER BY name`)
}

// Peers lists the peers as this transaction sees them.
func (t *Tx) Peers(ctx context.Context) ([]radnode.Peer, error) {
	return list(ctx, t, scanPeer, `SELECT `+peerColumns+` FROM peers ORDER BY name`)
}

// Peer finds a peer by name.
func (s *Store) Peer(ctx context.Context, name string) (radnode.Peer, error) {
	p, err := scanPeer(s.read.QueryRowContext(ctx, `SELECT `+peerColumns+` FROM peers WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return p, radnode.Errorf(radnode.NotFound, "find peer", "no peer is called %.40q", name)
	}
	return p, databaseError("find peer", err)
}

// SavePeer adds a peer or replaces the one of that name. Without a passcode it
// keeps the one it had. What was learned of a peer at another address is
// forgotten.
func (t *Tx) SavePeer(ctx context.Context, p radnode.Peer) error {
	const op = "save peer"
	allow, errAllow := json.Marshal(append([]string{}, p.Allow...))
	deliver, errDeliver := json.Marshal(append([]string{}, p.Deliver...))
	terms, errTerms := json.Marshal(p.PeerTerms)
	if err := errors.Join(errAllow, errDeliver, errTerms); err != nil {
		return databaseError(op, err)
	}
	secured := 0
	if p.TLS {
		secured = 1
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM peer_abilities WHERE peer = $1 AND EXISTS (SELECT 1 FROM peers WHERE name = $2
  AND (ae_title <> $3 OR host <> $4 OR port <> $5))`, p.Name, p.Name, p.AETitle, p.Host, p.Port); err != nil {
		return databaseError(op, err)
	}
	_, err := t.ExecContext(ctx, `INSERT INTO peers (`+peerColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
  ON CONFLICT (name) DO UPDATE SET ae_title = excluded.ae_title, host = excluded.host, port = excluded.port, allow = excluded.allow,
  deliver = excluded.deliver, tls = excluded.tls, source = excluded.source, terms = excluded.terms,
  kind = excluded.kind, url = excluded.url, token = excluded.token,
  passcode = CASE WHEN excluded.passcode = '' THEN peers.passcode ELSE excluded.passcode END`,
		p.Name, p.AETitle, p.Host, p.Port, string(allow), string(deliver), secured, p.Source, string(terms), p.PasscodeHash, p.Kind, p.URL, p.Token)
	return databaseError(op, err)
}

// RemovePeer removes a peer and what was learned of it.
func (t *Tx) RemovePeer(ctx context.Context, name string) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM peer_abilities WHERE peer = $1`, name); err != nil {
		return databaseError("remove peer", err)
	}
	if err := t.SetBreaker(ctx, Breaker{Peer: name}); err != nil {
		return err
	}
	return t.one(ctx, "remove peer", `DELETE FROM peers WHERE name = $1`, name)
}

// Setting reads a named value; "" when it was never set.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	var v string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, databaseError("read setting", err)
}

// SetSetting writes a named value.
func (t *Tx) SetSetting(ctx context.Context, name, value string) error {
	_, err := t.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return databaseError("write setting", err)
}
