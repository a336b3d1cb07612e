package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom"
)

// stored sends a file of ../shared and returns the place of its instance.
func (n *startedNode) stored(path ...string) (at string, image dicomObject) {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{shared(n.t, "dicom")}, path...)...))
	if err != nil {
		n.t.Fatal(err)
	}
	status, answer := n.stow("/studies", b)
	if status != http.StatusOK {
		n.t.Fatalf("%d %v", status, answer)
	}
	text, _ := json.Marshal(answer["00081199"].Value[0])
	var ref dicomObject
	if err := json.Unmarshal(text, &ref); err != nil {
		n.t.Fatal(err)
	}
	at = ref.text("00081190")
	_, body, _ := n.dicomweb(http.MethodGet, at+"/metadata", nil, "Accept", dicomJSON)
	var meta []dicomObject
	if err := json.Unmarshal(body, &meta); err != nil {
		n.t.Fatalf("%v %s", err, body)
	}
	return at, meta[0]
}

func TestFramesAreTranscodedWhereAskedFor(t *testing.T) {
	n := startNode(t)
	at, _ := n.stored("image", "ct1_explicit_le.dcm")
	frame := func(accept string) (int, []byte, string) {
		status, body, h := n.dicomweb(http.MethodGet, at+"/frames/1", nil, "Accept", accept)
		if status != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), "multipart/") {
			return status, body, h.Get("Content-Type")
		}
		parts, kinds := partsOf(t, body, h)
		return status, parts[0], kinds[0]
	}
	_, native, _ := frame(`multipart/related; type="application/octet-stream"`)
	for accept, want := range map[string]struct{ kind, begins string }{
		`multipart/related; type="image/jpeg"`:      {"image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70", "\xff\xd8"},
		`multipart/related; type="image/jls"`:       {"image/jls; transfer-syntax=1.2.840.10008.1.2.4.80", "\xff\xd8"},
		`multipart/related; type="image/jp2"`:       {"image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90", "\xff\x4f"},
		`multipart/related; type="image/dicom-rle"`: {"image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5", ""},
		`image/jp2`: {"image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90", "\xff\x4f"},
		`multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.4.80`:      {"application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80", "\xff\xd8"},
		`multipart/related; type="image/jphc", multipart/related; type="application/octet-stream"; q=0.5`: {"application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", ""},
	} {
		status, body, kind := frame(accept)
		if status != http.StatusOK || kind != want.kind || !strings.HasPrefix(string(body), want.begins) {
			t.Errorf("%s: %d %s %.20q", accept, status, kind, body)
		}
		if strings.Contains(accept, "jp") && !strings.Contains(accept, "jphc") && len(body) >= len(native) {
			t.Errorf("%s: %d bytes of %d", accept, len(body), len(native))
		}
	}
	// JPEG Baseline holds 8 bits; these are 16.
	if status, body, _ := frame(`multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50`); status != http.StatusNotAcceptable {
		t.Errorf("JPEG Baseline of 16 bits: %d %.200s", status, body)
	}
	if status, _, _ := frame(`multipart/related; type="image/jphc"`); status != http.StatusNotAcceptable {
		t.Errorf("HTJ2K: %d", status)
	}
}

func TestTheURIServiceGivesFilesAndPictures(t *testing.T) {
	n := startNode(t)
	_, meta := n.stored("image", "ct1_j2k_lossless.dcm")
	uids := fmt.Sprintf("requestType=WADO&studyUID=%s&seriesUID=%s&objectUID=%s", meta.text("0020000D"), meta.text("0020000E"), meta.text("00080018"))
	for query, want := range map[string]struct {
		status int
		kind   string
		width  int
	}{
		uids:                                    {200, "image/jpeg", 512},
		uids + "&contentType=image/png&rows=64": {200, "image/png", 64},
		uids + "&rows=100&columns=50":           {200, "image/jpeg", 50},
		uids + "&region=0,0,0.5,0.25":           {200, "image/jpeg", 256},
		uids + "&region=0.5,0,0.25,1":           {400, "", 0},
		uids + "&windowCenter=40&windowWidth=400&imageQuality=50":                     {200, "image/jpeg", 512},
		uids + "&windowCenter=40":                                                     {400, "", 0},
		uids + "&contentType=application/dicom":                                       {200, "application/dicom; transfer-syntax=1.2.840.10008.1.2.1", 0},
		uids + "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.90": {200, "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90", 0},
		uids + "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.80": {406, "", 0},
		uids + "&contentType=video/mpeg":                                              {406, "", 0},
		uids + "&frameNumber=2":                                                       {404, "", 0},
		uids + "&frameNumber=0":                                                       {400, "", 0},
		uids + "&anonymize=yes":                                                       {501, "", 0},
		"studyUID=1.2&seriesUID=1.2&objectUID=1.3":                                    {400, "", 0},
		"requestType=WADO&studyUID=1.2&seriesUID=1.2":                                 {400, "", 0},
		"requestType=WADO&studyUID=1.2&seriesUID=1.2&objectUID=1.3":                   {404, "", 0},
	} {
		status, body, h := n.dicomweb(http.MethodGet, "/wado?"+query, nil)
		if status != want.status || want.kind != "" && h.Get("Content-Type") != want.kind {
			t.Errorf("%s: %d %s %.100q", query, status, h.Get("Content-Type"), body)
			continue
		}
		if want.width > 0 {
			if c, _, err := image.DecodeConfig(bytes.NewReader(body)); err != nil || c.Width != want.width {
				t.Errorf("%s: %v %v", query, c, err)
			}
		}
	}
}

