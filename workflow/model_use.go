package workflow

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/radnode/radnode"
)

// The newest analyses and signed reports tell how a model fares; older ones
// were made by other scanners, in other seasons.
const (
	usedAnalyses = 1000
	usedReports  = 1000
)

// ModelUse counts what a version of a model stated lately and what readers
// made of it.
func (w *Workflow) ModelUse(ctx context.Context, id, version string) (radnode.ModelUse, error) {
	u := use{labels: map[string]int{}}
	u.Labels = []radnode.LabelUse{}
	err := w.each(ctx, `SELECT analysis, created_at FROM results WHERE model_id = $1 AND model_version = $2 ORDER BY created_at DESC LIMIT $3`,
		[]any{id, version, usedAnalyses}, u.analysed)
	if err != nil {
		return u.ModelUse, err
	}
	// An amended report names its predecessor's findings again: only the last word counts.
	err = w.each(ctx, `SELECT f.finding, f.decision, f.reading FROM (SELECT id FROM reports WHERE state = 'signed' ORDER BY signed_at DESC LIMIT $3) s
		JOIN report_findings f ON f.report_id = s.id JOIN results r ON r.id = f.result_id
		WHERE r.model_id = $1 AND r.model_version = $2 AND f.decision <> 'undecided'`, []any{id, version, usedReports}, u.decided)
	u.summarise()
	return u.ModelUse, err
}

// use is a ModelUse that grows.
type use struct {
	radnode.ModelUse
	labels map[string]int // index in Labels
	ms     []float64
}

func (u *use) analysed(rows *sql.Rows) error {
	var text string
	var created int64
	if err := rows.Scan(&text, &created); err != nil {
		return err
	}
	var a radnode.Analysis
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	at := time.UnixMicro(created).UTC()
	u.Since = &at
	switch {
	case a.Error != nil:
		if u.Failed++; u.Failed == 1 { // the newest comes first
			u.Error, u.ErrorAt = *a.Error, &at
		}
		return nil
	case !a.Gate.Accepted:
		u.Refused++
		return nil
	}
	u.Read++
	u.ms = append(u.ms, a.Timings.Decode+a.Timings.Preprocess+a.Timings.Inference)
	for _, f := range a.Findings {
		l := u.label(f.Label)
		if f.Present {
			l.Present++
		}
		if f.Probability >= 0 && f.Probability <= 1 {
			l.Scores[min(int(f.Probability*10), 9)]++
		}
	}
	return nil
}

func (u *use) decided(rows *sql.Rows) error {
	var finding, decision, reading string
	if err := rows.Scan(&finding, &decision, &reading); err != nil {
		return err
	}
	var f radnode.Finding
	if err := json.Unmarshal([]byte(finding), &f); err != nil {
		return err
	}
	l := u.label(f.Label)
	switch radnode.Decision(decision) {
	case radnode.Accepted:
		l.Accepted++
		if reading != "" {
			l.Edited++
		}
	case radnode.Rejected:
		l.Rejected++
	}
	return nil
}

func (u *use) label(name string) *radnode.LabelUse {
	i, ok := u.labels[name]
	if !ok {
		i = len(u.Labels)
		u.labels[name] = i
		u.Labels = append(u.Labels, radnode.LabelUse{Label: name})
	}
	return &u.Labels[i]
}

func (u *use) summarise() {
	if len(u.ms) == 0 {
		return
	}
	slices.Sort(u.ms)
	u.MedianMS, u.P95MS = u.ms[len(u.ms)/2], u.ms[(len(u.ms)*95)/100]
}
