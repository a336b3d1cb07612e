package pixel_test

import (
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// chestOf analyses a film with the quality model.
func chestOf(t *testing.T, path string) radnode.Analysis {
	t.Helper()
	all, err := mustStart(t).Analyze(t.Context(), worker.AnalyzeRequest{Path: path, Models: []string{"chest-film-quality"}})
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func TestAnUprightAdultChestFilmHasACardiothoracicRatioWithItsLines(t *testing.T) {
	a := chestOf(t, film(t))
	ratio := a.Features["cardiothoracic_ratio"]
	if ratio < 0.4 || ratio > 0.55 || len(a.Measured) != 1 {
		t.Fatalf("ratio %g, measured %+v, %v", ratio, a.Measured, a.Gate.Reasons)
	}
	m := a.Measured[0]
	width := map[string]float64{}
	for _, r := range m.Regions {
		p := r.Points
		if r.Graphic != radnode.Polyline || len(p)%2 != 0 || len(p) < 4 {
			t.Errorf("region %s: %v", r.Name, r)
		}
		width[r.Name] = p[2] - p[0]
		for i := range p {
			if p[i] < 0 || p[i] > 4000 {
				t.Errorf("region %s leaves the film: %v", r.Name, p)
			}
		}
	}
	if got := (width["heart_right"] + width["heart_left"]) / width["thoracic_width"]; m.Value != ratio || got < ratio-0.002 || got > ratio+0.002 {
		t.Errorf("the lines give %.4f, the ratio is %.4f", got, ratio)
	}
	if len(m.Regions) != 5 || !strings.HasPrefix(m.Pipeline, "sha256:") || m.Unit != "1" {
		t.Errorf("measured %+v", m)
	}
}

// No number is better than a wrong one: each of these films has a reason.
func TestFilmsThatCannotBeMeasuredHaveAReasonInPlaceOfARatio(t *testing.T) {
	for file, want := range map[string]string{
		"chest/cr_rsna_pa_mono1_header_only.dcm": "no cardiothoracic ratio: the grey scale looks inverted",
		"chest/dx_dog_thorax_mono1_8bit.dcm":     "no human",
		"chest/ct_mislabelled_nih_00000002.dcm":  "modality is CT",
		"chest/cr_strip_10rows_explicit_le.dcm":  "10 × 2265 pixels",
		"chest/cr_rsna_viral_a_jpeg.dcm":         "no cardiothoracic ratio: one lung field ends much higher", // consolidation of one base
		"chest/cr_wg04_rg1_jpegls_near.dcm":      "no cardiothoracic ratio: one lung field ends much higher", // masses
	} {
		a := chestOf(t, shared(t, file))
		if _, has := a.Features["cardiothoracic_ratio"]; has || len(a.Measured) > 0 || !strings.Contains(strings.Join(a.Gate.Reasons, "; "), want) {
			t.Errorf("%s: %v, %v", file, a.Features, a.Gate.Reasons)
		}
	}
}
