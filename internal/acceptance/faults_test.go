package acceptance

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// picky starts DCMTK's storescp as a PACS that takes some SOP classes only.
func picky(t *testing.T, classes ...radnode.UID) *storescp {
	t.Helper()
	s := &storescp{dir: t.TempDir(), port: free(t)}
	var b strings.Builder
	b.WriteString("[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = 1.2.840.10008.1.2.1\n[[PresentationContexts]]\n[Some]\n")
	for i, class := range classes {
		fmt.Fprintf(&b, "PresentationContext%d = %s\\Plain\n", i+1, class)
	}
	b.WriteString("[[Profiles]]\n[Picky]\nPresentationContexts = Some\n")
	config := filepath.Join(t.TempDir(), "storescp.cfg")
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(tool(t, "storescp"), "-aet", "PACS", "-od", s.dir, "-xf", config, "Picky", strconv.Itoa(s.port))
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

// classesOf counts the objects of each class that a PACS has; an identity that
// it has twice is an error.
func classesOf(t *testing.T, s *storescp) map[radnode.UID]int {
	t.Helper()
	out, seen := map[radnode.UID]int{}, map[radnode.UID]bool{}
	for _, path := range s.received(t) {
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		uid := f.Dataset.UID(dicom.SOPInstanceUID)
		if seen[uid] {
			t.Errorf("%s is there twice", uid)
		}
		seen[uid] = true
		out[f.Dataset.UID(dicom.SOPClassUID)]++
	}
	return out
}

func TestAPACSThatTakesBasicTextAloneGetsItEvenThroughKills(t *testing.T) {
	n, pacs := startNode(t), picky(t, dicom.BasicTextSRStorage, dicom.SecondaryCaptureImageStorage)
	if status, out := n.run("peer", "add", "PACS", fmt.Sprintf("PACS@127.0.0.1:%d", pacs.port), "--deliver", "sr"); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	uid := n.settled(1)[0].StudyInstanceUID
	n.marked(uid)
	signed := n.sign(uid)
	for _, pause := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond} {
		time.Sleep(pause)
		n.kill()
		n.start()
	}
	finished := func(d radnode.Delivery) bool { return d.State == radnode.DeliveryUnprovable }
	eventually(t, "the report and its picture are sent", 2*time.Minute, func() bool {
		list := n.study(uid).Reports[0].Deliveries
		return len(list) == 2 && finished(list[0]) && finished(list[1])
	})
	for _, d := range n.study(uid).Reports[0].Deliveries {
		if d.Kind == "sr" && (!strings.Contains(d.Note, "sent as Basic Text SR: the destination refuses Comprehensive 3D SR") || d.SOPInstanceUID == signed.SOPInstanceUID) {
			t.Errorf("the report: %+v", d)
		}
		if d.Kind == "sc" && !d.Optional {
			t.Errorf("the picture: %+v", d)
		}
	}
	if got := classesOf(t, pacs); got[dicom.BasicTextSRStorage] != 1 || got[dicom.SecondaryCaptureImageStorage] != 1 || len(got) != 2 {
		t.Errorf("the PACS has %v", got)
	}
	for _, path := range pacs.received(t) {
		if f, err := dicom.ReadFile(path, dicom.Limits{}); err == nil && f.Dataset.UID(dicom.SOPClassUID) == dicom.BasicTextSRStorage {
			checkSR(t, path)
		}
	}
	n.balanced()
}

func TestAPACSThatTakesNothingIsSaidToRefuseEachClass(t *testing.T) {
	n, pacs := startNode(t), picky(t, dicom.CTImageStorage)
	if status, out := n.run("peer", "add", "PACS", fmt.Sprintf("PACS@127.0.0.1:%d", pacs.port), "--deliver", "sr,seg"); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	uid := n.settled(1)[0].StudyInstanceUID
	n.marked(uid)
	n.sign(uid)
	var list []radnode.Delivery
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("deliveries: %+v", list)
		}
	})
	eventually(t, "both are refused", time.Minute, func() bool {
		list = n.study(uid).Reports[0].Deliveries
		return len(list) == 2 && list[0].State == radnode.DeliveryFailed && list[1].State == radnode.DeliveryFailed
	})
	s := n.study(uid)
	if s.State != radnode.Undelivered || len(pacs.received(t)) != 0 {
		t.Errorf("the study is %s, the PACS has %d files", s.State, len(pacs.received(t)))
	}
	for _, d := range s.Reports[0].Deliveries {
		if d.Kind == "sr" && !strings.Contains(d.Error, "Basic Text SR, Encapsulated PDF, Secondary Capture") {
			t.Errorf("the reason is %q", d.Error)
		}
	}
	n.balanced()
}

// cutter passes connections on and cuts the first ones in the midst.
func cutter(t *testing.T, to string, cuts int64, after int64) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var seen atomic.Int64
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
				if seen.Add(1) <= cuts {
					_, _ = io.CopyN(out, in, after)
					return
				}
				_, _ = io.Copy(out, in)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func TestAConnectionCutInMidObjectCostsAnAttemptEvenWithAKill(t *testing.T) {
	n := startNode(t)
	_, pacs, _ := strings.Cut(dcmqrscp(t, n), "@")
	if status, out := n.run("peer", "add", "PACS", fmt.Sprintf("QR@127.0.0.1:%d", cutter(t, pacs, 2, 4000)), "--deliver", "sr,sc"); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	uid := n.settled(1)[0].StudyInstanceUID
	n.marked(uid)
	n.sign(uid)
	eventually(t, "a first attempt was cut", time.Minute, func() bool {
		return strings.Contains(fmt.Sprint(n.study(uid).Reports[0].Deliveries), "queued") && n.study(uid).Reports[0].Deliveries[0].Attempts > 0
	})
	n.kill()
	n.start()
	eventually(t, "everything is delivered", 2*time.Minute, func() bool { return n.study(uid).State == radnode.Delivered })
	first := n.study(uid).Reports[0].Deliveries[0]
	if first.Attempts < 3 || first.Proof != "query" {
		t.Errorf("the first delivery: %+v", first)
	}
	n.balanced()
}

func TestAPACSThatDoesNotKnowTheNodeStopsTheDeliveryWithItsReason(t *testing.T) {
	n := startNode(t)
	_, pacs, _ := strings.Cut(dcmqrscp(t, n), "@")
	if status, out := n.run("peer", "add", "PACS", "WRONG@"+pacs, "--deliver", "sr"); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	uid := n.settled(1)[0].StudyInstanceUID
	n.sign(uid)
	eventually(t, "it is refused", time.Minute, func() bool { return n.study(uid).State == radnode.Undelivered })
	if reason := n.study(uid).StateReason; !strings.Contains(reason, "AE") && !strings.Contains(reason, "application entity") && !strings.Contains(strings.ToLower(reason), "called") {
		t.Errorf("the reason is %q", reason)
	}
	// It is mended, and somebody presses the button.
	if status, out := n.run("peer", "add", "PACS", "QR@"+pacs, "--deliver", "sr"); status != 0 {
		t.Fatal(out)
	}
	status, body, _ := n.request(token, "POST", "/api/v1/deliveries/retry", map[string]bool{"all": true})
	if status != 200 || !strings.Contains(string(body), `"retried":1`) {
		t.Fatalf("retry: %d %s", status, body)
	}
	eventually(t, "it is delivered", time.Minute, func() bool { return n.study(uid).State == radnode.Delivered })
	n.balanced()
}
