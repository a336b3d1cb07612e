package acceptance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom"
)

// note is a small object without pixels.
func note(t *testing.T, study, series, instance string) []byte {
	t.Helper()
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.RawDataStorage)
	d.SetText(dicom.SOPInstanceUID, instance)
	d.SetText(dicom.StudyInstanceUID, study)
	d.SetText(dicom.SeriesInstanceUID, series)
	d.SetText(dicom.Modality, "OT")
	d.SetText(dicom.PatientID, "N"+study)
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, "1.2.840.10008.1.2.1"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWhatWasAcknowledgedOverTheWebOutlivesTheNode kills the node as soon as the
// answer is there.
func TestWhatWasAcknowledgedOverTheWebOutlivesTheNode(t *testing.T) {
	n := startNode(t)
	film := readFilm(t)
	for round := range 4 {
		files := [][]byte{film}
		for i := range 20 {
			files = append(files, note(t, fmt.Sprintf("2.25.60%d", round), "2.25.61", fmt.Sprintf("2.25.62%d%02d", round, i)))
		}
		status, _ := n.stow("/studies", files...)
		n.kill()
		if status != http.StatusOK {
			t.Fatal(status)
		}
		n.start()
		if got := len(n.searched(fmt.Sprintf("/studies/2.25.60%d/instances", round))); got != 20 {
			t.Errorf("round %d: %d of 20 instances are left", round, got)
		}
		status, body, h := n.dicomweb(http.MethodGet, fmt.Sprintf("/studies/2.25.60%d", round), nil)
		if status != http.StatusOK {
			t.Fatalf("round %d: %d %s", round, status, body)
		}
		parts, _ := partsOf(t, body, h)
		for i, p := range parts {
			if !bytes.Equal(dataSet(p), dataSet(files[i+1])) {
				t.Errorf("round %d: instance %d is not what was sent", round, i)
			}
		}
	}
	n.settled(5)
	n.balanced()
}

