package store

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"github.com/radnode/radnode"
)

// Outcome is what became of an instance that was offered to the index.
type Outcome int

// The outcomes.
const (
	Added     Outcome = iota // new
	Duplicate                // the same bytes are here already
	Variant                  // other bytes under the same UID: kept apart
	Restored                 // the same bytes, but the file had gone: the new one takes its place
)

const insertInstance = `INSERT INTO instances (sop_uid, class_uid, study_uid, series_uid, syntax_uid, number, pixel_rows,
  pixel_columns, frames, size, digest, source, remote, origin, status, reason, file, received_at)
  VALUES ($1, $2, NULLIF($3, ''), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (sop_uid) DO NOTHING`

// Add writes the row of an instance whose file is durable. Touch tells the
// study about it; the study's row is written at the end of the transaction. It
// is nil for an object that belongs to no study, and for one that is not new.
func (t *Tx) Add(ctx context.Context, r *Record) (Outcome, *Touch, error) {
	res, err := t.ExecContext(ctx, insertInstance, string(r.SOPInstanceUID), string(r.SOPClassUID), string(r.StudyInstanceUID),
		string(r.SeriesInstanceUID), string(r.TransferSyntaxUID), r.InstanceNumber, r.Rows, r.Columns, r.Frames, r.Size, r.Digest,
		r.Source, r.Remote, string(r.Origin), string(r.Status), r.Reason, r.File, micros(r.ReceivedAt))
	if err != nil {
		return 0, nil, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, nil, err
	}
	if n == 1 && r.StudyInstanceUID == "" {
		return Added, nil, nil
	}
	if n == 1 {
		return Added, t.touch(r), nil
	}
	outcome, err := t.same(ctx, r)
	return outcome, nil, err
}

// AddAuthored writes the row of an object that the node made. It belongs to its
// study without counting among the images that came in.
func (t *Tx) AddAuthored(ctx context.Context, r *Record) error {
	r.Origin, r.Status = Authored, Own
	res, err := t.ExecContext(ctx, insertInstance, string(r.SOPInstanceUID), string(r.SOPClassUID), string(r.StudyInstanceUID),
		string(r.SeriesInstanceUID), string(r.TransferSyntaxUID), r.InstanceNumber, r.Rows, r.Columns, r.Frames, r.Size, r.Digest,
		r.Source, r.Remote, string(r.Origin), string(r.Status), r.Reason, r.File, micros(r.ReceivedAt))
	if err != nil {
		return databaseError("file document", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return firstError(err, radnode.Errorf(radnode.Conflict, "file document", "the document %s is stored already", r.SOPInstanceUID))
	}
	_, err = t.ExecContext(ctx, insertSeries, string(r.StudyInstanceUID), string(r.SeriesInstanceUID), r.Series.Modality, r.Series.Number,
		r.Series.Description, r.Series.BodyPart)
	return databaseError("file document", err)
}

// firstError is err, or what to say when there is none.
func firstError(err, other error) error {
	if err != nil {
		return databaseError("file document", err)
	}
	return other
}

// same decides about an instance whose UID is taken.
func (t *Tx) same(ctx context.Context, r *Record) (Outcome, error) {
	old, err := scanInstance(t.QueryRowContext(ctx, `SELECT `+instanceColumns+` FROM instances WHERE sop_uid = $1`, string(r.SOPInstanceUID)))
	if err != nil {
		return 0, err
	}
	if old.Digest == r.Digest && old.TransferSyntaxUID == r.TransferSyntaxUID {
		if info, err := os.Stat(t.s.Path(old.File)); err == nil && info.Size() == old.Size {
			return Duplicate, nil
		}
		return Restored, t.Restore(ctx, r, old.File)
	}
	if old.StudyInstanceUID != r.StudyInstanceUID {
		return 0, radnode.Errorf(radnode.Conflict, "index instance",
			"an object with this SOP Instance UID is stored already and belongs to another study: the sender has to give one of the two a UID of its own")
	}
	res, err := t.ExecContext(ctx, `INSERT INTO variants (id, sop_uid, study_uid, class_uid, syntax_uid, size, digest, source, remote, file, received_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (sop_uid, digest, syntax_uid) DO NOTHING`,
		NewID(), string(r.SOPInstanceUID), string(old.StudyInstanceUID), string(r.SOPClassUID), string(r.TransferSyntaxUID), r.Size, r.Digest, r.Source, r.Remote,
		r.File, micros(r.ReceivedAt))
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return Duplicate, nil
	}
	if old.StudyInstanceUID == "" {
		return Variant, nil
	}
	return Variant, t.Warn(ctx, old.StudyInstanceUID, variantWarning(&old, r))
}

