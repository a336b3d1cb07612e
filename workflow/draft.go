package workflow

import (
	"cmp"
	"context"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/store"
)

// draft is a draft report on its way into the store.
type draft struct {
	study    radnode.UID
	report   *store.ReportRow // nil: there is nothing to report
	renews   bool             // an existing draft, of version base.Version
	base     *store.ReportRow // the newest report it was made from; nil: none
	results  []radnode.Result
	docs     *documents // nil: none could be made; warning says why
	warnings []string
}

// draft makes the draft report from all results of a study, the new ones
// included. A draft that waits for its reader is renewed and keeps the
// decisions already taken; after a signature it becomes an amendment.
func (w *Workflow) draft(ctx context.Context, study radnode.UID, fresh []store.ResultRow) (*draft, error) {
	filed, err := w.store.Results(ctx, study)
	if err != nil {
		return nil, err
	}
	reports, err := w.store.Reports(ctx, study)
	if err != nil {
		return nil, err
	}
	d := &draft{study: study, results: radnodeResults(append(filed, fresh...))}
	if len(reports) > 0 {
		d.base = &reports[0]
	}
	if !slices.ContainsFunc(fresh, func(r store.ResultRow) bool { return accepted(r.Analysis) }) {
		if len(fresh) > 0 && d.base != nil {
			d.warnings = append(d.warnings, "images that came after the report was made were not analysed: "+firstRefusal(fresh))
		}
		return d, nil
	}
	d.report = &store.ReportRow{Report: radnode.Report{
		ID: store.NewID(), StudyInstanceUID: study, State: radnode.Draft, Version: 1, SOPInstanceUID: radnode.NewUID(), CreatedAt: w.now(),
	}, SeriesUID: radnode.NewUID()}
	var old []radnode.ReportFinding
	if d.base != nil {
		old = d.base.Findings
		d.report.FindingsText, d.report.Impression, d.report.Language = d.base.FindingsText, d.base.Impression, d.base.Language
		d.report.Addenda = d.base.Addenda
		d.report.Predecessor, d.report.SeriesUID = d.base.ID, d.base.SeriesUID
		if d.renews = isOpen(d.base); d.renews {
			d.renew()
		}
	}
	d.report.Findings, d.report.NotAnalysed = w.findings(d.results, old, d.renews)
	return d, nil
}

// renew takes the open report over. A first signature under less than there is
// now falls, and what was to be a mere addendum becomes an amendment that keeps
// its text.
func (d *draft) renew() {
	row := *d.base
	d.report = &row
	if row.State == radnode.AwaitingSecond {
		d.report.State, d.report.SignedAt, d.report.SignedBy, d.report.Signer = radnode.Draft, nil, "", ""
		d.warnings = append(d.warnings, "images came after the first signature, which is void now: sign the report again")
	}
	if n := len(row.Addenda); addendumOnly(d.base) {
		d.report.Impression = strings.TrimSpace(row.Impression + "\n\n" + row.Addenda[n-1].Text)
		d.report.Addenda = slices.Clone(row.Addenda[:n-1])
		d.warnings = append(d.warnings, "images came while an addendum was written: it is part of the impression of an amendment now")
	}
}

func firstRefusal(rows []store.ResultRow) string {
	for _, r := range rows {
		if !accepted(r.Analysis) {
			return refusal(r.Analysis)
		}
	}
	return ""
}

// place says which finding of which image a finding is, whatever the report.
type place struct {
	sop    radnode.UID
	frame  int
	digest string
	label  string
}

func placeOf(f radnode.ReportFinding) place {
	return place{f.SOPInstanceUID, f.Frame, f.Model.Digest, f.Finding.Label}
}