// raw sends bytes as they are and reads the answer.
func (n *startedNode) raw(head string, body []byte, half bool) (int, string) {
	n.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.web, "http://"))
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, err = io.WriteString(conn, "POST /dicom-web/studies HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer "+serviceToken+"\r\nAccept: "+dicomJSON+"\r\n"+head+"\r\n\r\n")
	if err == nil {
		_, _ = conn.Write(body) // the node may have answered already
	}
	if tcp, ok := conn.(*net.TCPConn); ok && half {
		_ = tcp.CloseWrite()
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

func TestHostileBodiesAreRefusedAndWhatCameWholeIsKept(t *testing.T) {
	n := startNode(t)
	part := func(f []byte) string { return "--x\r\nContent-Type: application/dicom\r\n\r\n" + string(f) + "\r\n" }
	whole := part(note(t, "2.25.70", "2.25.71", "2.25.72"))
	kind := `Content-Type: multipart/related; type="application/dicom"; boundary=`
	for name, c := range map[string]struct {
		head, body string
		half       bool
		want       []int
	}{
		"another boundary":             {kind + "y", whole + "--x--\r\n", false, []int{400}},
		"a boundary of 300":            {kind + strings.Repeat("b", 300), whole, false, []int{400}},
		"no end":                       {kind + "x", whole, false, []int{400}},
		"a part without end":           {kind + "x", whole + "--x\r\nContent-Type: application/dicom\r\n\r\nDICM", false, []int{202}},
		"endless part headers":         {kind + "x", "--x\r\n" + strings.Repeat("A: b\r\n", 2<<20), false, []int{400}},
		"one endless header":           {kind + "x", "--x\r\nA: " + strings.Repeat("b", 12<<20), false, []int{400}},
		"parts of nothing":             {kind + "x", strings.Repeat("--x\r\n\r\n\r\n", 1000) + "--x--\r\n", false, []int{400}},
		"more parts than there may be": {kind + "x", strings.Repeat("--x\r\n\r\n\r\n", 110_000) + "--x--\r\n", false, []int{400, 413}},
		"no part":                      {kind + "x", "--x--\r\n", false, []int{400}},
		"deep metadata":                {"Content-Type: application/dicom+json", strings.Repeat(`[{"00081115":{"vr":"SQ","Value":`, 20_000), false, []int{400}},
		"references to nothing":        {`Content-Type: multipart/related; type="application/dicom+json"; boundary=x`, "--x\r\nContent-Type: application/dicom+json\r\n\r\n" + `[{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":["2.25.1"]},"7FE00010":{"vr":"OW","BulkDataURI":"file:///etc/passwd"}}]` + "\r\n--x--\r\n", false, []int{400}},
	} {
		head := c.head + fmt.Sprintf("\r\nContent-Length: %d", len(c.body))
		status, text := n.raw(head, []byte(c.body), c.half)
		if !slices.Contains(c.want, status) {
			t.Errorf("%s: %d instead of %v: %.300s", name, status, c.want, text)
		}
		if strings.Contains(text, "passwd") || strings.Contains(text, n.data) {
			t.Errorf("%s tells too much: %s", name, text)
		}
	}
	// The client goes away within the second instance.
	if status, text := n.raw(kind+"x\r\nContent-Length: 100000", []byte(part(note(t, "2.25.80", "2.25.81", "2.25.82"))+"--x\r\nContent-Type: application/dicom\r\n\r\n"), true); status != http.StatusAccepted && status != 0 {
		t.Errorf("cut off: %d %s", status, text)
	}
	eventually(t, "what came whole is kept", 5*time.Second, func() bool { return len(n.searched("/instances")) == 2 })
	if status, _, _ := n.request(token, http.MethodGet, "/healthz", nil); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	n.settled(2)
	n.balanced()
}

// TestPagesMissNothingThatWasThereBefore reads pages while studies come in.
func TestPagesMissNothingThatWasThereBefore(t *testing.T) {
	n := startNode(t)
	send := func(from, to int) {
		var files [][]byte
		for i := from; i < to; i++ {
			// UIDs that come later lie before, between and behind the others.
			files = append(files, note(t, fmt.Sprintf("2.25.%d", (i*7919+13)%10007), "2.25.91", fmt.Sprintf("2.25.92%05d", i)))
		}
		if status, answer := n.stow("/studies", files...); status != http.StatusOK {
			t.Errorf("%d %v", status, answer)
		}
	}
	send(0, 100)
	before := identifiers(n.searched("/studies"))
	if len(before) != 100 {
		t.Fatal(len(before))
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 100; i < 600; i += 5 {
			select {
			case <-stop:
				return
			default:
				send(i, i+5)
			}
		}
	}()
	seen := map[string]bool{}
	for offset, size := 0, 7; ; offset += size {
		page, warnings := qido(t, n.web+"/dicom-web", fmt.Sprintf("/studies?limit=%d&offset=%d", size, offset))
		for _, id := range identifiers(page) {
			seen[id] = true
		}
		if len(page) < size {
			break
		}
		if more := len(warnings) > 0; !more && len(page) == size {
			if next, _ := qido(t, n.web+"/dicom-web", fmt.Sprintf("/studies?limit=1&offset=%d", offset+size)); len(next) > 0 && offset > 2000 {
				t.Error("nothing says that there is more")
			}
		}
	}
	close(stop)
	<-done
	for _, id := range before {
		if !seen[id] {
			t.Errorf("%s was on no page", id)
		}
	}
	first, again := n.searched("/studies?limit=50"), n.searched("/studies?limit=50")
	if !slices.Equal(identifiers(first), identifiers(again)) {
		t.Error("the same page twice is not the same")
	}
	if _, warnings := qido(t, n.web+"/dicom-web", "/studies?limit=10"); len(warnings) != 1 || !strings.Contains(warnings[0], "additional results that can be requested") || !strings.HasPrefix(warnings[0], "299 ") {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestSearchesReachIntoSequencesAndNames(t *testing.T) {
	n := startNode(t)
	object := func(i int, fill func(*dicom.Dataset)) []byte {
		d := dicom.NewDataset()
		d.SetUID(dicom.SOPClassUID, dicom.RawDataStorage)
		d.SetText(dicom.SOPInstanceUID, fmt.Sprintf("2.25.30%d", i))
		d.SetText(dicom.StudyInstanceUID, fmt.Sprintf("2.25.31%d", i))
		d.SetText(dicom.SeriesInstanceUID, fmt.Sprintf("2.25.32%d", i))
		d.SetText(dicom.PatientID, fmt.Sprint(i))
		fill(d)
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, d, "1.2.840.10008.1.2.1"); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	n.stow("/studies", object(1, func(d *dicom.Dataset) {
		d.SetText(dicom.PatientName, "Müller^Jürgen")
		step := dicom.NewDataset()
		step.SetText(dicom.ScheduledProcedureStepID, "STEP1")
		step.SetText(dicom.RequestedProcedureID, "RP1")
		d.SetItems(dicom.RequestAttributesSequence, step)
	}), object(2, func(d *dicom.Dataset) {
		d.SetText(dicom.PatientName, "Smith^Anna=史密斯^安娜")
		other := dicom.NewDataset()
		other.SetText(dicom.PatientID, "OTHER2")
		d.SetItems(dicom.OtherPatientIDsSequence, other)
	}))
	for path, want := range map[string]int{
		"/series?RequestAttributesSequence.ScheduledProcedureStepID=STEP1": 1, "/series?00400275.00400009=STEP*": 1, "/series?00400275.00400009=OTHER": 0,
		"/instances?RequestAttributesSequence.RequestedProcedureID=RP1": 1, "/studies?OtherPatientIDsSequence.PatientID=OTHER2": 1,
		"/studies?PatientName=Muller*": 0, "/studies?PatientName=Muller&fuzzymatching=true": 1, "/studies?PatientName=jurgen%20muler&fuzzymatching=true": 1,
		"/studies?PatientName=anna&fuzzymatching=true": 1, "/studies?PatientName=zzz&fuzzymatching=true": 0, "/studies?PatientName=smith%5EANNA": 1,
		"/studies?PatientName=" + url.QueryEscape("史密斯*"): 1,
	} {
		if got := len(n.searched(path)); got != want {
			t.Errorf("%s: %d instead of %d", path, got, want)
		}
	}
	for query, tag := range map[string]string{
		"/series?includefield=RequestAttributesSequence.ScheduledProcedureStepID&PatientID=1": "00400275", "/series?includefield=00400275.00400009&PatientID=1": "00400275",
		"/studies?includefield=OtherPatientIDsSequence.PatientID&PatientID=2": "00101002", "/studies?includefield=IssuerOfPatientID,00101002&PatientID=2": "00101002",
		"/instances?includefield=all&PatientID=1": "00400275",
	} {
		if list := n.searched(query); len(list) != 1 || len(list[0][tag].Value) != 1 {
			t.Errorf("%s: %v", query, list)
		}
	}
	for query, text := range map[string]string{"emptyvaluematching=true": "emptyvaluematching", "multiplevaluematching=true": "multiplevaluematching", "Rows=5": "not matched at this level"} {
		if _, warnings := qido(t, n.web+"/dicom-web", "/studies?"+query); len(warnings) != 1 || !strings.Contains(warnings[0], text) {
			t.Errorf("%s: %v", query, warnings)
		}
	}
}
