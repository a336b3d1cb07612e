package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/radnode/radnode"
)

const peerColumns = `name, ae_title, host, port, allow, deliver, tls, source`

func scanPeer(row scanner) (radnode.Peer, error) {
	var p radnode.Peer
	var allow, deliver string
	var secured int
	if err := row.Scan(&p.Name, &p.AETitle, &p.Host, &p.Port, &allow, &deliver, &secured, &p.Source); err != nil {
		return p, err
	}
	p.TLS = secured != 0
	return p, errors.Join(json.Unmarshal([]byte(allow), &p.Allow), json.Unmarshal([]byte(deliver), &p.Deliver))
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

// SavePeer adds a peer or replaces the one of that name.
func (t *Tx) SavePeer(ctx context.Context, p radnode.Peer) error {
	allow, err := json.Marshal(append([]string{}, p.Allow...))
	if err != nil {
		return databaseError("save peer", err)
	}
	deliver, err := json.Marshal(append([]string{}, p.Deliver...))
	if err != nil {
		return databaseError("save peer", err)
	}
	secured := 0
	if p.TLS {
		secured = 1
	}
	_, err = t.ExecContext(ctx, `INSERT INTO peers (name, ae_title, host, port, allow, deliver, tls, source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (name) DO UPDATE SET ae_title = excluded.ae_title, host = excluded.host, port = excluded.port, allow = excluded.allow,
  deliver = excluded.deliver, tls = excluded.tls, source = excluded.source`, p.Name, p.AETitle, p.Host, p.Port, string(allow), string(deliver), secured, p.Source)
	return databaseError("save peer", err)
}

// RemovePeer removes a peer.
func (t *Tx) RemovePeer(ctx context.Context, name string) error {
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
