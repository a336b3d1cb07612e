package workflow

import (
	"context"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/store"
)

// maxPriors bounds the studies whose headers are compared.
const maxPriors = 200

// Priors lists the earlier studies of the patient of a study with their signed
// reports. The headers of the images decide whose they are.
func (w *Workflow) Priors(ctx context.Context, uid radnode.UID) (*radnode.Priors, error) {
	study, err := w.store.Outline(ctx, uid)
	if err != nil {
		return nil, err
	}
	out := &radnode.Priors{Priors: []radnode.Prior{}}
	header, err := w.header(ctx, uid)
	if err != nil || header == nil {
		out.Reason = "no image of this study can be read: whose it is, is not certain"
		return out, err
	}
	candidates, err := w.store.Namesakes(ctx, study.PatientID, study.PatientName, maxPriors)
	if err != nil {
		return nil, err
	}
	for _, c := range candidates {
		if c.StudyInstanceUID == uid || !earlier(c, study.StudySummary) {
			continue
		}
		other, err := w.header(ctx, c.StudyInstanceUID)
		if err != nil {
			return nil, err
		}
		if other == nil || !report.SurelySamePatient(header, other) {
			out.Uncertain++
			continue
		}
		p := radnode.Prior{StudySummary: c}
		if p.Reports, err = w.signed(ctx, c.StudyInstanceUID); err != nil {
			return nil, err
		}
		out.Priors = append(out.Priors, p)
	}
	if out.Uncertain > 0 {
		out.Reason = "they agree in name or Patient ID, but not in name, Patient ID, issuer and date of birth together: they may be of somebody else"
	}
	return out, nil
}

// earlier orders studies by their date and time, where a date is not given by
// their arrival.
func earlier(a, b radnode.StudySummary) bool {
	if a.StudyDate == "" || b.StudyDate == "" {
		return a.FirstReceivedAt.Before(b.FirstReceivedAt)
	}
	return a.StudyDate+a.StudyTime < b.StudyDate+b.StudyTime
}

// header is the header of an image of a study; nil: none can be read.
func (w *Workflow) header(ctx context.Context, study radnode.UID) (*dicom.Dataset, error) {
	all, err := w.store.Instances(ctx, study)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Origin != store.Received {
			continue
		}
		f, err := dicom.ReadFile(w.store.Path(r.File), dicom.Limits{})
		if err == nil {
			return f.Dataset, nil
		}
		w.Log.Warn("header of a study not read", "instance", r.SOPInstanceUID, "error", err)
	}
	return nil, nil
}

// signed lists the reports of a study that stand signed.
func (w *Workflow) signed(ctx context.Context, study radnode.UID) ([]radnode.Report, error) {
	rows, err := w.store.Reports(ctx, study)
	if err != nil {
		return nil, err
	}
	out := []radnode.Report{}
	for _, r := range rows {
		if r.State == radnode.Final {
			out = append(out, r.Report)
		}
	}
	return slices.Clip(out), nil
}
