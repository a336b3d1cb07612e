package acceptance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// channel is a WebSocket client.
type channel struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// follow opens the event channel of an AE title; status is that of a refusal.
func (n *startedNode) follow(bearer, ae string, header ...string) (*channel, int) {
	n.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.web, "http://"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = conn.Close() })
	request := "GET /dicom-web/subscribers/" + ae + " HTTP/1.1\r\nHost: " + strings.TrimPrefix(n.web, "http://") +
		"\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if bearer != "" {
		request += "Authorization: Bearer " + bearer + "\r\n"
	}
	if _, err := io.WriteString(conn, request+strings.Join(header, "")+"\r\n"); err != nil {
		n.t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, response.StatusCode
	}
	// RFC 6455 1.3 has this very example.
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		n.t.Fatalf("Sec-WebSocket-Accept %q", got)
	}
	return &channel{n.t, conn, r}, response.StatusCode
}

// next waits for an event.
func (k *channel) next() dicomObject {
	k.t.Helper()
	if err := k.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		k.t.Fatal(err)
	}
	for {
		var head [4]byte
		if _, err := io.ReadFull(k.r, head[:2]); err != nil {
			k.t.Fatalf("event channel: %v", err)
		}
		size := int(head[1])
		if size == 126 {
			if _, err := io.ReadFull(k.r, head[2:]); err != nil {
				k.t.Fatal(err)
			}
			size = int(head[2])<<8 | int(head[3])
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(k.r, body); err != nil {
			k.t.Fatal(err)
		}
		if head[0] != 0x81 {
			continue
		}
		var o dicomObject
		if err := json.Unmarshal(body, &o); err != nil {
			k.t.Fatalf("%v: %s", err, body)
		}
		return o
	}
}

const dicomJSON = "application/dicom+json"

func workitemFor(study string) string {
	return fmt.Sprintf(`[{"00741204":{"vr":"LO","Value":["Read the chest film"]},"00741200":{"vr":"CS","Value":["HIGH"]},
"00404018":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["110004"]},"00080102":{"vr":"SH","Value":["DCM"]},"00080104":{"vr":"LO","Value":["Computer Aided Diagnosis"]}}]},
"00404021":{"vr":"SQ","Value":[{"0020000D":{"vr":"UI","Value":["%s"]}}]}}]`, study)
}

func (n *startedNode) workitem(uid string) dicomObject {
	n.t.Helper()
	status, body, _ := n.dicomweb(http.MethodGet, "/workitems/"+uid, nil, "Accept", dicomJSON)
	var list []dicomObject
	if err := json.Unmarshal(body, &list); err != nil || status != http.StatusOK || len(list) != 1 {
		n.t.Fatalf("%d %v %s", status, err, body)
	}
	return list[0]
}

