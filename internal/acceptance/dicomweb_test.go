package acceptance

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const serviceToken = "service-token"

// web sends one DICOMweb request as a program would.
func (n *startedNode) dicomweb(method, path string, body io.Reader, header ...string) (int, []byte, http.Header) {
	n.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = n.web + "/dicom-web" + path
	}
	request, err := http.NewRequest(method, path, body)
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+serviceToken)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, text, response.Header
}

// stow sends files as the parts of one request.
func (n *startedNode) stow(path string, files ...[]byte) (int, dicomObject) {
	n.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, f := range files {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err == nil {
			_, err = part.Write(f)
		}
		if err != nil {
			n.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		n.t.Fatal(err)
	}
	status, text, _ := n.dicomweb(http.MethodPost, path, &body, "Content-Type", `multipart/related; type="application/dicom"; boundary=`+w.Boundary(), "Accept", "application/dicom+json")
	var o dicomObject
	if err := json.Unmarshal(text, &o); err != nil {
		n.t.Fatalf("%v: %s", err, text)
	}
	return status, o
}

// dicomObject is a data set of the JSON model.
type dicomObject map[string]struct {
	VR          string `json:"vr"`
	Value       []any  `json:"Value"`
	BulkDataURI string `json:"BulkDataURI"`
}

func (o dicomObject) text(tag string) string {
	if v := o[tag].Value; len(v) > 0 {
		return fmt.Sprint(v[0])
	}
	return ""
}

func (n *startedNode) searched(path string) []dicomObject {
	n.t.Helper()
	status, text, _ := n.dicomweb(http.MethodGet, path, nil, "Accept", "application/dicom+json")
	if status == http.StatusNoContent {
		return nil
	}
	var list []dicomObject
	if err := json.Unmarshal(text, &list); err != nil || status != http.StatusOK {
		n.t.Fatalf("%s: %d %v %s", path, status, err, text)
	}
	return list
}

// partsOf takes a multipart/related body apart.
func partsOf(t *testing.T, body []byte, h http.Header) (list [][]byte, kinds []string) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "multipart/related" {
		t.Fatalf("Content-Type %q: %v", h.Get("Content-Type"), err)
	}
	r := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return list, kinds
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		list, kinds = append(list, b), append(kinds, p.Header.Get("Content-Type"))
	}
}

// dataSet is what stands behind the file meta information.
func dataSet(file []byte) []byte { return file[144+int(binary.LittleEndian.Uint32(file[140:])):] }

