package pixel_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

const lungDigest = "sha256:d4f33fdca297e9b356511d7b29543907e9cc8176438d7342355758c82763f53d"

// mustCombine installs an ensemble of two versions of the test model, of which
// the second is softened by a temperature of 3, and a weight of 1 to 3.
func mustCombine(t *testing.T, folder string, golden float64, change ...string) {
	t.Helper()
	text := fmt.Sprintf(`schema: 1
id: lung-pair
version: 1.0.0
name: Two of the test model
licence: Apache-2.0
kind: ensemble
intended_use: Tests of ensembles.
not_for: [people]
calibrated: false
evaluation: judged on nothing
gate: {modality: [CR, DX], burned_in: accept}
ensemble:
  members:
    - {model: lung-test, version: 1.0.0, digest: "%[1]s", weight: 1}
    - {model: lung-test, version: 2.0.0, digest: "%[1]s", weight: 3}
labels:
  - {name: corner, code: {value: "233604007", scheme: SCT, meaning: Pneumonia}, threshold: 0.9, heatmap: true}
references:
  - {name: both, cases: [top-bright, noise], output: [%[2]g], tolerance: 1.0e-5}
`, lungDigest, golden)
	place := filepath.Join(folder, "lung-pair", "1.0.0")
	if err := os.MkdirAll(place, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(place, "manifest.yaml"), []byte(strings.NewReplacer(change...).Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// softened is what the second member makes of a probability.
func softened(p float64) float64 { return 1 / (1 + math.Exp(-math.Log(p/(1-p))/3)) }

// pairGolden is the mean of the members' own reference cases.
var pairGolden = (0.9996646642684937 + 3*softened(0.999651312828064)) / 4

func twoMembers(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	mustCopy(t, folder, "1.0.0")
	mustCopy(t, folder, "2.0.0", "heatmap: true, urgency: 5", "heatmap: true, urgency: 5, calibration: {method: temperature, temperature: 3}")
	return folder
}

func TestAnEnsembleIsTheMeanOfItsMembersAndTellsWhatEachSaid(t *testing.T) {
	folder := twoMembers(t)
	mustCombine(t, folder, pairGolden)
	pool := mustStartIn(t, folder)
	ctx, path := context.Background(), drawLesion(t, 64, 64, 0.1, 0.1)
	said := map[string]radnode.Finding{}
	var pair radnode.Analysis
	for _, model := range []string{"lung-test@1.0.0", "lung-test@2.0.0", "lung-pair"} {
		all, err := pool.Analyze(ctx, worker.AnalyzeRequest{Path: path, Models: []string{model}})
		if err != nil || len(all) != 1 || !all[0].Gate.Accepted || all[0].Error != nil {
			t.Fatalf("%s: %+v, %v", model, all, err)
		}
		pair = all[0]
		for _, f := range pair.Findings {
			if f.Label == "corner" {
				said[model] = f
			}
		}
	}
	a, b, got := said["lung-test@1.0.0"], said["lung-test@2.0.0"], said["lung-pair"]
	if want := (a.Probability + 3*b.Probability) / 4; math.Abs(got.Probability-want) > 1e-9 || a.Probability == b.Probability {
		t.Errorf("got %v of %v and %v, want %v", got.Probability, a.Probability, b.Probability, want)
	}
	if g := got.Agreement; g == nil || g.Models != 2 || g.Low != min(a.Probability, b.Probability) || g.High != max(a.Probability, b.Probability) {
		t.Errorf("agreement %+v", g)
	}
	if got.Threshold != 0.9 || got.Heatmap == nil || got.Code == nil || len(pair.Findings) != 1 {
		t.Errorf("got %+v", pair.Findings)
	}
	p := pair.Provenance
	if p == nil || len(p.Members) != 2 || p.InputDigest == "" || pair.Model.Digest == "" || p.Members[1].Model.Version != "2.0.0" ||
		p.Members[1].Weight != 3 || p.Members[1].TensorDigest == "" || p.Members[1].Probabilities["corner"] != b.Probability {
		t.Errorf("provenance %+v", p)
	}
	if r, err := pool.Replay(ctx, path, pair); err != nil || !r.Reproduced || len(r.Differences) > 0 {
		t.Errorf("replay: %+v, %v", r, err)
	}
	cases, err := pool.Verify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	proved := false
	for _, c := range cases {
		proved = proved || c.Model == "lung-pair@1.0.0" && c.Case == "both" && c.OK
	}
	if !proved {
		t.Errorf("the reference case of the ensemble is not proved: %+v", cases)
	}
	if _, err := pool.Infer(ctx, worker.InferRequest{Model: "lung-pair", Images: 1, Input: make([]byte, 4096)}); radnode.CodeOf(err) != radnode.Unsupported {
		t.Errorf("tensors for an ensemble: %v", err)
	}
}

func TestAnEnsembleWithoutAllOfItsMembersSaysWhy(t *testing.T) {
	tests := map[string]struct {
		arrange func(folder string)
		want    string
	}{
		"a member is quarantined": {func(folder string) {
			mustCopy(t, folder, "2.0.0", "0.9996646642684937", "0.1") // it no longer gives its reference case
			mustCombine(t, folder, pairGolden)
		}, "its member lung-test@2.0.0 cannot be used: "},
		"a member is retired": {func(folder string) {
			mustCombine(t, folder, pairGolden)
			if err := os.RemoveAll(filepath.Join(folder, "lung-test", "2.0.0")); err != nil {
				t.Fatal(err)
			}
		}, "lung-pair/1.0.0/manifest.yaml:15: ensemble.members[1]: there is no model lung-test@2.0.0"},
		"a member is another model": {func(folder string) {
			mustCombine(t, folder, pairGolden, lungDigest+`", weight: 3`, "sha256:"+strings.Repeat("0", 64)+`", weight: 3`)
		}, "lung-test@2.0.0 is another model than the ensemble was made of"},
		"a member knows no such label": {func(folder string) {
			mustCombine(t, folder, pairGolden, "name: corner", "name: edge")
		}, "lung-test@1.0.0 has no label edge"},
		"another code": {func(folder string) {
			mustCombine(t, folder, pairGolden, "233604007", "233604008")
		}, "has another code for the label corner"},
		"a reference case nobody has": {func(folder string) {
			mustCombine(t, folder, pairGolden, "[top-bright, noise]", "[top-bright, dark]")
		}, `lung-test@2.0.0 has no reference case "dark", which references[0] names`},
		"its mean is not what it was": {func(folder string) {
			mustCombine(t, folder, 0.5)
		}, `reference case "both": it is off by more than its tolerance`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			folder := twoMembers(t)
			tt.arrange(folder)
			pool := mustStartIn(t, folder)
			all, err := pool.Analyze(context.Background(), worker.AnalyzeRequest{Path: drawLesion(t, 64, 64, 0.1, 0.1), Models: []string{"lung-pair"}})
			if err != nil || len(all) != 1 {
				t.Fatalf("got %+v, %v", all, err)
			}
			if text := strings.Join(all[0].Gate.Reasons, "; "); all[0].Gate.Accepted || len(all[0].Findings) > 0 || !strings.Contains(text, tt.want) || !strings.HasPrefix(text, "not analysed: ") {
				t.Errorf("reasons %q, want %q", text, tt.want)
			}
		})
	}
}

func TestAnEnsembleIsSilentWhereAMemberDoesNotReadTheImage(t *testing.T) {
	folder := t.TempDir()
	mustCopy(t, folder, "1.0.0")
	mustCopy(t, folder, "2.0.0", "heatmap: true, urgency: 5", "heatmap: true, urgency: 5, calibration: {method: temperature, temperature: 3}", "min_rows: 32", "min_rows: 500")
	mustCombine(t, folder, pairGolden)
	pool := mustStartIn(t, folder)
	all, err := pool.Analyze(context.Background(), worker.AnalyzeRequest{Path: drawLesion(t, 64, 64, 0.1, 0.1), Models: []string{"lung-pair"}})
	if err != nil || len(all) != 1 {
		t.Fatalf("got %+v, %v", all, err)
	}
	if text := strings.Join(all[0].Gate.Reasons, "; "); all[0].Gate.Accepted ||
		!strings.Contains(text, "not analysed: the member lung-test@2.0.0 of the ensemble did not read this image: not applicable: image has 64 × 64 pixels") {
		t.Errorf("reasons %q", text)
	}
}
