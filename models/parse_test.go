package models_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode/models"
)

const good = `schema: 1
id: lung-test
version: 1.0.0
name: Lung test
licence: Apache-2.0
onnx: model.onnx
digest: sha256:DIGEST
intended_use: Tests only.
not_for: [people]
calibrated: false
evaluation: "none"
gate:
  modality: [CR, DX]
  body_part: [CHEST, ""]
  photometric: [MONOCHROME1, MONOCHROME2]
  age_years: {min: 1, max: 5}
  min_rows: 64
  min_columns: 64
  max_aspect: 2.0
  burned_in: refuse
input: {name: image, layout: NCHW, type: float32, channels: 1, rows: 32, columns: 32}
pipeline:
  - {step: grey}
  - {step: resize, rows: 32, columns: 32, interpolation: area}
outputs:
  probabilities: probabilities
  heatmap: cam
labels:
  - {name: bright, code: {value: "233604007", scheme: SCT, meaning: Pneumonia}, threshold: 0.5, heatmap: true, urgency: 5}
  - {name: up, exclusive: way}
  - {name: down, exclusive: way}
`

func manifestWith(pairs ...string) string {
	sum := sha256.Sum256([]byte("graph"))
	return strings.NewReplacer(append(pairs, "DIGEST", hex.EncodeToString(sum[:]))...).Replace(good)
}

