package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/api"
)

// oneFile is a store with one object.
type oneFile struct{ path string }

func (f oneFile) InstancePath(context.Context, radnode.UID) (string, radnode.Instance, error) {
	return f.path, radnode.Instance{}, nil
}

func (f oneFile) StagePath(context.Context, string, string) (string, error) { return "", nil }

func showing(t *testing.T, path string) *node {
	t.Helper()
	return mustServe(t, func(cfg *web.Config) { cfg.Files = oneFile{path} })
}

func written(t *testing.T, class radnode.UID, fill func(*dicom.Dataset)) string {
	t.Helper()
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, class)
	d.SetUID(dicom.SOPInstanceUID, "2.25.1")
	fill(d)
	path := filepath.Join(t.TempDir(), "object.dcm")
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
	return path
}

func TestAttributesOfAnyObjectAreShownWithinBounds(t *testing.T) {
	path := written(t, "1.2.840.10008.5.1.4.1.1.66", func(d *dicom.Dataset) {
		d.SetText(dicom.PatientName, "Große^Änne")
		items := make([]*dicom.Dataset, 6000)
		for i := range items {
			items[i] = dicom.NewDataset()
			items[i].SetText(dicom.CodeValue, "x")
		}
		d.SetItems(dicom.ReferencedSeriesSequence, items[:2]...)
		d.SetItems(dicom.ReferencedImageSequence, items...)
		d.SetBytes(dicom.DataSetTrailingPadding, dicom.OB, make([]byte, 100))
	})
	res, body := showing(t, path).call(t, "GET", "/api/v1/instances/2.25.1/attributes", "", as(radnode.Radiologist))
	var got api.AttributeTable
	if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", res.StatusCode, err)
	}
	byKeyword := map[string]api.Attribute{}
	for _, a := range got.Attributes {
		byKeyword[a.Keyword] = a
	}
	if v := byKeyword["PatientName"].Values; len(v) != 1 || v[0] != "Große^Änne" {
		t.Errorf("name %q", v)
	}
	if got.SOPClass != "Raw Data Storage" || !got.Truncated {
		t.Errorf("class %q, truncated %v", got.SOPClass, got.Truncated)
	}
	if series, images := len(byKeyword["ReferencedSeriesSequence"].Items), len(byKeyword["ReferencedImageSequence"].Items); series != 2 || images != 100 {
		t.Errorf("%d and %d items", series, images)
	}
	if len(body) > 2<<20 {
		t.Errorf("%d bytes", len(body))
	}
}

func TestDocumentsOpenOnlyWhereTheyAreTrulyPDF(t *testing.T) {
	for _, tt := range []struct{ name, kind, body, want, disposition string }{
		{"a PDF", "application/pdf", "%PDF-1.4 x", "application/pdf", "inline"},
		{"a page that says it is a PDF", "application/pdf", "<script>alert(1)</script>", "application/octet-stream", "attachment"},
		{"a clinical document", "text/XML", "<ClinicalDocument/>", "application/octet-stream", "attachment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := written(t, "1.2.840.10008.5.1.4.1.1.104.1", func(d *dicom.Dataset) {
				d.SetText(dicom.MIMETypeOfEncapsulatedDocument, tt.kind)
				d.SetInts(dicom.EncapsulatedDocumentLength, len(tt.body))
				d.SetBytes(dicom.EncapsulatedDocument, dicom.OB, append([]byte(tt.body), make([]byte, len(tt.body)%2)...))
			})
			res, body := showing(t, path).call(t, "GET", "/api/v1/instances/2.25.1/document", "", as(radnode.Radiologist))
			if body != tt.body || res.Header.Get("Content-Type") != tt.want || !strings.HasPrefix(res.Header.Get("Content-Disposition"), tt.disposition+";") {
				t.Errorf("%q %v", body, res.Header)
			}
		})
	}
}

func TestTheTreeOfAReceivedReportIsShown(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "dicom", "nonimage", "sr_tid1500_roi.dcm")
	if _, err := os.Stat(path); err != nil {
		t.Skip("../shared is not here")
	}
	res, body := showing(t, path).call(t, "GET", "/api/v1/instances/2.25.1/sr", "", as(radnode.Radiologist))
	var got api.StructuredReport
	if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v %s", res.StatusCode, err, body)
	}
	if got.Title.Meaning != "Imaging Measurement Report" || len(got.Content.Items) == 0 {
		t.Errorf("%+v", got.Title)
	}
}
