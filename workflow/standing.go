package workflow

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

// topFindings is how many findings a worklist row names.
const topFindings = 3

// stand works out from the rows where a study stands, and writes it. It is the
// only place that decides a study's state once its images are read.
func (w *Workflow) stand(ctx context.Context, tx *store.Tx, study radnode.UID) error {
	standings, err := tx.Standings(ctx, study)
	if err != nil {
		return err
	}
	reports, err := tx.Reports(ctx, study)
	if err != nil {
		return err
	}
	st := store.StudyStanding{State: radnode.NotAnalysed, Reason: notAnalysedReason(standings)}
	if len(reports) > 0 {
		w.standOfReport(&st, &reports[0])
		if st.Reader == "" && reports[0].Predecessor != "" && len(reports) > 1 {
			st.Reader = reports[1].SignedBy
		}
	}
	if slices.ContainsFunc(standings, func(s store.Standing) bool { return s.Status == store.Waiting }) {
		st.State, st.Reason = radnode.Arriving, store.ArrivingReason
	}
	if err := w.weigh(ctx, tx, study); err != nil {
		return err
	}
	return tx.SetStanding(ctx, study, st)
}

// notAnalysedReason says why no image of a study was read.
func notAnalysedReason(standings []store.Standing) string {
	var reasons []string
	for _, s := range standings {
		if s.Reason != "" {
			reasons = append(reasons, report.Bare(s.Reason))
		}
	}
	if len(reasons) == 0 {
		return "not analysed"
	}
	text := strings.Join(reasons[:min(len(reasons), topFindings)], "; ")
	if more := len(reasons) - topFindings; more > 0 {
		text += fmt.Sprintf(" and %d more reasons", more)
	}
	return notAnalysed(text)
}

// standOfReport is where a study stands by its newest report.
func (w *Workflow) standOfReport(st *store.StudyStanding, r *store.ReportRow) {
	st.Findings = top(r.Findings)
	st.Assessed = slices.ContainsFunc(r.Findings, func(f radnode.ReportFinding) bool { return !f.Added() && f.Finding.Code != nil })
	st.Reader = r.SignedBy
	if isOpen(r) {
		st.State, st.Reason = radnode.ToReview, "the draft report waits for a reader"
		switch {
		case r.State == radnode.AwaitingSecond:
			st.Reason = "signed once; the report waits for its second reader"
		case addendumOnly(r):
			st.Reason = "an addendum to the signed report waits for a reader"
		case r.Predecessor != "":
			st.Reason = "an amendment of the signed report waits for a reader"
		}
		for _, f := range r.Findings {
			if f.Stated().Present && f.Decision != radnode.Rejected {
				st.Urgency = max(st.Urgency, w.Urgency(f.Model, f.Finding.Label))
			}
		}
		return
	}
	st.State, st.Reason, st.DeliveryState = deliveryStanding(r.Deliveries)
}

// top names the first present findings with their probability in percent.
// Technical labels, which have no code, are no findings for a worklist.
func top(findings []radnode.ReportFinding) []string {
	list := []string{}
	for _, f := range findings {
		stated := f.Stated()
		if !stated.Present || stated.Code == nil || f.Decision == radnode.Rejected {
			continue
		}
		text := fmt.Sprintf("%s %d", stated.Label, report.Percent(stated.Probability))
		if m := stated.Measurement; f.Reading == nil && stated.IsNumber() {
			text = stated.Label + " " + report.Amount(*m)
		} else if f.Reading != nil {
			text = stated.Label // no model gave it this probability
		}
		if len(list) < topFindings && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// deliveryStanding is where a signed report stands: as far as the worst of its
// deliveries.
func deliveryStanding(all []radnode.Delivery) (state radnode.StudyState, reason, delivery string) {
	if len(all) == 0 {
		return radnode.Signed, "signed; no destination is configured", ""
	}
	by := map[radnode.DeliveryState][]string{}
	for _, d := range all {
		if !slices.Contains(by[d.State], d.Peer) {
			by[d.State] = append(by[d.State], d.Peer)
		}
	}
	for _, d := range all {
		if d.State == radnode.DeliveryFailed && !d.Optional {
			return radnode.Undelivered, d.Peer + ": " + d.Error, string(d.State)
		}
	}
	if q := by[radnode.DeliveryQueued]; len(q) > 0 {
		return radnode.Signed, "signed; on its way to " + strings.Join(q, ", "), string(radnode.DeliveryQueued)
	}
	if s := by[radnode.DeliverySent]; len(s) > 0 {
		return radnode.Signed, "signed; sent to " + strings.Join(s, ", ") + ", the proof is outstanding", string(radnode.DeliverySent)
	}
	for _, d := range all {
		if d.State == radnode.DeliveryUnprovable && !d.Optional {
			return radnode.Signed, "signed; " + d.Peer + ": " + d.Proof, string(d.State)
		}
	}
	return radnode.Delivered, "delivered to " + strings.Join(by[radnode.DeliveryProven], ", "), string(radnode.DeliveryProven)
}
