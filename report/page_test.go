package report_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
)

// page is the text of the PDF of a report, and how many pages it has.
func page(t *testing.T, in report.Input, pictures ...report.Picture) (text string, pages int) {
	t.Helper()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		t.Skip("pdftotext is not installed (Debian: poppler-utils)")
	}
	ds, err := report.EncapsulatedPDF(in, pictures...)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := ds.Get(dicom.EncapsulatedDocument)
	path := filepath.Join(t.TempDir(), "r.pdf")
	if err := os.WriteFile(path, e.Value, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", path, "-").CombinedOutput()
	if err != nil || strings.Contains(string(out), "Error") {
		t.Fatalf("pdftotext: %v\n%s", err, out)
	}
	return string(out), strings.Count(string(out), "\f")
}

func TestAPageSaysWhatItCannotShow(t *testing.T) {
	for name, want := range map[string]string{
		"Yamada^Tarou=山田^太郎=やまだ^たろう": "山田 太郎", "Люкceмбypг": "Люкceмбypг", "Müller^Jörg": "Jörg Müller",
		"قباني^لنزار":            "[Arabic text of 11 characters: not shown on this page]",
		"Hong^Gildong=洪^吉洞=홍^길동": "洪 吉洞",
	} {
		in := input()
		for _, s := range in.Source {
			s.SetText(dicom.PatientName, name)
		}
		if got, _ := page(t, in); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", name, want, got)
		}
	}
}

func TestAReportHasOnePageAndTellsWhereItNeedsMore(t *testing.T) {
	in := signed(t)
	if _, n := page(t, in, pictures()...); n != 1 {
		t.Errorf("two pictures: %d pages", n)
	}
	in.Findings = nil
	in.Observer, in.Predecessors = nil, nil
	for i := range 60 {
		in.Analyses[0].Findings = append(in.Analyses[0].Findings, radnode.Finding{Label: fmt.Sprintf("l%d", i), Probability: 0.5, Threshold: 0.4,
			Code: &radnode.Concept{Value: fmt.Sprintf("l%d", i), Scheme: "99RADNODE", Meaning: fmt.Sprintf("finding number %d", i)}})
	}
	text, n := page(t, in, pictures()...)
	if n < 2 || !strings.Contains(text, fmt.Sprintf("page 2 of %d", n)) {
		t.Errorf("%d pages, numbered: %t", n, strings.Contains(text, "page 2 of"))
	}
	for i := range 60 {
		if !strings.Contains(text, fmt.Sprintf("finding number %d:", i)) {
			t.Errorf("finding %d is left out", i)
		}
	}
}
