package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/radnode/radnode"
)

// SetCompleteness writes whether a study counts as whole; changed is false if
// that was known.
func (t *Tx) SetCompleteness(ctx context.Context, study radnode.UID, c radnode.Completeness) (changed bool, err error) {
	const op = "set completeness of study"
	text, err := json.Marshal(c)
	if err != nil {
		return false, databaseError(op, err)
	}
	res, err := t.ExecContext(ctx, `UPDATE studies SET completeness = $1, version = version + 1 WHERE study_uid = $2 AND completeness <> $3`,
		string(text), string(study), string(text))
	if err != nil {
		return false, databaseError(op, err)
	}
	n, err := res.RowsAffected()
	return n > 0, databaseError(op, err)
}

// rower reads one row: a transaction or the reading pool.
type rower interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func completenessOf(ctx context.Context, q rower, study radnode.UID) (radnode.Completeness, error) {
	c := radnode.Completeness{State: radnode.ImagesArriving, Reason: ArrivingReason, Evidence: []string{}}
	var text string
	if err := q.QueryRowContext(ctx, `SELECT completeness, instance_count FROM studies WHERE study_uid = $1`, string(study)).Scan(&text, &c.Here); err != nil || text == "" {
		return c, databaseError("read completeness of study", err)
	}
	return c, json.Unmarshal([]byte(text), &c)
}

// Completeness is whether a study counted as whole when that was weighed last.
func (s *Store) Completeness(ctx context.Context, study radnode.UID) (radnode.Completeness, error) {
	return completenessOf(ctx, s.read, study)
}

// Sources lists who sent the images of a study.
func (s *Store) Sources(ctx context.Context, study radnode.UID) ([]string, error) {
	return list(ctx, s.read, scanText, `SELECT DISTINCT source FROM instances WHERE study_uid = $1 AND origin = 'received'`, string(study))
}

// Arrived counts the instances of a study that came from outside.
func (s *Store) Arrived(ctx context.Context, study radnode.UID) (int, error) {
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM instances WHERE study_uid = $1 AND origin = 'received'`, string(study)).Scan(&n)
	return n, databaseError("count instances", err)
}
