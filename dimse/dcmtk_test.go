package dimse_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

func TestEchoscuIsAnswered(t *testing.T) {
	echoscu := tool(t, "echoscu")
	address, _ := startServer(t, dimse.ServerConfig{})
	host, port, _ := net.SplitHostPort(address)
	if _, err := run(t, echoscu, "-aec", "RADNODE", host, port); err != nil {
		t.Error(err)
	}
	if _, err := run(t, echoscu, "-aec", "NOBODY", host, port); err == nil {
		t.Error("a wrong called AE title was accepted")
	}
}

// syntaxOptions is how storescu is told to propose a transfer syntax.
var syntaxOptions = map[string]string{
	"ct1_explicit_le.dcm":          "-xe",
	"ct1_implicit_le.dcm":          "-xi",
	"ct1_explicit_be.dcm":          "-xb",
	"ct1_jpeg_lossless_sv1.dcm":    "-xs",
	"ct1_j2k_lossless.dcm":         "-xv",
	"ct1_jpegls.dcm":               "-xt",
	"ct1_rle.dcm":                  "-xr",
	"cr_rsna_normal_a_jpeg.dcm":    "-xy",
	"cr_strip_10rows_deflated.dcm": "-xd",
}

func TestStorescuDeliversEveryByte(t *testing.T) {
	storescu := tool(t, "storescu")
	store := &memoryStore{}
	address, _ := startServer(t, dimse.ServerConfig{Store: store})
	host, port, _ := net.SplitHostPort(address)
	files := append(sharedFiles(t, "image/*.dcm"), sharedFiles(t, "chest/*.dcm")...)
	sent := 0
	for _, path := range files {
		option, ok := syntaxOptions[filepath.Base(path)]
		if !ok {
			continue
		}
		want := readSample(t, path)
		if _, err := run(t, storescu, option, "-aec", "RADNODE", host, port, path); err != nil {
			t.Error(err)
			continue
		}
		sent++
		got, ok := store.object(want.instance)
		switch {
		case !ok:
			t.Errorf("%s did not arrive", filepath.Base(path))
		case store.request().TransferSyntaxUID != want.syntax:
			t.Errorf("%s arrived as %s, want %s", filepath.Base(path), store.request().TransferSyntaxUID, want.syntax)
		case len(got) == 0:
			t.Errorf("%s arrived empty", filepath.Base(path))
		}
	}
	if sent < 4 {
		t.Errorf("only %d transfer syntaxes were tried", sent)
	}
}

func TestDcmsendDeliversFilesOfManyKinds(t *testing.T) {
	dcmsend := tool(t, "dcmsend")
	store := &memoryStore{}
	address, _ := startServer(t, dimse.ServerConfig{Store: store})
	host, port, _ := net.SplitHostPort(address)
	var files []string
	for _, path := range append(sharedFiles(t, "nonimage/*.dcm"), sharedFiles(t, "series/*/*.dcm")...) {
		s := readSample(t, path)
		if _, known := dicom.LookupSOPClass(s.class); !known || strings.HasPrefix(string(s.class), "1.2.840.10008.1.3.10") {
			continue // a DICOMDIR is no composite instance
		}
		files = append(files, path)
	}
	out, err := run(t, dcmsend, append([]string{"-v", "--no-halt", "-aec", "RADNODE", host, port}, files...)...)
	if err != nil {
		t.Fatal(err)
	}
	// dcmsend leaves out what it does not know itself.
	came := store.count()
	if came < 20 || !strings.Contains(out, fmt.Sprintf("with status SUCCESS  : %d", came)) {
		t.Errorf("%d of %d files came:\n%s", came, len(files), out)
	}
}