// TestARenderedPresentationStateIsItsImage makes a state that inverts the image.
func TestARenderedPresentationStateIsItsImage(t *testing.T) {
	n := startNode(t)
	_, meta := n.stored("image", "ct1_explicit_le.dcm")
	ref, series, d := dicom.NewDataset(), dicom.NewDataset(), dicom.NewDataset()
	ref.SetText(dicom.ReferencedSOPClassUID, meta.text("00080016"))
	ref.SetText(dicom.ReferencedSOPInstanceUID, meta.text("00080018"))
	series.SetText(dicom.SeriesInstanceUID, meta.text("0020000E"))
	series.SetItems(dicom.ReferencedImageSequence, ref)
	d.SetUID(dicom.SOPClassUID, dicom.GrayscaleSoftcopyPresentationStateStorage)
	d.SetText(dicom.SOPInstanceUID, "2.25.4711")
	d.SetText(dicom.StudyInstanceUID, meta.text("0020000D"))
	d.SetText(dicom.SeriesInstanceUID, "2.25.4712")
	d.SetText(dicom.Modality, "PR")
	d.SetItems(dicom.ReferencedSeriesSequence, series)
	voi := dicom.NewDataset()
	voi.SetText(dicom.WindowCenter, "1000")
	voi.SetText(dicom.WindowWidth, "2000")
	d.SetItems(dicom.SoftcopyVOILUTSequence, voi)
	var shown [2][]byte
	for i, shape := range []string{"IDENTITY", "INVERSE"} {
		d.SetText(dicom.PresentationLUTShape, shape)
		d.SetText(dicom.SOPInstanceUID, fmt.Sprintf("2.25.471%d", i))
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, d, "1.2.840.10008.1.2.1"); err != nil {
			t.Fatal(err)
		}
		if status, answer := n.stow("/studies", b.Bytes()); status != http.StatusOK {
			t.Fatalf("%d %v", status, answer)
		}
		state := fmt.Sprintf("/studies/%s/series/2.25.4712/instances/2.25.471%d", meta.text("0020000D"), i)
		status, body, _ := n.dicomweb(http.MethodGet, state+"/rendered", nil, "Accept", "image/png")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", shape, status, body)
		}
		shown[i] = body
		if status, _, _ := n.dicomweb(http.MethodGet, state+"/rendered?window=1,2,linear", nil); status != http.StatusBadRequest {
			t.Errorf("a window on a state: %d", status)
		}
		if status, _, _ := n.dicomweb(http.MethodGet, state+"/rendered?viewport=9,9,1,1,2,2", nil); status != http.StatusBadRequest {
			t.Errorf("a crop of a state: %d", status)
		}
	}
	one, _, err1 := image.Decode(bytes.NewReader(shown[0]))
	two, _, err2 := image.Decode(bytes.NewReader(shown[1]))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	inverted := 0
	for x := range one.Bounds().Dx() {
		a, _, _, _ := one.At(x, 200).RGBA()
		b, _, _, _ := two.At(x, 200).RGBA()
		if a>>8+b>>8 == 255 {
			inverted++
		} else if a|b != 0 { // padding stays black (PS3.3 C.7.5.1.1.2)
			t.Fatalf("at %d: %d and %d", x, a>>8, b>>8)
		}
	}
	if inverted < one.Bounds().Dx()/4 {
		t.Errorf("%d pixels are inverted", inverted)
	}
}

