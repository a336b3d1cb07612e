package dicomweb_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web/dicomweb"
	"github.com/radnode/radnode/web/problem"
)

// archive is a node with nothing in it that takes everything in.
type archive struct {
	taken  int
	refuse error
	syntax radnode.UID // of what came last
	last   []byte
	path   string // of the file of its one instance; "": none

	objects []dicomweb.Object // in its place
	size    radnode.Instance
}

func (a *archive) Find(context.Context, *dicom.Dataset, dicomweb.Page, func(*dicom.Dataset) error) (int, []dicom.Tag, error) {
	return 0, nil, nil
}
func (a *archive) Objects(context.Context, radnode.UID, radnode.UID, radnode.UID) ([]dicomweb.Object, error) {
	if a.objects != nil {
		return a.objects, nil
	}
	return []dicomweb.Object{{SOPClassUID: "1.2", SOPInstanceUID: "1.3", TransferSyntaxUID: "1.2.840.10008.1.2.1", Path: cmp.Or(a.path, "x")}}, nil
}
func (a *archive) InstancePath(context.Context, radnode.UID) (string, radnode.Instance, error) {
	if a.size.Frames > 0 {
		return "x", a.size, nil
	}
	return "x", radnode.Instance{SOPInstanceUID: "1.3", Rows: 4, Columns: 8, Frames: 1}, nil
}
func (a *archive) Recode(context.Context, string, radnode.UID) (io.ReadCloser, error) {
	return nil, radnode.Errorf(radnode.Unsupported, "recode", "no")
}
func (a *archive) Frame(context.Context, string, radnode.Instance, int) (io.ReadSeekCloser, error) {
	return nil, radnode.Errorf(radnode.Unsupported, "frame", "no")
}

func (a *archive) Transcode(context.Context, string, radnode.Instance, int, radnode.UID) (io.ReadSeekCloser, error) {
	return nil, radnode.Errorf(radnode.Unsupported, "frame", "no")
}

type closing struct{ *bytes.Reader }

func (closing) Close() error { return nil }

