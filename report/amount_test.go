package report_test

import (
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
)

func TestAmountsAreWrittenAsReadersWriteThem(t *testing.T) {
	for want, m := range map[string]radnode.Measurement{
		"12.35 mm": {Name: "length", Value: 12.345, Unit: "mm"}, "12346 mm²": {Name: "area", Value: 12345.6, Unit: "mm2"}, "0.0000001 cm²": {Name: "area", Value: 1e-7, Unit: "cm2"},
		"0.55": {Name: "cardiothoracic_ratio", Value: 0.5486, Unit: "1"}, "42.5°": {Name: "angle", Value: 42.5, Unit: "deg"}, "118 pixels": {Name: "length", Value: 118, Unit: "{pixels}"},
		"50.25 mo": {Name: "bone_age", Value: 50.25, Unit: "mo"},
	} {
		if got := report.Amount(m); got != want {
			t.Errorf("%v: %q, want %q", m, got, want)
		}
	}
}

// TestNoTextHoldsTheWordsOfThePrograms looks for names and units as programs
// write them in every text that people read.
func TestNoTextHoldsTheWordsOfThePrograms(t *testing.T) {
	in := measuredInput()
	signed := signed(t)
	in.Findings, in.Observer = signed.Findings, signed.Observer
	code := &radnode.Concept{Value: "60046008", Scheme: "SCT", Meaning: "Pleural effusion"}
	for _, m := range []radnode.Measurement{{Name: "cardiothoracic_ratio", Value: 0.5486, Unit: "1"}, {Name: "area", Value: 12345.6, Unit: "{pixels}"}, {Name: "area", Value: 12345.6, Unit: "mm2"}} {
		in.Findings = append(in.Findings, radnode.ReportFinding{SOPInstanceUID: "1.2.3.4.1", Decision: radnode.Accepted, Finding: radnode.Finding{Label: "pleural_effusion", Code: code, Present: true},
			Reading: &radnode.Reading{Label: "pleural_effusion", Code: code, TrackingUID: radnode.DeriveUID(m.Name, m.Unit), By: "li", At: now, Measurement: &m}})
	}
	var all []string
	for _, language := range []string{"en", "zh"} {
		findings, impression, err := report.Narrative(in.Findings, language)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, findings, impression)
	}
	in.FindingsText = all[0]
	in.Class = dicom.BasicTextSRStorage
	all = append(all, texts(t, mustSR(t, in)))
	for _, text := range all {
		for _, bad := range []string{"e+04", "{", "_ratio", "0.5486", "ratio ratio", "ratio:"} {
			if strings.Contains(text, bad) {
				t.Errorf("%q in %s", bad, text)
			}
		}
	}
	if !strings.Contains(all[2], "12346 像素") || !strings.Contains(all[0], "cardiothoracic ratio 0.55") || !strings.Contains(all[0], "12346 mm²") {
		t.Errorf("%s\n%s", all[0], all[2])
	}
}

func TestAPipelinesMeasurementNamesThePipelineAndNoModel(t *testing.T) {
	got := tree(t, mustSR(t, measuredInput()))
	_, group, found := strings.Cut(got, `"radnode cardiothoracic_ratio"`)
	if !found || !strings.Contains(group, `"pipeline=sha256:dd"`) || strings.Contains(group, "evaluation=") || strings.Contains(group, "Artificial Intelligence") {
		t.Errorf("%s", got)
	}
	bundle, err := report.FHIRBundle(measuredInput(), report.BundleOptions{})
	if err != nil || strings.Count(string(bundle), "Software that measures in images") != 1 || !strings.Contains(string(bundle), "pipeline=sha256:dd") {
		t.Errorf("%v %s", err, bundle)
	}
}

func TestMillimetresOfADetectorAreSaidToBe(t *testing.T) {
	const note = "without correction of the magnification"
	for want, set := range map[bool]func(d *dicom.Dataset){
		true:  func(d *dicom.Dataset) { d.SetFloats(dicom.ImagerPixelSpacing, 0.2, 0.2) },
		false: func(d *dicom.Dataset) { d.SetFloats(dicom.PixelSpacing, 0.18, 0.18) },
	} {
		in, _ := realStudy(t, film("1.2.3.4.1", "Doe^Jane"))
		set(in.Source[0])
		if got := strings.Contains(tree(t, mustSR(t, in)), note); got != want {
			t.Errorf("says it %t, want %t", got, want)
		}
	}
}
