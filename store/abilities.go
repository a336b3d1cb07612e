package store

import (
	"context"
	"database/sql"

	"github.com/radnode/radnode"
)

// maxAbilities bounds what is kept of one peer: the newest answers.
const maxAbilities = 2000

// Learn keeps what a peer answered to proposals and to what it was sent.
func (t *Tx) Learn(ctx context.Context, peer string, answers []radnode.PeerAbility) error {
	const op = "keep what a peer accepts"
	for _, a := range answers {
		accepted := 0
		if a.Accepted {
			accepted = 1
		}
		if _, err := t.ExecContext(ctx, `INSERT INTO peer_abilities (peer, class_uid, syntax_uid, accepted, at) SELECT $1, $2, $3, $4, $5
  WHERE EXISTS (SELECT 1 FROM peers WHERE name = $6)
  ON CONFLICT (peer, class_uid, syntax_uid) DO UPDATE SET accepted = excluded.accepted, at = excluded.at`,
			peer, string(a.SOPClassUID), string(a.TransferSyntaxUID), accepted, micros(a.At), peer); err != nil {
			return databaseError(op, err)
		}
	}
	_, err := t.ExecContext(ctx, `DELETE FROM peer_abilities WHERE peer = $1 AND (class_uid, syntax_uid) NOT IN
  (SELECT class_uid, syntax_uid FROM peer_abilities WHERE peer = $2 ORDER BY at DESC LIMIT $3)`, peer, peer, maxAbilities)
	return databaseError(op, err)
}

// ForgetClasses forgets which SOP classes a peer was found to take or refuse.
func (t *Tx) ForgetClasses(ctx context.Context, peer string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM peer_abilities WHERE peer = $1 AND syntax_uid = ''`, peer)
	return databaseError("forget what a peer accepts", err)
}

const abilityColumns = `class_uid, syntax_uid, accepted, at`

// Abilities lists what is known of one peer.
func (s *Store) Abilities(ctx context.Context, peer string) ([]radnode.PeerAbility, error) {
	return list(ctx, s.read, scanAbility, `SELECT `+abilityColumns+` FROM peer_abilities WHERE peer = $1 ORDER BY class_uid, syntax_uid`, peer)
}

func scanAbility(row scanner) (radnode.PeerAbility, error) {
	var a radnode.PeerAbility
	var accepted int
	var at int64
	err := row.Scan(&a.SOPClassUID, &a.TransferSyntaxUID, &accepted, &at)
	a.Accepted, a.At = accepted != 0, timeOf(at)
	return a, err
}

// KnownPeers lists the peers by name with what is known of each.
func (s *Store) KnownPeers(ctx context.Context) ([]radnode.Peer, error) {
	var peers []radnode.Peer
	err := s.snapshot(ctx, "list peers", func(tx *sql.Tx) (err error) {
		if peers, err = list(ctx, tx, scanPeer, `SELECT `+peerColumns+` FROM peers ORDER BY name`); err != nil {
			return err
		}
		for i := range peers {
			peers[i].Abilities, err = list(ctx, tx, scanAbility, `SELECT `+abilityColumns+` FROM peer_abilities WHERE peer = $1 ORDER BY class_uid, syntax_uid`, peers[i].Name)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return peers, err
}