func readFilm(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(film())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsStoredByDICOMwebComesBackByteForByte(t *testing.T) {
	n := startNode(t)
	files := [][]byte{readFilm(t)}
	list, _ := filepath.Glob(filepath.Join(shared(t, "dicom"), "series", "*", "*.dcm"))
	for _, name := range append(list, filepath.Join(shared(t, "dicom"), "image", "us_stress_echo_8frames_j2k.dcm")) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	status, answer := n.stow("/studies", files...)
	if got := len(answer["00081199"].Value); status != http.StatusOK || got != len(files) {
		t.Fatalf("%d, %d of %d stored: %v", status, got, len(files), answer)
	}
	back := map[string]bool{}
	for _, study := range n.searched("/studies") {
		status, body, h := n.dicomweb(http.MethodGet, study.text("00081190"), nil, "Accept",
			`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2, multipart/related; type="application/dicom"; transfer-syntax=*; q=0.5`)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		parts, _ := partsOf(t, body, h)
		for _, p := range parts {
			back[string(dataSet(p))] = true
		}
	}
	for i, f := range files {
		if !back[string(dataSet(f))] {
			t.Errorf("file %d did not come back as it was", i)
		}
	}
	n.settled(len(n.searched("/studies")))
	n.balanced()
	t.Logf("%d files", len(files))
}

func TestSearchesFollowTheStandard(t *testing.T) {
	n := startNode(t)
	if status, answer := n.stow("/studies", readFilm(t)); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	one := n.searched("/studies")[0]
	study, patient, name := one.text("0020000D"), one.text("00100020"), one["00100010"].Value
	if len(one["00081190"].Value) == 0 || one.text("00201208") != "1" {
		t.Errorf("study: %v", one)
	}
	for path, want := range map[string]int{
		"/studies?PatientID=" + patient: 1, "/studies?00100020=" + patient: 1, "/studies?PatientID=nobody": 0,
		"/studies?StudyInstanceUID=" + study + ",1.2.3": 1, "/studies?StudyInstanceUID=1.2.3": 0,
		"/studies?PatientName=*&limit=1": 1, "/studies?offset=1": 0, "/studies?limit=0": 0,
		"/studies?StudyDate=19000101-20991231": 1, "/studies?StudyDate=19000101-19000102": 0,
		"/studies?fuzzymatching=true&PatientID=" + patient: 1,
		"/series": 1, "/series?Modality=XX": 0, "/instances": 1, "/instances?SOPClassUID=1.2.3": 0,
		"/studies/" + study + "/series": 1, "/studies/" + study + "/instances": 1, "/studies/1.2.3/series": 0,
		"/studies?includefield=all": 1, "/instances?includefield=all": 1, "/studies?includefield=00081030%2C00080060": 1,
	} {
		if got := n.searched(path); len(got) != want {
			t.Errorf("%s: %d results instead of %d", path, len(got), want)
		}
	}
	for _, path := range []string{"/studies?nonsense=1", "/studies?limit=-1", "/studies?limit=x", "/studies?StudyDate=yesterday",
		"/studies?PatientID=1&PatientID=2", "/studies?PatientID=1&00100020=2", "/studies?fuzzymatching=maybe", "/studies/notauid/series"} {
		if status, body, _ := n.dicomweb(http.MethodGet, path, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	full := n.searched("/instances?includefield=all")[0]
	if diff := cmp.Diff(name, full["00100010"].Value); diff != "" || full["00280100"].VR == "" {
		t.Errorf("all attributes: %s, %v", diff, full)
	}
	if status, _, _ := n.dicomweb(http.MethodGet, "/studies", nil, "Accept", "text/html"); status != http.StatusNotAcceptable {
		t.Errorf("text/html: %d", status)
	}
	if status, body, h := n.dicomweb(http.MethodGet, "/studies", nil, "Accept", `multipart/related; type="application/dicom+xml"`); status != http.StatusOK {
		t.Errorf("XML: %d %s", status, body)
	} else if parts, _ := partsOf(t, body, h); len(parts) != 1 || !bytes.Contains(parts[0], []byte(study)) {
		t.Errorf("XML: %s", body)
	}
}

func TestImagesAreRetrievedInEveryForm(t *testing.T) {
	n := startNode(t)
	if status, answer := n.stow("/studies", readFilm(t)); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	at := n.searched("/instances")[0].text("00081190")
	status, body, h := n.dicomweb(http.MethodGet, at+"/metadata", nil, "Accept", "application/dicom+json")
	var meta []dicomObject
	if err := json.Unmarshal(body, &meta); status != http.StatusOK || err != nil || len(meta) != 1 {
		t.Fatalf("metadata: %d %v %s", status, err, body)
	}
	if again, _, _ := n.dicomweb(http.MethodGet, at+"/metadata", nil, "Accept", "application/dicom+json", "If-None-Match", h.Get("ETag")); again != http.StatusNotModified {
		t.Errorf("unchanged metadata: %d", again)
	}
	var rows, columns int
	fmt.Sscan(meta[0].text("00280010"), &rows)
	fmt.Sscan(meta[0].text("00280011"), &columns)
	uri := meta[0]["7FE00010"].BulkDataURI
	status, body, h = n.dicomweb(http.MethodGet, at+"/frames/1", nil, "Accept", `multipart/related; type=application/octet-stream`)
	if status != http.StatusOK {
		t.Fatalf("frame: %d %s", status, body)
	}
	frame, kinds := partsOf(t, body, h)
	if len(frame) != 1 || len(frame[0]) < rows*columns || rows == 0 || !strings.Contains(kinds[0], "1.2.840.10008.1.2.1") {
		t.Errorf("frame of %d×%d: %d parts, %v", rows, columns, len(frame), kinds)
	}
	if status, body, h := n.dicomweb(http.MethodGet, uri, nil, "Accept", `multipart/related; type="application/octet-stream"`); status != http.StatusOK {
		t.Errorf("bulk data: %d %s", status, body)
	} else if bulk, _ := partsOf(t, body, h); len(bulk) != 1 {
		t.Errorf("bulk data: %d parts", len(bulk))
	}
	for path, want := range map[string]string{"/rendered": "image/jpeg", "/rendered?viewport=100,50&quality=60": "image/jpeg",
		"/rendered?accept=image/png&window=128,200,linear-exact": "image/png", "/rendered?viewport=64,64,10,10,-50,50&accept=image/gif": "image/gif",
		"/thumbnail": "image/jpeg", "/frames/1/rendered": "image/jpeg", "/frames/1/thumbnail?viewport=20,20": "image/jpeg"} {
		status, body, h := n.dicomweb(http.MethodGet, at+path, nil)
		picture, _, err := image.DecodeConfig(bytes.NewReader(body))
		if status != http.StatusOK || h.Get("Content-Type") != want || err != nil || strings.Contains(path, "100,50") && picture.Height != 50 {
			t.Errorf("%s: %d %s %v %v", path, status, h.Get("Content-Type"), picture, err)
		}
	}
	for path, want := range map[string]int{"/frames/0": 400, "/frames/2": 404, "/frames/x": 400, "/rendered?quality=101": 400, "/rendered?window=1,2": 400,
		"/rendered?viewport=0,0": 400, "/thumbnail?viewport=9,9,1,1,1,1": 400, "/bulkdata/00990099": 404, "/bulkdata/x/../..": 404} {
		if status, body, _ := n.dicomweb(http.MethodGet, at+path, nil); status != want {
			t.Errorf("%s: %d instead of %d %s", path, status, want, body)
		}
	}
	if status, _, _ := n.dicomweb(http.MethodGet, "/studies/1.2.3", nil); status != http.StatusNotFound {
		t.Errorf("an unknown study: %d", status)
	}
	n.pydicomReads(at)
}

// pydicomReads compares the pixels of what comes without a transfer syntax
// named with those of the file sent.
func (n *startedNode) pydicomReads(at string) {
	n.t.Helper()
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import pydicom, numpy").Run() != nil {
		n.t.Log("pydicom is not installed: run `scripts/packages test`")
		return
	}
	_, body, _ := n.dicomweb(http.MethodGet, at, nil, "Accept", "application/dicom")
	path := filepath.Join(n.t.TempDir(), "back.dcm")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		n.t.Fatal(err)
	}
	out, err := exec.Command(python, "-W", "ignore", "-c", `import sys, pydicom
a, b = pydicom.dcmread(sys.argv[1]), pydicom.dcmread(sys.argv[2])
assert (a.pixel_array == b.pixel_array).all()
assert b.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1", b.file_meta
for e in a:
    assert e.tag.is_private or e.tag.element == 0 or e.tag.group >= 0x7fe0 or b[e.tag].value == e.value, e.tag`, film(), path).CombinedOutput()
	if err != nil {
		n.t.Errorf("%v\n%s", err, out)
	}
}

func TestStoreRequestsAreAnsweredAsTheStandardSays(t *testing.T) {
	n := startNode(t)
	whole := readFilm(t)
	broken := append(bytes.Clone(whole[:400]), 1, 2, 3)
	if status, answer := n.stow("/studies/1.2.3", whole); status != http.StatusConflict || len(answer["00081198"].Value) != 1 {
		t.Errorf("another study: %d %v", status, answer)
	}
	if status, answer := n.stow("/studies", whole, broken, []byte("no DICOM")); status != http.StatusAccepted ||
		len(answer["00081199"].Value) != 1 || len(answer["00081198"].Value) != 1 || len(answer["0008119A"].Value) != 1 {
		t.Errorf("some: %d %v", status, answer)
	}
	if status, answer := n.stow("/studies", []byte("no DICOM")); status != http.StatusBadRequest {
		t.Errorf("none: %d %v", status, answer)
	}
	if status, answer := n.stow("/studies", whole); status != http.StatusOK {
		t.Errorf("again: %d %v", status, answer)
	}
	if got := len(n.searched("/instances")); got != 1 {
		t.Errorf("%d instances", got)
	}
	single, text, _ := n.dicomweb(http.MethodPost, "/studies", bytes.NewReader(whole), "Content-Type", "application/dicom")
	if single != http.StatusOK {
		t.Errorf("single part: %d %s", single, text)
	}
	for kind, want := range map[string]int{"text/plain": 415, "": 415, "multipart/related": 400, `multipart/related; type="text/plain"; boundary=x`: 415,
		`multipart/related; type="application/dicom"; boundary=x`: 400} {
		if status, body, _ := n.dicomweb(http.MethodPost, "/studies", strings.NewReader("--y\r\n"), "Content-Type", kind); status != want {
			t.Errorf("%q: %d instead of %d %s", kind, status, want, body)
		}
	}
	if status, _, _ := n.request(token, http.MethodPost, "/dicom-web/studies", nil); status != http.StatusForbidden {
		t.Errorf("a radiologist stores: %d", status)
	}
	for _, path := range []string{"/studies", "/instances", "/studies/1.2.3/metadata", "/studies/1.2.3/series/1.2/instances/1/frames/1"} {
		if status, _, _ := n.request("", http.MethodGet, "/dicom-web"+path, nil); status != http.StatusUnauthorized {
			t.Errorf("%s without proof of identity: %d", path, status)
		}
	}
	status, body, _ := n.dicomweb(http.MethodOptions, "/", nil, "Accept", "application/json")
	for _, id := range []string{"SearchStudies", "RetrieveInstanceByURI", "CreateWorkitem", "ChangeWorkitemState", "Subscribe", "OpenEventChannel"} {
		if status != http.StatusOK || !bytes.Contains(body, []byte(`"@id":"`+id+`"`)) {
			t.Errorf("capabilities without %s: %d %s", id, status, body)
		}
	}
	if bytes.Contains(body, []byte("DeleteStudy")) {
		t.Error("the capabilities hold the deletion that this node does not allow")
	}
	n.settled(1)
	n.balanced()
}

// script is what viewers' own libraries do: dicomweb-client and dcmjs.
const clientScript = `
const { api } = require("dicomweb-client"), dcmjs = require("dcmjs"), fs = require("fs"), assert = require("assert");
globalThis.XMLHttpRequest ??= require("xhr2");
(async () => {
  const client = new api.DICOMwebClient({ url: process.argv[2], headers: { Authorization: "Bearer " + process.argv[3] } });
  const film = fs.readFileSync(process.argv[4]);
  await client.storeInstances({ datasets: [film.buffer.slice(film.byteOffset, film.byteOffset + film.length)] });
  const [study] = await client.searchForStudies();
  const s = dcmjs.data.DicomMetaDictionary.naturalizeDataset(study);
  const studyInstanceUID = s.StudyInstanceUID;
  const [series] = await client.searchForSeries({ studyInstanceUID });
  const seriesInstanceUID = series["0020000E"].Value[0];
  const [found] = await client.searchForInstances({ studyInstanceUID, seriesInstanceUID });
  const sopInstanceUID = found["00080018"].Value[0];
  const [meta] = await client.retrieveSeriesMetadata({ studyInstanceUID, seriesInstanceUID });
  const image = dcmjs.data.DicomMetaDictionary.naturalizeDataset(meta);
  const where = { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
  const frames = await client.retrieveInstanceFrames({ ...where, frameNumbers: [1] });
  assert.equal(frames.length, 1);
  assert.equal(frames[0].byteLength, image.Rows * image.Columns * (image.SamplesPerPixel ?? 1) * image.BitsAllocated / 8);
  const file = await client.retrieveInstance(where);
  const back = dcmjs.data.DicomMessage.readFile(file), sent = dcmjs.data.DicomMessage.readFile(film.buffer.slice(film.byteOffset, film.byteOffset + film.length));
  assert.deepEqual(back.dict["00100020"].Value, sent.dict["00100020"].Value);
  assert.equal((await client.retrieveStudy({ studyInstanceUID })).length, 1);
  assert.equal((await client.retrieveSeries({ studyInstanceUID, seriesInstanceUID })).length, 1);
  const picture = new Uint8Array([].concat(await client.retrieveInstanceRendered(where))[0]);
  assert.deepEqual([...picture.slice(0, 2)], [0xff, 0xd8]);
  assert.ok((await client.retrieveBulkData({ BulkDataURI: meta["7FE00010"].BulkDataURI })).length);
  console.log("done");
})().catch((e) => { console.error(e, e.response ?? ""); process.exit(1); });
`

func TestTheLibrariesOfViewersSearchRetrieveAndStore(t *testing.T) {
	node := tool(t, "node")
	modules := os.Getenv("RADNODE_NODE_MODULES")
	if modules == "" {
		t.Skip("RADNODE_NODE_MODULES does not name a folder with dicomweb-client, dcmjs and xhr2 (`npm i dicomweb-client@0.11.2 dcmjs xhr2`)")
	}
	n := startNode(t)
	script := filepath.Join(t.TempDir(), "client.cjs")
	if err := os.WriteFile(script, []byte(clientScript), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(node, script, n.web+"/dicom-web", serviceToken, film())
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "done") {
		t.Errorf("%v\n%s", err, out)
	}
}
