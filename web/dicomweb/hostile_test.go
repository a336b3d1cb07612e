package dicomweb_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web/dicomweb"
)

// keeping is an archive with one document in it.
func keeping(t *testing.T, fill func(*dicom.Dataset)) *archive {
	t.Helper()
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.EncapsulatedPDFStorage)
	d.SetUID(dicom.SOPInstanceUID, "1.3")
	d.SetUID(dicom.StudyInstanceUID, "1.4")
	d.SetUID(dicom.SeriesInstanceUID, "1.5")
	fill(d)
	path := filepath.Join(t.TempDir(), "kept.dcm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := dicom.WriteFile(f, d, "1.2.840.10008.1.2.1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive{path: path}
}

// TestADocumentIsNeverAPageOfThisOrigin: who may send objects could otherwise
// act as the administrator who opens one.
func TestADocumentIsNeverAPageOfThisOrigin(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	for kind, want := range map[string]string{
		"text/html": "application/octet-stream", "text/javascript": "application/octet-stream", "image/svg+xml": "application/octet-stream",
		"application/xhtml+xml": "application/octet-stream", "application/pdf": "application/pdf", "text/XML": "text/xml",
	} {
		a := keeping(t, func(d *dicom.Dataset) {
			d.SetText(dicom.MIMETypeOfEncapsulatedDocument, kind)
			d.SetBytes(dicom.EncapsulatedDocument, dicom.OB, []byte("<script>alert(1)</script> "))
		})
		const at = "/studies/1.4/series/1.5/instances/1.3/bulkdata/00420011"
		for _, c := range []struct{ path, accept string }{{at, browser}, {at, kind}, {at + "?accept=" + strings.ReplaceAll(kind, "+", "%2B"), "*/*"}} {
			w := ask(a, http.MethodGet, c.path, "", c.accept, nil)
			got := w.Header().Get("Content-Type")
			if w.Code == http.StatusNotAcceptable && got != kind {
				continue
			}
			single := !strings.HasPrefix(got, "multipart/")
			if w.Code != http.StatusOK || single && got != want && got != "application/octet-stream" {
				t.Errorf("%s asked as %q: %d %s", kind, c.accept, w.Code, got)
			}
			if single && (w.Header().Get("Content-Disposition") != "attachment" || !strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "sandbox")) {
				t.Errorf("%s is not kept apart: %v", kind, w.Header())
			}
		}
	}
}

func TestTheTagOfAStudyTellsTheSyntaxOfEachInstance(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	objects := []dicomweb.Object{
		{SOPClassUID: "1.2", SOPInstanceUID: "1.3", TransferSyntaxUID: "1.2.840.10008.1.2.1", Path: filepath.Join(dir, "a")},
		{SOPClassUID: "1.2", SOPInstanceUID: "1.4", TransferSyntaxUID: "1.2.840.10008.1.2.4.90", Path: filepath.Join(dir, "b")},
	}
	tag := func(accept string) string {
		return ask(&archive{objects: objects}, http.MethodGet, "/studies/1.4", "", accept, nil).Header().Get("ETag")
	}
	const asDICOM = `multipart/related; type="application/dicom"`
	one, two := tag(asDICOM+"; transfer-syntax=1.2.840.10008.1.2.1"), tag(asDICOM+"; transfer-syntax=1.2.840.10008.1.2.1, "+asDICOM+"; transfer-syntax=*; q=0.5")
	three := tag(asDICOM + "; transfer-syntax=*")
	if one == "" || one == three || two == "" {
		t.Errorf("tags %s, %s and %s", one, two, three)
	}
}

func TestWhatIsTooLargeToDrawIsRefused(t *testing.T) {
	a := &archive{size: radnode.Instance{SOPInstanceUID: "1.3", Rows: 30_000, Columns: 30_000, Frames: 1}}
	for path, want := range map[string]int{
		"/studies/1.4/rendered?viewport=10,10,5,5,20,20": http.StatusRequestEntityTooLarge, "/studies/1.4/rendered": http.StatusOK,
	} {
		if w := ask(a, http.MethodGet, path, "", "", nil); w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestTheParameterAcceptComesBeforeTheHeader(t *testing.T) {
	for _, c := range []struct {
		query, header string
		status        int
		kind          string
	}{
		{"image/png", "image/jpeg", 200, "image/png"},
		{"image/png;q=0.1,image/gif;q=0.9", "image/jpeg", 200, "image/gif"},
		{"video/mpeg", "image/gif", 200, "image/gif"},
		{"video/mpeg", "*/*", 200, "image/jpeg"},
		{"video/mpeg", "", 406, ""},
		{"image/*", "", 400, ""},
		{"", "image/*", 200, "image/jpeg"},
	} {
		w := ask(&archive{}, http.MethodGet, "/studies/1.4/rendered?accept="+c.query, "", c.header, nil)
		if kind := w.Header().Get("Content-Type"); w.Code != c.status || c.status == 200 && kind != c.kind {
			t.Errorf("accept=%s with %q: %d %s", c.query, c.header, w.Code, kind)
		}
	}
}
