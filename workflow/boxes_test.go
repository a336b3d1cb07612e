package workflow

import (
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/store"
)

func box(label string, left float64) radnode.Finding {
	return radnode.Finding{Label: label, Probability: 0.8, Threshold: 0.5, Present: true, Region: &radnode.Region{
		Graphic: radnode.Polyline, Points: []float64{left, 0, left + 9, 0, left + 9, 9, left, 9, left, 0}}}
}

func TestADecisionStaysWithItsBoxWhenTheOrderChanges(t *testing.T) {
	w := &Workflow{Options: Options{Urgency: func(radnode.ModelRef, string) int { return 0 }}}
	result := func(findings ...radnode.Finding) []radnode.Result {
		return []radnode.Result{{Analysis: radnode.Analysis{SOPInstanceUID: "1.2.3", Model: radnode.ModelRef{ID: "detector"}, Gate: radnode.Gate{Accepted: true}, Findings: findings}}}
	}
	old, _ := w.findings(result(box("nodule", 10), box("nodule_2", 50)), nil, true)
	old[0].Decision, old[1].Decision = radnode.Rejected, radnode.Accepted
	fresh, _ := w.findings(result(box("nodule", 51), box("nodule_2", 10), box("nodule_3", 51.5), box("nodule_4", 300)), old, true)
	want := map[float64]radnode.Decision{51: radnode.Accepted, 10: radnode.Rejected, 51.5: radnode.Undecided, 300: radnode.Undecided}
	ids := map[string]bool{}
	for _, f := range fresh {
		if left := f.Finding.Region.Points[0]; f.Decision != want[left] {
			t.Errorf("the box at %v is %s", left, f.Decision)
		}
		ids[f.ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d IDs", len(ids))
	}
}

func TestSeveralBoxesOfOneModelAreOneOpinion(t *testing.T) {
	row := func(model string, findings ...radnode.Finding) store.ResultRow {
		return store.ResultRow{Result: radnode.Result{Analysis: radnode.Analysis{
			SOPInstanceUID: "1.2.3", Model: radnode.ModelRef{ID: model}, Gate: radnode.Gate{Accepted: true}, Findings: findings}}}
	}
	coded := func(f radnode.Finding, p float64) radnode.Finding {
		f.Code, f.Probability = &radnode.Concept{Value: "427359005", Scheme: "SCT"}, p
		return f
	}
	age := radnode.Finding{Label: "bone_age", Present: true, Measurement: &radnode.Measurement{Name: "bone_age", Value: 120, Unit: "mo"}}
	rows := []store.ResultRow{row("a", coded(box("nodule", 1), 0.9), coded(box("nodule_2", 50), 0.6), age)}
	noteAgreement(rows)
	if a := rows[0].Findings[0].Agreement; a != nil {
		t.Errorf("one model agrees with itself: %+v", a)
	}
	rows = append(rows, row("b", coded(box("mass", 1), 0.7), age))
	noteAgreement(rows)
	for _, f := range []radnode.Finding{rows[0].Findings[0], rows[0].Findings[1], rows[1].Findings[0]} {
		if a := f.Agreement; a == nil || *a != (radnode.Agreement{Models: 2, Present: 2, Low: 0.7, High: 0.9}) {
			t.Errorf("%s: %+v", f.Label, a)
		}
	}
	if rows[0].Findings[2].Agreement != nil {
		t.Error("two ages agree by their probability, which they do not have")
	}
}
