package workflow

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/store"
)

// relate adds to fresh results what no image shows alone: that its pixels are
// those of another image, and whether several models agree.
func (w *Workflow) relate(ctx context.Context, rows []store.ResultRow) error {
	if err := w.noteTwins(ctx, rows); err != nil {
		return err
	}
	noteAgreement(rows)
	return nil
}

// noteTwins tells the reader of images that were sent before under another
// name. They are still analysed: which of the two is right, nobody here knows.
func (w *Workflow) noteTwins(ctx context.Context, rows []store.ResultRow) error {
	fresh := map[string]radnode.UID{} // the first image with these pixels
	for i := range rows {
		r := &rows[i]
		if r.Provenance == nil || !accepted(r.Analysis) {
			continue
		}
		digest := r.Provenance.InputDigest
		first, seen := fresh[digest]
		if !seen {
			fresh[digest] = r.SOPInstanceUID
		}
		note := ""
		if seen && first != r.SOPInstanceUID {
			note = twinNote(r.Study, &store.Twin{Study: r.Study})
		} else {
			twin, err := w.store.FindTwin(ctx, r.Study, r.SOPInstanceUID, digest)
			if err != nil {
				return err
			}
			note = twinNote(r.Study, twin)
		}
		if note != "" {
			r.Gate.Reasons = append(r.Gate.Reasons, note)
		}
	}
	return nil
}

func twinNote(study radnode.UID, twin *store.Twin) string {
	switch {
	case twin == nil:
		return ""
	case twin.Study == study:
		return "the pixels are those of another image of this study"
	case twin.SamePatient:
		return "the pixels are those of an image in another study of this patient"
	}
	return "the pixels are those of an image of another patient: check whose image this is"
}

// question is what models can agree about: one thing in one frame.
type question struct {
	sop    radnode.UID
	frame  int
	scheme string
	value  string // of the code, or the label of a finding without one
}

// noteAgreement tells with each finding what other models say of the same
// thing. Several findings of one model (boxes, labels with one code) are one
// word: the surest of them. A number agrees with nothing.
func noteAgreement(rows []store.ResultRow) {
	asked := map[question]map[radnode.ModelRef][]*radnode.Finding{}
	for i := range rows {
		r := &rows[i]
		if !accepted(r.Analysis) {
			continue
		}
		for j := range r.Findings {
			f := &r.Findings[j]
			if f.IsNumber() || f.Agreement != nil { // an ensemble has told what its members say
				continue
			}
			q := question{sop: r.SOPInstanceUID, frame: r.Frame, value: f.Label}
			if f.Code != nil {
				q.scheme, q.value = f.Code.Scheme, f.Code.Value
			}
			if asked[q] == nil {
				asked[q] = map[radnode.ModelRef][]*radnode.Finding{}
			}
			asked[q][r.Model] = append(asked[q][r.Model], f)
		}
	}
	for _, byModel := range asked {
		if len(byModel) > 1 {
			tellAgreement(byModel)
		}
	}
}

func tellAgreement(byModel map[radnode.ModelRef][]*radnode.Finding) {
	a := radnode.Agreement{Models: len(byModel), Low: 1}
	for _, findings := range byModel {
		surest, present := 0.0, false
		for _, f := range findings {
			surest, present = max(surest, f.Probability), present || f.Present
			f.Agreement = &a
		}
		a.Low, a.High = min(a.Low, surest), max(a.High, surest)
		if present {
			a.Present++
		}
	}
}
