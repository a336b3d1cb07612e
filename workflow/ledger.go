package workflow

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/jobs"
)

// open queries list the work that a job must stand behind.
var openWork = []struct{ kind, state, job, detail, query string }{
	{"study", "without job", analyzeJob, "study that waits to be read, without a job",
		`SELECT study_uid FROM studies WHERE state IN ('arriving', 'analysing')`},
	{"instance", "without job", analyzeJob, "instance that waits to be read in a study without a job",
		`SELECT DISTINCT study_uid FROM instances WHERE status = 'received'`},
	{"delivery", "without job", deliverJob, "open delivery without a job",
		`SELECT id FROM deliveries WHERE state IN ('queued', 'sent')`},
}

// Ledger balances everything the node accepted: every instance, study, result,
// report and delivery by its state. What is in no defined state, has lost its
// file, or waits without a job is marked as unaccounted.
func (w *Workflow) Ledger(ctx context.Context) ([]radnode.LedgerRow, error) {
	rows, err := w.store.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range openWork {
		missing, err := w.withoutJob(ctx, o.query, o.job)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			rows = append(rows, radnode.LedgerRow{
				Kind: o.kind, State: o.state, Count: int64(len(missing)), Unaccounted: true,
				Detail: fmt.Sprintf("%s: %s", o.detail, strings.Join(missing[:min(5, len(missing))], ", ")),
			})
		}
	}
	return rows, nil
}

// Verify is Ledger after reading every stored file: each whose bytes differ from
// its digest is a line of its own, marked as unaccounted.
func (w *Workflow) Verify(ctx context.Context) ([]radnode.LedgerRow, error) {
	rows, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	damaged, err := w.store.Verify(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range damaged {
		rows = append(rows, radnode.LedgerRow{
			Kind: "file", State: "damaged", Count: 1, Unaccounted: true, Detail: fmt.Sprintf("%s: %s: %s", d.SOPInstanceUID, d.File, d.Problem),
		})
	}
	return rows, nil
}

// Balanced reports whether a ledger accounts for everything.
func Balanced(rows []radnode.LedgerRow) bool {
	for _, r := range rows {
		if r.Unaccounted {
			return false
		}
	}
	return true
}

// withoutJob lists what a query finds and no job stands behind. Work and jobs
// are read in one snapshot: on a running node they change together.
func (w *Workflow) withoutJob(ctx context.Context, query, job string) ([]string, error) {
	const op = "read ledger"
	tx, err := w.store.Reader().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, op, "the index cannot be read: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	keys, err := jobs.Keys(ctx, tx, job)
	if err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, op, "the queue cannot be read: %w", err)
	}
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, op, "the index cannot be read: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	var missing []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, radnode.Errorf(radnode.Unavailable, op, "the index cannot be read: %w", err)
		}
		if !keys[key] {
			missing = append(missing, key)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, op, "the index cannot be read: %w", err)
	}
	return missing, nil
}
