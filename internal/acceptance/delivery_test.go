package acceptance

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// datasets maps each object below a folder to the bytes of its data set and its
// transfer syntax.
func datasets(t *testing.T, dir string) map[radnode.UID]string {
	t.Helper()
	out := map[radnode.UID]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			return nil // the index of a peer
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out[f.Dataset.UID(dicom.SOPInstanceUID)] = string(f.TransferSyntax) + "\n" + string(b[f.DatasetOffset:])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// marked adds a finding with a region to a draft, so that there is something to
// draw, and returns the report.
func (n *startedNode) marked(uid radnode.UID) radnode.Report {
	n.t.Helper()
	s := n.study(uid)
	draft := s.Reports[0]
	status, body, _ := n.request(token, http.MethodPost, "/api/v1/reports/"+draft.ID+"/findings", map[string]any{
		"label": "nodule", "text": "left upper zone, 结节", "instance": s.Series[0].Instances[0].SOPInstanceUID,
		"region":      map[string]any{"graphic": "POLYLINE", "points": []float64{100, 100, 300, 100, 300, 300, 100, 300, 100, 100}},
		"measurement": map[string]any{"name": "length", "value": 12.5, "unit": "mm"},
	}, "If-Match", etag(draft))
	if status != http.StatusOK {
		n.t.Fatalf("add finding: %d %s", status, body)
	}
	r := reportIn(n.t, body)
	status, body, _ = n.request(token, http.MethodPost, "/api/v1/reports/"+r.ID+"/narrative", map[string]string{"language": "zh"}, "If-Match", etag(r))
	if status != http.StatusOK {
		n.t.Fatalf("narrative: %d %s", status, body)
	}
	return reportIn(n.t, body)
}

// roundTrip signs a report for a PACS and demands that everything it was
// delivered comes back as it was made.
func roundTrip(t *testing.T, n *startedNode, pacs string, proof string) {
	t.Helper()
	if status, out := n.run("peer", "add", "PACS", pacs, "--deliver", "sr,seg,sc,pdf"); status != 0 {
		t.Fatal(out)
	}
	if status, out := n.storescu(film()); status != 0 {
		t.Fatal(out)
	}
	uid := n.settled(1)[0].StudyInstanceUID
	n.marked(uid)
	signed := n.sign(uid)
	eventually(t, "everything is delivered", 3*time.Minute, func() bool { return n.study(uid).State == radnode.Delivered })
	got := t.TempDir()
	if status, out := command(t, n.program, "get", pacs, "-k", "StudyInstanceUID="+string(uid), "--out", got); status != 0 {
		t.Fatalf("get, exit %d: %s", status, out)
	}
	mine, theirs := datasets(t, filepath.Join(n.data, "instances")), datasets(t, got)
	kinds := map[string]bool{}
	for _, d := range n.study(uid).Reports[0].Deliveries {
		kinds[d.Kind] = true
		if d.State != radnode.DeliveryProven || d.Proof != proof {
			t.Errorf("the %s is %s, proved by %q", d.Kind, d.State, d.Proof)
		}
		if theirs[d.SOPInstanceUID] == "" || theirs[d.SOPInstanceUID] != mine[d.SOPInstanceUID] {
			t.Errorf("the %s did not come back as it was made: %d bytes of %d", d.Kind, len(theirs[d.SOPInstanceUID]), len(mine[d.SOPInstanceUID]))
		}
		status, out := command(t, n.program, "find", pacs, "--level", "IMAGE", "-k", "StudyInstanceUID="+string(uid), "-k", "SOPInstanceUID="+string(d.SOPInstanceUID), "--json")
		if status != 0 || !strings.Contains(out, string(d.SOPInstanceUID)) {
			t.Errorf("the %s is not found, exit %d: %s", d.Kind, status, out)
		}
	}
	if len(kinds) != 4 || theirs[signed.SOPInstanceUID] == "" {
		t.Errorf("delivered %v", kinds)
	}
	if !bytes.Contains([]byte(mine[signed.SOPInstanceUID]), []byte("结节")) {
		t.Error("the reader's words are not in the report")
	}
	n.balanced()
}

func TestWhatWasSignedComesBackFromOrthancAsItWasMade(t *testing.T) {
	n := startNode(t)
	port, _ := orthanc(t, n)
	roundTrip(t, n, fmt.Sprintf("ORTHANC@127.0.0.1:%d", port), "storage commitment")
}

func TestWhatWasSignedComesBackFromDCMQRSCPAsItWasMade(t *testing.T) {
	n := startNode(t)
	roundTrip(t, n, dcmqrscp(t, n), "query")
}
