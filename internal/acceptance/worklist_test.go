package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
	"github.com/radnode/radnode/dimse"
)

// examples is the folder of worklist items and queries that DCMTK comes with.
const examples = "/usr/share/doc/dcmtk/examples"

// dumped turns DCMTK's example dumps into DICOM files.
func dumped(t *testing.T, folder, into, suffix string) []string {
	t.Helper()
	dumps, err := filepath.Glob(filepath.Join(examples, folder, "*.dump"))
	if err != nil || len(dumps) == 0 {
		t.Skipf("DCMTK's examples are not in %s", examples)
	}
	var files []string
	for _, dump := range dumps {
		path := filepath.Join(into, strings.TrimSuffix(filepath.Base(dump), ".dump")+suffix)
		if status, out := command(t, tool(t, "dump2dcm"), dump, path); status != 0 {
			t.Fatal(out)
		}
		files = append(files, path)
	}
	return files
}

// answers are the data sets that findscu gets, as sorted lines.
func answers(t *testing.T, args ...string) []string {
	t.Helper()
	dir := t.TempDir()
	status, out := command(t, tool(t, "findscu"), append([]string{"-W", "-X", "-od", dir}, args...)...)
	if status != 0 {
		t.Fatalf("findscu %s: exit %d: %s", args, status, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range files {
		d := header(t, f)
		step := d.Item(dicom.ScheduledProcedureStepSequence)
		list = append(list, strings.Join([]string{d.Text(dicom.PatientName), d.Text(dicom.PatientID), d.Text(dicom.AccessionNumber),
			d.Text(dicom.RequestedProcedureDescription), step.Text(dicom.ScheduledStationAETitle), step.Text(dicom.ScheduledProcedureStepStartDate),
			step.Text(dicom.ScheduledProcedureStepStartTime), step.Text(dicom.Modality), step.Text(dicom.ScheduledProcedureStepID)}, "|"))
	}
	slices.Sort(list)
	return list
}

func TestTheModalityWorklistAnswersAsDCMTKsDoes(t *testing.T) {
	n := startNode(t)
	base := t.TempDir()
	folder := filepath.Join(base, "OFFIS")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	items := dumped(t, "wlistdb/OFFIS", folder, ".wl")
	if err := os.WriteFile(filepath.Join(folder, "lockfile"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := n.run("worklist", "import", folder); status != 0 || !strings.Contains(out, fmt.Sprintf("%d steps scheduled", len(items))) {
		t.Fatalf("exit %d: %s", status, out)
	}
	port := free(t)
	background(t, port, tool(t, "wlmscpfs"), "-dfp", base, fmt.Sprint(port))
	host, ours := n.hostPort()
	step := "ScheduledProcedureStepSequence[0]."
	all := []string{"-k", "PatientName", "-k", "PatientID", "-k", "AccessionNumber", "-k", "RequestedProcedureDescription", "-k", step + "ScheduledStationAETitle",
		"-k", step + "ScheduledProcedureStepStartDate", "-k", step + "ScheduledProcedureStepStartTime", "-k", step + "Modality", "-k", step + "ScheduledProcedureStepID"}
	queries := map[string][]string{}
	for _, q := range dumped(t, "wlistqry", t.TempDir(), ".dcm") {
		queries[filepath.Base(q)] = []string{q}
	}
	d := header(t, items[0])
	first := d.Item(dicom.ScheduledProcedureStepSequence)
	for name, keys := range map[string][]string{
		"all":                {},
		"patient":            {"PatientID=" + d.Text(dicom.PatientID)},
		"name with wildcard": {"PatientName=" + d.Text(dicom.PatientName)[:2] + "*"},
		"accession":          {"AccessionNumber=" + d.Text(dicom.AccessionNumber)},
		"modality":           {step + "Modality=" + first.Text(dicom.Modality)},
		"station":            {step + "ScheduledStationAETitle=" + first.Text(dicom.ScheduledStationAETitle)},
		"date":               {step + "ScheduledProcedureStepStartDate=" + first.Text(dicom.ScheduledProcedureStepStartDate)},
		"dates":              {step + "ScheduledProcedureStepStartDate=19950101-19970101"},
		"dates and times":    {step + "ScheduledProcedureStepStartDate=19951015-19960406", step + "ScheduledProcedureStepStartTime=100000-160000"},
		"nobody":             {"PatientID=nobody"},
		"station and date":   {step + "ScheduledStationAETitle=" + first.Text(dicom.ScheduledStationAETitle), step + "ScheduledProcedureStepStartDate=" + first.Text(dicom.ScheduledProcedureStepStartDate)},
	} {
		args := slices.Clone(all)
		for _, k := range keys {
			args = append(args, "-k", k)
		}
		queries[name] = args
	}
	for name, args := range queries {
		t.Run(name, func(t *testing.T) {
			want := answers(t, append([]string{"-aec", "OFFIS", "127.0.0.1", fmt.Sprint(port)}, args...)...)
			got := answers(t, append([]string{"-aec", "RADNODE", host, ours}, args...)...)
			if !slices.Equal(got, want) {
				t.Errorf("got %d:\n%s\nwant %d:\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
			}
		})
	}
}

func TestAPerformedStepMovesItsScheduledStepAlong(t *testing.T) {
	n := startNode(t)
	study := radnode.NewUID()
	item := dicom.NewDataset()
	item.SetText(dicom.PatientName, "Doe^Jane")
	item.SetText(dicom.PatientID, "J1")
	item.SetUID(dicom.StudyInstanceUID, study)
	scheduled := dicom.NewDataset()
	scheduled.SetText(dicom.ScheduledProcedureStepID, "S1")
	scheduled.SetText(dicom.Modality, "DX")
	scheduled.SetText(dicom.ScheduledProcedureStepStartDate, "20260105")
	item.SetItems(dicom.ScheduledProcedureStepSequence, scheduled)
	text := dicomjson.Append(nil, item, dicomjson.Options{})
	status, body, _ := n.request("technologist-token", http.MethodPost, "/api/v1/scheduled-steps", json.RawMessage(text))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	host, port := n.hostPort()
	visible := func() int {
		return len(answers(t, "-aec", "RADNODE", host, port, "-k", "PatientID=J1", "-k", "PatientName", "-k", "ScheduledProcedureStepSequence[0].ScheduledProcedureStepID"))
	}
	state := func() string {
		var list struct {
			Steps []radnode.ScheduledStep `json:"steps"`
		}
		status, body, _ := n.request("technologist-token", http.MethodGet, "/api/v1/scheduled-steps", nil)
		if err := json.Unmarshal(body, &list); status != http.StatusOK || err != nil || len(list.Steps) != 1 {
			t.Fatalf("%d %s", status, body)
		}
		return list.Steps[0].State
	}
	performed := step(dimse.StepInProgress, study)
	performed.Item(dicom.ScheduledStepAttributesSequence).SetText(dicom.ScheduledProcedureStepID, "S1")
	c, uid := n.modality(), radnode.NewUID()
	if state() != "SCHEDULED" || visible() != 1 {
		t.Errorf("before: %s", state())
	}
	if err := c.CreateStep(t.Context(), uid, performed); err != nil {
		t.Fatal(err)
	}
	if state() != "STARTED" || visible() != 1 {
		t.Errorf("begun: %s", state())
	}
	change := dicom.NewDataset()
	change.SetText(dicom.PerformedProcedureStepStatus, dimse.StepCompleted)
	if err := c.SetStep(t.Context(), uid, change); err != nil {
		t.Fatal(err)
	}
	if state() != "COMPLETED" || visible() != 0 {
		t.Errorf("done: %s", state())
	}
	if status, out := n.run("worklist", "remove", string(study), "S1"); status != 0 {
		t.Error(out)
	}
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte(`[{"00100010":{"vr":"PN"}}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := n.run("worklist", "import", broken); status != 1 {
		t.Errorf("exit %d: %s", status, out)
	}
}
