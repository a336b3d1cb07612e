package dimse_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

func TestFindSendsEveryMatch(t *testing.T) {
	a := newArchive(t, 3000, 0, 0)
	var seen dimse.QueryOptions
	a.find = func(_ context.Context, req *dimse.FindRequest) error {
		seen = req.Negotiated
		return nil
	}
	address, _ := startServer(t, a.config())
	c := dial(t, address, dimse.QueryContexts(dimse.StudyRootFind, dimse.QueryOptions{Relational: true, DateTime: true}))
	names := map[string]bool{}
	rsp, err := c.Find(context.Background(), dimse.StudyRootFind, studyIdentifier(""), func(d *dicom.Dataset) error {
		names[d.Text(dicom.PatientName)] = true
		return nil
	})
	if err != nil || rsp.Status != dimse.StatusSuccess {
		t.Fatalf("%v %v", rsp.Status, err)
	}
	if len(names) != 3000 || !names["Müller^3000"] {
		t.Errorf("%d different names", len(names))
	}
	// PS3.7 D.3.3.5: only what both sides know.
	if diff := cmp.Diff(dimse.QueryOptions{Relational: true}, seen); diff != "" {
		t.Errorf("negotiated (-want +got):\n%s", diff)
	}
	rsp, err = c.Find(context.Background(), dimse.StudyRootFind, func() *dicom.Dataset {
		d := dicom.NewDataset()
		d.SetText(dicom.QueryRetrieveLevel, "NONSENSE")
		return d
	}(), func(*dicom.Dataset) error { return nil })
	if err != nil || rsp.Status != dimse.StatusDataSetMismatch {
		t.Errorf("nonsense: %v %v", rsp.Status, err)
	}
}

func TestFindCanBeCancelled(t *testing.T) {
	a := newArchive(t, 3, 0, 0)
	var cause error
	a.find = func(ctx context.Context, _ *dimse.FindRequest) error {
		select {
		case <-ctx.Done():
			cause = context.Cause(ctx)
			return cause
		case <-time.After(5 * time.Second):
			return errors.New("no cancel came")
		}
	}
	address, _ := startServer(t, a.config())
	c := dial(t, address, dimse.QueryContexts(dimse.StudyRootFind, dimse.QueryOptions{}))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	rsp, err := c.Find(ctx, dimse.StudyRootFind, studyIdentifier(""), func(*dicom.Dataset) error { return nil })
	if rsp.Status != dimse.StatusCancel || radnode.CodeOf(err) != radnode.Canceled {
		t.Errorf("got %v, %v", rsp.Status, err)
	}
	a.find = nil
	enough := errors.New("enough")
	n := 0
	if _, err := c.Find(context.Background(), dimse.StudyRootFind, studyIdentifier(""), func(*dicom.Dataset) error {
		n++
		return enough
	}); !errors.Is(err, enough) || n != 1 {
		t.Errorf("after %d matches: %v", n, err)
	}
	if err := c.Release(context.Background()); err != nil {
		t.Errorf("the association did not outlive the cancel: %v", err)
	}
}

