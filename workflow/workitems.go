package workflow

import (
	"context"
	"slices"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/jobs"
	"github.com/radnode/radnode/store"
)

// The well-known UIDs of unified procedure steps (PS3.4 CC.3, PS3.6 Annex A).
const (
	workitemClass radnode.UID = "1.2.840.10008.5.1.4.34.6.1"
	// GlobalSubscription is all workitems, FilteredSubscription those that
	// match a filter.
	GlobalSubscription   radnode.UID = "1.2.840.10008.5.1.4.34.5"
	FilteredSubscription radnode.UID = "1.2.840.10008.5.1.4.34.5.1"
)

// keepWorkitems is how long a workitem stays after it is final.
const keepWorkitems = 90 * 24 * time.Hour

const opWorkitem = "workitem"

// mostSubscribers bounds who may subscribe.
const mostSubscribers = 1000

// moments is how dates and times are written (PS3.5 6.2, DT).
const moments = "20060102150405.000000-0700"

func moment(t time.Time) string { return t.Format(moments) }

// CreateWorkitem keeps a workitem that an account hands in (PS3.4 CC.2.5). It
// says what it had to add.
func (w *Workflow) CreateWorkitem(ctx context.Context, account string, uid radnode.UID, d *dicom.Dataset) (added []string, err error) {
	item := &store.Workitem{UID: uid, State: store.WorkitemScheduled, Creator: account, Attributes: d.Clone(), CreatedAt: w.now()}
	if added, err = completeWorkitem(item); err != nil {
		return nil, err
	}
	err = w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := w.forgetWorkitems(ctx, tx); err != nil {
			return err
		}
		if err := tx.AddWorkitem(ctx, item); err != nil {
			return err
		}
		if err := w.subscribeGlobals(ctx, tx, item); err != nil {
			return err
		}
		if w.performs(item.Attributes) {
			if err := jobs.Enqueue(ctx, tx, workitemJob, string(uid), time.Now()); err != nil {
				return err
			}
		}
		return w.tell(ctx, tx, item, stateReport(item))
	})
	w.queue.Wake(time.Now())
	return added, err
}

// forgetWorkitems drops old ones, once in a while.
func (w *Workflow) forgetWorkitems(ctx context.Context, tx *store.Tx) error {
	at := time.Now()
	if at.Sub(time.Unix(w.forgot.Load(), 0)) < time.Hour {
		return nil
	}
	tx.AfterCommit(func() { w.forgot.Store(at.Unix()) })
	return tx.DropWorkitems(ctx, at.Add(-keepWorkitems))
}

// workitemDefaults are the attributes of type 1 that have a sensible value
// where a creator left them out (PS3.4 Table CC.2.5-3).
var workitemDefaults = []struct {
	tag   dicom.Tag
	value string
}{
	{dicom.ScheduledProcedureStepPriority, "MEDIUM"},
	{dicom.ProcedureStepLabel, "Analysis"},
	{dicom.WorklistLabel, "radnode"},
	{dicom.InputReadinessState, "READY"},
}

// completeWorkitem checks what a creator may say and adds what the manager
// does.
func completeWorkitem(item *store.Workitem) (added []string, err error) {
	d := item.Attributes
	if !item.UID.Valid() {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "the UID of the workitem is none (PS3.5 9.1)")
	}
	if own := d.UID(dicom.SOPInstanceUID); own != "" && own != item.UID {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "the workitem names another SOP Instance UID than its address")
	}
	if class := d.UID(dicom.SOPClassUID); class != "" && class != workitemClass {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "the SOP class is not Unified Procedure Step - Push")
	}
	if d.Text(dicom.TransactionUID) != "" {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "a new workitem has no Transaction UID: whoever performs it brings one")
	}
	switch d.Text(dicom.ProcedureStepState) {
	case store.WorkitemScheduled:
	case "":
		added = append(added, dicom.ProcedureStepState.Keyword())
	default:
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "a new workitem is SCHEDULED (PS3.4 CC.1.1)")
	}
	for _, v := range workitemDefaults {
		if d.Text(v.tag) == "" {
			d.SetText(v.tag, v.value)
			added = append(added, v.tag.Keyword())
		}
	}
	at := moment(item.CreatedAt)
	if d.Text(dicom.ScheduledProcedureStepStartDateTime) == "" {
		d.SetText(dicom.ScheduledProcedureStepStartDateTime, at)
		added = append(added, dicom.ScheduledProcedureStepStartDateTime.Keyword())
	}
	d.SetText(dicom.ScheduledProcedureStepModificationDateTime, at)
	d.SetUID(dicom.SOPClassUID, workitemClass)
	d.SetUID(dicom.SOPInstanceUID, item.UID)
	d.SetText(dicom.ProcedureStepState, item.State)
	d.Remove(dicom.TransactionUID)
	return added, nil
}

