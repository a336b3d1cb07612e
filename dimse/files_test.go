package dimse_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
)

// sample is a Part 10 file taken apart: what its meta group says and the bytes
// of the data set as they travel.
type sample struct {
	path     string
	class    radnode.UID
	instance radnode.UID
	syntax   radnode.UID
	dataset  []byte
}

// sharedFiles returns the files of ../shared/dicom that match a pattern, or
// skips the test where there are none.
func sharedFiles(t testing.TB, pattern string) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "..", "shared", "dicom", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no sample files %s beside the repository", pattern)
	}
	return files
}

// readSample reads group 0002 (PS3.10 7.1), which is explicit VR little endian.
func readSample(t testing.TB, path string) sample {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 144 || string(b[128:132]) != "DICM" {
		t.Fatalf("%s is not a Part 10 file", path)
	}
	s := sample{path: path}
	at := 132
	for at+8 <= len(b) && binary.LittleEndian.Uint16(b[at:]) == 2 {
		number, vr := binary.LittleEndian.Uint16(b[at+2:]), string(b[at+4:at+6])
		start, n := at+8, int(binary.LittleEndian.Uint16(b[at+6:]))
		if vr == "OB" || vr == "UN" {
			start, n = at+12, int(binary.LittleEndian.Uint32(b[at+8:]))
		}
		uid := radnode.UID(strings.TrimRight(string(b[start:start+n]), "\x00 "))
		switch number {
		case 0x0002:
			s.class = uid
		case 0x0003:
			s.instance = uid
		case 0x0010:
			s.syntax = uid
		}
		at = start + n
	}
	s.dataset = b[at:]
	return s
}

// tool finds a program or skips the test.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// freePort returns a loopback port that nobody listens on just now.
func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// waitForPort waits until a program that was started accepts connections.
func waitForPort(t testing.TB, port string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nothing listens on port %s", port)
}

// run runs a program to its end and returns its output.
func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "DCMDICTPATH=/usr/share/libdcmtk17/dicom.dic")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out), err
}