func TestStorescpReceivesEveryByte(t *testing.T) {
	storescp := tool(t, "storescp")
	dir, port := t.TempDir(), freePort(t)
	// +B: write exactly what came.
	start(t, storescp, "+B", "+xa", "-od", dir, "-aet", "RADNODE", port)
	waitForPort(t, port)
	var samples []sample
	var options []dimse.StoreOptions
	for _, path := range sharedFiles(t, "image/ct1_*.dcm") {
		s := readSample(t, path)
		samples = append(samples, s)
		options = append(options, dimse.StoreOptions{SOPClassUID: s.class, SOPInstanceUID: s.instance, TransferSyntaxUID: s.syntax})
	}
	c := dial(t, "127.0.0.1:"+port, dimse.StorageContexts(options...))
	stored := 0
	for i, s := range samples {
		if !c.Accepts(s.class, s.syntax) {
			continue // DCMTK does not know the newest syntaxes
		}
		rsp, err := c.Store(context.Background(), options[i], bytes.NewReader(s.dataset))
		if err != nil {
			t.Fatalf("%s: %v", s.path, err)
		}
		if rsp.Status != dimse.StatusSuccess {
			t.Errorf("%s: %v", s.path, rsp.Status)
			continue
		}
		stored++
		written, err := filepath.Glob(filepath.Join(dir, "*"+string(s.instance)))
		if err != nil || len(written) != 1 {
			t.Fatalf("%s: storescp wrote %v (%v)", s.path, written, err)
		}
		got := readSample(t, written[0])
		if !bytes.Equal(got.dataset, s.dataset) || got.syntax != s.syntax {
			t.Errorf("%s: storescp got %d bytes as %s, want %d as %s", s.path, len(got.dataset), got.syntax, len(s.dataset), s.syntax)
		}
		if err := os.Remove(written[0]); err != nil {
			t.Fatal(err)
		}
	}
	if stored < 3 {
		t.Errorf("only %d of %d samples were accepted", stored, len(samples))
	}
	if err := c.Release(context.Background()); err != nil {
		t.Error(err)
	}
}

// study is the keys of a query for DCMTK's tools.
func study(uid string) []string {
	return []string{"-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName", "-k", "PatientID", "-k", "StudyInstanceUID=" + uid}
}

func TestFindscuGetsEveryMatch(t *testing.T) {
	findscu := tool(t, "findscu")
	address, _ := startServer(t, newArchive(t, 25, 0, 0).config())
	host, port, _ := net.SplitHostPort(address)
	out, err := run(t, findscu, append([]string{"-v", "-S", "-aec", "RADNODE", host, port}, study("")...)...)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out, "(Pending)"); n != 25 {
		t.Errorf("%d matches in\n%s", n, out)
	}
	if !strings.Contains(out, "Find Response: ") && !strings.Contains(out, "Final Find Response (Success)") {
		t.Errorf("no success in\n%s", out)
	}
	out, err = run(t, findscu, append([]string{"-v", "-S", "--cancel", "3", "-aec", "RADNODE", host, port}, study("")...)...)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(out, "(Pending)") < 3 {
		t.Errorf("cancelled query:\n%s", out)
	}
}

func TestGetscuAndMovescuRetrieveAStudy(t *testing.T) {
	getscu, movescu := tool(t, "getscu"), tool(t, "movescu")
	a := newArchive(t, 1, 12, 40_000)
	back := freePort(t)
	a.destinations["MOVESCU"] = dimse.Destination{Address: "127.0.0.1:" + back, Client: dimse.ClientConfig{CallingAE: "RADNODE", CalledAE: "MOVESCU"}}
	address, _ := startServer(t, a.config())
	host, port, _ := net.SplitHostPort(address)
	count := func(dir string) int {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	dir := t.TempDir()
	if out, err := run(t, getscu, append([]string{"-v", "-S", "-od", dir, "-aec", "RADNODE", host, port}, study("1.2.826.1.1")...)...); err != nil || count(dir) != 12 {
		t.Errorf("getscu got %d instances: %v\n%s", count(dir), err, out)
	}
	dir = t.TempDir()
	if out, err := run(t, movescu, append([]string{"-v", "-S", "+P", back, "-od", dir, "-aec", "RADNODE", host, port}, study("1.2.826.1.1")...)...); err != nil || count(dir) != 12 {
		t.Errorf("movescu got %d instances: %v\n%s", count(dir), err, out)
	}
	if out, err := run(t, movescu, append([]string{"-v", "-S", "-aem", "NOBODY", "-aec", "RADNODE", host, port}, study("1.2.826.1.1")...)...); err == nil && !strings.Contains(out, "MoveDestinationUnknown") && !strings.Contains(out, "0xa801") {
		t.Errorf("movescu to an unknown destination:\n%s", out)
	}
}

// startDcmqrscp runs DCMTK's archive with two peers of ours.
func startDcmqrscp(t *testing.T, movePort string) (address string) {
	t.Helper()
	dcmqrscp := tool(t, "dcmqrscp")
	dir, port := t.TempDir(), freePort(t)
	storage := filepath.Join(dir, "db")
	if err := os.Mkdir(storage, 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "dcmqrscp.cfg")
	text := fmt.Sprintf("NetworkTCPPort = %s\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nmover = (MOVER, 127.0.0.1, %s)\nHostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\nQRSCP %s RW (200, 1024mb) ANY\nAETable END\n", port, movePort, storage)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dcmqrscp, "-c", config)
	waitForPort(t, port)
	return "127.0.0.1:" + port
}

