package workflow

import (
	"context"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// ChangeWorkitemState claims a workitem or ends it (PS3.4 CC.2.1). Claiming
// brings the Transaction UID by which the performer is known from then on.
func (w *Workflow) ChangeWorkitemState(ctx context.Context, account string, uid, transaction radnode.UID, state string) error {
	if transaction == "" {
		return radnode.Errorf(radnode.Invalid, opWorkitem, "the Transaction UID is missing")
	}
	if !transaction.Valid() {
		return radnode.Errorf(radnode.Invalid, opWorkitem, "the Transaction UID is none (PS3.5 9.1)")
	}
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		item, err := tx.Workitem(ctx, uid)
		if err != nil {
			return err
		}
		return w.moveWorkitem(ctx, tx, item, account, transaction, state)
	})
}

// moveWorkitem is the state table (PS3.4 Table CC.1.1-2).
func (w *Workflow) moveWorkitem(ctx context.Context, tx *store.Tx, item *store.Workitem, account string, transaction radnode.UID, state string) error {
	inconsistent := radnode.Errorf(radnode.Conflict, opWorkitem, "the submitted request is inconsistent with the current state of the workitem: it is %s", item.State)
	switch {
	case state != store.WorkitemInProgress && state != store.WorkitemCompleted && state != store.WorkitemCanceled:
		return radnode.Errorf(radnode.Invalid, opWorkitem, "a workitem is moved to IN PROGRESS, COMPLETED or CANCELED")
	case item.Final() && item.State == state:
		return radnode.Errorf(radnode.Conflict, opWorkitem, "the workitem is already in the requested state of %s", state)
	case item.Final():
		return inconsistent
	case item.State == store.WorkitemScheduled && state == store.WorkitemInProgress:
		item.Transaction, item.Performer = transaction, account
	case item.State == store.WorkitemScheduled:
		return inconsistent
	case transaction != item.Transaction:
		return radnode.Errorf(radnode.Conflict, opWorkitem, "the Transaction UID is incorrect")
	case state == store.WorkitemInProgress:
		return radnode.Errorf(radnode.Conflict, opWorkitem, "the workitem is already in progress")
	case state == store.WorkitemCompleted && !mayComplete(item.Attributes), state == store.WorkitemCanceled && !mayCancel(item.Attributes):
		return radnode.Errorf(radnode.Conflict, opWorkitem, "the workitem does not say yet what its final state calls for (PS3.4 Table CC.2.5-3)")
	}
	item.State = state
	item.Attributes.SetText(dicom.ProcedureStepState, state)
	if err := tx.SaveWorkitem(ctx, item); err != nil {
		return err
	}
	return w.tell(ctx, tx, item, stateReport(item))
}

// mayComplete checks what a completed workitem says (PS3.4 Table CC.2.5-3): who
// performed what and when, and what came of it.
func mayComplete(d *dicom.Dataset) bool {
	p := d.Item(dicom.UnifiedProcedureStepPerformedProcedureSequence)
	return p.Text(dicom.PerformedProcedureStepStartDateTime) != "" && p.Text(dicom.PerformedProcedureStepEndDateTime) != "" &&
		p.Item(dicom.PerformedStationNameCodeSequence) != nil && p.Item(dicom.PerformedWorkitemCodeSequence) != nil && p.Has(dicom.OutputInformationSequence)
}

// mayCancel checks what a canceled workitem says.
func mayCancel(d *dicom.Dataset) bool {
	return d.Item(dicom.ProcedureStepProgressInformationSequence).Text(dicom.ProcedureStepCancellationDateTime) != ""
}