func TestAWorkitemOfAStudyLeadsToItsAnalysis(t *testing.T) {
	n := startNode(t)
	const uid = "2.25.7001"
	if status, body, h := n.dicomweb(http.MethodPost, "/workitems/1.2.840.10008.5.1.4.34.5/subscribers/RIS?deletionlock=true", nil); status != http.StatusCreated ||
		!strings.HasPrefix(h.Get("Content-Location"), "ws://") {
		t.Fatalf("subscribe: %d %s %v", status, body, h)
	}
	events, _ := n.follow(serviceToken, "RIS")
	film := readFilm(t)
	if status, answer := n.stow("/studies", film); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	real := n.searched("/studies")[0].text("0020000D")
	status, body, h := n.dicomweb(http.MethodPost, "/workitems?"+uid, strings.NewReader(workitemFor(real)), "Content-Type", dicomJSON)
	if status != http.StatusCreated || !strings.HasSuffix(h.Get("Location"), "/workitems/"+uid) || !strings.HasPrefix(h.Get("Warning"), "299 ") {
		t.Fatalf("create: %d %s %v", status, body, h)
	}
	if again, _, _ := n.dicomweb(http.MethodPost, "/workitems?"+uid, strings.NewReader(workitemFor(real)), "Content-Type", dicomJSON); again != http.StatusConflict {
		t.Errorf("the same again: %d", again)
	}
	var states []string
	for len(states) == 0 || states[len(states)-1] != "COMPLETED" {
		e := events.next()
		if e.text("00001000") != uid || e.text("00001002") != "1" {
			t.Fatalf("event: %v", e)
		}
		states = append(states, e.text("00741000"))
	}
	if got := strings.Join(states, ","); got != "SCHEDULED,IN PROGRESS,COMPLETED" {
		t.Errorf("states: %s", got)
	}
	done := n.workitem(uid)
	if _, told := done["00081195"]; told {
		t.Error("the Transaction UID is told")
	}
	text, _ := json.Marshal(done["00741216"].Value)
	var performed []struct {
		Output struct {
			Value []struct {
				Study  struct{ Value []string } `json:"0020000D"`
				Series struct{ Value []string } `json:"0020000E"`
				Refs   struct {
					Value []struct {
						UID struct{ Value []string } `json:"00081155"`
					}
				} `json:"00081199"`
			}
		} `json:"00404033"`
	}
	if err := json.Unmarshal(text, &performed); err != nil || len(performed) != 1 || len(performed[0].Output.Value) != 1 {
		t.Fatalf("performed procedure: %v %s", err, text)
	}
	out := performed[0].Output.Value[0]
	at := fmt.Sprintf("/studies/%s/series/%s/instances/%s", out.Study.Value[0], out.Series.Value[0], out.Refs.Value[0].UID.Value[0])
	if status, body, _ := n.dicomweb(http.MethodGet, at+"/metadata", nil); status != http.StatusOK || !strings.Contains(string(body), "UNVERIFIED") {
		t.Errorf("the output: %d %.300s", status, body)
	}
	if got := len(n.searched("/studies/" + real + "/instances")); got != 1 {
		t.Errorf("%d instances are found: a draft is nobody's business who did not ask for it", got)
	}
	if found := n.searched("/workitems?ProcedureStepState=COMPLETED&00741204=Read*"); len(found) != 1 {
		t.Errorf("search: %v", found)
	}
	if found := n.searched("/workitems?ProcedureStepState=SCHEDULED"); len(found) != 0 {
		t.Errorf("search: %v", found)
	}
}

