package acceptance

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom"
)

// dcmjs is how to run the peer made of dcmjs-dimse.
func dcmjs(t *testing.T) (node, script string) {
	t.Helper()
	modules := filepath.Join(root(), "web", "e2e", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "dcmjs-dimse")); err != nil {
		t.Skip("dcmjs-dimse is not installed: run `make web/e2e/node_modules/.installed`")
	}
	t.Setenv("NODE_PATH", modules)
	return tool(t, "node"), filepath.Join(root(), "internal", "acceptance", "testdata", "dcmjs.cjs")
}

// dataOf is the data set of a file as it is written there, after the meta
// information (PS3.10 7.1).
func dataOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const group = 128 + 4 // preamble and DICM; then (0002,0000) UL
	if len(text) < group+12 || !bytes.HasPrefix(text[group:], []byte{2, 0, 0, 0, 'U', 'L'}) {
		t.Fatalf("%s has no length of its meta information", path)
	}
	from := group + 12 + int(binary.LittleEndian.Uint32(text[group+8:]))
	if from > len(text) {
		t.Fatalf("%s is cut", path)
	}
	return text[from:]
}

// sameData demands that two data sets are the same bytes.
func sameData(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes differ from the %d that were sent", what, len(got), len(want))
	}
}

// tail is the last million bytes.
func tail(b []byte) []byte { return b[max(0, len(b)-1_000_000):] }

// only is the one file of a folder.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s holds %v, %v", dir, files, err)
	}
	return files[0]
}

func TestDcmjsEchoesStoresFindsGetsAndMoves(t *testing.T) {
	node, script := dcmjs(t)
	n := startNode(t)
	host, port := n.hostPort()
	dir, kept, scp := t.TempDir(), t.TempDir(), free(t)
	background(t, scp, node, script, "scp", strconv.Itoa(scp), kept, n.target())
	n.peer("add", "KEEPER", fmt.Sprintf("KEEPER@127.0.0.1:%d", scp))
	status, out := command(t, node, script, "scu", host, port, film(), dir, "KEEPER")
	var got struct {
		Echo, Store, Find, Get, Move, Moved int
		Found, Took                         []string
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); status != 0 || err != nil {
		t.Fatalf("exit %d, %v: %s", status, err, out)
	}
	d := header(t, film())
	if got.Echo|got.Store|got.Find|got.Get|got.Move != 0 || got.Moved != 1 ||
		!slices.Equal(got.Found, []string{d.Text(dicom.StudyInstanceUID)}) || !slices.Equal(got.Took, []string{d.Text(dicom.SOPInstanceUID)}) {
		t.Errorf("got %+v", got)
	}
	sent, err := os.ReadFile(filepath.Join(dir, "sent"))
	if err != nil {
		t.Fatal(err)
	}
	// Both are given out as they are kept, in the syntax that dcmjs chose.
	for what, path := range map[string]string{"got by dcmjs": filepath.Join(dir, "got"), "moved to dcmjs": filepath.Join(kept, d.Text(dicom.SOPInstanceUID))} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sameData(t, what, text, sent)
	}
	n.balanced()
}

func TestDcmjsIsEchoedStoredToQueriedAndFetchedFrom(t *testing.T) {
	node, script := dcmjs(t)
	n := startNode(t)
	kept, scp := t.TempDir(), free(t)
	background(t, scp, node, script, "scp", strconv.Itoa(scp), kept, n.target())
	target := fmt.Sprintf("KEEPER@127.0.0.1:%d", scp)
	d := header(t, film())
	study := d.Text(dicom.StudyInstanceUID)
	if status, out := command(t, n.program, "echo", target); status != 0 {
		t.Fatalf("echo, exit %d: %s", status, out)
	}
	if status, out := command(t, n.program, "store", target, film()); status != 0 {
		t.Fatalf("store, exit %d: %s", status, out)
	}
	text, err := os.ReadFile(filepath.Join(kept, d.Text(dicom.SOPInstanceUID)))
	if err != nil {
		t.Fatal(err)
	}
	sameData(t, "stored at dcmjs", text, dataOf(t, film()))
	if status, out := command(t, n.program, "find", target, "--json", "-k", "StudyInstanceUID="+study); status != 0 || strings.Count(out, study) != 1 {
		t.Errorf("find, exit %d: %s", status, out)
	}
	fetched := t.TempDir()
	if status, out := command(t, n.program, "get", target, "-k", "StudyInstanceUID="+study, "--out", fetched); status != 0 {
		t.Errorf("get, exit %d: %s", status, out)
	} else {
		// The library drops private elements: only the pixels, which are the
		// last million bytes of the film, come back as they went.
		sameData(t, "got from dcmjs", tail(dataOf(t, only(t, fetched, "*"))), tail(text))
	}
	if status, out := command(t, n.program, "move", target, "--to", "RADNODE", "-k", "StudyInstanceUID="+study); status != 0 {
		t.Errorf("move, exit %d: %s", status, out)
	}
	list := n.settled(1)
	if list[0].StudyInstanceUID != d.UID(dicom.StudyInstanceUID) {
		t.Errorf("the node holds %s", list[0].StudyInstanceUID)
	}
	n.balanced()
}
