package dimse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// archive is a small archive in memory: studies of one patient each, as
// handlers of query, retrieve and storage commitment.
type archive struct {
	tb           testing.TB
	objects      []dimse.Object
	studies      map[radnode.UID][]dimse.Object
	answers      []*dicom.Dataset
	destinations map[string]dimse.Destination

	mu      sync.Mutex
	reports []*dimse.CommitReport
	steps   map[radnode.UID]string
	find    func(ctx context.Context, req *dimse.FindRequest) error // before the answers
}

// newArchive makes studies with instances of the given size.
func newArchive(tb testing.TB, studies, instances, size int) *archive {
	tb.Helper()
	a := &archive{tb: tb, studies: map[radnode.UID][]dimse.Object{}, destinations: map[string]dimse.Destination{}, steps: map[radnode.UID]string{}}
	for s := range studies {
		study := radnode.UID(fmt.Sprintf("1.2.826.1.%d", s+1))
		answer := dicom.NewDataset()
		answer.SetText(dicom.QueryRetrieveLevel, "STUDY")
		answer.SetText(dicom.PatientName, fmt.Sprintf("Müller^%d", s+1))
		answer.SetText(dicom.PatientID, fmt.Sprintf("P%d", s+1))
		answer.SetUID(dicom.StudyInstanceUID, study)
		a.answers = append(a.answers, answer)
		for i := range instances {
			o := syntheticObject(tb, study, radnode.UID(fmt.Sprintf("%s.1.%d", study, i+1)), size)
			a.objects = append(a.objects, o)
			a.studies[study] = append(a.studies[study], o)
		}
	}
	return a
}

// syntheticObject makes a secondary capture in explicit VR little endian.
func syntheticObject(tb testing.TB, study, uid radnode.UID, size int) dimse.Object {
	tb.Helper()
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, secondaryCapture)
	d.SetUID(dicom.SOPInstanceUID, uid)
	d.SetUID(dicom.StudyInstanceUID, study)
	d.SetUID(dicom.SeriesInstanceUID, study+".1")
	d.SetText(dicom.PatientID, "P1")
	d.SetText(dicom.PatientName, "Doe^Jane")
	d.SetText(dicom.Modality, "OT")
	d.SetBytes(dicom.Tag(0x00091001), "OB", make([]byte, size))
	var b bytes.Buffer
	if err := dicom.Write(&b, d, dimse.ExplicitVRLittleEndian); err != nil {
		tb.Fatal(err)
	}
	return dimse.Object{
		SOPClassUID: secondaryCapture, SOPInstanceUID: uid, Syntaxes: []radnode.UID{dimse.ExplicitVRLittleEndian},
		Open: func(context.Context, radnode.UID) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(b.Bytes())), nil
		},
	}
}

func (a *archive) Find(ctx context.Context, req *dimse.FindRequest, identifier *dicom.Dataset, send func(*dicom.Dataset) error) error {
	if a.find != nil {
		if err := a.find(ctx, req); err != nil {
			return err
		}
	}
	if identifier.Text(dicom.QueryRetrieveLevel) == "NONSENSE" {
		return radnode.Errorf(radnode.Invalid, "find", "unknown level")
	}
	for _, answer := range a.answers {
		if id := identifier.Text(dicom.PatientID); id != "" && id != answer.Text(dicom.PatientID) {
			continue
		}
		if err := send(answer); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) Retrieve(_ context.Context, _ *dimse.RetrieveRequest, identifier *dicom.Dataset) ([]dimse.Object, error) {
	study := identifier.UID(dicom.StudyInstanceUID)
	if study == "" {
		return nil, radnode.Errorf(radnode.Invalid, "retrieve", "study instance UID is missing")
	}
	return a.studies[study], nil
}

func (a *archive) Destination(_ context.Context, _ *dimse.RetrieveRequest, ae string) (dimse.Destination, error) {
	d, ok := a.destinations[ae]
	if !ok {
		return d, radnode.Errorf(radnode.NotFound, "move", "no peer %q", ae)
	}
	return d, nil
}

// Commit reports at once on the same association what is there and what not.
func (a *archive) Commit(ctx context.Context, req *dimse.CommitRequest) error {
	report := &dimse.CommitReport{TransactionUID: req.TransactionUID, RetrieveAETitle: "RADNODE"}
	known := map[radnode.UID]bool{}
	for _, o := range a.objects {
		known[o.SOPInstanceUID] = true
	}
	for _, ref := range req.References {
		if known[ref.SOPInstanceUID] {
			report.Committed = append(report.Committed, ref)
		} else {
			report.Failed = append(report.Failed, dimse.FailedReference{Reference: ref, Reason: dimse.StatusNoSuchSOPInstance})
		}
	}
	go func() {
		if err := req.Report(context.WithoutCancel(ctx), report); err != nil {
			a.tb.Errorf("report: %v", err)
		}
	}()
	return nil
}

func (a *archive) CommitReport(_ context.Context, _ *dimse.Association, report *dimse.CommitReport) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reports = append(a.reports, report)
	return nil
}

func (a *archive) CreateStep(_ context.Context, req *dimse.StepRequest, d *dicom.Dataset) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.steps[req.SOPInstanceUID] != "" {
		return radnode.Errorf(radnode.Conflict, "create step", "step exists")
	}
	a.steps[req.SOPInstanceUID] = d.Text(dicom.PerformedProcedureStepStatus)
	return nil
}

func (a *archive) SetStep(_ context.Context, req *dimse.StepRequest, d *dicom.Dataset) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.steps[req.SOPInstanceUID] {
	case "":
		return radnode.Errorf(radnode.NotFound, "set step", "no such step")
	case dimse.StepInProgress:
		a.steps[req.SOPInstanceUID] = d.Text(dicom.PerformedProcedureStepStatus)
		return nil
	}
	return dimse.ErrStepFinal
}

// config offers every service of the archive.
func (a *archive) config() dimse.ServerConfig {
	return dimse.ServerConfig{
		Find: a, Worklist: a, Retrieve: a, Destinations: a, Commit: a, Reports: a, Steps: a, Store: &memoryStore{},
		Query: dimse.QueryOptions{Relational: true, FuzzyNames: true},
	}
}

// studyIdentifier asks for one study; "" matches all.
func studyIdentifier(uid radnode.UID) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetText(dicom.QueryRetrieveLevel, "STUDY")
	d.SetText(dicom.PatientName, "")
	d.SetText(dicom.PatientID, "")
	d.SetUID(dicom.StudyInstanceUID, uid)
	return d
}

// uids is a Storer that lists what it gets.
type uids struct {
	mu   sync.Mutex
	list []string
}

func (u *uids) Store(_ context.Context, req *dimse.StoreRequest, data io.Reader) error {
	if _, err := io.Copy(io.Discard, data); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, string(req.AffectedSOPInstanceUID)+" "+strings.TrimSpace(req.MoveOriginatorAE))
	return nil
}

func (u *uids) got() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.list...)
}
