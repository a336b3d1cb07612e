package workflow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

// rung is a class that a report can be sent in.
type rung struct {
	class radnode.UID
	kind  string
	name  string
}

// ladder lists them, the best first: a destination that refuses one gets the
// next that it takes. Basic Text, which knows neither numbers nor places, is
// followed by pictures.
var ladder = []rung{
	{dicom.Comprehensive3DSRStorage, report.KindSR, "Comprehensive 3D SR"},
	{dicom.ComprehensiveSRStorage, report.KindSR, "Comprehensive SR"},
	{dicom.EnhancedSRStorage, report.KindSR, "Enhanced SR"},
	{dicom.BasicTextSRStorage, report.KindSR, "Basic Text SR"},
	{dicom.EncapsulatedPDFStorage, report.KindPDF, "Encapsulated PDF"},
	{dicom.SecondaryCaptureImageStorage, report.KindCapture, "Secondary Capture"},
}

// remembered is how long a refusal of a class counts: a destination that was
// upgraded gets the best class again after it.
const remembered = 24 * time.Hour

// refusals are the classes that a destination refuses, as far as is known.
func (w *Workflow) refusals(ctx context.Context, peer string) (map[radnode.UID]bool, error) {
	known, err := w.store.Abilities(ctx, peer)
	if err != nil {
		return nil, err
	}
	out := map[radnode.UID]bool{}
	for _, c := range classesOf(known, w.now()) {
		out[c.SOPClassUID] = !c.Accepted
	}
	return out, nil
}

// classesOf are the abilities about SOP classes as such that still count.
func classesOf(known []radnode.PeerAbility, now time.Time) []radnode.PeerAbility {
	var classes []radnode.PeerAbility
	for _, a := range known {
		if a.TransferSyntaxUID == "" && now.Sub(a.At) <= remembered {
			classes = append(classes, a)
		}
	}
	return classes
}

// stepAhead steps down before anything is sent where the class of a report is
// known to be refused.
func (w *Workflow) stepAhead(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer) (stepped bool, err error) {
	if !isReport(d) {
		return false, nil
	}
	rec, err := w.store.Instance(ctx, d.SOPInstanceUID)
	if err != nil {
		return false, err
	}
	refused, err := w.refusals(ctx, peer.Name)
	if err != nil || !refused[rec.SOPClassUID] {
		return false, err
	}
	return true, w.stepDown(ctx, d, peer, rec.SOPClassUID, nil)
}

// stepDown gives a destination that refuses a class the next one of the ladder
// that it takes. cause is the refusal; nil: it is remembered.
func (w *Workflow) stepDown(ctx context.Context, d *store.DeliveryRow, peer radnode.Peer, class radnode.UID, cause error) error {
	at := slices.IndexFunc(ladder, func(r rung) bool { return r.class == class })
	if cause != nil {
		d.Attempts++
	}
	if !isReport(d) || at < 0 {
		return w.failed(ctx, d, reasonOf(cause), w.answered(d.Peer))
	}
	refused, err := w.refusals(ctx, peer.Name)
	if err != nil {
		return err
	}
	learned := map[radnode.UID]bool{}
	if cause != nil {
		if learned, err = w.ask(ctx, peer, ladder[at+1:]); err != nil {
			return w.putOff(ctx, d, err)
		}
		learned[class] = false
	}
	for c, taken := range learned {
		refused[c] = !taken
	}
	for _, r := range ladder[at+1:] {
		if refused[r.class] {
			continue
		}
		if done, err := w.step(ctx, d, r, refused, learned); done || err != nil {
			return err
		}
	}
	reason := "the destination takes the report in no class it can be sent in: it refuses " + namesOf(refused)
	if cause != nil {
		reason += "; its last answer: " + reasonOf(cause)
	}
	d.State, d.Error, d.Note, d.NextAttempt = radnode.DeliveryFailed, reason, "", nil
	return w.fileDelivery(ctx, d, "failed: "+reason, w.answered(d.Peer), w.learn(d.Peer, learned))
}

// ask finds out which classes of some rungs a destination takes; empty: it does
// not tell before it is sent one.
func (w *Workflow) ask(ctx context.Context, peer radnode.Peer, rungs []rung) (map[radnode.UID]bool, error) {
	var classes []radnode.UID
	for _, r := range rungs {
		classes = append(classes, r.class)
	}
	if len(classes) == 0 {
		return map[radnode.UID]bool{}, nil
	}
	takes, err := w.Sender.Takes(ctx, peer, classes)
	if takes == nil {
		takes = map[radnode.UID]bool{}
	}
	return takes, err
}

// namesOf names the refused classes of the ladder.
func namesOf(refused map[radnode.UID]bool) string {
	var names []string
	for _, r := range ladder {
		if refused[r.class] {
			names = append(names, r.name)
		}
	}
	return strings.Join(names, ", ")
}

// learn is the effect of what a destination was found to take or refuse.
func (w *Workflow) learn(peer string, learned map[radnode.UID]bool) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		var answers []radnode.PeerAbility
		for class, taken := range learned {
			answers = append(answers, radnode.PeerAbility{SOPClassUID: class, Accepted: taken, At: w.now()})
		}
		return tx.Learn(ctx, peer, answers)
	}
}