// findings lists what the models found, most urgent first, and why others did
// not read. Decisions of an earlier version are taken over where the finding
// is the same; in the same report it keeps its ID too.
// What a reader added stays, behind the others.
func (w *Workflow) findings(results []radnode.Result, old []radnode.ReportFinding, same bool) ([]radnode.ReportFinding, []string) {
	all, refused, added := []radnode.ReportFinding{}, []string{}, []radnode.ReportFinding{}
	decided := map[place]radnode.ReportFinding{}
	boxes := []radnode.ReportFinding{}
	for _, f := range old {
		switch {
		case f.Added():
		case f.Finding.Region != nil:
			boxes = append(boxes, f)
			continue
		default:
			decided[placeOf(f)] = f
			continue
		}
		if !same {
			f.ID = store.NewID()
		}
		added = append(added, f)
	}
	for _, r := range results {
		if !accepted(r.Analysis) {
			if text := refusal(r.Analysis); !slices.Contains(refused, text) {
				refused = append(refused, text)
			}
			continue
		}
		for _, finding := range r.Findings {
			f := radnode.ReportFinding{
				ID: store.NewID(), ResultID: r.ID, SOPInstanceUID: r.SOPInstanceUID, Frame: r.Frame, Model: r.Model,
				Finding: finding, Decision: radnode.Undecided,
			}
			o, ok := decided[placeOf(f)]
			if finding.Region != nil {
				at := sameBox(boxes, f)
				if ok = at >= 0; ok {
					o = boxes[at]
					boxes = slices.Delete(boxes, at, at+1) // each decision is about one box
				}
			}
			if ok {
				f.Decision, f.Reason, f.DecidedBy, f.DecidedAt, f.Reading = o.Decision, o.Reason, o.DecidedBy, o.DecidedAt, o.Reading
				if same {
					f.ID = o.ID // the page that shows it goes on working
				}
			}
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, w.compare)
	return append(all, added...), refused
}

// boxShift is how far, in pixels, the corners of a box may move when an image
// is read again, on another device as a rule.
const boxShift = 2

// sameBox finds what was decided about a box: the order of the boxes of an
// image, and with it their labels, may be another one each time. -1: nothing.
func sameBox(old []radnode.ReportFinding, f radnode.ReportFinding) int {
	return slices.IndexFunc(old, func(o radnode.ReportFinding) bool {
		a, b := placeOf(o), placeOf(f)
		a.label, b.label = labelOfBox(a.label), labelOfBox(b.label)
		was, is := o.Finding.Region.Points, f.Finding.Region.Points
		if a != b || len(was) != len(is) {
			return false
		}
		moved := 0.0
		for i := range was {
			moved = max(moved, math.Abs(was[i]-is[i]))
		}
		return moved <= boxShift
	})
}

// boxNumber ends the labels of all boxes but the first of a label.
var boxNumber = regexp.MustCompile(`_[0-9]+$`)

func labelOfBox(label string) string { return boxNumber.ReplaceAllString(label, "") }

// compare orders findings: present before absent, urgent before other, coded
// before technical, probable before less so.
func (w *Workflow) compare(a, b radnode.ReportFinding) int {
	return cmp.Or(
		order(b.Finding.Present, a.Finding.Present),
		cmp.Compare(w.Urgency(b.Model, b.Finding.Label), w.Urgency(a.Model, a.Finding.Label)),
		order(b.Finding.Code != nil, a.Finding.Code != nil),
		cmp.Compare(b.Finding.Probability, a.Finding.Probability),
	)
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// authorDraft writes the unverified document of the draft. If none can be
// made, the draft stands without one and the page says why.
func (w *Workflow) authorDraft(ctx context.Context, d *draft) error {
	if d.report == nil || w.Author == nil {
		return nil
	}
	var earlier radnode.UID
	if d.base != nil {
		earlier = d.base.SOPInstanceUID
		if d.renews {
			earlier = d.base.DraftUID
		}
	}
	predecessors, err := w.instances(ctx, earlier)
	if err != nil {
		return err
	}
	uid := radnode.NewUID()
	d.docs, err = w.write(ctx, Document{
		SOPInstanceUID: uid, SeriesInstanceUID: d.report.SeriesUID, Report: d.report.Report, Results: d.results, Predecessors: predecessors,
	})
	switch radnode.CodeOf(err) {
	case "":
		d.report.DraftUID = uid
		return nil
	case radnode.Unavailable, radnode.NoResources, radnode.Canceled:
		return err
	}
	w.Log.Error("draft document not made", "study", d.study, "error", err)
	d.warnings = append(d.warnings, "the draft has no DICOM document: "+radnode.MessageOf(err))
	return nil
}

// fileDraft writes the rows of the draft, if it is still what it was made
// from.
func (w *Workflow) fileDraft(ctx context.Context, tx *store.Tx, d *draft) error {
	for _, text := range d.warnings {
		if err := tx.Warn(ctx, d.study, text); err != nil {
			return err
		}
	}
	if err := sameBase(ctx, tx, d); err != nil || d.report == nil {
		return err
	}
	if d.docs != nil {
		if err := tx.AddAuthored(ctx, &d.docs.root().Record); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() {
		w.events.publish(radnode.Event{Kind: "report", StudyInstanceUID: d.study, ID: d.report.ID})
	})
	if d.renews {
		return tx.RenewDraft(ctx, d.report, d.base.Version)
	}
	return tx.AddReport(ctx, d.report)
}

// sameBase answers Conflict when the reports of the study have changed since
// the draft was made.
func sameBase(ctx context.Context, tx *store.Tx, d *draft) error {
	reports, err := tx.Reports(ctx, d.study)
	if err != nil {
		return err
	}
	same := len(reports) == 0 && d.base == nil ||
		len(reports) > 0 && d.base != nil && reports[0].ID == d.base.ID && reports[0].Version == d.base.Version
	if !same {
		return radnode.Errorf(radnode.Conflict, "file draft", "the report was changed meanwhile")
	}
	return nil
}

func (d *draft) keep() error {
	if d.docs == nil {
		return nil
	}
	return d.docs.keep()
}

func (w *Workflow) discardDraft(d *draft) {
	if d.docs != nil {
		w.discardAll(d.docs)
	}
}
