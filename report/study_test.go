package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
)

// TestAllObjectsOfAStudyAgree runs dcentvfy over the demonstration film and
// everything that is written about it.
func TestAllObjectsOfAStudyAgree(t *testing.T) {
	if _, err := exec.LookPath("dcentvfy"); err != nil {
		t.Skip("dcentvfy is not installed (Debian: dicom3tools)")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output()
	if err != nil {
		t.Skip("the upstream module is not here")
	}
	film := filepath.Join(strings.TrimSpace(string(dir)), "testdata", "4.dcm")
	f, err := dicom.ReadFile(film, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	image := f.Dataset.UID(dicom.SOPInstanceUID)
	in := signed(t)
	in.Source = []*dicom.Dataset{f.Dataset}
	in.Predecessors = nil
	for i := range in.Findings {
		in.Findings[i].SOPInstanceUID = image
	}
	for i := range in.Analyses {
		in.Analyses[i].SOPInstanceUID = image
	}
	picture := report.Picture{Image: grey(), SOPInstanceUID: image}
	files := []string{film}
	for _, o := range documents(t, in, report.Options{Pictures: []report.Picture{picture}}) {
		path := mustFile(t, o.Dataset)
		validateObject(t, path)
		files = append(files, path)
	}
	if len(files) < 8 {
		t.Errorf("only %d files", len(files))
	}
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte(strings.Join(files, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("dcentvfy", "-f", list).CombinedOutput()
	if err != nil || strings.Contains(string(out), "Error") {
		t.Errorf("dcentvfy: %v\n%s", err, out)
	}
}