// Workitem finds a workitem as anybody may see it: without its Transaction
// UID, which is the key to it (PS3.4 CC.2.7).
func (w *Workflow) Workitem(ctx context.Context, uid radnode.UID) (*dicom.Dataset, error) {
	item, err := w.store.Workitem(ctx, uid)
	if err != nil {
		return nil, err
	}
	return item.Attributes, nil
}

// FindWorkitems sends the workitems that match keys, from offset on, and
// reports whether there are more than limit.
func (w *Workflow) FindWorkitems(ctx context.Context, keys *dicom.Dataset, fuzzy bool, offset, limit int, each func(*dicom.Dataset) error) (more bool, err error) {
	match, err := store.Matcher(keys, fuzzy)
	if err != nil {
		return false, err
	}
	state := keys.Text(dicom.ProcedureStepState)
	if !slices.Contains([]string{store.WorkitemScheduled, store.WorkitemInProgress, store.WorkitemCompleted, store.WorkitemCanceled}, state) {
		state = ""
	}
	seen := 0
	err = w.store.EachWorkitem(ctx, state, func(item *store.Workitem) error {
		if !match(item.Attributes) {
			return nil
		}
		switch seen++; {
		case seen <= offset:
			return nil
		case seen > offset+limit:
			more = true
			return errEnough
		}
		return each(item.Attributes)
	})
	if err == error(errEnough) {
		err = nil
	}
	return more, err
}

var errEnough = radnode.Errorf(radnode.Canceled, opWorkitem, "enough was found")

// fixed are the attributes that no update changes (PS3.4 Table CC.2.5-3).
var fixed = []dicom.Tag{dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.ProcedureStepState, dicom.TransactionUID, dicom.ScheduledProcedureStepModificationDateTime}

// UpdateWorkitem changes attributes of a workitem (PS3.4 CC.2.6). One that is
// in progress is its performer's alone.
func (w *Workflow) UpdateWorkitem(ctx context.Context, uid, transaction radnode.UID, changes *dicom.Dataset) error {
	changes = changes.Clone()
	for _, t := range fixed {
		if changes.Has(t) {
			return radnode.Errorf(radnode.Invalid, opWorkitem, "an update cannot change %s", t.Keyword())
		}
	}
	return w.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		item, err := tx.Workitem(ctx, uid)
		if err != nil {
			return err
		}
		if err := mayChange(item, transaction); err != nil {
			return err
		}
		before := item.Attributes.Text(dicom.InputReadinessState)
		apply(item.Attributes, changes)
		item.Attributes.SetText(dicom.ScheduledProcedureStepModificationDateTime, moment(w.now()))
		if err := tx.SaveWorkitem(ctx, item); err != nil {
			return err
		}
		if item.State == store.WorkitemScheduled && w.performs(item.Attributes) {
			if err := jobs.Enqueue(ctx, tx, workitemJob, string(uid), time.Now()); err != nil {
				return err
			}
		}
		if item.Attributes.Text(dicom.InputReadinessState) != before {
			return w.tell(ctx, tx, item, stateReport(item))
		}
		if changes.Has(dicom.ProcedureStepProgressInformationSequence) {
			return w.tell(ctx, tx, item, progressReport(item))
		}
		return nil
	})
}

// apply puts the elements of changes in the place of those of d.
func apply(d, changes *dicom.Dataset) {
	for _, e := range changes.Elements() {
		d.Copy(changes, e.Tag)
	}
}

// mayChange checks who changes a workitem: while it is scheduled anybody who
// may, then who holds its Transaction UID.
func mayChange(item *store.Workitem, transaction radnode.UID) error {
	switch {
	case item.Final():
		return radnode.Errorf(radnode.Conflict, opWorkitem, "the submitted request is inconsistent with the current state of the workitem: it is %s", item.State)
	case item.State == store.WorkitemInProgress && transaction == "":
		return radnode.Errorf(radnode.Invalid, opWorkitem, "the Transaction UID is missing")
	case transaction != item.Transaction:
		return radnode.Errorf(radnode.Conflict, opWorkitem, "the Transaction UID is incorrect")
	}
	return nil
}
