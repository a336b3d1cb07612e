package dimse

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// PerformedSteps takes modality performed procedure steps (PS3.4 F.7). The
// handler keeps them and refuses changes of a step that is over with
// ErrStepFinal, of an unknown one with radnode.NotFound, and a second creation
// with radnode.Conflict.
type PerformedSteps interface {
	CreateStep(ctx context.Context, req *StepRequest, attributes *dicom.Dataset) error
	SetStep(ctx context.Context, req *StepRequest, changes *dicom.Dataset) error
}

// StepRequest is an N-CREATE or N-SET of a performed procedure step.
type StepRequest struct {
	*Association
	MessageID      uint16
	SOPInstanceUID radnode.UID
}

// States of a performed procedure step (0040,0252); the last two are final.
const (
	StepInProgress   = "IN PROGRESS"
	StepCompleted    = "COMPLETED"
	StepDiscontinued = "DISCONTINUED"
)

// ErrStepFinal refuses the change of a step that is completed or discontinued
// (PS3.4 F.7.2.2.2).
var ErrStepFinal = &StatusError{
	Status: StatusProcessingFailure, ErrorID: 0xA710, Comment: "performed procedure step may no longer be updated",
}

// createStep answers N-CREATE.
func (x *session) createStep(ctx context.Context, r *request) error {
	if r.cmd.AffectedSOPInstanceUID == "" {
		// PS3.7 10.1.5.1.4: the provider names the instance if the user did not.
		r.cmd.AffectedSOPInstanceUID = radnode.NewUID()
	}
	return x.step(r, r.cmd.AffectedSOPInstanceUID, func(req *StepRequest, d *dicom.Dataset) error {
		if d.Text(dicom.PerformedProcedureStepStatus) != StepInProgress {
			return &StatusError{
				Status: StatusInvalidAttributeValue, Comment: "a step is created IN PROGRESS",
				OffendingElements: []dicom.Tag{dicom.PerformedProcedureStepStatus},
			}
		}
		return x.server.cfg.Steps.CreateStep(ctx, req, d)
	})
}

// setStep answers N-SET.
func (x *session) setStep(ctx context.Context, r *request) error {
	return x.step(r, r.cmd.RequestedSOPInstanceUID, func(req *StepRequest, d *dicom.Dataset) error {
		switch d.Text(dicom.PerformedProcedureStepStatus) {
		case "", StepInProgress, StepCompleted, StepDiscontinued:
			return x.server.cfg.Steps.SetStep(ctx, req, d)
		}
		return &StatusError{
			Status: StatusInvalidAttributeValue, Comment: "unknown performed procedure step status",
			OffendingElements: []dicom.Tag{dicom.PerformedProcedureStepStatus},
		}
	})
}

func (x *session) step(r *request, instance radnode.UID, handle func(*StepRequest, *dicom.Dataset) error) error {
	d, fault, err := x.identifier(r)
	if err != nil {
		return err
	}
	switch {
	case fault != nil:
	case x.server.cfg.Steps == nil || radnode.UID(r.context.AbstractSyntax) != ModalityPerformedStep:
		fault = &StatusError{Status: StatusSOPClassNotSupported}
	case !instance.Usable():
		fault = &StatusError{Status: StatusInvalidSOPInstance, Comment: "SOP instance UID is missing or no UID"}
	default:
		fault = x.guard(r, func() error {
			return handle(&StepRequest{r.Association, r.cmd.MessageID, instance}, d)
		})
	}
	rsp := r.response()
	x.failed(r, fault, normalizedService).apply(rsp)
	return x.respond(r, rsp)
}
