package dicomweb_test

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// metadata describes an image of 2 columns and 1 row.
const metadata = `[{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},
"00080018":{"vr":"UI","Value":["2.25.77"]},"0020000D":{"vr":"UI","Value":["2.25.2"]},"0020000E":{"vr":"UI","Value":["2.25.3"]},
"00100010":{"vr":"PN","Value":[{"Alphabetic":"Müller^Eva"}]},"00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["S1"]}}]},
"00280002":{"vr":"US","Value":[1]},"00280004":{"vr":"CS","Value":["MONOCHROME2"]},"00280010":{"vr":"US","Value":[1]},
"00280011":{"vr":"US","Value":[2]},"00280100":{"vr":"US","Value":[16]},"00280101":{"vr":"US","Value":[16]},"00280102":{"vr":"US","Value":[15]},
"00280103":{"vr":"US","Value":[0]},"00420011":{"vr":"OB","BulkDataURI":"bulk/2"},"7FE00010":{"vr":"OW","BulkDataURI":"bulk/1"}}]`

const metadataXML = `<?xml version="1.0"?><NativeDicomModel>
<DicomAttribute tag="00080005" vr="CS"><Value number="1">ISO_IR 192</Value></DicomAttribute>
<DicomAttribute tag="00080016" vr="UI"><Value number="1">1.2.840.10008.5.1.4.1.1.7</Value></DicomAttribute>
<DicomAttribute tag="00080018" vr="UI"><Value number="1">2.25.77</Value></DicomAttribute>
<DicomAttribute tag="0020000D" vr="UI"><Value number="1">2.25.2</Value></DicomAttribute>
<DicomAttribute tag="0020000E" vr="UI"><Value number="1">2.25.3</Value></DicomAttribute>
<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>Müller</FamilyName><GivenName>Eva</GivenName></Alphabetic></PersonName></DicomAttribute>
<DicomAttribute tag="00400275" vr="SQ"><Item number="1"><DicomAttribute tag="00400009" vr="SH"><Value number="1">S1</Value></DicomAttribute></Item></DicomAttribute>
<DicomAttribute tag="00280002" vr="US"><Value number="1">1</Value></DicomAttribute>
<DicomAttribute tag="00280004" vr="CS"><Value number="1">MONOCHROME2</Value></DicomAttribute>
<DicomAttribute tag="00280010" vr="US"><Value number="1">1</Value></DicomAttribute>
<DicomAttribute tag="00280011" vr="US"><Value number="1">2</Value></DicomAttribute>
<DicomAttribute tag="00280100" vr="US"><Value number="1">16</Value></DicomAttribute>
<DicomAttribute tag="00280101" vr="US"><Value number="1">16</Value></DicomAttribute>
<DicomAttribute tag="00280102" vr="US"><Value number="1">15</Value></DicomAttribute>
<DicomAttribute tag="00280103" vr="US"><Value number="1">0</Value></DicomAttribute>
<DicomAttribute tag="00420011" vr="OB"><BulkData uri="bulk/2"/></DicomAttribute>
<DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="bulk/1"/></DicomAttribute></NativeDicomModel>`

// piece is one part of a body.
type piece struct {
	kind, location string
	body           []byte
}

