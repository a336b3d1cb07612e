package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/radnode/radnode"
)

// DeliveryRow is a delivery as it is filed.
type DeliveryRow struct {
	radnode.Delivery
	Losses int // how often the peer answered success and did not have the object, in this series
}

// AddDelivery files a delivery. The same object to the same peer is one
// delivery, whoever asks for it again.
func (t *Tx) AddDelivery(ctx context.Context, d *DeliveryRow) error {
	_, err := t.ExecContext(ctx, `INSERT INTO deliveries (id, report_id, study_uid, peer, kind, sop_uid, state, proof, attempts, error,
  next_attempt, started_at, created_at, updated_at, note, optional) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		d.ID, d.ReportID, string(d.StudyInstanceUID), d.Peer, d.Kind, string(d.SOPInstanceUID), string(d.State), d.Proof, d.Attempts, d.Error,
		nextAttempt(d), micros(d.StartedAt), micros(d.OrderedAt), micros(d.UpdatedAt), clip(d.Note), optional(d))
	return databaseError("file delivery", err)
}

func optional(d *DeliveryRow) int {
	if d.Optional {
		return 1
	}
	return 0
}

func nextAttempt(d *DeliveryRow) int64 {
	if d.NextAttempt == nil {
		return 0
	}
	return micros(*d.NextAttempt)
}

// SetDelivery writes the standing of a delivery.
func (t *Tx) SetDelivery(ctx context.Context, d *DeliveryRow) error {
	return t.one(ctx, "set delivery", `UPDATE deliveries SET state = $1, proof = $2, attempts = $3, error = $4, next_attempt = $5,
  started_at = $6, updated_at = $7, note = $8,
  sop_uid = $9, losses = $10 WHERE id = $11`, string(d.State), clip(d.Proof), d.Attempts, clip(d.Error), nextAttempt(d),
		micros(d.StartedAt), micros(d.UpdatedAt), clip(d.Note), string(d.SOPInstanceUID), d.Losses, d.ID)
}

const deliveryColumns = `id, report_id, study_uid, peer, kind, sop_uid, state, proof, attempts, error, next_attempt, started_at, created_at, updated_at, note, optional, losses`

func scanDelivery(row scanner) (DeliveryRow, error) {
	var d DeliveryRow
	var next, started, created, updated int64
	var optional int
	err := row.Scan(&d.ID, &d.ReportID, &d.StudyInstanceUID, &d.Peer, &d.Kind, &d.SOPInstanceUID, &d.State, &d.Proof, &d.Attempts, &d.Error,
		&next, &started, &created, &updated, &d.Note, &optional, &d.Losses)
	d.NextAttempt, d.StartedAt, d.OrderedAt, d.UpdatedAt = timePointer(next), timeOf(started), timeOf(created), timeOf(updated)
	d.Optional = optional != 0
	return d, err
}

// Delivery finds one delivery.
func (s *Store) Delivery(ctx context.Context, id string) (DeliveryRow, error) {
	return delivery(s.read.QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE id = $1`, id), id)
}

// Delivery finds one delivery as this transaction sees it.
func (t *Tx) Delivery(ctx context.Context, id string) (DeliveryRow, error) {
	return delivery(t.QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE id = $1`, id), id)
}

func delivery(row scanner, id string) (DeliveryRow, error) {
	d, err := scanDelivery(row)
	if errors.Is(err, sql.ErrNoRows) {
		return d, radnode.Errorf(radnode.NotFound, "find delivery", "no delivery %.40q is stored here", id)
	}
	return d, databaseError("find delivery", err)
}

// Outbox lists the deliveries that a filter selects, those that wait longest
// first, and how many there are.
func (s *Store) Outbox(ctx context.Context, f radnode.DeliveryFilter) ([]radnode.Delivery, int, error) {
	const op = "list deliveries"
	if f.Limit < 1 || f.Limit > maxLimit || f.Offset < 0 {
		return nil, 0, radnode.Errorf(radnode.Invalid, op, "limit must be 1 to %d and offset at least 0", maxLimit)
	}
	const where = `($1 = '' OR state = $1) AND ($2 = '' OR peer = $2)`
	args := []any{string(f.State), f.Peer}
	var total int
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM deliveries WHERE `+where, args...).Scan(&total); err != nil {
		return nil, 0, databaseError(op, err)
	}
	all, err := deliveries(ctx, s.read, where+fmt.Sprintf(` ORDER BY created_at, id LIMIT %d OFFSET %d`, f.Limit, f.Offset), args...)
	return all, total, err
}

// DeliveryCounts counts the deliveries of each destination by their state.
func (s *Store) DeliveryCounts(ctx context.Context) (map[string]map[radnode.DeliveryState]int, error) {
	type count struct {
		peer  string
		state radnode.DeliveryState
		n     int
	}
	all, err := list(ctx, s.read, func(row scanner) (c count, err error) {
		err = row.Scan(&c.peer, &c.state, &c.n)
		return c, err
	}, `SELECT peer, state, COUNT(*) FROM deliveries GROUP BY peer, state`)
	if err != nil {
		return nil, err
	}
	out := map[string]map[radnode.DeliveryState]int{}
	for _, c := range all {
		if out[c.peer] == nil {
			out[c.peer] = map[radnode.DeliveryState]int{}
		}
		out[c.peer][c.state] = c.n
	}
	return out, nil
}

// Undelivered lists the deliveries that are not proved, the oldest first.
func (t *Tx) Undelivered(ctx context.Context, limit int) ([]string, error) {
	return list(ctx, t, scanText, `SELECT id FROM deliveries WHERE state <> 'delivered' ORDER BY created_at, id LIMIT $1`, limit)
}

// Deliveries lists the deliveries of a report.
func (s *Store) Deliveries(ctx context.Context, reportID string) ([]radnode.Delivery, error) {
	return deliveries(ctx, s.read, `report_id = $1 ORDER BY created_at, id`, reportID)
}

// StudyDeliveries lists the deliveries of all reports of a study, oldest first.
func (t *Tx) StudyDeliveries(ctx context.Context, study radnode.UID) ([]DeliveryRow, error) {
	return list(ctx, t, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE study_uid = $1 ORDER BY created_at, id`, string(study))
}

// Ahead lists the deliveries of the same study to the same peer that were
// ordered before d and are not finished: a peer gets reports in their order.
func (s *Store) Ahead(ctx context.Context, d DeliveryRow) ([]DeliveryRow, error) {
	return list(ctx, s.read, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries
  WHERE study_uid = $1 AND peer = $2 AND state = 'queued' AND id < $3 AND id <> $4 ORDER BY id`, string(d.StudyInstanceUID), d.Peer, d.ID, d.ID)
}

// Overtaken reports whether something that was ordered after d, of the same kind,
// study and peer, has been sent already.
func (s *Store) Overtaken(ctx context.Context, d DeliveryRow) (bool, error) {
	later, err := list(ctx, s.read, scanText, `SELECT id FROM deliveries WHERE study_uid = $1 AND peer = $2 AND kind = $3 AND id > $4
  AND state IN ('sent', 'delivered', 'unprovable') LIMIT 1`, string(d.StudyInstanceUID), d.Peer, d.Kind, d.ID)
	return len(later) > 0, err
}

func deliveries(ctx context.Context, q querier, where string, args ...any) ([]radnode.Delivery, error) {
	return list(ctx, q, func(row scanner) (radnode.Delivery, error) {
		d, err := scanDelivery(row)
		return d.Delivery, err
	}, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+where, args...)
}
