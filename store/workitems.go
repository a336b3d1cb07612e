package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// explicitVR is the transfer syntax of data sets in the index.
const explicitVR radnode.UID = "1.2.840.10008.1.2.1"

// Workitem is a unified procedure step (PS3.4 Annex CC).
type Workitem struct {
	UID         radnode.UID
	State       string
	Transaction radnode.UID // of its performer
	Creator     string      // account
	Performer   string      // account
	Attributes  *dicom.Dataset
	Version     int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// The states of a workitem (PS3.4 CC.1.1).
const (
	WorkitemScheduled  = "SCHEDULED"
	WorkitemInProgress = "IN PROGRESS"
	WorkitemCompleted  = "COMPLETED"
	WorkitemCanceled   = "CANCELED"
)

// Final reports whether nothing can change any more.
func (w *Workitem) Final() bool { return w.State == WorkitemCompleted || w.State == WorkitemCanceled }

// Studies are the studies that are its input.
func (w *Workitem) Studies() []radnode.UID {
	var list []radnode.UID
	seen := map[radnode.UID]bool{}
	for _, item := range w.Attributes.Items(dicom.InputInformationSequence) {
		if uid := item.UID(dicom.StudyInstanceUID); uid.Valid() && !seen[uid] {
			seen[uid] = true
			list = append(list, uid)
		}
	}
	return list
}

const opWorkitem = "keep workitem"

func packed(d *dicom.Dataset) ([]byte, error) {
	b := bytes.NewBuffer([]byte{}) // of nothing too: nil would be NULL
	err := dicom.Write(b, d, explicitVR)
	return b.Bytes(), err
}

func unpacked(b []byte) (*dicom.Dataset, error) {
	if len(b) == 0 {
		return dicom.NewDataset(), nil
	}
	return dicom.ReadHeader(bytes.NewReader(b), explicitVR, dicom.Limits{})
}

// AddWorkitem keeps a new workitem. Conflict: its UID is taken.
func (t *Tx) AddWorkitem(ctx context.Context, w *Workitem) error {
	attributes, err := packed(w.Attributes)
	if err != nil {
		return err
	}
	res, err := t.ExecContext(ctx, `INSERT INTO workitems (uid, state, transaction_uid, creator, performer, attributes, version, created_at, updated_at)
  VALUES ($1, $2, '', $3, '', $4, 1, $5, $6) ON CONFLICT (uid) DO NOTHING`,
		string(w.UID), w.State, w.Creator, attributes, micros(w.CreatedAt), micros(w.CreatedAt))
	if err != nil {
		return databaseError(opWorkitem, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return firstError(err, radnode.Errorf(radnode.Conflict, opWorkitem, "there is a workitem of this UID already"))
	}
	return t.linkWorkitem(ctx, w)
}

// SaveWorkitem writes what changed of a workitem.
func (t *Tx) SaveWorkitem(ctx context.Context, w *Workitem) error {
	attributes, err := packed(w.Attributes)
	if err != nil {
		return err
	}
	if err := t.one(ctx, opWorkitem, `UPDATE workitems SET state = $1, transaction_uid = $2, performer = $3, attributes = $4, version = version + 1, updated_at = $5
  WHERE uid = $6`, w.State, string(w.Transaction), w.Performer, attributes, micros(now()), string(w.UID)); err != nil {
		return err
	}
	return t.linkWorkitem(ctx, w)
}

func (t *Tx) linkWorkitem(ctx context.Context, w *Workitem) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM workitem_studies WHERE uid = $1`, string(w.UID)); err != nil {
		return databaseError(opWorkitem, err)
	}
	for _, study := range w.Studies() {
		if _, err := t.ExecContext(ctx, `INSERT INTO workitem_studies (study_uid, uid) VALUES ($1, $2) ON CONFLICT (study_uid, uid) DO NOTHING`,
			string(study), string(w.UID)); err != nil {
			return databaseError(opWorkitem, err)
		}
	}
	return nil
}

// AddWorkitemOutput notes an object that this node made for a workitem.
func (t *Tx) AddWorkitemOutput(ctx context.Context, workitem, object radnode.UID) error {
	_, err := t.ExecContext(ctx, `INSERT INTO workitem_outputs (sop_uid, uid) VALUES ($1, $2) ON CONFLICT (sop_uid, uid) DO NOTHING`, string(object), string(workitem))
	return databaseError(opWorkitem, err)
}

// DropWorkitems forgets final workitems that nobody locks and that have not
// changed since before.
func (t *Tx) DropWorkitems(ctx context.Context, before time.Time) error {
	const old = `SELECT w.uid FROM workitems w WHERE w.state IN ('COMPLETED', 'CANCELED') AND w.updated_at < $1
  AND NOT EXISTS (SELECT 1 FROM workitem_subscriptions s WHERE s.uid = w.uid AND s.locked = 1)`
	for _, table := range []string{"workitem_studies", "workitem_outputs", "workitem_subscriptions", "workitems"} {
		if _, err := t.ExecContext(ctx, `DELETE FROM `+table+` WHERE uid IN (`+old+`)`, micros(before)); err != nil {
			return databaseError("forget workitems", err)
		}
	}
	return nil
}

const workitemColumns = `w.uid, w.state, w.transaction_uid, w.creator, w.performer, w.attributes, w.version, w.created_at, w.updated_at`

func scanWorkitem(row scanner) (*Workitem, error) {
	w := &Workitem{}
	var attributes []byte
	var created, updated int64
	if err := row.Scan(&w.UID, &w.State, &w.Transaction, &w.Creator, &w.Performer, &attributes, &w.Version, &created, &updated); err != nil {
		return nil, err
	}
	w.CreatedAt, w.UpdatedAt = timeOf(created), timeOf(updated)
	var err error
	w.Attributes, err = unpacked(attributes)
	return w, err
}

func workitem(row scanner) (*Workitem, error) {
	const op = "find workitem"
	w, err := scanWorkitem(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, radnode.Errorf(radnode.NotFound, op, "there is no such workitem")
	}
	return w, databaseError(op, err)
}

// Workitem finds a workitem as this transaction sees it.
func (t *Tx) Workitem(ctx context.Context, uid radnode.UID) (*Workitem, error) {
	return workitem(t.QueryRowContext(ctx, `SELECT `+workitemColumns+` FROM workitems w WHERE w.uid = $1`, string(uid)))
}

// Workitem finds a workitem.
func (s *Store) Workitem(ctx context.Context, uid radnode.UID) (*Workitem, error) {
	return workitem(s.read.QueryRowContext(ctx, `SELECT `+workitemColumns+` FROM workitems w WHERE w.uid = $1`, string(uid)))
}

// OpenWorkitems lists the workitems of a study that are not final.
func (t *Tx) OpenWorkitems(ctx context.Context, study radnode.UID) ([]radnode.UID, error) {
	return list(ctx, t, func(row scanner) (uid radnode.UID, err error) { return uid, row.Scan(&uid) },
		`SELECT w.uid FROM workitem_studies x JOIN workitems w ON w.uid = x.uid WHERE x.study_uid = $1 AND w.state IN ('SCHEDULED', 'IN PROGRESS')`, string(study))
}

// workitemPage is how many workitems are read at once.
const workitemPage = 256

// EachWorkitem calls each for the workitems in a state ("": any) in the order
// in which they came, without holding the database; an error of each ends it.
func (s *Store) EachWorkitem(ctx context.Context, state string, each func(*Workitem) error) error {
	var at int64
	var uid radnode.UID
	for {
		page, err := list(ctx, s.read, scanWorkitem, `SELECT `+workitemColumns+` FROM workitems w
  WHERE (w.created_at, w.uid) > ($1, $2) AND ($3 = '' OR w.state = $4) ORDER BY w.created_at, w.uid LIMIT $5`, at, string(uid), state, state, workitemPage)
		if err != nil {
			return err
		}
		for _, w := range page {
			if err := each(w); err != nil {
				return err
			}
		}
		if len(page) < workitemPage {
			return nil
		}
		last := page[len(page)-1]
		at, uid = micros(last.CreatedAt), last.UID
	}
}

// Matcher reports whether a data set matches keys as C-FIND compares them
// (PS3.4 C.2.2.2).
func Matcher(keys *dicom.Dataset, fuzzy bool) (func(*dicom.Dataset) bool, error) {
	q := &Query{options: QueryOptions{FuzzyNames: fuzzy}}
	var all []func(*dicom.Dataset) bool
	for _, e := range keys.Elements() {
		match, err := q.elementMatcher(keys, e.Tag, matchingOf(e.Tag))
		if err != nil {
			return nil, err
		}
		if match != nil {
			all = append(all, match)
		}
	}
	return func(d *dicom.Dataset) bool {
		for _, match := range all {
			if !match(d) {
				return false
			}
		}
		return true
	}, nil
}
