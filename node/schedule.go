package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/store"
	"github.com/radnode/radnode/web/api"
)

// schedule answers the modality worklist (PS3.4 Annex K) from the scheduled
// procedure steps that were brought in.
type schedule struct {
	store *store.Store
	limit int // matches of one query
}

var _ dimse.Finder = schedule{}

// Find implements dimse.Finder.
func (s schedule) Find(ctx context.Context, _ *dimse.FindRequest, identifier *dicom.Dataset, send func(*dicom.Dataset) error) error {
	sent := 0
	err := s.store.EachScheduledStep(ctx, identifier, false, func(step *store.ScheduledStep) error {
		if sent == s.limit {
			return store.ErrMoreMatches
		}
		sent++
		return send(store.Requested(step.Attributes, identifier))
	})
	if errors.Is(err, store.ErrMoreMatches) {
		return &dimse.StatusError{Status: dimse.StatusResponseLimit, Comment: fmt.Sprintf("more than %d matches: narrow the query", s.limit)}
	}
	return err
}

// scheduledStep checks an item of the worklist and completes it with what a
// modality needs and the sender left out.
func scheduledStep(d *dicom.Dataset, source string) (*store.ScheduledStep, error) {
	const op = "schedule"
	d = d.Clone()
	d.Remove(dicom.QueryRetrieveLevel)
	items := d.Items(dicom.ScheduledProcedureStepSequence)
	if len(items) != 1 {
		return nil, radnode.Errorf(radnode.Invalid, op, "an item of the worklist has one scheduled procedure step, not %d", len(items))
	}
	step := items[0]
	if d.UID(dicom.StudyInstanceUID) == "" {
		d.SetUID(dicom.StudyInstanceUID, radnode.DeriveUID("scheduled", d.Text(dicom.PatientID), d.Text(dicom.AccessionNumber), d.Text(dicom.RequestedProcedureID)))
	}
	s := &store.ScheduledStep{Study: d.UID(dicom.StudyInstanceUID), StepID: step.Text(dicom.ScheduledProcedureStepID), State: store.StepScheduled, Attributes: d, Source: source}
	date := step.Text(dicom.ScheduledProcedureStepStartDate)
	_, errDate := time.Parse("20060102", date)
	switch {
	case !s.Study.Valid():
		return nil, radnode.Errorf(radnode.Invalid, op, "the Study Instance UID is no UID")
	case s.StepID == "" || len(s.StepID) > 64:
		return nil, radnode.Errorf(radnode.Invalid, op, "the Scheduled Procedure Step ID is missing or over 64 bytes")
	case d.Text(dicom.PatientID) == "" || d.Text(dicom.PatientName) == "":
		return nil, radnode.Errorf(radnode.Invalid, op, "patient name and ID are needed")
	case date != "" && errDate != nil:
		return nil, radnode.Errorf(radnode.Invalid, op, "the Scheduled Procedure Step Start Date is no date YYYYMMDD")
	}
	return s, nil
}

// scheduleLimits bound an item of the worklist.
var scheduleLimits = dicom.Limits{HeaderBytes: 1 << 20, ValueBytes: 256 << 10, Elements: 5000, Items: 1000, Depth: 8}

// mostScheduleElements bounds the attributes of a list of items.
const mostScheduleElements = 500_000

// maxSchedule bounds a file of the worklist.
const maxSchedule = 64 << 20