// Picture is 8 columns and 4 rows, each column brighter than the one before.
func (a *archive) Picture(context.Context, string, radnode.Instance, int, dicomweb.Picture) (io.ReadSeekCloser, error) {
	img := image.NewGray(image.Rect(0, 0, 8, 4))
	for i := range img.Pix {
		img.Pix[i] = uint8(i % 8 * 30)
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return closing{bytes.NewReader(b.Bytes())}, err
}
func (a *archive) Receive(_ context.Context, _ dicomweb.Sender, ts, _, _ radnode.UID, data io.Reader) (err error) {
	a.taken++
	if a.refuse != nil {
		return a.refuse
	}
	a.syntax = ts
	a.last, err = io.ReadAll(data)
	return err
}
func (a *archive) Received(dicomweb.Sender)                  {}
func (a *archive) Record(context.Context, audit.Event) error { return nil }

func ask(a *archive, method, path, kind, accept string, body io.Reader) *httptest.ResponseRecorder {
	s := dicomweb.New(a, a, a, a, a)
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { problem.Write(c, err) }
	e.POST("/dicom-web/studies", s.Store)
	e.POST("/dicom-web/studies/:study", s.Store)
	e.GET("/dicom-web/studies", s.SearchStudies)
	e.GET("/dicom-web/studies/:study", s.Retrieve)
	e.GET("/dicom-web/studies/:study/rendered", s.Rendered)
	e.GET("/dicom-web/studies/:study/thumbnail", s.Thumbnail)
	e.GET("/dicom-web/studies/:study/series/:series/instances/:instance/bulkdata/*", s.BulkData)
	r := httptest.NewRequest(method, "http://node.example/dicom-web"+path, body)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func instance(tb testing.TB, n int) []byte {
	tb.Helper()
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.SecondaryCaptureImageStorage)
	d.SetUID(dicom.SOPInstanceUID, radnode.UID(fmt.Sprintf("2.25.1%d", n)))
	d.SetUID(dicom.StudyInstanceUID, "2.25.2")
	d.SetUID(dicom.SeriesInstanceUID, "2.25.3")
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, "1.2.840.10008.1.2.1"); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func multi(tb testing.TB, files ...[]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("x"); err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		p, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err == nil {
			_, err = p.Write(f)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

const multipartDICOM = `multipart/related; type="application/dicom"; boundary=x`

func TestAStoreTellsWhyItFailed(t *testing.T) {
	for _, c := range []struct {
		name   string
		refuse error
		status int
		reason float64
	}{
		{"the disk is full", radnode.Errorf(radnode.NoResources, "", "full"), 503, 0xA700},
		{"the class is not stored", radnode.Errorf(radnode.Unsupported, "", "class"), 409, 0x0122},
		{"the data set contradicts itself", radnode.Errorf(radnode.Invalid, "", "no"), 409, 0xA900},
		{"a defect", fmt.Errorf("oops"), 409, 0x0110},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(&archive{refuse: c.refuse}, http.MethodPost, "/studies", multipartDICOM, "", bytes.NewReader(multi(t, instance(t, 1))))
			var answer map[string]struct {
				Value []map[string]struct{ Value []any }
			}
			if err := json.Unmarshal(bytes.Replace(w.Body.Bytes(), []byte(`"00081190":{"vr":"UR"},`), nil, 1), &answer); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			if got := answer["00081198"].Value[0]["00081197"].Value[0]; w.Code != c.status || got != c.reason {
				t.Errorf("%d, reason %v: %s", w.Code, got, w.Body)
			}
		})
	}
}

func TestAcceptIsReadAsTheStandardSays(t *testing.T) {
	for accept, want := range map[string]int{
		"": 204, "*/*": 204, "application/*": 204, "application/dicom+json": 204, "application/json;q=0.5, text/html": 204,
		`multipart/related; type="application/dicom+xml"`: 204, "multipart/related;type=application/dicom+xml": 204, "multipart/related": 204,
		"text/html": 406, "application/dicom+json;q=0": 406, "nonsense": 400, "application/json;q=2": 400,
		`multipart/related; type="application/dicom"; transfer-syntax="a,b"`: 400, strings.Repeat("a/b,", 100): 400,
	} {
		if w := ask(&archive{}, http.MethodGet, "/studies", "", accept, nil); w.Code != want {
			t.Errorf("%q: %d instead of %d", accept, w.Code, want)
		}
	}
}

func TestViewportsCropFlipAndScale(t *testing.T) {
	for query, want := range map[string]struct{ w, h, first, last int }{
		"8,4,0,0,8,4":  {8, 4, 0, 210},
		"8,4,0,0,-8,4": {8, 4, 210, 0},
		"4,4,4,0,4,4":  {4, 4, 120, 210},
		"4,2,,,,":      {4, 2, 15, 195},
		"16,8":         {16, 8, 0, 210},
		"4,4,0,0,8,-4": {4, 2, 15, 195},
	} {
		w := ask(&archive{}, http.MethodGet, "/studies/1.2/rendered?viewport="+query, "", "image/png", nil)
		img, err := png.Decode(w.Body)
		if err != nil {
			if query == "4,2" {
				continue
			}
			t.Errorf("%s: %d %v", query, w.Code, err)
			continue
		}
		at := func(x int) int {
			return int(color.GrayModel.Convert(img.At(x, 0)).(color.Gray).Y) //nolint:forcetypeassert // of this model
		}
		b := img.Bounds()
		if b.Dx() != want.w || b.Dy() != want.h || at(0) != want.first || at(b.Dx()-1) != want.last {
			t.Errorf("%s: %v from %d to %d, want %+v", query, b, at(0), at(b.Dx()-1), want)
		}
	}
}

// FuzzStore: whatever a body holds, the request is answered, and success is
// said only of what was taken.
func FuzzStore(f *testing.F) {
	f.Add(multi(f, instance(f, 1), instance(f, 2)))
	f.Add(multi(f, []byte("no DICOM"), instance(f, 1)[:200]))
	f.Add([]byte("--x\r\nContent-Type: application/dicom\r\n\r\n"))
	f.Add([]byte("--x--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := &archive{}
		w := ask(a, http.MethodPost, "/studies", multipartDICOM, "", bytes.NewReader(body))
		if w.Code == http.StatusOK && a.taken == 0 || w.Code == http.StatusInternalServerError {
			t.Fatalf("%d with %d instances: %s", w.Code, a.taken, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("no JSON: %s", w.Body)
		}
	})
}

// FuzzStoreMetadata: the same for metadata in JSON and XML with bulk data in
// parts of their own.
func FuzzStoreMetadata(f *testing.F) {
	meta := `[{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.1"]},"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":["1.2.3"]},` +
		`"0020000D":{"vr":"UI","Value":["1.2.4"]},"0020000E":{"vr":"UI","Value":["1.2.5"]},"00280010":{"vr":"US","Value":[1]},"7FE00010":{"vr":"OW","BulkDataURI":"b/1"}}]`
	part := func(kind, place, body string) string {
		return "--x\r\nContent-Type: " + kind + "\r\nContent-Location: " + place + "\r\n\r\n" + body + "\r\n"
	}
	f.Add([]byte(part("application/dicom+json", "m", meta)+part("application/octet-stream", "b/1", "\x01\x02")+"--x--\r\n"), false)
	f.Add([]byte(part("application/dicom+json", "m", meta)+part("image/jpeg", "b/1", "\xff\xd8\xff\xd9")+"--x--\r\n"), false)
	f.Add([]byte(part("application/dicom+json", "m", "[[[[{}]]]]")+"--x--"), false)
	f.Add([]byte(part("application/dicom+xml", "m", `<NativeDicomModel><DicomAttribute tag="00080018" vr="UI"><Value number="1">1.2</Value></DicomAttribute></NativeDicomModel>`)+"--x--"), true)
	f.Fuzz(func(t *testing.T, body []byte, xml bool) {
		kind := `multipart/related; type="application/dicom+json"; boundary=x`
		if xml {
			kind = `multipart/related; type="application/dicom+xml"; boundary=x`
		}
		a := &archive{}
		w := ask(a, http.MethodPost, "/studies", kind, "", bytes.NewReader(body))
		if w.Code == http.StatusOK && a.taken == 0 || w.Code == http.StatusInternalServerError {
			t.Fatalf("%d with %d instances: %s", w.Code, a.taken, w.Body)
		}
	})
}

// FuzzSearch: every query is answered with results or a refusal.
func FuzzSearch(f *testing.F) {
	for _, q := range []string{"PatientName=A*&limit=3", "RequestAttributesSequence.00400009=1&includefield=all", "00280010=512&fuzzymatching=true", "a.b.c=%zz"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "http://node.example/dicom-web/studies", nil)
		r.URL.RawQuery = query
		a := &archive{}
		e := echo.New()
		e.HTTPErrorHandler = func(err error, c echo.Context) { problem.Write(c, err) }
		e.GET("/dicom-web/studies", dicomweb.New(a, a, a, a, a).SearchStudies)
		w := httptest.NewRecorder()
		if e.ServeHTTP(w, r); w.Code != 204 && (w.Code < 400 || w.Code >= 500) {
			t.Fatalf("%q: %d %s", query, w.Code, w.Body)
		}
	})
}
