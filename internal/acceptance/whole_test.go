package acceptance

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// modality is an association of a device that reports performed steps.
func (n *startedNode) modality() *dimse.Client {
	n.t.Helper()
	c, err := dimse.Dial(context.Background(), n.dicom, dimse.ClientConfig{CallingAE: "MODALITY", CalledAE: "RADNODE"}, dimse.StepContexts())
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

func step(status string, study radnode.UID, images ...radnode.UID) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetText(dicom.PerformedProcedureStepStatus, status)
	scheduled := dicom.NewDataset()
	scheduled.SetUID(dicom.StudyInstanceUID, study)
	d.SetItems(dicom.ScheduledStepAttributesSequence, scheduled)
	series := dicom.NewDataset()
	var references []*dicom.Dataset
	for _, uid := range images {
		item := dicom.NewDataset()
		item.SetUID(dicom.ReferencedSOPInstanceUID, uid)
		references = append(references, item)
	}
	series.SetItems(dicom.ReferencedImageSequence, references...)
	d.SetItems(dicom.PerformedSeriesSequence, series)
	return d
}

func TestACompletedStepIsEvidenceThatItsStudyIsWhole(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	d := header(t, film())
	study, image := d.UID(dicom.StudyInstanceUID), d.UID(dicom.SOPInstanceUID)
	ctx, c, uid := context.Background(), n.modality(), radnode.NewUID()
	if err := c.CreateStep(ctx, uid, step(dimse.StepInProgress, study)); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateStep(ctx, uid, step(dimse.StepInProgress, study)); err == nil {
		t.Error("a step was created twice")
	}
	if status, out := command(t, n.program, "store", n.target(), film()); status != 0 {
		t.Fatal(out)
	}
	time.Sleep(2 * time.Second)
	if s := n.studies(); len(s) != 1 || s[0].State != radnode.Arriving {
		t.Errorf("the study did not wait for its step: %+v", s)
	}
	if err := c.SetStep(ctx, uid, step(dimse.StepCompleted, study, image)); err != nil {
		t.Fatal(err)
	}
	n.settled(1)
	if err := c.SetStep(ctx, uid, step(dimse.StepDiscontinued, study)); err == nil {
		t.Error("a completed step was changed")
	}
	if err := c.SetStep(ctx, radnode.NewUID(), step(dimse.StepCompleted, study)); err == nil {
		t.Error("an unknown step was changed")
	}
	n.balanced()
}

func TestTheReleaseOfAnAssociationIsEvidenceThatItsStudyIsWhole(t *testing.T) {
	n := startNode(t, "--quiet", "10m")
	folders, err := filepath.Glob(filepath.Join(shared(t, "dicom/series"), "*"))
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	if status, out := command(t, n.program, "store", n.target(), folders[0]); status != 0 {
		t.Fatal(out)
	}
	count := len(n.studies())
	if count == 0 {
		t.Fatal("nothing arrived")
	}
	n.settled(count)
	n.balanced()
}
