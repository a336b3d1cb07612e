package acceptance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
)

func TestALostIndexStopsStorageAndIsMadeAnew(t *testing.T) {
	n := startNode(t)
	study := radnode.NewUID()
	objects := map[radnode.UID][]byte{}
	for _, size := range []int{1000, 60_000, 900_000} {
		uid := radnode.NewUID()
		objects[uid] = made(t, study, uid, size)
	}
	store := func(objects map[radnode.UID][]byte) (last dimse.Status) {
		if err := n.send(t.Context(), "CT", n.dicom, objects, func(_ radnode.UID, s dimse.Status) { last = s }); err != nil {
			t.Fatalf("the association broke: %v", err)
		}
		return last
	}
	fresh := func() map[radnode.UID][]byte {
		uid := radnode.NewUID()
		return map[radnode.UID][]byte{uid: made(t, study, uid, 1000)}
	}
	complete := func() {
		t.Helper()
		got := &collector{got: map[radnode.UID][]byte{}}
		if result, err := n.fetch(study, got); err != nil || result.Status != dimse.StatusSuccess {
			t.Errorf("%v %+v", err, result)
		}
		for uid, want := range objects {
			if string(got.got[uid]) != string(want) {
				t.Errorf("instance %s: %d bytes, want %d", uid, len(got.got[uid]), len(want))
			}
		}
	}
	stopped := func() {
		t.Helper()
		if status := store(fresh()); status != dimse.StatusOutOfResources {
			t.Errorf("storage is answered with %s", status)
		}
		if status, body, _ := n.request("", http.MethodGet, "/readyz", nil); status != http.StatusServiceUnavailable {
			t.Errorf("readyz answers %d %s", status, body)
		}
		if status, out := n.echo("CT"); status != 0 {
			t.Errorf("the node does not answer: %s", out)
		}
	}
	goesOn := func() {
		t.Helper()
		more := fresh()
		if status := store(more); status != dimse.StatusSuccess {
			t.Errorf("storage is answered with %s", status)
		}
		for uid, data := range more {
			objects[uid] = data
		}
		if status, _, _ := n.request("", http.MethodGet, "/readyz", nil); status != http.StatusOK {
			t.Errorf("readyz answers %d", status)
		}
		complete()
	}
	if status := store(objects); status != dimse.StatusSuccess {
		t.Fatal(status)
	}
	index := filepath.Join(n.data, "radnode.db")
	// Moved away by mistake, and back.
	if err := os.Rename(index, index+".away"); err != nil {
		t.Fatal(err)
	}
	stopped()
	complete() // what is read goes on
	if err := os.Rename(index+".away", index); err != nil {
		t.Fatal(err)
	}
	goesOn()
	// Overwritten, then lost for good.
	if err := os.WriteFile(index, []byte(strings.Repeat("no index ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped()
	for _, path := range []string{index, index + "-wal", index + "-shm"} {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	stopped()
	if status, out := n.run("reindex"); status != 1 || !strings.Contains(out, "another node") {
		t.Errorf("reindex beside the running node: exit %d: %s", status, out)
	}
	n.kill()
	if status, out := n.run("ledger"); status != 1 {
		t.Errorf("exit %d: %s", status, out)
	}
	status, out := command(t, n.program, "serve", "--data", n.data, "--dicom", "127.0.0.1:0", "--http", "127.0.0.1:0")
	if status != 1 || !strings.Contains(out, "radnode reindex") {
		t.Errorf("a node without its index starts, exit %d: %s", status, out)
	}
	if status, out := n.run("reindex"); status != 0 || !strings.Contains(out, "added to the index, 0 failed") {
		t.Errorf("reindex: exit %d: %s", status, out)
	}
	n.start()
	complete()
	goesOn()
	n.balanced()
	if status, out := n.run("ledger", "--verify"); status != 0 {
		t.Errorf("exit %d: %s", status, out)
	}
}
