package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/report"
)

// TestFindingsOfEveryKindOfModelPassTheValidators reports a box, a mask, a
// number and a map made by hiding parts.
func TestFindingsOfEveryKindOfModelPassTheValidators(t *testing.T) {
	in := input()
	code := &radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"}
	other := radnode.ModelRef{ID: "other-kinds", Version: "1.0.0", Digest: "sha256:cc"}
	mask := *in.Analyses[0].Findings[0].Heatmap
	hidden := mask
	mask.Method, mask.Max, hidden.Method = "segmentation", 1, "rise"
	box := &radnode.Region{Graphic: radnode.Polyline, Points: []float64{100, 200, 300, 200, 300, 500, 100, 500, 100, 200}}
	in.Analyses = append(in.Analyses, radnode.Analysis{
		SOPInstanceUID: "1.2.3.4.2", Model: other, Gate: radnode.Gate{Accepted: true},
		Findings: []radnode.Finding{
			{Label: "nodule", Code: code, Probability: 0.8, Threshold: 0.5, Present: true, Region: box},
			{Label: "nodule_2", Code: code, Probability: 0.7, Threshold: 0.5, Present: true, Region: box},
			{Label: "effusion", Probability: 0.9, Threshold: 0.5, Present: true, Heatmap: &mask, Measurement: &radnode.Measurement{Name: "area", Value: 1234.5, Unit: "mm2"}},
			{Label: "bone_age", Present: true, Measurement: &radnode.Measurement{Name: "bone_age", Value: 50.25, Unit: "mo"}},
			{Label: "opacity", Probability: 0.9, Threshold: 0.5, Present: true, Heatmap: &hidden},
		},
	})
	list := documents(t, in, report.Options{Pictures: pictures()})
	for _, o := range list[:len(list)-1] {
		validateObject(t, mustFile(t, o.Dataset))
	}
	root := list[len(list)-1]
	validate(t, mustFile(t, root.Dataset))
	messages(t, in)
	text := tree(t, root.Dataset)
	for _, want := range []string{"the box of the detector", "the mask of the model", "1234.5", "50.25", "RISE"} {
		if !strings.Contains(text, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
}

// messages looks for the number of a regression, and for no probability of it.
func messages(t *testing.T, in report.Input) {
	t.Helper()
	oru, err := report.ORU(in, report.MessageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := report.FHIRBundle(in, report.BundleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"ORU": fmt.Sprint(oru), "FHIR": string(bundle)} {
		if !strings.Contains(text, "bone_age: 50.25 mo (other-kinds 1.0.0)") || !strings.Contains(text, "1234.5") {
			t.Errorf("%s does not tell the number or the area: %s", name, text)
		}
		if strings.Contains(text, "bone_age: detected") || strings.Contains(text, "bone_age: not detected") {
			t.Errorf("%s tells a probability of a number", name)
		}
	}
	number := radnode.ReportFinding{Decision: radnode.Accepted, Finding: radnode.Finding{
		Label: "bone_age", Code: &radnode.Concept{Value: "1", Scheme: "99X", Meaning: "Bone age"}, Present: true,
		Measurement: &radnode.Measurement{Name: "bone_age", Value: 50.25, Unit: "mo"},
	}}
	text, impression, err := report.Narrative([]radnode.ReportFinding{number}, "en")
	if err != nil || !strings.Contains(text, "50.25 mo") || strings.Contains(impression, "one age") {
		t.Errorf("narrative %q, impression %q, %v", text, impression, err)
	}
}