func TestWorkitemsOfOthersFollowTheStateTable(t *testing.T) {
	n := startNode(t)
	post := func(path, body string) (int, http.Header) {
		status, text, h := n.dicomweb(http.MethodPost, path, strings.NewReader(body), "Content-Type", dicomJSON)
		t.Logf("POST %s: %d %s", path, status, text)
		return status, h
	}
	move := func(uid, transaction, state string) int {
		status, _, _ := n.dicomweb(http.MethodPut, "/workitems/"+uid+"/state",
			strings.NewReader(fmt.Sprintf(`{"00081195":{"vr":"UI","Value":["%s"]},"00741000":{"vr":"CS","Value":["%s"]}}`, transaction, state)), "Content-Type", dicomJSON)
		return status
	}
	const other = `{"00741204":{"vr":"LO","Value":["Print"]},"00404025":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["PRINTER"]}}]}}`
	for _, uid := range []string{"2.25.1", "2.25.2"} {
		if status, _ := post("/workitems?workitem="+uid, other); status != http.StatusCreated {
			t.Fatal(status)
		}
	}
	if status, _ := post("/workitems?2.25.3", `{"00741000":{"vr":"CS","Value":["COMPLETED"]}}`); status != http.StatusBadRequest {
		t.Errorf("a new workitem that is completed: %d", status)
	}
	const final = `{"00741216":{"vr":"SQ","Value":[{"00404050":{"vr":"DT","Value":["20260101"]},"00404051":{"vr":"DT","Value":["20260101"]},
"00404028":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["PRINTER"]}}]},"00404019":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["1"]}}]},"00404033":{"vr":"SQ"}}]}}`
	for i, step := range []struct{ got, want int }{
		{move("2.25.1", "2.25.90", "COMPLETED"), 409},
		{move("2.25.1", "", "IN PROGRESS"), 400},
		{move("2.25.1", "2.25.90", "IN PROGRESS"), 200},
		{move("2.25.1", "2.25.91", "IN PROGRESS"), 409},
		{move("2.25.1", "2.25.90", "COMPLETED"), 409}, // it does not say what was performed
		{first(post("/workitems/2.25.1", final)), 400},
		{first(post("/workitems/2.25.1?transaction-uid=2.25.91", final)), 409},
		{first(post("/workitems/2.25.1?transaction-uid=2.25.90", final)), 200},
		{first(post("/workitems/2.25.1?transaction-uid=2.25.90", `{"00741000":{"vr":"CS","Value":["COMPLETED"]}}`)), 400},
		{move("2.25.1", "2.25.91", "COMPLETED"), 409},
		{move("2.25.1", "2.25.90", "COMPLETED"), 200},
		{move("2.25.1", "2.25.90", "CANCELED"), 409},
		{first(post("/workitems/2.25.1/cancelrequest", "")), 409},
		{first(post("/workitems/2.25.2/cancelrequest", `{"00741238":{"vr":"LT","Value":["not needed"]}}`)), 202},
		{first(post("/workitems/2.25.2/cancelrequest", "{}")), 409},
		{first(post("/workitems/2.25.9/cancelrequest", "{}")), 404},
		{move("nonsense", "2.25.90", "COMPLETED"), 400},
	} {
		if step.got != step.want {
			t.Errorf("step %d: %d instead of %d", i, step.got, step.want)
		}
	}
	if got := n.workitem("2.25.2").text("00741000"); got != "CANCELED" {
		t.Errorf("after the cancel request: %s", got)
	}
	n.kill()
	n.start()
	if got := n.workitem("2.25.1").text("00741000"); got != "COMPLETED" {
		t.Errorf("after a crash: %s", got)
	}
}

func first[A, B any](a A, _ B) A { return a }

func TestNobodyListensToTheEventsOfAnother(t *testing.T) {
	n := startNode(t)
	if status, _, _ := n.request("", http.MethodPost, "/dicom-web/workitems/1.2.840.10008.5.1.4.34.5/subscribers/RIS", nil); status != http.StatusUnauthorized {
		t.Errorf("subscribe without proof of identity: %d", status)
	}
	if status, _, _ := n.dicomweb(http.MethodPost, "/workitems/1.2.840.10008.5.1.4.34.5/subscribers/RIS", nil); status != http.StatusCreated {
		t.Fatal(status)
	}
	for name, c := range map[string]struct {
		bearer, ae string
		header     []string
		want       int
	}{
		"nobody":                 {"", "RIS", nil, http.StatusUnauthorized},
		"another account":        {token, "RIS", nil, http.StatusForbidden},
		"who never subscribed":   {serviceToken, "PACS", nil, http.StatusNotFound},
		"a page of another site": {serviceToken, "RIS", []string{"Origin: https://evil.example\r\n"}, http.StatusForbidden},
	} {
		if _, status := n.follow(c.bearer, c.ae, c.header...); status != c.want {
			t.Errorf("%s: %d instead of %d", name, status, c.want)
		}
	}
	if status, _, _ := n.request(token, http.MethodPost, "/dicom-web/workitems/1.2.840.10008.5.1.4.34.5/subscribers/RIS", nil); status != http.StatusForbidden {
		t.Errorf("another account subscribes by the same AE title: %d", status)
	}
	events, _ := n.follow(serviceToken, "RIS")
	if status, body, _ := n.dicomweb(http.MethodPost, "/workitems?2.25.5", strings.NewReader("{}"), "Content-Type", dicomJSON); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	if e := events.next(); e.text("00001000") != "2.25.5" || e.text("00741000") != "SCHEDULED" {
		t.Errorf("event: %v", e)
	}
	if status, _, _ := n.request(token, http.MethodPost, "/dicom-web/workitems", nil); status != http.StatusForbidden {
		t.Errorf("a radiologist hands in a workitem: %d", status)
	}
}
