package workflow

import (
	"context"
	"database/sql"
	"time"

	"github.com/radnode/radnode"
)

// activityHours is how far back Activity looks.
const activityHours = 24

// hourly are the counts of Activity: hour, number and images since a time, all
// in microseconds. They read narrow rows only.
var hourly = []struct {
	query string
	add   func(h *radnode.ActivityHour, count, images int)
}{
	{`SELECT last_received_at / 3600000000, COUNT(*), SUM(instance_count) FROM studies WHERE last_received_at >= $1 GROUP BY 1`,
		func(h *radnode.ActivityHour, count, images int) { h.Studies, h.Images = count, images }},
	{`SELECT created_at / 3600000000, COUNT(*), 0 FROM reports WHERE created_at >= $1 GROUP BY 1`,
		func(h *radnode.ActivityHour, count, _ int) { h.Drafted = count }},
	{`SELECT signed_at / 3600000000, COUNT(*), 0 FROM reports WHERE signed_at >= $1 GROUP BY 1`,
		func(h *radnode.ActivityHour, count, _ int) { h.Signed = count }},
	{`SELECT updated_at / 3600000000, COUNT(*), 0 FROM deliveries WHERE state = 'delivered' AND updated_at >= $1 GROUP BY 1`,
		func(h *radnode.ActivityHour, count, _ int) { h.Delivered = count }},
}

// Activity counts what was done in the last day by the hour, and what waits.
func (w *Workflow) Activity(ctx context.Context) (radnode.Activity, error) {
	now := time.Now().UTC()
	first := now.Truncate(time.Hour).Add(-(activityHours - 1) * time.Hour)
	a := radnode.Activity{Hours: make([]radnode.ActivityHour, activityHours), Queues: []radnode.QueueDepth{}}
	for i := range a.Hours {
		a.Hours[i].Begin = first.Add(time.Duration(i) * time.Hour)
	}
	for _, c := range hourly {
		err := w.each(ctx, c.query, []any{first.UnixMicro()}, func(rows *sql.Rows) error {
			var hour int64
			var count, images int
			if err := rows.Scan(&hour, &count, &images); err != nil {
				return err
			}
			if i := hour - first.Unix()/3600; i >= 0 && i < activityHours {
				c.add(&a.Hours[i], count, images)
			}
			return nil
		})
		if err != nil {
			return a, err
		}
	}
	err := w.each(ctx, `SELECT kind, SUM(CASE WHEN state = 'queued' AND run_at <= $1 THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'queued' AND run_at > $1 THEN 1 ELSE 0 END),
		SUM(CASE WHEN state = 'running' THEN 1 ELSE 0 END), MAX(error) FROM jobs GROUP BY kind ORDER BY kind`, []any{now.UnixMicro()}, func(rows *sql.Rows) error {
		var q radnode.QueueDepth
		if err := rows.Scan(&q.Kind, &q.Due, &q.Later, &q.Running, &q.Error); err != nil {
			return err
		}
		a.Queues = append(a.Queues, q)
		return nil
	})
	return a, err
}

func (w *Workflow) each(ctx context.Context, query string, args []any, row func(*sql.Rows) error) error {
	const op = "count activity"
	rows, err := w.store.Reader().QueryContext(ctx, query, args...)
	if err != nil {
		return radnode.Errorf(radnode.Unavailable, op, "the index cannot be read: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	for rows.Next() {
		if err := row(rows); err != nil {
			return radnode.Errorf(radnode.Unavailable, op, "the index cannot be read: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return radnode.Errorf(radnode.Unavailable, op, "the index cannot be read: %w", err)
	}
	return nil
}
