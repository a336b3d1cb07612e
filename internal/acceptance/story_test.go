package acceptance

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// storescp is DCMTK playing the PACS.
type storescp struct {
	dir  string
	port int
}

func startStorescp(t *testing.T, port int) *storescp {
	t.Helper()
	s := &storescp{dir: t.TempDir(), port: port}
	if port == 0 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.port = listener.Addr().(*net.TCPAddr).Port
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(tool(t, "storescp"), "-aet", "PACS", "-od", s.dir, "+xa", strconv.Itoa(s.port))
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	eventually(t, "storescp listens", 10*time.Second, func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return s
}

func (s *storescp) received(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// decideAll accepts every finding of a draft and returns the report.
func (n *startedNode) decideAll(r radnode.Report) radnode.Report {
	n.t.Helper()
	for _, f := range r.Findings {
		if f.Decision != radnode.Undecided {
			continue
		}
		status, body, _ := n.request(token, http.MethodPost, "/api/v1/reports/"+r.ID+"/findings/"+f.ID+"/decision",
			map[string]string{"decision": "accepted"}, "If-Match", etag(r))
		if status != http.StatusOK {
			n.t.Fatalf("decide: %d %s", status, body)
		}
		r = reportIn(n.t, body)
	}
	return r
}

func reportIn(t *testing.T, body []byte) radnode.Report {
	t.Helper()
	var r radnode.Report
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return r
}

func etag(r radnode.Report) string { return fmt.Sprintf("%q", strconv.FormatInt(r.Version, 10)) }

// sign signs the newest draft of a study.
func (n *startedNode) sign(uid radnode.UID) radnode.Report {
	n.t.Helper()
	draft := n.decideAll(n.study(uid).Reports[0])
	status, body, _ := n.request(token, http.MethodPost, "/api/v1/reports/"+draft.ID+"/sign",
		map[string]string{"name": "admin", "password": adminPassword}, "If-Match", etag(draft))
	if status != http.StatusOK {
		n.t.Fatalf("sign: %d %s", status, body)
	}
	return reportIn(n.t, body)
}

// unprovable waits until a report is sent to a destination that offers neither
// storage commitment nor query, and is not called delivered.
func (n *startedNode) unprovable(uid radnode.UID, patience time.Duration) {
	n.t.Helper()
	eventually(n.t, "the report is sent", patience, func() bool {
		s := n.study(uid)
		d := s.Reports[0].Deliveries
		return s.State == radnode.Signed && len(d) == 1 && d[0].State == radnode.DeliveryUnprovable && strings.Contains(d[0].Proof, "neither storage commitment nor query")
	})
}

// check demands that the validators find no error in an SR document.
func checkSR(t *testing.T, path string) {
	t.Helper()
	if _, out := command(t, tool(t, "dciodvfy"), path); strings.Contains(out, "\nError") || strings.HasPrefix(out, "Error") {
		t.Errorf("dciodvfy:\n%s", out)
	}
	if status, out := command(t, tool(t, "dsrdump"), path); status != 0 || strings.Contains(out, "E: ") {
		t.Errorf("dsrdump, exit %d:\n%s", status, out)
	}
}

func TestAFilmIsReceivedReadSignedAndItsReportArrivesInThePACS(t *testing.T) {
	n, pacs := startNode(t), startStorescp(t, 0)
	if status, out := n.run("peer", "add", "PACS", fmt.Sprintf("PACS@127.0.0.1:%d", pacs.port), "--deliver", "sr"); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	study := n.settled(1)[0]
	if study.State != radnode.ToReview {
		t.Fatalf("the film is %s (%s), want a draft to review", study.State, study.StateReason)
	}
	signed := n.sign(study.StudyInstanceUID)
	if signed.State != radnode.Final || signed.SignedAt == nil {
		t.Fatalf("the report is %s", signed.State)
	}
	n.unprovable(study.StudyInstanceUID, time.Minute)

	files := pacs.received(t)
	if len(files) != 1 {
		t.Fatalf("the PACS has %d files, want 1", len(files))
	}
	checkSR(t, files[0])
	got, err := dicom.ReadFile(files[0], dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	source, err := dicom.ReadFile(film(), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []dicom.Tag{dicom.StudyInstanceUID, dicom.PatientID, dicom.PatientName, dicom.PatientSex, dicom.StudyDate, dicom.AccessionNumber} {
		if got.Dataset.Text(tag) != source.Dataset.Text(tag) {
			t.Errorf("%s differs between report and film", tag.Keyword())
		}
	}
	if got.Dataset.UID(dicom.SOPInstanceUID) != signed.SOPInstanceUID {
		t.Error("the PACS has another identity than the page shows")
	}
	if flag := got.Dataset.Text(dicom.VerificationFlag); flag != "VERIFIED" {
		t.Errorf("verification flag is %q", flag)
	}
	if violations := sr.Check(got.Dataset); len(violations) > 0 {
		t.Errorf("own checker: %v", violations)
	}
	evidence := got.Dataset.Item(dicom.CurrentRequestedProcedureEvidenceSequence)
	if evidence == nil || evidence.UID(dicom.StudyInstanceUID) != study.StudyInstanceUID {
		t.Fatal("the evidence does not name the study")
	}
	if uid := evidence.Item(dicom.ReferencedSeriesSequence).Item(dicom.ReferencedSOPSequence).UID(dicom.ReferencedSOPInstanceUID); uid != source.Dataset.UID(dicom.SOPInstanceUID) {
		t.Error("the evidence does not name the film")
	}
	n.balanced()
}

func TestADownDestinationGetsTheReportWhenItIsBackEvenAfterAKill(t *testing.T) {
	n := startNode(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if status, out := n.run("peer", "add", "PACS", fmt.Sprintf("PACS@127.0.0.1:%d", port), "--deliver", "sr"); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	uid := n.settled(1)[0].StudyInstanceUID
	signed := n.sign(uid)
	eventually(t, "a first attempt failed", time.Minute, func() bool {
		d := n.study(uid).Reports[0].Deliveries
		return len(d) == 1 && d[0].Attempts > 0 && d[0].Error != ""
	})
	n.kill()
	pacs := startStorescp(t, port)
	n.start()
	n.unprovable(uid, 2*time.Minute)
	files := pacs.received(t)
	if len(files) != 1 {
		t.Fatalf("the PACS has %d files, want 1", len(files))
	}
	got, err := dicom.ReadFile(files[0], dicom.Limits{})
	if err != nil || got.Dataset.UID(dicom.SOPInstanceUID) != signed.SOPInstanceUID {
		t.Errorf("the PACS has another identity than was signed (%v)", err)
	}
	n.balanced()
}

func TestAKilledPixelWorkerCostsOneRetryAndNothingElse(t *testing.T) {
	n := startNode(t)
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	killed := false
	eventually(t, "a worker was killed while the study was read", time.Minute, func() bool {
		if len(n.studies()) == 1 && n.studies()[0].State == radnode.Analysing {
			killed = exec.Command("pkill", "-KILL", "-P", strconv.Itoa(n.process.Process.Pid), "radnode-pixel").Run() == nil
		}
		state := n.studies()[0].State
		return killed || state == radnode.ToReview || state == radnode.NotAnalysed
	})
	if study := n.settled(1)[0]; study.State != radnode.ToReview {
		t.Errorf("the study is %s (%s) after its worker was killed", study.State, study.StateReason)
	}
	n.balanced()
}

func TestNothingAcknowledgedIsLostWhenTheNodeIsKilledUnderLoad(t *testing.T) {
	folder := shared(t, "dicom/chest")
	n := startNode(t)
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	acknowledged := map[string]bool{}
	for round := range 5 {
		done := make(chan string, 1)
		go func() {
			host, port := n.hostPort()
			_, out := command(t, n.program, "store", "RADNODE@"+net.JoinHostPort(host, port), folder, "--json")
			done <- out
		}()
		time.Sleep(time.Duration(20+35*round) * time.Millisecond)
		n.kill()
		for line := range strings.SplitSeq(<-done, "\n") {
			var sent struct {
				Status         string `json:"status"`
				SOPInstanceUID string `json:"sop_instance_uid"`
			}
			if json.Unmarshal([]byte(line), &sent) == nil && sent.Status == "0000" {
				acknowledged[sent.SOPInstanceUID] = true
			}
		}
		n.start()
		n.balanced()
	}
	t.Logf("%d instances were acknowledged before the last kill", len(acknowledged))
	n.settled(len(n.studies()))
	known := map[string]bool{}
	for _, s := range n.studies() {
		for _, series := range n.study(s.StudyInstanceUID).Series {
			for _, instance := range series.Instances {
				known[string(instance.SOPInstanceUID)] = true
			}
		}
	}
	for uid := range acknowledged {
		if !known[uid] {
			t.Errorf("acknowledged instance %s is lost", uid)
		}
	}
	n.balanced()
}

func TestBadCallersGetAClearAnswerAndDisturbNobody(t *testing.T) {
	n := startNode(t)
	dir := t.TempDir()
	text, cut := filepath.Join(dir, "letter.txt"), filepath.Join(dir, "cut.dcm")
	whole, err := os.ReadFile(film())
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{text: []byte("this is a letter\n"), cut: whole[:len(whole)/2]} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a text file cannot be sent or read, and is said to be none of ours", func(t *testing.T) {
		if status, out := command(t, n.program, "store", "RADNODE@"+n.dicom, text); status != 1 || !strings.Contains(out, "letter.txt") {
			t.Errorf("exit %d: %s", status, out)
		}
		status, out := command(t, n.program, "analyze", "--json", text)
		var a radnode.Analysis
		if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &a); err != nil || a.Error == nil || status != 1 {
			t.Errorf("exit %d, %v: %s", status, err, out)
		}
	})
	t.Run("a truncated file ends with an error in its line, and the command goes on", func(t *testing.T) {
		status, out := command(t, n.program, "analyze", "--json", cut, film())
		if status != 1 || !strings.Contains(out, `"error":"`) || !strings.Contains(out, `"error":null`) {
			t.Errorf("exit %d: %s", status, out)
		}
	})
	t.Run("HTTP on the DICOM port is hung up on", func(t *testing.T) {
		client := http.Client{Timeout: 10 * time.Second}
		if response, err := client.Get("http://" + n.dicom + "/"); err == nil {
			_ = response.Body.Close()
			t.Errorf("the DICOM port answered HTTP %d", response.StatusCode)
		}
	})
	t.Run("a study without pixels and a study of CT only are accounted for as not analysed", func(t *testing.T) {
		if status, out := n.storescu(shared(t, "dicom/image/ct1_explicit_le.dcm"), shared(t, "dicom/nonimage/sr_tid1500_roi.dcm")); status != 0 {
			t.Fatal(out)
		}
		for _, s := range n.settled(2) {
			if s.State != radnode.NotAnalysed || s.StateReason == "" {
				t.Errorf("a study is %s (%q), want not analysed with a reason", s.State, s.StateReason)
			}
		}
	})
	if status, out := n.storescu(film()); status != 0 {
		t.Errorf("after all that the next study is refused: %s", out)
	}
	found := false
	eventually(t, "the next study is read", time.Minute, func() bool {
		for _, s := range n.studies() {
			found = found || s.State == radnode.ToReview
		}
		return found
	})
	n.balanced()
}

func TestAnUnknownCallerIsRefused(t *testing.T) {
	n := startNode(t, "--allow-loopback=false")
	host, port := n.hostPort()
	status, out := command(t, tool(t, "echoscu"), "-v", "-aec", "RADNODE", "-aet", "STRANGER", host, port)
	if status == 0 || !strings.Contains(out, "Calling AE Title Not Recognized") {
		t.Errorf("exit %d: %s", status, out)
	}
	if status, out := n.run("peer", "add", "FRIEND", "FRIEND@127.0.0.1:104"); status != 0 {
		t.Fatal(out)
	}
	eventually(t, "a new peer is let in without a restart", 10*time.Second, func() bool {
		status, _ := command(t, tool(t, "echoscu"), "-aec", "RADNODE", "-aet", "FRIEND", host, port)
		return status == 0
	})
}

// alive are the paths that say whether the node runs, to anybody who asks.
var alive = []string{"/healthz", "/readyz"}

func TestNoPageAnswersWithoutLogin(t *testing.T) {
	n := startNode(t)
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	n.get("/api/v1/openapi.json", &document)
	if len(document.Paths) < 20 {
		t.Fatalf("openapi.json names %d paths", len(document.Paths))
	}
	for path, methods := range document.Paths {
		for method := range methods {
			if strings.HasSuffix(path, "/login") || slices.Contains(alive, path) {
				continue
			}
			concrete := strings.NewReplacer("{", "", "}", "").Replace(path)
			status, _, _ := n.request("", strings.ToUpper(method), concrete, nil)
			if status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("%s %s answers %d without login", method, concrete, status)
			}
			if status, _, _ := n.request("wrong-token", strings.ToUpper(method), concrete, nil); status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("%s %s answers %d with a wrong token", method, concrete, status)
			}
		}
	}
	for _, path := range []string{"/metrics", "/dicom-web/studies", "/v2", "/v2/models/x"} {
		if status, _, _ := n.request("", http.MethodGet, path, nil); status == http.StatusOK {
			t.Errorf("%s answers without login", path)
		}
	}
	for _, path := range alive {
		if status, body, _ := n.request("", http.MethodGet, path, nil); status != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
}

func TestARestartKeepsTheDestinationsOfAConfiguredPeer(t *testing.T) {
	n := startNode(t, "--peers", "PACS=PACS@127.0.0.1:104")
	if status, out := n.run("peer", "add", "PACS", "PACS@127.0.0.1:104", "--deliver", "sr"); status != 0 {
		t.Fatal(out)
	}
	n.kill()
	n.start()
	if status, out := n.run("peer", "list", "--json"); status != 0 || !strings.Contains(out, `"deliver":["sr"]`) {
		t.Errorf("exit %d: %s", status, out)
	}
}

func TestTheLedgerOfAMistypedFolderIsAnError(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "typo")
	if status, out := command(t, program(t), "ledger", "--data", missing); status != 1 || !strings.Contains(out, "no node's data") {
		t.Errorf("exit %d: %s", status, out)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the command made the folder")
	}
}

func TestTheLedgerFindsBytesThatChangedOnTheDisk(t *testing.T) {
	n := startNode(t)
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	n.settled(1)
	if status, out := n.run("ledger", "--verify"); status != 0 {
		t.Fatalf("before anything happened: exit %d: %s", status, out)
	}
	var largest string
	var size int64
	err := filepath.Walk(filepath.Join(n.data, "instances"), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Size() > size {
			largest, size = path, info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(largest, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("rotten!!"), size/2); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if status, out := n.run("ledger", "--verify"); status != 1 || !strings.Contains(out, "damaged") {
		t.Errorf("exit %d: %s", status, out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.run("ledger", "--verify"); status != 0 {
		t.Errorf("after the sender sent it again: exit %d: %s", status, out)
	}
}
