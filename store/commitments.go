package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/radnode/radnode"
)

// Commitment is a request for storage commitment whose report is still to be
// delivered (PS3.4 Annex J).
type Commitment struct {
	TransactionUID radnode.UID
	AETitle        string
	References     []Reference
	Attempts       int
	Next           time.Time // of the next attempt to report
	CreatedAt      time.Time
}

// Reference names a SOP instance.
type Reference struct {
	Class    radnode.UID `json:"class"`
	Instance radnode.UID `json:"instance"`
}

// AddCommitment keeps a request. Conflict: its transaction is known already.
func (t *Tx) AddCommitment(ctx context.Context, c *Commitment) error {
	const op = "keep storage commitment request"
	refs, err := json.Marshal(c.References)
	if err != nil {
		return databaseError(op, err)
	}
	res, err := t.ExecContext(ctx, `INSERT INTO commitments (transaction_uid, ae_title, refs, attempts, next_attempt, created_at)
  VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (transaction_uid) DO NOTHING`,
		string(c.TransactionUID), c.AETitle, string(refs), micros(c.Next), micros(c.CreatedAt))
	if err != nil {
		return databaseError(op, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return firstError(err, radnode.Errorf(radnode.Conflict, op, "this transaction UID is in use already"))
	}
	return nil
}

// PutOffCommitment says when the report is tried again.
func (t *Tx) PutOffCommitment(ctx context.Context, transaction radnode.UID, attempts int, next time.Time) error {
	_, err := t.ExecContext(ctx, `UPDATE commitments SET attempts = $1, next_attempt = $2 WHERE transaction_uid = $3`, attempts, micros(next), string(transaction))
	return databaseError("put off storage commitment report", err)
}

// DropCommitment forgets a request: its report was delivered or given up.
func (t *Tx) DropCommitment(ctx context.Context, transaction radnode.UID) error {
	_, err := t.ExecContext(ctx, `DELETE FROM commitments WHERE transaction_uid = $1`, string(transaction))
	return databaseError("drop storage commitment request", err)
}

// Commitments lists the requests in the order of their next attempts.
func (s *Store) Commitments(ctx context.Context, most int) ([]Commitment, error) {
	return list(ctx, s.read, func(row scanner) (Commitment, error) {
		var c Commitment
		var refs string
		var next, created int64
		if err := row.Scan(&c.TransactionUID, &c.AETitle, &refs, &c.Attempts, &next, &created); err != nil {
			return c, err
		}
		c.Next, c.CreatedAt = timeOf(next), timeOf(created)
		return c, json.Unmarshal([]byte(refs), &c.References)
	}, `SELECT transaction_uid, ae_title, refs, attempts, next_attempt, created_at FROM commitments ORDER BY next_attempt LIMIT $1`, most)
}

// Keeping is what can be said about an instance that somebody refers to.
type Keeping int

// What can be said.
const (
	Kept       Keeping = iota // row and file are there
	Unknown                   // no such instance
	OtherClass                // it is of another SOP class
	Damaged                   // its file is gone or has another size
)

// Keeps looks an instance up, in the index and on the disk.
func (s *Store) Keeps(ctx context.Context, r Reference) (Keeping, error) {
	var class radnode.UID
	var size int64
	var file string
	err := s.read.QueryRowContext(ctx, `SELECT i.class_uid, i.size, i.file FROM instances i WHERE i.sop_uid = $1 AND `+visible, string(r.Instance)).
		Scan(&class, &size, &file)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Unknown, nil
	case err != nil:
		return Unknown, databaseError("look instance up", err)
	case class != r.Class:
		return OtherClass, nil
	}
	if st, err := os.Stat(s.Path(file)); err != nil || st.Size() != size {
		return Damaged, nil
	}
	return Kept, nil
}
