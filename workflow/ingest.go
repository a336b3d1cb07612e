package workflow

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// Source says where an object came from.
type Source struct {
	Name   string // calling AE title, user or token
	Remote string // network address
}

// Ingest takes one instance: data is a data set without file meta information,
// encoded in ts, of the class and instance that the sender announced. It
// returns nil when file, index row and the study's job are on disk, and only
// then; the same instance with the same bytes is a success that changes
// nothing. On an error nothing is kept.
func (w *Workflow) Ingest(ctx context.Context, src Source, ts, class, instance radnode.UID, data io.Reader) error {
	const op = "ingest"
	if !class.Usable() || !instance.Usable() || !ts.Usable() {
		return radnode.Errorf(radnode.Invalid, op, "SOP class, SOP instance or transfer syntax is not a UID (PS3.5 9.1)")
	}
	f, err := w.store.Create(instance)
	if err != nil {
		return err
	}
	defer w.discard(f) // nothing once the file is kept
	rec, err := w.receive(f, src, ts, class, instance, data)
	if err != nil {
		return err
	}
	w.classify(&rec)
	if err := f.Finish(); err != nil {
		return err
	}
	rec.Size, rec.Digest, rec.File = f.Size(), f.Digest(), f.Name()
	outcome, err := w.index(ctx, f, &rec)
	if err == nil && outcome == store.Duplicate {
		outcome, err = w.repair(ctx, &rec)
	}
	if err != nil || outcome == store.Duplicate {
		return err
	}
	w.Trace("ingest.done")
	return f.Keep()
}

// repair compares the stored file of an instance with the same bytes that just
// came again, and puts the new file in its place if a disk has lost some of
// them. It runs outside of the transaction, which no one may hold for as long.
func (w *Workflow) repair(ctx context.Context, rec *store.Record) (store.Outcome, error) {
	stored, err := w.store.Instance(ctx, rec.SOPInstanceUID)
	if err != nil || stored.Digest != rec.Digest {
		return store.Duplicate, err // the bytes of an object that is kept apart
	}
	problem, err := w.store.Problem(ctx, &stored)
	if err != nil || problem == "" {
		return store.Duplicate, err
	}
	err = w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Restore(ctx, rec, stored.File); err != nil {
			return err
		}
		return w.readAgain(ctx, tx, rec)
	})
	if radnode.CodeOf(err) == radnode.Conflict {
		return store.Duplicate, nil // another sender's copy was faster
	}
	w.queue.Wake(w.Now())
	return store.Restored, err
}

// readAgain has an image read whose file is whole again and that was not read.
func (w *Workflow) readAgain(ctx context.Context, tx *store.Tx, rec *store.Record) error {
	stored, err := tx.Instance(ctx, rec.SOPInstanceUID)
	if err != nil || stored.Status != store.NotAnalysed || rec.Status != store.Waiting {
		return err
	}
	if err := tx.SetStatus(ctx, rec.SOPInstanceUID, store.Waiting, ""); err != nil {
		return err
	}
	study := stored.StudyInstanceUID
	if err := jobs.Enqueue(ctx, tx, analyzeJob, string(study), w.Now()); err != nil {
		return err
	}
	tx.AfterCommit(func() { w.changed(study) })
	return w.stand(ctx, tx, study)
}

// discard removes a file that got no row.
func (w *Workflow) discard(f *store.File) {
	if err := f.Discard(); err != nil {
		w.Log.Warn("a file without row was left behind for the next start to sweep", "error", err)
	}
}

// receive streams the data set into f and reads its header on the way.
func (w *Workflow) receive(f *store.File, src Source, ts, class, instance radnode.UID, data io.Reader) (store.Record, error) {
	var rec store.Record
	meta := dicom.Meta{SOPClassUID: class, SOPInstanceUID: instance, TransferSyntaxUID: ts}
	if err := dicom.WriteMeta(f.Header(), meta); err != nil {
		return rec, err
	}
	header, err := dicom.ReadHeader(io.TeeReader(data, f), ts, headerLimits)
	if err != nil {
		return rec, err
	}
	if _, err := f.ReadFrom(data); err != nil {
		return rec, receiveError(err)
	}
	rec = store.RecordOf(header)
	rec.TransferSyntaxUID, rec.Source, rec.Remote = ts, src.Name, src.Remote
	rec.Origin, rec.ReceivedAt = store.Received, w.now()
	rec.Remark = remark(header, &rec)
	return rec, agree(&rec, class, instance)
}

// remark is what the reader of the study is to know of a header.
func remark(header *dicom.Dataset, rec *store.Record) string {
	return strings.Join(slices.DeleteFunc([]string{textRemark(header.TextWarnings()), uidRemark(rec), displayRemark(header)}, func(s string) bool { return s == "" }), "; ")
}

// displayRemark warns of a header that other programs may show otherwise.
func displayRemark(header *dicom.Dataset) string {
	doubts := pixel.Doubts(header)
	if len(doubts) == 0 {
		return ""
	}
	return "images may look otherwise elsewhere: " + strings.Join(doubts, "; ")
}

// uidRemark warns of UIDs that other systems may refuse.
func uidRemark(rec *store.Record) string {
	for _, uid := range []radnode.UID{rec.SOPInstanceUID, rec.SeriesInstanceUID, rec.StudyInstanceUID} {
		if uid != "" && !uid.Valid() {
			return "UIDs of this study break the rules (PS3.5 9.1: a component begins with 0): other systems may refuse its objects; have the device corrected"
		}
	}
	return ""
}