func TestMetadataOfALongSeriesAreKeptAndNeverStale(t *testing.T) {
	n := startNode(t)
	film := readFilm(t)
	f, err := dicom.Read(bytes.NewReader(film), int64(len(film)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f.Dataset.SetText(dicom.StudyInstanceUID, "2.25.81")
	f.Dataset.SetText(dicom.SeriesInstanceUID, "2.25.82")
	f.Dataset.Remove(dicom.Rows) // no image: nothing to analyse
	send := func(from, to int) {
		var files [][]byte
		for i := from; i < to; i++ {
			f.Dataset.SetText(dicom.SOPInstanceUID, fmt.Sprintf("2.25.83%03d", i))
			f.Dataset.SetText(dicom.InstanceNumber, fmt.Sprint(i))
			f.Dataset.SetBytes(0x00091010, dicom.OB, make([]byte, 5000))
			var b bytes.Buffer
			if err := dicom.WriteFile(&b, f.Dataset, "1.2.840.10008.1.2.1"); err != nil {
				t.Fatal(err)
			}
			files = append(files, b.Bytes())
		}
		if status, answer := n.stow("/studies", files...); status != http.StatusOK {
			t.Fatalf("%d %v", status, answer)
		}
	}
	metadata := func() []dicomObject {
		status, body, _ := n.dicomweb(http.MethodGet, "/studies/2.25.81/metadata", nil, "Accept", dicomJSON)
		var list []dicomObject
		if err := json.Unmarshal(body, &list); err != nil || status != http.StatusOK {
			t.Fatalf("%d %v %.200s", status, err, body)
		}
		return list
	}
	check := func(want int) {
		t.Helper()
		list := metadata()
		if len(list) != want {
			t.Fatalf("%d instances instead of %d", len(list), want)
		}
		for i, o := range list {
			uri := n.web + fmt.Sprintf("/dicom-web/studies/2.25.81/series/2.25.82/instances/2.25.83%03d/bulkdata/00091010", i)
			if o.text("00200013") != fmt.Sprint(i) || o["00091010"].BulkDataURI != uri {
				t.Fatalf("instance %d: %s %s", i, o.text("00200013"), o["00091010"].BulkDataURI)
			}
		}
	}
	send(0, 30)
	check(30)
	for range 40 { // until they are kept: then the files are needed no more
		time.Sleep(250 * time.Millisecond)
		if n.kept("2.25.82") {
			break
		}
	}
	if !n.kept("2.25.82") {
		t.Error("nothing is kept")
	}
	check(30)
	send(30, 40)
	check(40)
	n.kill()
	n.start()
	check(40)
}

// kept reports whether the metadata of a series are kept in the index.
func (n *startedNode) kept(series string) bool {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.data, "radnode.db-wal"))
	if err != nil {
		n.t.Fatal(err)
	}
	return bytes.Contains(b, []byte("2.25.81"+series))
}

func TestStudiesAreDeletedAsThePolicySays(t *testing.T) {
	off := startNode(t)
	film := readFilm(t)
	off.stow("/studies", film)
	study := off.searched("/studies")[0].text("0020000D")
	remove := func(n *startedNode, bearer string) int {
		status, _, _ := n.request(bearer, http.MethodDelete, "/dicom-web/studies/"+study, nil)
		return status
	}
	if got := remove(off, token); got != http.StatusForbidden {
		t.Errorf("a radiologist: %d", got)
	}
	n := &startedNode{t: t, program: off.program, data: filepath.Join(t.TempDir(), "data"), log: &lockedBuffer{}, flags: []string{"--web-delete"},
		env: append(off.env[:len(off.env):len(off.env)], "RADNODE_TOKENS=boss:admin:admin-token,reader:radiologist:"+token+",pacs:service:service-token")}
	n.start()
	t.Cleanup(n.kill)
	n.stow("/studies", film)
	n.settled(1)
	for bearer, want := range map[string]int{"": 401, token: 403, serviceToken: 403} {
		if got := remove(n, bearer); got != want {
			t.Errorf("%q: %d instead of %d", bearer, got, want)
		}
	}
	if got := remove(n, "admin-token"); got != http.StatusNoContent {
		t.Errorf("an administrator: %d", got)
	}
	if got := remove(n, "admin-token"); got != http.StatusNotFound {
		t.Errorf("again: %d", got)
	}
	if left := n.searched("/studies"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	n.balanced()
	if status, _, _ := n.dicomweb(http.MethodGet, "/studies/"+study, nil); status != http.StatusNotFound {
		t.Errorf("retrieved after deletion: %d", status)
	}
	if status, answer := n.stow("/studies", film); status != http.StatusOK {
		t.Errorf("stored again: %d %v", status, answer)
	}
	n.settled(1)
	n.sign(n.studies()[0].StudyInstanceUID)
	if got := remove(n, "admin-token"); got != http.StatusConflict {
		t.Errorf("a signed study: %d", got)
	}
	n.balanced()
}