func TestAGoodManifestIsReadWithTheLinesOfItsSteps(t *testing.T) {
	m, err := models.Parse("m.yaml", []byte(manifestWith()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{2, 1, 32, 32}, m.Input.Shape(2)); diff != "" {
		t.Error(diff)
	}
	if m.StepLine(1) != 24 || m.StepLine(2) != 0 {
		t.Errorf("lines of the steps: got %d and %d", m.StepLine(1), m.StepLine(2))
	}
	if l, ok := m.Label("bright"); !ok || l.Code.Value != "233604007" || l.Urgency != 5 {
		t.Errorf("label bright: %+v", l)
	}
}

func TestABrokenRuleIsNamedWithFileLineAndRule(t *testing.T) {
	tests := map[string]struct{ old, new, want string }{
		"an unknown key":                {"name: Lung test", "nome: Lung test", "m.yaml:4: nome: unknown key"},
		"a key that is there twice":     {"name: Lung test", "name: a\nname: b", "m.yaml:5: mapping key \"name\" already defined at line 4"},
		"another schema":                {"schema: 1", "schema: 2", "m.yaml:1: schema: must be 1"},
		"a bad id":                      {"id: lung-test", "id: ../x", "m.yaml:2: id: must be"},
		"a version with two numbers":    {"version: 1.0.0", "version: '1.0'", "m.yaml:3: version: must be three numbers"},
		"a path as model file":          {"onnx: model.onnx", "onnx: ../model.onnx", "m.yaml:6: onnx: must name a file"},
		"a digest in capitals":          {"sha256:DIGEST", "sha256:ABC", "m.yaml:7: digest: must be"},
		"a threshold over one":          {"threshold: 0.5", "threshold: 1.5", "m.yaml:29: labels[0].threshold: must lie within 0..1, got 1.5"},
		"a threshold that is no number": {"threshold: 0.5", "threshold: .nan", "m.yaml:29: labels[0].threshold: must lie within 0..1, got NaN"},
		"no threshold":                  {"threshold: 0.5, ", "", "m.yaml:29: labels[0]: threshold must be given"},
		"a text as threshold":           {"threshold: 0.5", "threshold: high", "m.yaml:29: cannot unmarshal"},
		"a code without meaning":        {", meaning: Pneumonia", "", "m.yaml:29: labels[0].code.meaning: must not be empty"},
		"a code value too long":         {`"233604007"`, `"12345678901234567"`, "m.yaml:29: labels[0].code.value: must have at most 16 characters"},
		"an urgency over nine":          {"urgency: 5", "urgency: 10", "m.yaml:29: labels[0].urgency: must lie within 0..9, got 10"},
		"a label twice":                 {"name: down", "name: up", `m.yaml:31: labels[2].name: the label "up" is there twice`},
		"a group of one":                {"name: down, exclusive: way", "name: down, exclusive: path", `the group "way" has only this label`},
		"a heat map without output":     {"  heatmap: cam\n", "", "labels[0].heatmap: needs outputs.heatmap"},
		"an age range upside down":      {"{min: 1, max: 5}", "{min: 5, max: 1}", "m.yaml:16: gate.age_years: min must not exceed max"},
		"a photometric nobody knows":    {"[MONOCHROME1, MONOCHROME2]", "[MONOCHROME3]", "m.yaml:15: gate.photometric[0]: must be one of"},
		"no modality":                   {"  modality: [CR, DX]\n", "", "gate.modality: must list at least one modality"},
		"an aspect under one":           {"max_aspect: 2.0", "max_aspect: 0.5", "m.yaml:19: gate.max_aspect: must lie within 1..1000"},
		"a condition on itself":         {"  burned_in: refuse", "  burned_in: refuse\n  findings: [{model: lung-test, label: up, present: true, reason: no}]", "gate.findings[0].model: a model cannot be its own condition"},
		"a condition without present":   {"  burned_in: refuse", "  burned_in: refuse\n  findings: [{model: other-model, label: up, reason: no}]", "m.yaml:21: gate.findings[0]: present must be given"},
		"a huge input":                  {"rows: 32, columns: 32}\npipeline", "rows: 99999, columns: 32}\npipeline", "m.yaml:21: input.rows: must lie within 1..4096"},
		"two channels":                  {"channels: 1", "channels: 2", "m.yaml:21: input.channels: must be 1 or 3"},
		"a step without name":           {"{step: grey}", "{stop: grey}", "m.yaml:23: pipeline[0]: must have a key step"},
		"an alias":                      {"name: Lung test", "name: &a x", "m.yaml:4: anchors and aliases are not allowed"},
		"two documents":                 {"name: Lung test", "name: x\n---\n", "must hold one YAML document"},
		"a broken text":                 {"name: Lung test", "name: [", "m.yaml"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the test replaces nothing: %q", tt.old)
			}
			_, err := models.Parse("m.yaml", []byte(manifestWith(tt.old, tt.new)))
			var p models.Problems
			if !errors.As(err, &p) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCalibrationIsChecked(t *testing.T) {
	tests := map[string]string{
		"{method: magic}":                                  "calibration.method: must be one of temperature, platt, isotonic",
		"{method: temperature, temperature: 0}":            "temperature: must lie within",
		"{method: platt, a: -1, b: 0}":                     "calibration.a: must lie within",
		"{method: isotonic, x: [0, 1], y: [0]}":            "x and y must have the same",
		"{method: isotonic, x: [0, 0.5, 0.5], y: [0,1,1]}": "calibration.x[2]: must rise",
		"{method: isotonic, x: [0, 0.5, 1], y: [0,1,0.9]}": "calibration.y[2]: must rise",
		"{method: isotonic, x: [0, 0.5, 1], y: [0,1,1]}":   "",
		"{method: platt, a: 1.5, b: -0.2}":                 "",
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			_, err := models.Parse("m.yaml", []byte(manifestWith("urgency: 5", "calibration: "+text)))
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestTooLongAndEmptyManifestsAreRefused(t *testing.T) {
	for name, data := range map[string][]byte{"empty": nil, "too long": make([]byte, models.MaxManifestSize+1), "a list": []byte("- 1\n"), "only a comment": []byte("# x\n")} {
		if _, err := models.Parse("m.yaml", data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseNeverPanics(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("labels: [[{"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := models.Parse("m.yaml", data); err == nil && (m.Input.Size() <= 0 || len(m.Labels) == 0 && m.KindOf() != models.KindEmbedding) {
			t.Errorf("accepted without input or labels")
		}
	})
}

func folder(manifest string) fstest.MapFS {
	return fstest.MapFS{
		"lung-test/1.0.0/manifest.yaml": {Data: []byte(manifest)},
		"lung-test/1.0.0/model.onnx":    {Data: []byte("graph")},
	}
}

func TestAPackageIsLoadedOnlyWithTheFilesItsManifestNames(t *testing.T) {
	p, err := models.Load(folder(manifestWith()), "lung-test/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := p.Model(); err != nil || string(data) != "graph" {
		t.Errorf("model: %q, %v", data, err)
	}
	tests := map[string]struct {
		change func(fstest.MapFS)
		want   string
	}{
		"another model file": {func(f fstest.MapFS) { f["lung-test/1.0.0/model.onnx"].Data = []byte("evil") }, "model.onnx is another file than the manifest names"},
		"no model file":      {func(f fstest.MapFS) { delete(f, "lung-test/1.0.0/model.onnx") }, "model.onnx cannot be read: file does not exist"},
		"another folder": {func(f fstest.MapFS) {
			f["lung-test/1.0.0/manifest.yaml"].Data = []byte(manifestWith("version: 1.0.0", "version: 1.0.1"))
		}, "must lie in a folder lung-test/1.0.1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := folder(manifestWith())
			tt.change(f)
			_, err := models.Load(f, "lung-test/1.0.0")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAModelWithAProblemDoesNotHideTheOthers(t *testing.T) {
	f := folder(manifestWith())
	f["broken/1.0.0/manifest.yaml"] = &fstest.MapFile{Data: []byte("schema: 9")}
	all, errs := models.LoadAll(f)
	if len(all) != 1 || len(errs) != 1 {
		t.Errorf("got %d packages and %v", len(all), errs)
	}
}

func TestBundledPackagesHaveNoProblems(t *testing.T) {
	if _, errs := models.LoadAll(models.Bundled); len(errs) > 0 {
		t.Error(errors.Join(errs...))
	}
}

func parse(t *testing.T, pairs ...string) *models.Manifest {
	t.Helper()
	m, err := models.Parse("m.yaml", []byte(manifestWith(pairs...)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelsAreOrderedByTheirConditions(t *testing.T) {
	condition := func(id, on, label string) *models.Manifest {
		return parse(t, "id: lung-test", "id: "+id, "  burned_in: refuse",
			"  findings: [{model: "+on+", label: "+label+", present: true, reason: no}]")
	}
	base := parse(t, "id: lung-test", "id: zz-base")
	second := condition("mm-second", "zz-base", "up")
	third := condition("aa-third", "mm-second", "up")
	lost := condition("bb-lost", "nobody", "up")
	wrong := condition("cc-wrong", "zz-base", "sideways")
	c1, c2 := condition("c1", "c2", "up"), condition("c2", "c1", "up")
	got, errs := models.Order([]*models.Manifest{third, lost, second, c1, c2, wrong, base})
	var ids []string
	for _, m := range got {
		ids = append(ids, m.ID)
	}
	if diff := cmp.Diff([]string{"zz-base", "mm-second", "aa-third"}, ids); diff != "" {
		t.Error(diff)
	}
	if text := errors.Join(errs...).Error(); len(errs) != 4 || !strings.Contains(text, "there is no model nobody") || !strings.Contains(text, "has no label sideways") {
		t.Errorf("got %d problems: %s", len(errs), text)
	}
}

func TestVersionsAreComparedAsNumbers(t *testing.T) {
	rising := []string{"0.9.9", "1.0.0", "1.0.2", "1.0.10", "1.2.0", "10.0.0"}
	for i := 1; i < len(rising); i++ {
		if models.CompareVersions(rising[i-1], rising[i]) >= 0 || models.CompareVersions(rising[i], rising[i-1]) <= 0 {
			t.Errorf("%s must come before %s", rising[i-1], rising[i])
		}
	}
}
