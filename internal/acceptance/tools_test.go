package acceptance

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/radnode/radnode/internal/peertest"
)

func TestTheToolsSayWhatWentWrongAndExitAsDCMTKDoes(t *testing.T) {
	n := startNode(t)
	qr := dcmqrscp(t, n)
	address := strings.TrimPrefix(qr, "QR@")
	host, port, _ := strings.Cut(address, ":")
	closed := free(t)
	image := shared(t, "dicom/image/ct1_explicit_le.dcm")
	if status, out := command(t, n.program, "store", qr, image); status != 0 {
		t.Fatal(out)
	}
	web := strings.TrimPrefix(n.web, "http://")
	for name, c := range map[string]struct {
		args  []string
		want  int
		says  string
		dcmtk []string // the same by DCMTK; nil: it has no such tool
	}{
		"echo":                       {[]string{"echo", qr}, 0, "answers", []string{"echoscu", "-aec", "QR", host, port}},
		"echo, another AE title":     {[]string{"echo", "OTHER@" + address}, 1, "called AE title not recognised", []string{"echoscu", "-aec", "OTHER", host, port}},
		"echo, nobody listens":       {[]string{"echo", fmt.Sprintf("QR@127.0.0.1:%d", closed)}, 1, "connection refused", []string{"echoscu", "127.0.0.1", fmt.Sprint(closed)}},
		"echo, a web server listens": {[]string{"echo", "QR@" + web, "--timeout", "10s"}, 1, "", nil},
		"store":                      {[]string{"store", qr, image}, 0, "1 stored, 0 failed, 0 not sent", []string{"storescu", "-aec", "QR", host, port, image}},
		"store, another AE title":    {[]string{"store", "OTHER@" + address, image}, 1, "called AE title not recognised", []string{"storescu", "-aec", "OTHER", host, port, image}},
		"store, no such file":        {[]string{"store", qr, "/no/such/file"}, 1, "no such file", []string{"storescu", "-aec", "QR", host, port, "/no/such/file"}},
		"store, partly":              {[]string{"store", qr, image, shared(t, "dicom/image/ct1_htj2k_rpcl.dcm")}, 1, "1 stored, 1 failed", nil},
		"find":                       {[]string{"find", qr}, 0, "matches, status 0000", []string{"findscu", "-S", "-aec", "QR", host, port, "-k", "QueryRetrieveLevel=STUDY"}},
		"find, another AE title":     {[]string{"find", "OTHER@" + address}, 1, "called AE title not recognised", []string{"findscu", "-S", "-aec", "OTHER", host, port, "-k", "QueryRetrieveLevel=STUDY"}},
		"find, refused by the peer":  {[]string{"find", qr, "--level", "image", "-k", "SOPInstanceUID"}, 1, "status C000", nil}, // findscu exits 0
		"move, another AE title":     {[]string{"move", "OTHER@" + address, "--to", "RADNODE", "-k", "StudyInstanceUID=1.2"}, 1, "called AE title", []string{"movescu", "-S", "-aec", "OTHER", host, port, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2"}},
		"get, another AE title":      {[]string{"get", "OTHER@" + address, "-k", "StudyInstanceUID=1.2"}, 1, "called AE title", []string{"getscu", "-S", "-aec", "OTHER", host, port, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2"}},
		"get, nothing is found":      {[]string{"get", qr, "-k", "StudyInstanceUID=1.2"}, 1, "found nothing", nil}, // getscu exits 0
		"commit, not offered":        {[]string{"commit", qr, image}, 1, "does not offer storage commitment", nil},
		"wrong usage":                {[]string{"echo"}, 2, "usage", nil}, // echoscu exits 0
	} {
		t.Run(name, func(t *testing.T) {
			status, out := command(t, n.program, c.args...)
			if status != c.want || !strings.Contains(out, c.says) {
				t.Errorf("exit %d: %s", status, out)
			}
			if c.dcmtk == nil {
				return
			}
			if got, out := command(t, tool(t, c.dcmtk[0]), c.dcmtk[1:]...); (got == 0) != (c.want == 0) {
				t.Errorf("%s exits %d: %s", c.dcmtk[0], got, out)
			}
		})
	}
	// Each file has its line for a program, those that were not tried too.
	status, out := command(t, n.program, "store", "OTHER@"+address, image, shared(t, "dicom/image/ct1_htj2k_rpcl.dcm"), "--json")
	files := 0
	for line := range strings.Lines(out) {
		var sent struct {
			File  string
			Error *string
		}
		if json.Unmarshal([]byte(line), &sent) == nil && sent.Error != nil {
			files++
		}
	}
	if status != 1 || files != 2 {
		t.Errorf("exit %d, %d lines: %s", status, files, out)
	}
}

func TestALostAssociationIsOpenedAgain(t *testing.T) {
	image := shared(t, "dicom/image/ct1_explicit_le.dcm")
	n := startNode(t)
	l := peertest.Listen(t)
	calls := make(chan int, 1)
	go func() { // a peer that goes away after each association request
		count := 0
		for range 3 {
			p := l.Accept()
			p.Expect(1)
			p.Send(peertest.AssociateAC("ANY", "RADNODESCU", peertest.UserInformation(16384), peertest.Context{ID: 1, Syntaxes: []string{"1.2.840.10008.1.2.1"}}))
			p.Expect(4)
			p.Close()
			count++
		}
		calls <- count
	}()
	copies := []string{image, image, image, image, image}
	status, out := command(t, n.program, append([]string{"store", "ANY@" + l.Address}, copies...)...)
	if status != 1 || !strings.Contains(out, "0 stored, 3 failed, 2 not sent") || !strings.Contains(out, "lost 3 times") {
		t.Errorf("exit %d: %s", status, out)
	}
	if got := <-calls; got != 3 {
		t.Errorf("%d associations", got)
	}
}

func TestProgressIsShownOnATerminalAlone(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("script is not installed")
	}
	n := startNode(t, "--quiet", "10m")
	folder := shared(t, "dicom/image")
	if _, out := command(t, script, "-qec", fmt.Sprintf("%s store %s %s", n.program, n.target(), folder), "/dev/null"); !strings.Contains(out, " %  ") || !strings.Contains(out, "[#") || !strings.Contains(out, "stored") {
		t.Errorf("%q", out)
	}
	if _, out := command(t, n.program, "store", n.target(), folder); strings.Contains(out, "\x1b") || strings.Contains(out, "[#") {
		t.Errorf("%q", out)
	}
}
