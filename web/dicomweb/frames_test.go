package dicomweb_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web/dicomweb"
	"github.com/radnode/radnode/web/problem"
)

// nativeFile writes an object of three frames of 4096 bytes, each of one value.
func nativeFile(t *testing.T) string {
	t.Helper()
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7.2")
	d.SetUID(dicom.SOPInstanceUID, "1.3")
	d.SetText(dicom.PhotometricInterpretation, "MONOCHROME2")
	d.SetInts(dicom.NumberOfFrames, 3)
	for tag, n := range map[dicom.Tag]int{dicom.Rows: 64, dicom.Columns: 64, dicom.SamplesPerPixel: 1, dicom.BitsAllocated: 8,
		dicom.BitsStored: 8, dicom.HighBit: 7, dicom.PixelRepresentation: 0} {
		d.SetInts(tag, n)
	}
	var pixels []byte
	for n := range 3 {
		pixels = append(pixels, bytes.Repeat([]byte{byte(n + 1)}, 4096)...)
	}
	d.SetBytes(dicom.PixelDataTag, "OB", pixels)
	var b bytes.Buffer
	meta := dicom.Meta{SOPClassUID: "1.2.840.10008.5.1.4.1.1.7.2", SOPInstanceUID: "1.3", TransferSyntaxUID: "1.2.840.10008.1.2.1"}
	if err := dicom.WriteMeta(&b, meta); err != nil {
		t.Fatal(err)
	}
	if err := dicom.Write(&b, d, "1.2.840.10008.1.2.1"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "native.dcm")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNativeFramesAreAnsweredWithTheirLength(t *testing.T) {
	a := &archive{path: nativeFile(t)}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { problem.Write(c, err) }
	e.GET("/dicom-web/studies/:study/series/:series/instances/:instance/frames/:frames", dicomweb.New(a, a, a, a, a).Frames)
	server := httptest.NewServer(e)
	defer server.Close()
	get := func(frames, accept string) (*http.Response, []byte) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, server.URL+"/dicom-web/studies/1.1/series/1.2/instances/1.3/frames/"+frames, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		rsp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer rsp.Body.Close()
		body, err := io.ReadAll(rsp.Body)
		if err != nil || rsp.ContentLength != int64(len(body)) {
			t.Fatalf("%d bytes of %d, %v", len(body), rsp.ContentLength, err)
		}
		return rsp, body
	}
	for wanted, values := range map[string]string{"1": "1", "2,3": "23", "3,1,2,2": "3122"} {
		rsp, body := get(wanted, `multipart/related; type="application/octet-stream"`)
		_, parameters, err := mime.ParseMediaType(rsp.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts, got := multipart.NewReader(bytes.NewReader(body), parameters["boundary"]), ""
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			frame, err := io.ReadAll(p)
			if err != nil || len(frame) != 4096 || !bytes.Equal(frame, bytes.Repeat(frame[:1], 4096)) {
				t.Fatalf("%d bytes, %v", len(frame), err)
			}
			got += fmt.Sprint(frame[0])
		}
		if got != values {
			t.Errorf("frames %s: %s", wanted, got)
		}
	}
	if _, body := get("2", "application/octet-stream"); len(body) != 4096 || body[0] != 2 || body[4095] != 2 {
		t.Errorf("%d bytes", len(body))
	}
	if err := os.Remove(a.path); err != nil {
		t.Fatal(err)
	}
	if rsp, _ := get("1", `multipart/related; type="application/octet-stream"`); rsp.StatusCode != http.StatusInternalServerError {
		t.Error(rsp.Status)
	}
}