// step makes the report in the class of a rung, under the identity that it has
// in that class, and lets the delivery carry it. done is false where there is
// no such object, or it goes there anyway.
func (w *Workflow) step(ctx context.Context, d *store.DeliveryRow, to rung, refused, learned map[radnode.UID]bool) (done bool, err error) {
	r, err := w.store.Report(ctx, d.ReportID)
	if err != nil {
		return false, err
	}
	docs, err := w.rungDocuments(ctx, r, to)
	if err != nil {
		return true, w.putOff(ctx, d, own{err})
	}
	defer w.discardAll(docs)
	if len(docs.all) == 0 || goes(r, d.Peer, docs.all[0].SOPInstanceUID) {
		return false, nil
	}
	at := w.now()
	d.SOPInstanceUID, d.Error, d.NextAttempt = docs.all[0].SOPInstanceUID, "", &at
	d.Note = fmt.Sprintf("sent as %s: the destination refuses %s", to.name, namesOf(refused))
	add := &addition{w: w, report: r, peer: d.Peer, docs: docs, beside: 1, note: "goes with the " + to.name}
	if err := w.fileDelivery(ctx, d, "", w.answered(d.Peer), w.learn(d.Peer, learned), add.file); err != nil {
		return true, err
	}
	add.keep()
	w.Trace("deliver.stepped")
	return true, jobs.Snooze(at)
}

// addition files documents that are made for a delivery that was ordered before.
type addition struct {
	w      *Workflow
	report *store.ReportRow
	peer   string
	docs   *documents
	beside int // from this one on they are deliveries of their own
	note   string
	added  map[radnode.UID]bool
}

// file writes the rows; what was made for another destination is there already.
func (a *addition) file(ctx context.Context, tx *store.Tx) error {
	a.added = map[radnode.UID]bool{}
	for i, doc := range a.docs.all {
		switch _, err := tx.Instance(ctx, doc.SOPInstanceUID); radnode.CodeOf(err) {
		case "":
		case radnode.NotFound:
			if err := tx.AddAuthored(ctx, &doc.Record); err != nil {
				return err
			}
			a.added[doc.SOPInstanceUID] = true
		default:
			return err
		}
		if i < a.beside || goes(a.report, a.peer, doc.SOPInstanceUID) {
			continue
		}
		d := radnode.Delivery{Peer: a.peer, Kind: doc.kind, SOPInstanceUID: doc.SOPInstanceUID, Optional: true, Note: a.note}
		if err := a.w.orderOne(ctx, tx, a.report, d, a.w.now()); err != nil {
			return err
		}
	}
	return nil
}

// keep closes the files that got a row.
func (a *addition) keep() {
	for _, doc := range a.docs.all {
		if !a.added[doc.SOPInstanceUID] {
			continue
		}
		if err := doc.file.Keep(); err != nil {
			a.w.Log.Warn("file of a report not closed", "report", a.report.ID, "error", err)
		}
	}
}

// pictures makes what goes beside a report that arrived as Basic Text: it knows
// no places. nil: nothing does.
func (w *Workflow) pictures(ctx context.Context, d *store.DeliveryRow, class radnode.UID) (*addition, error) {
	if !isReport(d) || class != dicom.BasicTextSRStorage {
		return nil, nil
	}
	r, err := w.store.Report(ctx, d.ReportID)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(r.Deliveries, func(o radnode.Delivery) bool { return o.Peer == d.Peer && o.Kind == report.KindCapture }) {
		return nil, nil // they were ordered
	}
	docs, err := w.rungDocuments(ctx, r, rung{kind: report.KindCapture})
	if err != nil {
		return nil, err
	}
	return &addition{w: w, report: r, peer: d.Peer, docs: docs, note: "goes with the Basic Text SR"}, nil
}

// goes reports whether an object of a report is ordered for a destination.
func goes(r *store.ReportRow, peer string, object radnode.UID) bool {
	return slices.ContainsFunc(r.Deliveries, func(d radnode.Delivery) bool { return d.Peer == peer && d.SOPInstanceUID == object })
}

// rungDocuments makes what goes to a destination on a rung.
func (w *Workflow) rungDocuments(ctx context.Context, r *store.ReportRow, to rung) (*documents, error) {
	doc, err := w.signedDocument(ctx, r)
	if err != nil {
		return nil, err
	}
	doc.Kinds = []string{to.kind}
	if to.kind == report.KindSR {
		doc.Class, doc.Kinds = to.class, companionsOf(r)
		if err := w.inClass(ctx, doc.Predecessors, to.class); err != nil {
			return nil, err
		}
	}
	return w.write(ctx, doc, to.kind)
}

// inClass replaces documents by what was made of them in a class: a destination
// that takes no other has those.
func (w *Workflow) inClass(ctx context.Context, list []radnode.Instance, class radnode.UID) error {
	for i, d := range list {
		found, err := w.instances(ctx, report.InstanceUID(d.SOPInstanceUID, class))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			list[i] = found[0]
		}
	}
	return nil
}

// companionsOf are the kinds of objects that were ordered with a report.
func companionsOf(r *store.ReportRow) []string {
	kinds := []string{}
	for _, d := range r.Deliveries {
		if slices.Contains(companionKinds, d.Kind) && !d.Optional && !slices.Contains(kinds, d.Kind) {
			kinds = append(kinds, d.Kind)
		}
	}
	return kinds
}

// companionKinds are the kinds of objects that go with a report.
var companionKinds = []string{report.KindSegmentation, report.KindMap, report.KindPresentation, report.KindKeyObjects, report.KindCapture, report.KindPDF}