// RequestWorkitemCancel asks for the end of a workitem (PS3.4 CC.2.2): one that
// nobody has claimed is canceled, the performer of another is told.
func (w *Workflow) RequestWorkitemCancel(ctx context.Context, account string, uid radnode.UID, request *dicom.Dataset) error {
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		item, err := tx.Workitem(ctx, uid)
		if err != nil {
			return err
		}
		switch item.State {
		case store.WorkitemCanceled:
			return radnode.Errorf(radnode.Conflict, opWorkitem, "the workitem is already in the requested state of CANCELED")
		case store.WorkitemCompleted:
			return radnode.Errorf(radnode.Conflict, opWorkitem, "the workitem is already COMPLETED")
		case store.WorkitemInProgress:
			return w.tell(ctx, tx, item, cancelRequested(item, request))
		}
		info := dicom.NewDataset()
		info.SetText(dicom.ProcedureStepCancellationDateTime, moment(w.now()))
		if reason := request.Text(dicom.ReasonForCancellation); reason != "" {
			info.SetText(dicom.ReasonForCancellation, reason)
		}
		if request.Has(dicom.ProcedureStepDiscontinuationReasonCodeSequence) {
			info.Copy(request, dicom.ProcedureStepDiscontinuationReasonCodeSequence)
		}
		item.Attributes.SetItems(dicom.ProcedureStepProgressInformationSequence, info)
		// The manager passes through IN PROGRESS by itself (PS3.4 CC.1.1).
		item.State, item.Transaction, item.Performer = store.WorkitemInProgress, radnode.NewUID(), account
		return w.moveWorkitem(ctx, tx, item, account, item.Transaction, store.WorkitemCanceled)
	})
}

// The codes of this node's own work (PS3.16 CID 9231).
var workitemCodes = map[string]string{"110003": "Computer Aided Detection", "110004": "Computer Aided Diagnosis"}

// performs reports whether a workitem is for this node: it names our AE title
// or no station, and computer-aided detection or diagnosis or no work.
func (w *Workflow) performs(d *dicom.Dataset) bool {
	stations, codes := d.Items(dicom.ScheduledStationNameCodeSequence), d.Items(dicom.ScheduledWorkitemCodeSequence)
	ours, known := len(stations) == 0, len(codes) == 0
	for _, s := range stations {
		ours = ours || w.AE != "" && s.Text(dicom.CodeValue) == w.AE
	}
	for _, c := range codes {
		known = known || c.Text(dicom.CodingSchemeDesignator) == "DCM" && workitemCodes[c.Text(dicom.CodeValue)] != ""
	}
	return ours && known
}

const (
	// performer is the account by which the node claims workitems.
	performer = "radnode"
	// lookAgain is when the node looks at a workitem whose study has not
	// changed; a change wakes it at once.
	lookAgain = 5 * time.Minute
)

// perform is the handler of workitem jobs: it claims a workitem whose study is
// here, and completes it once the study has been read.
func (w *Workflow) perform(ctx context.Context, job jobs.Job) error {
	item, err := w.store.Workitem(ctx, radnode.UID(job.Key))
	if radnode.CodeOf(err) == radnode.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if item.Final() || item.State == store.WorkitemInProgress && item.Performer != performer ||
		item.State == store.WorkitemScheduled && !w.performs(item.Attributes) {
		return nil
	}
	here, read, err := w.inputs(ctx, item)
	if err != nil {
		return err
	}
	ready := item.Attributes.Text(dicom.InputReadinessState) == "READY"
	if item.State == store.WorkitemScheduled && (!here || !ready) {
		return jobs.Snooze(time.Now().Add(lookAgain))
	}
	if item.State == store.WorkitemScheduled {
		if err := w.claim(ctx, item.UID); err != nil {
			return w.overtaken(err)
		}
	}
	if !read {
		return jobs.Snooze(time.Now().Add(lookAgain))
	}
	return w.overtaken(w.complete(ctx, item))
}

// overtaken forgives that somebody else was faster: there is nothing left to do.
func (w *Workflow) overtaken(err error) error {
	if radnode.CodeOf(err) == radnode.Conflict {
		return jobs.Snooze(time.Now().Add(time.Second))
	}
	return err
}

// inputs reports whether the studies of a workitem are here, and whether they
// have been read.
func (w *Workflow) inputs(ctx context.Context, item *store.Workitem) (here, read bool, err error) {
	studies := item.Studies()
	here, read = len(studies) > 0, true
	for _, study := range studies {
		s, err := w.store.StudySummary(ctx, study)
		if radnode.CodeOf(err) == radnode.NotFound {
			return false, false, nil
		}
		if err != nil {
			return false, false, err
		}
		read = read && s.State != radnode.Arriving && s.State != radnode.Analysing
	}
	return here, read, nil
}

// claim takes a workitem for this node.
func (w *Workflow) claim(ctx context.Context, uid radnode.UID) error {
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		item, err := tx.Workitem(ctx, uid)
		if err != nil {
			return err
		}
		performed := dicom.NewDataset()
		performed.SetText(dicom.PerformedProcedureStepStartDateTime, moment(w.now()))
		item.Attributes.SetItems(dicom.UnifiedProcedureStepPerformedProcedureSequence, performed)
		item.Attributes.SetItems(dicom.ProcedureStepProgressInformationSequence, progress("0", "the images are being read"))
		return w.moveWorkitem(ctx, tx, item, performer, radnode.NewUID(), store.WorkitemInProgress)
	})
}