func related(tb testing.TB, pieces ...piece) *bytes.Buffer {
	tb.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("x"); err != nil {
		tb.Fatal(err)
	}
	for _, p := range pieces {
		h := textproto.MIMEHeader{"Content-Type": {p.kind}}
		if p.location != "" {
			h.Set("Content-Location", p.location)
		}
		out, err := w.CreatePart(h)
		if err == nil {
			_, err = out.Write(p.body)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return &b
}

func pngOf(tb testing.TB) []byte {
	tb.Helper()
	img := image.NewGray(image.Rect(0, 0, 2, 1))
	img.Pix = []byte{7, 9}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestInstancesComeAsMetadataAndBulkData(t *testing.T) {
	document := piece{"application/octet-stream", "bulk/2", []byte("%PDF")}
	native := piece{"application/octet-stream", "bulk/1", []byte{1, 2, 3, 4}}
	j2k := piece{`image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90`, "bulk/1", []byte("\xff\x4f\xff\x51 codestream")}
	for _, c := range []struct {
		name, kind string
		meta       string
		parts      []piece
		syntax     radnode.UID
		pixels     []byte
		fragments  int
	}{
		{"JSON, native", "application/dicom+json", metadata, []piece{native, document}, "1.2.840.10008.1.2.1", []byte{1, 2, 3, 4}, 0},
		{"XML, native", "application/dicom+xml", metadataXML, []piece{document, native}, "1.2.840.10008.1.2.1", []byte{1, 2, 3, 4}, 0},
		{"JSON, JPEG 2000", "application/dicom+json", metadata, []piece{j2k, document}, "1.2.840.10008.1.2.4.90", nil, 1},
		{"JSON, frames of RLE", "application/dicom+json", metadata, []piece{{"image/dicom-rle", "bulk/1", []byte("one")}, document, {"image/dicom-rle", "bulk/1", []byte("two.")}}, "1.2.840.10008.1.2.5", nil, 2},
		{"JSON, PNG", "application/dicom+json", metadata, []piece{{"image/png", "bulk/1", pngOf(t)}, document}, "1.2.840.10008.1.2.1", []byte{7, 9}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &archive{}
			body := related(t, append([]piece{{kind: c.kind, body: []byte(c.meta)}}, c.parts...)...)
			w := ask(a, http.MethodPost, "/studies", `multipart/related; type="`+c.kind+`"; boundary=x`, "", body)
			if w.Code != http.StatusOK || a.taken != 1 || a.syntax != c.syntax {
				t.Fatalf("%d, %d taken in %s: %s", w.Code, a.taken, a.syntax, w.Body)
			}
			f := readBack(t, a)
			if got := f.Dataset.Text(dicom.PatientName); got != "Müller^Eva" || f.Dataset.Item(dicom.RequestAttributesSequence).Text(dicom.ScheduledProcedureStepID) != "S1" {
				t.Errorf("patient %q", got)
			}
			if e, _ := f.Dataset.Get(dicom.EncapsulatedDocument); e == nil || string(e.Value) != "%PDF" {
				t.Errorf("bulk data: %v", e)
			}
			if got := len(f.PixelData.Fragments); got != c.fragments {
				t.Errorf("%d fragments instead of %d", got, c.fragments)
			}
			if c.pixels != nil {
				if diff := cmp.Diff(c.pixels, a.last[len(a.last)-len(c.pixels):]); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestADeflatedInstanceIsTaken(t *testing.T) {
	const deflated radnode.UID = "1.2.840.10008.1.2.1.99"
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.SecondaryCaptureImageStorage)
	d.SetUID(dicom.SOPInstanceUID, "2.25.77")
	d.SetUID(dicom.StudyInstanceUID, "2.25.2")
	d.SetUID(dicom.SeriesInstanceUID, "2.25.3")
	d.SetText(dicom.PatientName, strings.Repeat("Name", 10))
	var file, plain, packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err == nil {
		err = errors.Join(dicom.Write(&plain, d, "1.2.840.10008.1.2.1"), dicom.WriteMeta(&file, dicom.Meta{SOPClassUID: dicom.SecondaryCaptureImageStorage, SOPInstanceUID: "2.25.77", TransferSyntaxUID: deflated}))
	}
	if err == nil {
		_, err = z.Write(plain.Bytes())
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	sent := append([]byte{}, packed.Bytes()...)
	_, _ = packed.WriteTo(&file)
	a := &archive{}
	if w := ask(a, http.MethodPost, "/studies", multipartDICOM, "", bytes.NewReader(multi(t, file.Bytes()))); w.Code != http.StatusOK || a.syntax != deflated || !bytes.Equal(a.last, sent) {
		t.Errorf("%d, %d bytes in %s: %s", w.Code, len(a.last), a.syntax, w.Body)
	}
}

func TestAFileWithTheWrongUIDBeforeItIsStoredWithAWarning(t *testing.T) {
	b := instance(t, 1) // 2.25.11 in both places
	other := bytes.Replace(b, []byte("2.25.11"), []byte("2.25.99"), 1)
	a := &archive{}
	w := ask(a, http.MethodPost, "/studies", multipartDICOM, "", bytes.NewReader(multi(t, b, other)))
	if text := w.Body.String(); w.Code != http.StatusAccepted || a.taken != 2 || strings.Count(text, `"00081196":{"vr":"US","Value":[45056]}`) != 1 || strings.Contains(text, "2.25.99") {
		t.Errorf("%d, %d taken: %s", w.Code, a.taken, text)
	}
}

// readBack reads what the archive was given last as a file.
func readBack(t *testing.T, a *archive) *dicom.File {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.WriteMeta(&b, dicom.Meta{SOPClassUID: "1.2.840.10008.5.1.4.1.1.7", SOPInstanceUID: "2.25.77", TransferSyntaxUID: a.syntax}); err != nil {
		t.Fatal(err)
	}
	b.Write(a.last)
	f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDescribedInstancesThatLackSomethingAreRefused(t *testing.T) {
	native := piece{"application/octet-stream", "bulk/1", []byte{1, 2, 3, 4}}
	deep := strings.Repeat(`<DicomAttribute tag="00400275" vr="SQ"><Item number="1">`, 5000)
	for name, c := range map[string]struct {
		kind   string
		pieces []piece
		status int
	}{
		"the pixel data":        {"application/dicom+json", []piece{{kind: "application/dicom+json", body: []byte(metadata)}}, 400},
		"a value":               {"application/dicom+json", []piece{{kind: "application/dicom+json", body: []byte(metadata)}, native}, 400},
		"an address":            {"application/dicom+json", []piece{{kind: "application/dicom+json", body: []byte(metadata)}, {kind: "application/octet-stream"}}, 400},
		"JSON":                  {"application/dicom+json", []piece{{kind: "application/dicom+json", body: []byte(`[{`)}}, 400},
		"UIDs":                  {"application/dicom+json", []piece{{kind: "application/dicom+json", body: []byte(`[{}]`)}}, 400},
		"file meta information": {"application/dicom+json", []piece{{kind: "application/dicom+json", body: []byte(`[{"00020010":{"vr":"UI","Value":["1.2"]}}]`)}}, 400},
		"XML":                   {"application/dicom+xml", []piece{{kind: "application/dicom+xml", body: []byte(`<NativeDicomModel>`)}}, 400},
		"an end":                {"application/dicom+xml", []piece{{kind: "application/dicom+xml", body: []byte(`<NativeDicomModel>` + deep)}}, 400},
		"a type that is known":  {"text/plain", []piece{{kind: "text/plain", body: []byte(metadata)}}, 415},
		"a number that is near": {"application/dicom+xml", []piece{{kind: "application/dicom+xml", body: []byte(`<NativeDicomModel><DicomAttribute tag="00080060" vr="CS"><Value number="999999">CT</Value></DicomAttribute></NativeDicomModel>`)}}, 400},
	} {
		a := &archive{}
		w := ask(a, http.MethodPost, "/studies", `multipart/related; type="`+c.kind+`"; boundary=x`, "", related(t, c.pieces...))
		if w.Code != c.status || a.taken != 0 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("without %s: %d, %d taken: %s", name, w.Code, a.taken, w.Body)
		}
	}
}

// TestDICOMTextIsNeverMarkup: names of patients, files and media types come back
// as data of a type that no browser takes for a page.
func TestDICOMTextIsNeverMarkup(t *testing.T) {
	const evil = `<script>alert(1)</script>`
	for _, c := range []struct{ method, path, kind, body string }{
		{http.MethodGet, "/studies?PatientName=" + evil, "", ""},
		{http.MethodGet, "/studies?" + evil + "=1", "", ""},
		{http.MethodGet, "/studies/" + "%3Cscript%3E/rendered", "", ""},
		{http.MethodPost, "/studies/" + evil, "application/dicom", evil},
		{http.MethodPost, "/studies", `multipart/related; type="` + evil + `"; boundary=x`, "--x--"},
		{http.MethodPost, "/studies", "application/dicom+json", `[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"` + evil + `"}]}}]`},
	} {
		w := ask(&archive{}, c.method, c.path, c.kind, "", strings.NewReader(c.body))
		kind := w.Header().Get("Content-Type")
		if strings.Contains(w.Body.String(), evil) && !strings.Contains(kind, "json") || strings.Contains(kind, "html") {
			t.Errorf("%s %s: %s %s", c.method, c.path, kind, w.Body)
		}
	}
}