func TestGetFetchesAStudy(t *testing.T) {
	a := newArchive(t, 2, 20, 50_000)
	foreign := syntheticObject(t, "1.2.826.1.1", "1.2.826.1.1.1.99", 10)
	foreign.Syntaxes = []radnode.UID{"1.2.840.10008.1.2.4.90"}
	a.studies["1.2.826.1.1"] = append(a.studies["1.2.826.1.1"], foreign)
	address, _ := startServer(t, a.config())
	c := dial(t, address, dimse.GetContexts(dimse.StudyRootGet, []radnode.UID{secondaryCapture}, []radnode.UID{dimse.ExplicitVRLittleEndian}))
	var store uids
	for study, want := range map[radnode.UID]struct {
		status dimse.Status
		counts dimse.SubOperations
		failed []radnode.UID
	}{
		"1.2.826.1.1": {dimse.StatusCoercion, dimse.SubOperations{Completed: 20, Failed: 1}, []radnode.UID{"1.2.826.1.1.1.99"}},
		"1.2.826.1.2": {dimse.StatusSuccess, dimse.SubOperations{Completed: 20}, nil},
		"1.2.826.1.3": {dimse.StatusSuccess, dimse.SubOperations{}, nil},
	} {
		got, err := c.Get(context.Background(), dimse.StudyRootGet, studyIdentifier(study), &store, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != want.status || got.SubOperations != want.counts || !cmp.Equal(got.FailedUIDs, want.failed) {
			t.Errorf("study %s: %+v", study, got)
		}
	}
	if n := len(store.got()); n != 40 {
		t.Errorf("%d instances came", n)
	}
}

func TestMoveSendsAStudyToAThirdParty(t *testing.T) {
	var store uids
	target, _ := startServer(t, dimse.ServerConfig{AETitle: "THIRD", Store: &store})
	a := newArchive(t, 1, 20, 50_000)
	to := func(called string) dimse.ClientConfig {
		return dimse.ClientConfig{CallingAE: "RADNODE", CalledAE: called}
	}
	a.destinations["THIRD"] = dimse.Destination{Address: target, Client: to("THIRD")}
	a.destinations["REFUSED"] = dimse.Destination{Address: target, Client: to("REFUSED")}
	address, _ := startServer(t, a.config())
	c := dial(t, address, dimse.QueryContexts(dimse.StudyRootMove, dimse.QueryOptions{}))
	for _, tt := range []struct {
		destination string
		status      dimse.Status
		counts      dimse.SubOperations
		failed      int
	}{
		{"THIRD", dimse.StatusSuccess, dimse.SubOperations{Completed: 20}, 0},
		{"NOBODY", dimse.StatusMoveDestinationUnknown, dimse.SubOperations{Remaining: 0}, 0},
		{"REFUSED", dimse.StatusCannotDoSubOperations, dimse.SubOperations{Failed: 20}, 20},
	} {
		t.Run(tt.destination, func(t *testing.T) {
			got, err := c.Move(context.Background(), dimse.StudyRootMove, tt.destination, studyIdentifier("1.2.826.1.1"), nil)
			if err != nil {
				t.Fatal(err)
			}
			got.SubOperations.Remaining = 0
			if got.Status != tt.status || got.SubOperations != tt.counts || len(got.FailedUIDs) != tt.failed {
				t.Errorf("%+v", got)
			}
		})
	}
	list := store.got()
	if len(list) != 20 || list[0] != "1.2.826.1.1.1.1 TEST" {
		t.Errorf("%d instances came, the first is %q", len(list), list[:1])
	}
}

func TestStorageCommitmentOnTheSameAssociationAndOnAnother(t *testing.T) {
	a := newArchive(t, 1, 2, 10)
	address, _ := startServer(t, a.config())
	c := dial(t, address, dimse.CommitContexts())
	refs := []dimse.Reference{
		{SOPClassUID: secondaryCapture, SOPInstanceUID: "1.2.826.1.1.1.1"},
		{SOPClassUID: secondaryCapture, SOPInstanceUID: "1.2.3.4"},
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	transaction := radnode.NewUID()
	if err := c.RequestCommitment(ctx, transaction, refs); err != nil {
		t.Fatal(err)
	}
	got, err := c.AwaitReport(ctx, transaction)
	if err != nil {
		t.Fatal(err)
	}
	want := &dimse.CommitReport{
		TransactionUID: transaction, RetrieveAETitle: "RADNODE", Committed: refs[:1],
		Failed: []dimse.FailedReference{{Reference: refs[1], Reason: dimse.StatusNoSuchSOPInstance}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report on the same association (-want +got):\n%s", diff)
	}
	if err := c.RequestCommitment(ctx, "", refs); err == nil {
		t.Error("a request without transaction UID was accepted")
	}
	if err := c.Release(ctx); err != nil {
		t.Error(err)
	}
	provider := dial(t, address, dimse.ReportContexts())
	if err := provider.ReportCommitment(ctx, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*dimse.CommitReport{want}, a.reports); diff != "" {
		t.Errorf("report on another association (-want +got):\n%s", diff)
	}
}

func TestPerformedProcedureStepsFollowTheirStates(t *testing.T) {
	a := newArchive(t, 0, 0, 0)
	address, _ := startServer(t, a.config())
	c := dial(t, address, dimse.StepContexts())
	ctx := context.Background()
	status := func(s string) *dicom.Dataset {
		d := dicom.NewDataset()
		d.SetText(dicom.PerformedProcedureStepStatus, s)
		return d
	}
	for _, tt := range []struct {
		name string
		do   func() error
		want dimse.Status
	}{
		{"created as completed", func() error { return c.CreateStep(ctx, "1.2.3", status("COMPLETED")) }, dimse.StatusInvalidAttributeValue},
		{"created", func() error { return c.CreateStep(ctx, "1.2.3", status("IN PROGRESS")) }, dimse.StatusSuccess},
		{"created twice", func() error { return c.CreateStep(ctx, "1.2.3", status("IN PROGRESS")) }, dimse.StatusDuplicateSOPInstance},
		{"unknown step changed", func() error { return c.SetStep(ctx, "1.2.4", status("COMPLETED")) }, dimse.StatusNoSuchSOPInstance},
		{"unknown state", func() error { return c.SetStep(ctx, "1.2.3", status("DONE")) }, dimse.StatusInvalidAttributeValue},
		{"completed", func() error { return c.SetStep(ctx, "1.2.3", status("COMPLETED")) }, dimse.StatusSuccess},
		{"changed after its end", func() error { return c.SetStep(ctx, "1.2.3", status("DISCONTINUED")) }, dimse.StatusProcessingFailure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			var failed *dimse.StatusError
			if tt.want == dimse.StatusSuccess {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.As(err, &failed) || failed.Status != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
