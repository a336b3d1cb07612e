package dimse_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

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
		case store.last.TransferSyntaxUID != want.syntax:
			t.Errorf("%s arrived as %s, want %s", filepath.Base(path), store.last.TransferSyntaxUID, want.syntax)
		case len(got) == 0:
			t.Errorf("%s arrived empty", filepath.Base(path))
		}
	}
	if sent < 4 {
		t.Errorf("only %d transfer syntaxes were tried", sent)
	}
}

func TestStorescpReceivesEveryByte(t *testing.T) {
	storescp := tool(t, "storescp")
	dir, port := t.TempDir(), freePort(t)
	// +B: write exactly what came.
	cmd := exec.Command(storescp, "+B", "+xa", "-od", dir, "-aet", "RADNODE", port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
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
