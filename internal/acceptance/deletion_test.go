package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
)

// interrupted takes objects, and has something happen after the first one.
type interrupted struct {
	collector
	happens func()
}

func (i *interrupted) Store(ctx context.Context, req *dimse.StoreRequest, data io.Reader) error {
	err := i.collector.Store(ctx, req, data)
	if happens := i.happens; happens != nil {
		i.happens = nil
		happens()
	}
	return err
}

func TestAStudyThatIsDeletedWhileItIsRetrieved(t *testing.T) {
	n := startNode(t, "--quiet", "10m", "--web-delete")
	status, out := n.run("token", "create", "--role", "admin", "--name", "boss")
	if status != 0 {
		t.Fatal(out)
	}
	admin := strings.TrimSpace(out)
	for name, retrieve := range map[string]func(t *testing.T, study radnode.UID, into *interrupted) (dimse.Retrieval, error){
		"by C-GET": func(_ *testing.T, study radnode.UID, into *interrupted) (dimse.Retrieval, error) {
			return n.fetch(study, into)
		},
		"by C-MOVE": func(t *testing.T, study radnode.UID, into *interrupted) (dimse.Retrieval, error) {
			server, err := dimse.NewServer(dimse.ServerConfig{AETitle: "TAKER", Store: into})
			if err != nil {
				t.Fatal(err)
			}
			port, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = server.Serve(t.Context(), port) }()
			t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
			n.peer("add", "TAKER", "TAKER@"+port.Addr().String())
			time.Sleep(peersRead)
			c, err := dimse.Dial(t.Context(), n.dicom, dimse.ClientConfig{CallingAE: "MOVER", CalledAE: "RADNODE"}, dimse.QueryContexts(dimse.StudyRootMove, dimse.QueryOptions{}))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			keys := dicom.NewDataset()
			keys.SetText(dicom.QueryRetrieveLevel, "STUDY")
			keys.SetUID(dicom.StudyInstanceUID, study)
			return c.Move(t.Context(), dimse.StudyRootMove, "TAKER", keys, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			study := radnode.NewUID()
			objects := map[radnode.UID][]byte{}
			for range 20 {
				uid := radnode.NewUID()
				objects[uid] = made(t, study, uid, 300_000)
			}
			send := func() {
				t.Helper()
				err := n.send(t.Context(), "CT", n.dicom, objects, func(_ radnode.UID, s dimse.Status) {
					if s != dimse.StatusSuccess {
						t.Errorf("storage is answered with %s", s)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			whole := func(got map[radnode.UID][]byte) {
				t.Helper()
				for uid, data := range got {
					if !bytes.Equal(data, objects[uid]) {
						t.Errorf("instance %s has %d bytes instead of %d", uid, len(data), len(objects[uid]))
					}
				}
			}
			send()
			into := &interrupted{collector: collector{got: map[radnode.UID][]byte{}}, happens: func() {
				if status, body, _ := n.request(admin, http.MethodDelete, "/dicom-web/studies/"+string(study), nil); status != http.StatusNoContent {
					t.Errorf("DELETE: %d %s", status, body)
				}
			}}
			result, err := retrieve(t, study, into)
			counts := result.SubOperations
			if err != nil || result.Status != dimse.StatusCoercion || counts.Completed == 0 || counts.Failed == 0 ||
				int(counts.Completed+counts.Failed) != len(objects) || len(result.FailedUIDs) != int(counts.Failed) || len(into.got) != int(counts.Completed) {
				t.Errorf("%v %+v, %d objects came", err, result, len(into.got))
			}
			whole(into.got) // none was cut off
			if status, out := command(t, n.program, "find", n.target(), "--json", "-k", "StudyInstanceUID="+string(study)); status != 0 || strings.Contains(out, string(study)) {
				t.Errorf("exit %d: %s", status, out)
			}
			n.balanced()
			send() // it may come back
			again := &collector{got: map[radnode.UID][]byte{}}
			if result, err := n.fetch(study, again); err != nil || result.Status != dimse.StatusSuccess || len(again.got) != len(objects) {
				t.Errorf("%v %+v", err, result)
			}
			whole(again.got)
			n.balanced()
		})
	}
}

func TestAStudyThatIsDeletedWhileItComes(t *testing.T) {
	n := startNode(t, "--quiet", "10m", "--web-delete")
	status, out := n.run("token", "create", "--role", "admin", "--name", "boss")
	if status != 0 {
		t.Fatal(out)
	}
	admin, study := strings.TrimSpace(out), radnode.NewUID()
	stop := make(chan struct{})
	deletions := make(chan int)
	go func() {
		count := 0
		defer func() { deletions <- count }()
		for {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
				if status, _, _ := n.request(admin, http.MethodDelete, "/dicom-web/studies/"+string(study), nil); status == http.StatusNoContent {
					count++
				}
			}
		}
	}()
	senders := make(chan error)
	for i := range 4 {
		go func() {
			for range 10 {
				objects := map[radnode.UID][]byte{}
				for range 10 {
					uid := radnode.NewUID()
					objects[uid] = made(t, study, uid, 1000+i*70_000)
				}
				if err := n.send(context.Background(), fmt.Sprint("CT", i), n.dicom, objects, func(_ radnode.UID, s dimse.Status) {
					if s != dimse.StatusSuccess {
						t.Errorf("storage is answered with %s", s)
					}
				}); err != nil {
					senders <- err
					return
				}
			}
			senders <- nil
		}()
	}
	for range 4 {
		if err := <-senders; err != nil {
			t.Error(err)
		}
	}
	close(stop)
	t.Logf("the study was deleted %d times", <-deletions)
	// What came after the last deletion is all there.
	uid := radnode.NewUID()
	last := map[radnode.UID][]byte{uid: made(t, study, uid, 50_000)}
	if err := n.send(t.Context(), "CT", n.dicom, last, func(radnode.UID, dimse.Status) {}); err != nil {
		t.Fatal(err)
	}
	got := &collector{got: map[radnode.UID][]byte{}}
	if result, err := n.fetch(study, got); err != nil || result.Status != dimse.StatusSuccess || !bytes.Equal(got.got[uid], last[uid]) {
		t.Errorf("%v %+v", err, result)
	}
	n.balanced()
	n.kill()
	n.start()
	n.balanced()
	if status, out := n.run("ledger", "--verify"); status != 0 {
		t.Errorf("exit %d: %s", status, out)
	}
}