func progress(percent, text string) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetText(dicom.ProcedureStepProgress, percent)
	d.SetText(dicom.ProcedureStepProgressDescription, text)
	return d
}

// complete files what came of a workitem that this node performed.
func (w *Workflow) complete(ctx context.Context, seen *store.Workitem) error {
	outputs, objects, err := w.outputs(ctx, seen)
	if err != nil {
		return err
	}
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		item, err := tx.Workitem(ctx, seen.UID)
		if err != nil {
			return err
		}
		d := item.Attributes
		performed := dicom.NewDataset()
		performed.SetText(dicom.PerformedProcedureStepStartDateTime, d.Item(dicom.UnifiedProcedureStepPerformedProcedureSequence).Text(dicom.PerformedProcedureStepStartDateTime))
		performed.SetText(dicom.PerformedProcedureStepEndDateTime, moment(w.now()))
		performed.SetItems(dicom.PerformedStationNameCodeSequence, code(w.AE, "99RADNODE", w.AE))
		work := d.Items(dicom.ScheduledWorkitemCodeSequence)
		if len(work) == 0 {
			work = []*dicom.Dataset{code("110004", "DCM", workitemCodes["110004"])}
		}
		performed.SetItems(dicom.PerformedWorkitemCodeSequence, work...)
		performed.SetItems(dicom.OutputInformationSequence, outputs...)
		d.SetItems(dicom.UnifiedProcedureStepPerformedProcedureSequence, performed)
		d.SetItems(dicom.ProcedureStepProgressInformationSequence, progress("100", "the images have been read; the report is a draft until a reader signs it"))
		for _, object := range objects {
			if err := tx.AddWorkitemOutput(ctx, item.UID, object); err != nil {
				return err
			}
		}
		return w.moveWorkitem(ctx, tx, item, performer, item.Transaction, store.WorkitemCompleted)
	})
}

func code(value, scheme, meaning string) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetText(dicom.CodeValue, value)
	d.SetText(dicom.CodingSchemeDesignator, scheme)
	d.SetText(dicom.CodeMeaning, meaning)
	return d
}

// outputs refers to the newest report of each study of a workitem (PS3.4
// CC.2.5, Output Information Sequence).
func (w *Workflow) outputs(ctx context.Context, item *store.Workitem) (list []*dicom.Dataset, objects []radnode.UID, err error) {
	for _, study := range item.Studies() {
		reports, err := w.store.Reports(ctx, study)
		if err != nil {
			return nil, nil, err
		}
		if len(reports) == 0 {
			continue
		}
		uid := reports[0].DraftUID
		if reports[0].State != radnode.Draft {
			uid = reports[0].SOPInstanceUID
		}
		doc, err := w.store.Instance(ctx, uid)
		if radnode.CodeOf(err) == radnode.NotFound {
			continue // no document could be made; a warning of the study says why
		}
		if err != nil {
			return nil, nil, err
		}
		ref := dicom.NewDataset()
		ref.SetUID(dicom.ReferencedSOPClassUID, doc.SOPClassUID)
		ref.SetUID(dicom.ReferencedSOPInstanceUID, doc.SOPInstanceUID)
		out := dicom.NewDataset()
		out.SetText(dicom.TypeOfInstances, "DICOM")
		out.SetUID(dicom.StudyInstanceUID, study)
		out.SetUID(dicom.SeriesInstanceUID, doc.SeriesInstanceUID)
		out.SetItems(dicom.ReferencedSOPSequence, ref)
		list, objects = append(list, out), append(objects, uid)
	}
	return list, objects, nil
}

// weigh wakes the workitems of a study of which something has become known.
func (w *Workflow) weigh(ctx context.Context, tx *store.Tx, study radnode.UID) error {
	open, err := tx.OpenWorkitems(ctx, study)
	if err != nil {
		return err
	}
	for _, uid := range open {
		at := time.Now()
		if err := jobs.Enqueue(ctx, tx, workitemJob, string(uid), at); err != nil {
			return err
		}
		tx.AfterCommit(func() { w.queue.Wake(at) })
	}
	return nil
}