// maxRemarks bounds how many attributes a remark about characters names.
const maxRemarks = 4

// textRemark warns of text that was read otherwise than its declaration says
// (PS3.3 C.12.1.1.2). Objects of one sender give the same words, which a study
// keeps once.
func textRemark(defects []string) string {
	if len(defects) == 0 {
		return ""
	}
	more := ""
	if len(defects) > maxRemarks {
		defects, more = defects[:maxRemarks], "; …"
	}
	return "text of the header may read wrong: " + strings.Join(defects, "; ") + more
}

// headerLimits are tighter than the reader's own: a header is kept in memory
// for each association at a time. What is beyond them, contours for example,
// is passed over: the index needs none of it.
var headerLimits = dicom.Limits{HeaderBytes: 32 << 20, ValueBytes: 4 << 20, PassOver: true}

// receiveError gives an error of the sender's stream a code.
func receiveError(err error) error {
	if radnode.CodeOf(err) != radnode.Internal {
		return err
	}
	return radnode.Errorf(radnode.Canceled, "receive", "the object was cut off: %w", err)
}

// ErrMismatch is in the errors of data sets that are not what was announced, or
// lack what every object of their class has.
var ErrMismatch = errors.New("data set does not match SOP class")

func mismatch(message string) error {
	return &radnode.Error{Code: radnode.Invalid, Op: "ingest", Message: message, Err: ErrMismatch}
}

// agree checks what the data set says against what the sender announced.
func agree(rec *store.Record, class, instance radnode.UID) error {
	bound := !standalone[class]
	switch {
	case rec.SOPClassUID != class:
		return mismatch("the data set is of another SOP class than announced")
	case rec.SOPInstanceUID != instance:
		return mismatch("the data set has another SOP Instance UID than announced")
	case bound && !rec.StudyInstanceUID.Usable():
		return mismatch("the data set has no valid Study Instance UID")
	case bound && !rec.SeriesInstanceUID.Usable():
		return mismatch("the data set has no valid Series Instance UID")
	}
	if !bound {
		rec.StudyInstanceUID, rec.SeriesInstanceUID = "", ""
	}
	return nil
}

// standalone are the classes that belong to no patient and so to no study
// (PS3.4 GG, Non-Patient Object Storage).
var standalone = map[radnode.UID]bool{
	dicom.HangingProtocolStorage: true, dicom.ColorPaletteStorage: true, dicom.GenericImplantTemplateStorage: true,
	dicom.ImplantAssemblyTemplateStorage: true, dicom.ImplantTemplateGroupStorage: true, dicom.CTDefinedProcedureProtocolStorage: true,
	dicom.XADefinedProcedureProtocolStorage: true, dicom.ProtocolApprovalStorage: true, dicom.InventoryStorage: true,
}

// classify decides whether the instance is input for the models.
func (w *Workflow) classify(rec *store.Record) {
	switch {
	case rec.Frames == 0:
		rec.Status, rec.Reason = store.NotAnalysed, "no image"
	case w.AE != "" && strings.EqualFold(rec.Source, w.AE):
		// Results never become input: no loops.
		rec.Status, rec.Reason = store.NotAnalysed, "sent by this node itself"
	default:
		rec.Status = store.Waiting
	}
}

// index makes the file durable and writes the row and, once per study and
// transaction, the study's job.
func (w *Workflow) index(ctx context.Context, f *store.File, rec *store.Record) (store.Outcome, error) {
	var outcome store.Outcome
	at := w.Now().Add(min(w.quietOf(rec.Source), w.Patience))
	err := w.store.WriteFile(ctx, f, func(ctx context.Context, tx *store.Tx) error {
		var err error
		outcome, err = w.enter(ctx, tx, rec, at)
		return err
	})
	switch {
	case err != nil:
	case outcome == store.Added:
		w.queue.Wake(at)
	case outcome == store.Restored:
		w.queue.Wake(w.Now())
	}
	return outcome, err
}

// enter writes the row of an instance and asks for the analysis of its study at
// a time.
func (w *Workflow) enter(ctx context.Context, tx *store.Tx, rec *store.Record, at time.Time) (store.Outcome, error) {
	outcome, touch, err := tx.Add(ctx, rec)
	if err != nil {
		return outcome, err
	}
	study := rec.StudyInstanceUID
	if rec.Remark != "" && study != "" && outcome != store.Duplicate {
		if err := tx.Warn(ctx, study, rec.Remark); err != nil {
			return outcome, err
		}
	}
	switch {
	case touch != nil:
		tx.AtEnd("analyze "+string(study), func(ctx context.Context, tx *store.Tx) error {
			return w.wanted(ctx, tx, touch, at)
		})
	case outcome == store.Variant && study != "":
		tx.AfterCommit(func() { w.changed(study) })
	case outcome == store.Restored && study != "":
		return outcome, w.readAgain(ctx, tx, rec)
	}
	return outcome, nil
}

// wanted asks for the analysis of a study that is new or has new images.
func (w *Workflow) wanted(ctx context.Context, tx *store.Tx, touch *store.Touch, at time.Time) error {
	tx.AfterCommit(func() { w.changed(touch.Study) })
	if touch.Waiting == 0 && !touch.New {
		return nil
	}
	return jobs.Enqueue(ctx, tx, analyzeJob, string(touch.Study), at)
}

// changed tells the browsers that a study changed.
func (w *Workflow) changed(study radnode.UID) {
	w.events.publish(radnode.Event{Kind: "study", StudyInstanceUID: study})
}