// start runs a program until the test ends.
func start(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// exercise stores, queries, gets and moves with the client against an archive.
func exercise(t *testing.T, address, called, mover string, moved *uids) {
	t.Helper()
	ctx := context.Background()
	a := newArchive(t, 2, 5, 20_000)
	cfg := dimse.ClientConfig{CallingAE: "MOVER", CalledAE: called}
	stored := 0
	err := dimse.SendObjects(ctx, dimse.Destination{Address: address, Client: cfg}, a.objects, dimse.StoreOptions{}, func(o dimse.Object, rsp dimse.Response, err error) error {
		if err != nil || rsp.Err() != nil {
			t.Errorf("store %s: %v %v", o.SOPInstanceUID, rsp.Status, err)
		}
		stored++
		return nil
	})
	if err != nil || stored != 10 {
		t.Fatalf("%d stored: %v", stored, err)
	}
	open := func(contexts []dimse.Proposal) *dimse.Client {
		c, err := dimse.Dial(ctx, address, cfg, contexts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	found := map[radnode.UID]bool{}
	rsp, err := open(dimse.QueryContexts(dimse.StudyRootFind, dimse.QueryOptions{})).Find(ctx, dimse.StudyRootFind, studyIdentifier(""), func(d *dicom.Dataset) error {
		found[d.UID(dicom.StudyInstanceUID)] = true
		return nil
	})
	if err != nil || rsp.Status != dimse.StatusSuccess || len(found) != 2 {
		t.Errorf("find: %v %v, %d studies", rsp.Status, err, len(found))
	}
	var got uids
	get, err := open(dimse.GetContexts(dimse.StudyRootGet, []radnode.UID{secondaryCapture}, []radnode.UID{dimse.ExplicitVRLittleEndian, dimse.ImplicitVRLittleEndian})).
		Get(ctx, dimse.StudyRootGet, studyIdentifier("1.2.826.1.1"), &got, nil)
	if err != nil || get.Status != dimse.StatusSuccess || get.SubOperations.Completed != 5 || len(got.got()) != 5 {
		t.Errorf("get: %+v %v, %d instances", get, err, len(got.got()))
	}
	move, err := open(dimse.QueryContexts(dimse.StudyRootMove, dimse.QueryOptions{})).Move(ctx, dimse.StudyRootMove, mover, studyIdentifier("1.2.826.1.2"), nil)
	if err != nil || move.Status != dimse.StatusSuccess || len(moved.got()) != 5 {
		t.Errorf("move: %+v %v, %d instances", move, err, len(moved.got()))
	}
}

func TestTheClientWorksWithDcmqrscp(t *testing.T) {
	var moved uids
	address, _ := startServer(t, dimse.ServerConfig{AETitle: "MOVER", Store: &moved})
	_, port, _ := net.SplitHostPort(address)
	exercise(t, startDcmqrscp(t, port), "QRSCP", "MOVER", &moved)
}

func TestTheClientWorksWithOrthanc(t *testing.T) {
	orthanc := tool(t, "Orthanc")
	var moved uids
	reports := &archive{}
	address, _ := startServer(t, dimse.ServerConfig{AETitle: "MOVER", Store: &moved, Reports: reports})
	_, port, _ := net.SplitHostPort(address)
	dir, own := t.TempDir(), freePort(t)
	config := filepath.Join(dir, "orthanc.json")
	text := fmt.Sprintf(`{"Name":"test","StorageDirectory":%q,"IndexDirectory":%q,"HttpServerEnabled":false,"DicomAet":"ORTHANC","DicomPort":%s,"Plugins":[],
		"DicomAlwaysAllowGet":true,"DicomAlwaysAllowMove":true,"DicomModalities":{"mover":["MOVER","127.0.0.1",%s]}}`, dir, dir, own, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, orthanc, config)
	waitForPort(t, own)
	exercise(t, "127.0.0.1:"+own, "ORTHANC", "MOVER", &moved)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := dimse.Dial(ctx, "127.0.0.1:"+own, dimse.ClientConfig{CallingAE: "MOVER", CalledAE: "ORTHANC"}, dimse.CommitContexts())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	transaction := radnode.NewUID()
	ref := dimse.Reference{SOPClassUID: secondaryCapture, SOPInstanceUID: "1.2.826.1.1.1.1"}
	if err := c.RequestCommitment(ctx, transaction, []dimse.Reference{ref}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "Orthanc's report on an association of its own", func() bool {
		reports.mu.Lock()
		defer reports.mu.Unlock()
		return len(reports.reports) > 0
	})
	want := &dimse.CommitReport{TransactionUID: transaction, Committed: []dimse.Reference{ref}}
	if diff := cmp.Diff(want, reports.reports[0]); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}
