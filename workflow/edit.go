package workflow

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

const (
	maxLabel       = 64   // characters: LO of a code meaning (PS3.5 6.2)
	maxFindingText = 1024 // characters of a reader's words about a finding
	maxPoints      = 1000 // of a region
	maxAdded       = 200  // findings a report may hold before no more are added
)

// AddFinding adds a finding of the reader's own to a draft. It counts as
// accepted by who added it.
func (w *Workflow) AddFinding(ctx context.Context, user radnode.User, reportID string, version int64, c radnode.ReadingChange) (*radnode.Report, error) {
	const op = "add finding"
	if c.Label == nil && c.Code == nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "a finding needs a label or a code")
	}
	return w.change(ctx, user, reportID, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		if len(r.Findings) >= maxAdded {
			return "", radnode.Errorf(radnode.TooLarge, op, "report %s holds %d findings; no more are added", r.ID, len(r.Findings))
		}
		image, err := tx.Instance(ctx, c.SOPInstanceUID)
		if err != nil {
			return "", err
		}
		if image.StudyInstanceUID != r.StudyInstanceUID || image.Origin != store.Received || image.Frames == 0 || c.Frame < 0 || c.Frame > image.Frames {
			return "", radnode.Errorf(radnode.Invalid, op, "a finding stands on a frame of an image of the study")
		}
		f := radnode.ReportFinding{ID: store.NewID(), SOPInstanceUID: image.SOPInstanceUID, Frame: c.Frame}
		if err := restate(&f, r, image, user, w.now(), c); err != nil {
			return "", err
		}
		return "finding " + f.Finding.Label + " added", tx.AddFinding(ctx, r, f, version)
	})
}

// EditFinding changes what a draft states of a finding. Of a model's finding the
// statement of the model stays beside it.
func (w *Workflow) EditFinding(ctx context.Context, user radnode.User, reportID, findingID string, version int64, c radnode.ReadingChange) (*radnode.Report, error) {
	const op = "edit finding"
	if c.SOPInstanceUID != "" || c.Frame != 0 {
		return nil, radnode.Errorf(radnode.Invalid, op, "a finding cannot move to another image: reject it and add one there")
	}
	return w.change(ctx, user, reportID, version, func(ctx context.Context, tx *store.Tx, r *store.ReportRow) (string, error) {
		f, err := findingOf(r, findingID)
		if err != nil {
			return "", err
		}
		if !f.Stated().Present && c.Label == nil && c.Code == nil && c.Region == nil && c.Measurement == nil {
			return "", radnode.Errorf(radnode.Invalid, op, "the model states that %s is absent, and words alone would make it present: give it a place or a name, or accept that it is absent", f.Finding.Label)
		}
		image, err := tx.Instance(ctx, f.SOPInstanceUID)
		if err != nil {
			return "", err
		}
		before := f.Finding.Label
		if err := restate(&f, r, image, user, w.now(), c); err != nil {
			return "", err
		}
		return "finding " + before + " edited, now " + f.Stated().Label, tx.SetFinding(ctx, r, f, version)
	})
}

// restate puts a reader's change into a finding and accepts it in that form.
func restate(f *radnode.ReportFinding, r *store.ReportRow, image store.Record, user radnode.User, at time.Time, c radnode.ReadingChange) error {
	reading := radnode.Reading{Label: f.Finding.Label, Code: f.Finding.Code}
	if f.Reading != nil {
		reading = *f.Reading
	}
	reading.By, reading.At = user.Name, at
	if err := name(&reading, r, c); err != nil {
		return err
	}
	for _, t := range []struct {
		what  string
		given *string
		to    *string
		limit int
	}{{"text", c.Text, &reading.Text, maxFindingText}, {"reason", c.Reason, &reading.Reason, maxReason}} {
		if t.given == nil {
			continue
		}
		if err := plainText("edit finding", t.what, *t.given, t.limit); err != nil {
			return err
		}
		*t.to = *t.given
	}
	if c.Region != nil {
		if err := checkRegion(c.Region, image); err != nil {
			return err
		}
		reading.Region = c.Region
	}
	if c.Measurement != nil {
		if err := checkMeasurement(*c.Measurement); err != nil {
			return err
		}
		reading.Measurement = c.Measurement
	}
	f.Reading, f.Decision, f.Reason, f.DecidedBy, f.DecidedAt = &reading, radnode.Accepted, reading.Reason, user.Name, &at
	if f.Added() {
		if reading.TrackingUID == "" {
			reading.TrackingUID = radnode.NewUID()
		}
		f.Finding = radnode.Finding{Label: reading.Label, Code: reading.Code, Present: true}
	}
	return nil
}

