package node

import (
	"bytes"
	"context"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
)

// steps takes modality performed procedure steps (PS3.4 Annex F).
type steps struct {
	store *store.Store
	over  func(study radnode.UID) // told of each study whose step is over
}

var _ dimse.PerformedSteps = steps{}

// CreateStep implements dimse.PerformedSteps.
func (s steps) CreateStep(ctx context.Context, req *dimse.StepRequest, attributes *dicom.Dataset) error {
	kept, err := stepOf(req, attributes.Clone())
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddStep(ctx, kept); err != nil {
			return err
		}
		return advance(ctx, tx, attributes, kept.Status)
	})
}

// SetStep implements dimse.PerformedSteps.
func (s steps) SetStep(ctx context.Context, req *dimse.StepRequest, changes *dicom.Dataset) error {
	changes = changes.Clone()
	var kept *store.Step
	err := s.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		old, err := tx.Step(ctx, req.SOPInstanceUID)
		if err != nil {
			return err
		}
		if old.Status != dimse.StepInProgress {
			return dimse.ErrStepFinal
		}
		attributes, err := dicom.ReadHeader(bytes.NewReader(old.Attributes), dimse.ExplicitVRLittleEndian, dicom.Limits{})
		if err != nil {
			return err
		}
		attributes = attributes.Clone()
		for _, e := range changes.Elements() {
			if e.VR == dicom.SQ {
				attributes.SetItems(e.Tag, e.Items...)
			} else {
				attributes.Set(e)
			}
		}
		if kept, err = stepOf(req, attributes); err != nil {
			return err
		}
		kept.AETitle = old.AETitle
		if err := tx.SaveStep(ctx, kept); err != nil {
			return err
		}
		return advance(ctx, tx, attributes, kept.Status)
	})
	if err != nil {
		return err
	}
	if kept.Status == dimse.StepCompleted {
		for _, study := range kept.Studies {
			s.over(study)
		}
	}
	return nil
}

// scheduledStates is what the status of a performed step says of the scheduled
// steps it names.
var scheduledStates = map[string]string{
	dimse.StepInProgress: store.StepStarted, dimse.StepCompleted: store.StepCompleted, dimse.StepDiscontinued: store.StepDiscontinued,
}

// advance moves the scheduled steps along that a performed step names.
func advance(ctx context.Context, tx *store.Tx, d *dicom.Dataset, status string) error {
	state, ok := scheduledStates[status]
	if !ok {
		return nil
	}
	for _, item := range d.Items(dicom.ScheduledStepAttributesSequence) {
		if err := tx.SetScheduledState(ctx, item.UID(dicom.StudyInstanceUID), item.Text(dicom.ScheduledProcedureStepID), state); err != nil {
			return err
		}
	}
	return nil
}

// stepOf takes out of a step what the node uses.
func stepOf(req *dimse.StepRequest, d *dicom.Dataset) (*store.Step, error) {
	p := &store.Step{SOPInstanceUID: req.SOPInstanceUID, AETitle: req.CallingAE, Status: d.Text(dicom.PerformedProcedureStepStatus)}
	for _, item := range d.Items(dicom.ScheduledStepAttributesSequence) {
		if uid := item.UID(dicom.StudyInstanceUID); uid.Usable() && !slices.Contains(p.Studies, uid) {
			p.Studies = append(p.Studies, uid)
		}
	}
	for _, series := range d.Items(dicom.PerformedSeriesSequence) {
		for _, sequence := range []dicom.Tag{dicom.ReferencedImageSequence, dicom.ReferencedNonImageCompositeSOPInstanceSequence} {
			for _, item := range series.Items(sequence) {
				if uid := item.UID(dicom.ReferencedSOPInstanceUID); uid.Usable() {
					p.Instances = append(p.Instances, uid)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, d, dimse.ExplicitVRLittleEndian); err != nil {
		return nil, err
	}
	p.Attributes = b.Bytes()
	return p, nil
}