// readSchedule reads a file of the DICOM JSON model (PS3.18 Annex F), else a
// DICOM file as DCMTK's wlmscpfs keeps them.
func readSchedule(path string) ([]*dicom.Dataset, error) {
	if !strings.EqualFold(filepath.Ext(path), ".json") {
		file, err := dicom.ReadFile(path, scheduleLimits)
		if err != nil {
			return nil, err
		}
		return []*dicom.Dataset{file.Dataset}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSchedule {
		return nil, radnode.Errorf(radnode.TooLarge, "schedule", "the file is over %d MB", maxSchedule>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return dicomjson.Decode(text, dicomjson.Limits{Depth: scheduleLimits.Depth, Elements: mostScheduleElements})
}

// scheduleFiles are the endings of files that a folder is searched for.
var scheduleFiles = map[string]bool{".json": true, ".wl": true, ".dcm": true, ".wlist": true}

// Schedule brings files or folders of the modality worklist in. report is told
// of each file: how many steps it held, or what is wrong with it.
func (d *Desk) Schedule(ctx context.Context, paths []string, report func(path string, steps int, err error)) error {
	given := map[string]bool{}
	for _, p := range paths {
		given[filepath.Clean(p)] = true
	}
	return EachFile(ctx, paths, func(path string, err error) error {
		if err == nil && !given[filepath.Clean(path)] && !scheduleFiles[strings.ToLower(filepath.Ext(path))] {
			return nil // wlmscpfs keeps a lock file beside its items
		}
		n := 0
		if err == nil {
			var items []*dicom.Dataset
			if items, err = readSchedule(path); err == nil {
				n, err = d.AddScheduled(ctx, items, "import")
			}
		}
		report(path, n, err)
		if code := radnode.CodeOf(err); err != nil && (code == radnode.NoResources || code == radnode.Unavailable || code == radnode.Canceled) {
			return err
		}
		return nil
	})
}

// AddScheduled adds or replaces scheduled steps, all or none.
func (d *Desk) AddScheduled(ctx context.Context, items []*dicom.Dataset, source string) (int, error) {
	steps := make([]*store.ScheduledStep, len(items))
	for i, item := range items {
		var err error
		if steps[i], err = scheduledStep(item, source); err != nil {
			return 0, err
		}
	}
	err := d.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, s := range steps {
			if err := tx.SaveScheduledStep(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	return len(steps), err
}

// Scheduled lists the scheduled steps that match keys, nil for all, those that
// are over too.
func (d *Desk) Scheduled(ctx context.Context, keys *dicom.Dataset, each func(radnode.ScheduledStep) error) error {
	if keys == nil {
		keys = dicom.NewDataset()
	}
	return d.store.EachScheduledStep(ctx, keys, true, func(s *store.ScheduledStep) error {
		a := s.Attributes
		step := a.Item(dicom.ScheduledProcedureStepSequence)
		return each(radnode.ScheduledStep{
			StudyInstanceUID: s.Study, StepID: s.StepID, State: s.State, PatientName: a.Text(dicom.PatientName), PatientID: a.Text(dicom.PatientID),
			AccessionNumber: a.Text(dicom.AccessionNumber), Modality: step.Text(dicom.Modality), Station: step.Text(dicom.ScheduledStationAETitle),
			StartDate: step.Text(dicom.ScheduledProcedureStepStartDate), StartTime: step.Text(dicom.ScheduledProcedureStepStartTime),
			Description: step.Text(dicom.ScheduledProcedureStepDescription), Source: s.Source, UpdatedAt: s.UpdatedAt,
		})
	})
}

// RemoveScheduled removes one scheduled step.
func (d *Desk) RemoveScheduled(ctx context.Context, study radnode.UID, step string) error {
	err := d.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.RemoveScheduledStep(ctx, study, step) })
	if err != nil {
		return err
	}
	return d.record(ctx, audit.ScheduleChanged, string(study))
}

// RemoveScheduledBefore removes the steps of the days before a date.
func (d *Desk) RemoveScheduledBefore(ctx context.Context, date string) (n int64, err error) {
	if _, err := time.Parse("20060102", date); err != nil {
		return 0, radnode.Errorf(radnode.Invalid, "schedule", "%.20q is no date YYYYMMDD", date)
	}
	err = d.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err = tx.RemoveScheduledBefore(ctx, date)
		return err
	})
	return n, err
}

// webSchedule is the worklist for the web.
type webSchedule struct{ *Desk }

var _ api.Schedule = webSchedule{}

// ScheduledSteps lists the scheduled steps.
func (s webSchedule) ScheduledSteps(ctx context.Context, most int) ([]radnode.ScheduledStep, error) {
	list := []radnode.ScheduledStep{}
	err := s.Scheduled(ctx, dicom.NewDataset(), func(one radnode.ScheduledStep) error {
		if len(list) == most {
			return store.ErrMoreMatches
		}
		list = append(list, one)
		return nil
	})
	if errors.Is(err, store.ErrMoreMatches) {
		err = nil
	}
	return list, err
}

// AddScheduledSteps takes items in the DICOM JSON model.
func (s webSchedule) AddScheduledSteps(ctx context.Context, text []byte, source string) (int, error) {
	items, err := dicomjson.Decode(text, dicomjson.Limits{Depth: scheduleLimits.Depth, Elements: mostScheduleElements})
	if err != nil {
		return 0, err
	}
	return s.AddScheduled(ctx, items, source)
}

// RemoveScheduledStep removes a step.
func (s webSchedule) RemoveScheduledStep(ctx context.Context, study radnode.UID, step string) error {
	return s.store.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.RemoveScheduledStep(ctx, study, step) })
}