// name gives a reading the label and code that a reader chose: of the
// vocabulary, of a finding of the report, or a label of the reader's own.
func name(reading *radnode.Reading, r *store.ReportRow, c radnode.ReadingChange) error {
	const op = "name finding"
	if c.Label == nil && c.Code == nil {
		return nil
	}
	if c.Label == nil {
		term, known := report.TermOfCode(*c.Code)
		if !known {
			return radnode.Errorf(radnode.Invalid, op, "this code is none of the vocabulary: give the finding a label")
		}
		reading.Label, reading.Code = term.Label, term.Code
		return nil
	}
	label := strings.TrimSpace(*c.Label)
	if label == "" || strings.ContainsAny(label, "\\\r\n\t") {
		return radnode.Errorf(radnode.Invalid, op, "a label is one line of text without backslash")
	}
	if err := plainText(op, "label", label, maxLabel); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if f.Finding.Label == label && f.Finding.Code != nil {
			reading.Label, reading.Code = label, f.Finding.Code
			return nil
		}
	}
	code := report.PrivateConcept(label)
	reading.Label, reading.Code = label, &code
	if term, known := report.TermOf(label); known {
		reading.Label = term.Label
		if code = report.PrivateConcept(term.Label); term.Code != nil {
			code = *term.Code
		}
	}
	return nil
}

// points are how many points each graphic has at least and at most
// (PS3.3 C.18.6.1.2).
var points = map[radnode.Graphic][2]int{
	radnode.Point: {1, 1}, radnode.Polyline: {2, maxPoints}, radnode.Circle: {2, 2}, radnode.Ellipse: {4, 4},
}

// checkRegion refuses a region that is not in the frame.
func checkRegion(r *radnode.Region, image store.Record) error {
	const op = "edit finding"
	bounds, known := points[r.Graphic]
	if !known {
		return radnode.Errorf(radnode.Invalid, op, "a region is a POINT, POLYLINE, CIRCLE or ELLIPSE")
	}
	if n := len(r.Points); n%2 != 0 || n/2 < bounds[0] || n/2 > bounds[1] {
		return radnode.Errorf(radnode.Invalid, op, "a %s has %d to %d points of column and row", r.Graphic, bounds[0], bounds[1])
	}
	for i, v := range r.Points {
		limit := float64(image.Columns)
		if i%2 == 1 {
			limit = float64(image.Rows)
		}
		if math.IsNaN(v) || v < 0 || v > limit {
			return radnode.Errorf(radnode.Invalid, op, "point %d of the region is outside of the image", i/2+1)
		}
	}
	return nil
}

// units are the units that each measurement may have (UCUM).
var units = map[string][]string{
	"length": {"mm", "cm", "{pixels}"}, "area": {"mm2", "cm2", "{pixels}"}, "angle": {"deg"}, "ratio": {"1"}, "cardiothoracic_ratio": {"1"},
}

// checkMeasurement refuses what is no measurement.
func checkMeasurement(m radnode.Measurement) error {
	if !slices.Contains(units[m.Name], m.Unit) || math.IsNaN(m.Value) || m.Value < 0 || m.Value > 1e9 {
		return radnode.Errorf(radnode.Invalid, "edit finding",
			"a measurement is a length (mm, cm, {pixels}), an area (mm2, cm2, {pixels}), an angle (deg), a ratio or cardiothoracic_ratio (1)")
	}
	return nil
}
