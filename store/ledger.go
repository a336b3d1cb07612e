package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/radnode/radnode"
)

// settled is the age from which a file or folder without a row is no work
// under way any more.
const settled = 10 * time.Minute

// defined lists the states that each kind of row may be in.
var defined = map[string][]string{
	"instance": {string(Waiting), string(Analysed), string(NotAnalysed), string(Own)},
	"study": {string(radnode.Arriving), string(radnode.Analysing), string(radnode.ToReview), string(radnode.NotAnalysed),
		string(radnode.Signed), string(radnode.Delivered), string(radnode.Undelivered)},
	"result": {"accepted", "refused"},
	"report": {string(radnode.Draft), string(radnode.AwaitingSecond), string(radnode.Final), string(radnode.Superseded)},
	"delivery": {string(radnode.DeliveryQueued), string(radnode.DeliverySent), string(radnode.DeliveryProven),
		string(radnode.DeliveryUnprovable), string(radnode.DeliveryFailed)},
}

// counts are the queries of the balance: state and number.
var counts = []struct{ kind, query string }{
	{"instance", `SELECT status, COUNT(*) FROM instances GROUP BY status ORDER BY status`},
	{"variant", `SELECT 'kept_apart', COUNT(*) FROM variants HAVING COUNT(*) > 0`},
	{"study", `SELECT state, COUNT(*) FROM studies GROUP BY state ORDER BY state`},
	{"result", `SELECT CASE accepted WHEN 1 THEN 'accepted' ELSE 'refused' END, COUNT(*) FROM results GROUP BY accepted ORDER BY accepted`},
	{"report", `SELECT state, COUNT(*) FROM reports GROUP BY state ORDER BY state`},
	{"delivery", `SELECT state, COUNT(*) FROM deliveries GROUP BY state ORDER BY state`},
}

// gaps are queries whose answer must be empty: what hangs in the air.
var gaps = []struct{ kind, state, detail, query string }{
	{"study", "without instances", "study without any instance",
		`SELECT study_uid FROM studies WHERE NOT EXISTS (SELECT 1 FROM instances i WHERE i.study_uid = studies.study_uid)`},
	{"result", "without instance", "result of an instance that is gone",
		`SELECT id FROM results WHERE NOT EXISTS (SELECT 1 FROM instances i WHERE i.sop_uid = results.sop_uid)`},
	{"instance", "without result", "instance counted as analysed without a result",
		`SELECT sop_uid FROM instances WHERE status = 'analysed' AND NOT EXISTS (SELECT 1 FROM results r WHERE r.sop_uid = instances.sop_uid)`},
	{"report", "without document", "signed report whose document is gone",
		`SELECT id FROM reports WHERE state NOT IN ('draft', 'awaiting_second') AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.sop_uid = reports.sop_uid)`},
	{"delivery", "without document", "delivery of a document that is gone",
		`SELECT id FROM deliveries WHERE NOT EXISTS (SELECT 1 FROM instances i WHERE i.sop_uid = deliveries.sop_uid)`},
}

// Ledger balances everything the store accepted: each row by its state, and
// whatever hangs in the air as unaccounted. It reads every row and looks at
// every file.
func (s *Store) Ledger(ctx context.Context) ([]radnode.LedgerRow, error) {
	var rows []radnode.LedgerRow
	for _, c := range counts {
		more, err := list(ctx, s.read, func(row scanner) (radnode.LedgerRow, error) {
			r := radnode.LedgerRow{Kind: c.kind}
			return r, row.Scan(&r.State, &r.Count)
		}, c.query)
		if err != nil {
			return nil, err
		}
		for i := range more {
			if states := defined[c.kind]; states != nil && !contains(states, more[i].State) {
				more[i].Unaccounted, more[i].Detail = true, "this is no state of the node"
			}
		}
		rows = append(rows, more...)
	}
	for _, g := range gaps {
		found, err := list(ctx, s.read, scanText, g.query)
		if err != nil {
			return nil, err
		}
		rows = appendUnaccounted(rows, g.kind, g.state, g.detail, found)
	}
	return s.ledgerFiles(ctx, rows)
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// shown is how many of the things that are wrong a ledger row names.
const shown = 5

func appendUnaccounted(rows []radnode.LedgerRow, kind, state, detail string, found []string) []radnode.LedgerRow {
	if len(found) == 0 {
		return rows
	}
	return append(rows, radnode.LedgerRow{Kind: kind, State: state, Count: int64(len(found)), Unaccounted: true,
		Detail: fmt.Sprintf("%s: %s", detail, firstOf(found))})
}

func firstOf(found []string) string {
	text := ""
	for i, f := range found {
		if i == shown {
			return text + fmt.Sprintf(" and %d more", len(found)-shown)
		}
		if i > 0 {
			text += ", "
		}
		text += f
	}
	return text
}

// ledgerFiles compares rows with files, both ways.
func (s *Store) ledgerFiles(ctx context.Context, rows []radnode.LedgerRow) ([]radnode.LedgerRow, error) {
	lost, err := s.lostFiles(ctx)
	if err != nil {
		return nil, err
	}
	rows = appendUnaccounted(rows, "file", "missing", "rows whose file is gone or has another size", lost)
	names, err := generations(s.files.root)
	if err != nil {
		return nil, err
	}
	var strays []string
	for _, name := range names {
		err := s.eachFile(ctx, name, func(rel string) error {
			stray, err := s.stray(ctx, rel)
			if stray {
				strays = append(strays, rel)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	rows = appendUnaccounted(rows, "file", "without row", "files that no row names", strays)
	entries, err := os.ReadDir(s.quarantine())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fileError("read quarantine", err)
	}
	if len(entries) > 0 {
		rows = append(rows, radnode.LedgerRow{Kind: "file", State: "quarantined", Count: int64(len(entries)),
			Detail: "complete files that were never acknowledged, in " + filepath.Base(s.quarantine())})
	}
	return rows, nil
}

// lostFiles lists the rows whose file is not there in full.
func (s *Store) lostFiles(ctx context.Context) ([]string, error) {
	const op = "check files"
	rows, err := s.query(ctx, `SELECT sop_uid, file, size FROM instances UNION ALL SELECT sop_uid, file, size FROM variants`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	var lost []string
	for rows.Next() {
		var uid, file string
		var size int64
		if err := rows.Scan(&uid, &file, &size); err != nil {
			return nil, databaseError(op, err)
		}
		info, err := os.Stat(s.Path(file))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fileError(op, err)
		}
		if err != nil || info.Size() != size {
			lost = append(lost, uid)
		}
	}
	return lost, databaseError(op, rows.Err())
}

// stray reports whether a settled file has no row.
func (s *Store) stray(ctx context.Context, rel string) (bool, error) {
	info, err := os.Stat(s.Path(rel))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fileError("check files", err)
	}
	if time.Since(info.ModTime()) < settled {
		return false, nil
	}
	indexed, err := s.indexed(ctx, rel)
	if indexed || err != nil {
		return false, err
	}
	leaving, err := list(ctx, s.read, scanText, `SELECT file FROM removals WHERE file = $1`, rel)
	return len(leaving) == 0, err
}
