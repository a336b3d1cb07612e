package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/radnode/radnode"
)

// DeliveryRow is a delivery as it is filed.
type DeliveryRow struct {
	radnode.Delivery
	Study     radnode.UID
	StartedAt time.Time // begin of the present series of attempts
	CreatedAt time.Time
}

// AddDelivery files a delivery. The same object to the same peer is one
// delivery, whoever asks for it again.
func (t *Tx) AddDelivery(ctx context.Context, d *DeliveryRow) error {
	_, err := t.ExecContext(ctx, `INSERT INTO deliveries (id, report_id, study_uid, peer, kind, sop_uid, state, proof, attempts, error,
  next_attempt, started_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		d.ID, d.ReportID, string(d.Study), d.Peer, d.Kind, string(d.SOPInstanceUID), string(d.State), d.Proof, d.Attempts, d.Error,
		nextAttempt(d), micros(d.StartedAt), micros(d.CreatedAt), micros(d.UpdatedAt))
	return databaseError("file delivery", err)
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
  started_at = $6, updated_at = $7 WHERE id = $8`, string(d.State), clip(d.Proof), d.Attempts, clip(d.Error), nextAttempt(d),
		micros(d.StartedAt), micros(d.UpdatedAt), d.ID)
}

const deliveryColumns = `id, report_id, study_uid, peer, kind, sop_uid, state, proof, attempts, error, next_attempt, started_at, created_at, updated_at`

func scanDelivery(row scanner) (DeliveryRow, error) {
	var d DeliveryRow
	var next, started, created, updated int64
	err := row.Scan(&d.ID, &d.ReportID, &d.Study, &d.Peer, &d.Kind, &d.SOPInstanceUID, &d.State, &d.Proof, &d.Attempts, &d.Error,
		&next, &started, &created, &updated)
	d.NextAttempt, d.StartedAt, d.CreatedAt, d.UpdatedAt = timePointer(next), timeOf(started), timeOf(created), timeOf(updated)
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

// Deliveries lists the deliveries of a report.
func (s *Store) Deliveries(ctx context.Context, reportID string) ([]radnode.Delivery, error) {
	return deliveries(ctx, s.read, `report_id = $1`, reportID)
}

// StudyDeliveries lists the deliveries of all reports of a study, oldest first.
func (t *Tx) StudyDeliveries(ctx context.Context, study radnode.UID) ([]DeliveryRow, error) {
	return list(ctx, t, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE study_uid = $1 ORDER BY created_at, id`, string(study))
}

// Ahead lists the deliveries of the same study to the same peer that were
// ordered before d and are not finished: a peer gets reports in their order.
func (s *Store) Ahead(ctx context.Context, d DeliveryRow) ([]DeliveryRow, error) {
	return list(ctx, s.read, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries
  WHERE study_uid = $1 AND peer = $2 AND state = 'queued' AND id < $3 AND id <> $4 ORDER BY id`, string(d.Study), d.Peer, d.ID, d.ID)
}

func deliveries(ctx context.Context, q querier, where string, arg any) ([]radnode.Delivery, error) {
	return list(ctx, q, func(row scanner) (radnode.Delivery, error) {
		d, err := scanDelivery(row)
		return d.Delivery, err
	}, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+where+` ORDER BY created_at, id`, arg)
}