// variantWarning tells the reader of a study what came under a UID that is
// taken. A compressed copy of an image is the sender's right (PS3.5 A.4).
func variantWarning(old, r *Record) string {
	if old.TransferSyntaxUID != r.TransferSyntaxUID && old.SOPClassUID == r.SOPClassUID &&
		old.Rows == r.Rows && old.Columns == r.Columns && old.Frames == r.Frames {
		return "the instance " + string(r.SOPInstanceUID) + " came again in another transfer syntax from " + r.Source +
			"; this encoding is kept apart and not shown"
	}
	return "another object came under the SOP Instance UID " + string(r.SOPInstanceUID) +
		" from " + r.Source + "; it is kept apart and not shown: ask the sender which one is right"
}

// SetStatus says what became of an instance.
func (t *Tx) SetStatus(ctx context.Context, uid radnode.UID, status InstanceStatus, reason string) error {
	return t.one(ctx, "set instance status", `UPDATE instances SET status = $1, reason = $2 WHERE sop_uid = $3`, string(status), clip(reason), string(uid))
}

// one runs a statement that must change exactly one row.
func (t *Tx) one(ctx context.Context, op, q string, args ...any) error {
	res, err := t.ExecContext(ctx, q, args...)
	if err != nil {
		return databaseError(op, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return databaseError(op, err)
	}
	if n != 1 {
		return radnode.Errorf(radnode.NotFound, op, "no such entry")
	}
	return nil
}

const instanceColumns = `sop_uid, class_uid, COALESCE(study_uid, ''), series_uid, syntax_uid, number, pixel_rows, pixel_columns, frames, size,
  digest, source, remote, origin, status, reason, file, received_at`

// scanner is a row.
type scanner interface{ Scan(...any) error }

func scanInstance(row scanner) (Record, error) {
	var r Record
	var received int64
	err := row.Scan(&r.SOPInstanceUID, &r.SOPClassUID, &r.StudyInstanceUID, &r.SeriesInstanceUID, &r.TransferSyntaxUID, &r.InstanceNumber,
		&r.Rows, &r.Columns, &r.Frames, &r.Size, &r.Digest, &r.Source, &r.Remote, &r.Origin, &r.Status, &r.Reason, &r.File, &received)
	r.ReceivedAt = timeOf(received)
	return r, err
}

// Instance finds one instance and its file.
func (s *Store) Instance(ctx context.Context, uid radnode.UID) (Record, error) {
	return instance(s.read.QueryRowContext(ctx, `SELECT `+instanceColumns+` FROM instances WHERE sop_uid = $1`, string(uid)), uid)
}

// Instance finds one instance as this transaction sees it.
func (t *Tx) Instance(ctx context.Context, uid radnode.UID) (Record, error) {
	return instance(t.QueryRowContext(ctx, `SELECT `+instanceColumns+` FROM instances WHERE sop_uid = $1`, string(uid)), uid)
}

func instance(row scanner, uid radnode.UID) (Record, error) {
	r, err := scanInstance(row)
	if errors.Is(err, sql.ErrNoRows) {
		return r, radnode.Errorf(radnode.NotFound, "find instance", "no instance %.70s is stored here", uid)
	}
	return r, databaseError("find instance", err)
}

// Instances lists the instances of a study in series and number order.
func (s *Store) Instances(ctx context.Context, study radnode.UID) ([]Record, error) {
	return instances(ctx, s.read, study)
}

// Standing is a state that instances of a study are in, and why.
type Standing struct {
	Status InstanceStatus
	Reason string
}

// maxStandings bounds the different reasons looked at.
const maxStandings = 100

// Standings lists the different states and reasons of the images of a study.
func (t *Tx) Standings(ctx context.Context, study radnode.UID) ([]Standing, error) {
	return list(ctx, t, func(row scanner) (Standing, error) {
		var v Standing
		err := row.Scan(&v.Status, &v.Reason)
		return v, err
	}, `SELECT DISTINCT status, reason FROM instances WHERE study_uid = $1 AND origin = 'received'
  ORDER BY status DESC, reason LIMIT $2`, string(study), maxStandings)
}

// querier reads: the reading pool, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

func instances(ctx context.Context, q querier, study radnode.UID) ([]Record, error) {
	return list(ctx, q, scanInstance, `SELECT `+instanceColumns+` FROM instances WHERE study_uid = $1 ORDER BY series_uid, number, sop_uid`, string(study))
}

// list runs a query and scans all of its rows.
func list[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	const op = "read index"
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, databaseError(op, err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, databaseError(op, err)
		}
		all = append(all, v)
	}
	return all, databaseError(op, rows.Err())
}
