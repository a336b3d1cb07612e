package dimse_test

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/internal/peertest"
)

// numbered is storeCommand with another message ID.
func numbered(id uint16) []byte {
	b := storeCommand()
	binary.LittleEndian.PutUint16(b[12+8+26+10+8:], id)
	return b
}

// pipelined sends three objects without waiting for an answer and returns the
// message IDs of the answers.
func pipelined(t *testing.T, address string, window ...[]byte) []uint16 {
	t.Helper()
	p := peertest.Connect(t, address)
	p.Send(peertest.AssociateRQ("RADNODE", "ASYNC", peertest.UserInformation(16384, window...),
		peertest.Context{ID: 1, Abstract: string(secondaryCapture), Syntaxes: []string{string(dimse.ExplicitVRLittleEndian)}}))
	p.Expect(2)
	for id := range uint16(3) {
		p.Send(peertest.PData(peertest.PDV(1, 3, numbered(id+1)), peertest.PDV(1, 2, make([]byte, 1000))))
	}
	var ids []uint16
	for range 3 {
		body := p.Expect(4)
		if len(body) < 6 {
			t.Fatal("no response")
		}
		rsp, err := dimse.ParseCommand(body[6:])
		if err != nil {
			t.Fatal(err)
		}
		if rsp.Status != dimse.StatusSuccess {
			t.Errorf("status %v", rsp.Status)
		}
		ids = append(ids, rsp.MessageIDBeingRespondedTo)
	}
	p.Send(peertest.ReleaseRQ())
	p.Expect(6)
	p.Close()
	return ids
}

func TestAnAsynchronousWindowLetsObjectsOverlap(t *testing.T) {
	var all sync.WaitGroup
	all.Add(3)
	address, _ := startServer(t, dimse.ServerConfig{AsyncOperations: 8, Store: storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
		if _, err := io.Copy(io.Discard, data); err != nil {
			return err
		}
		all.Done()
		all.Wait() // nobody goes on before all three have come
		return nil
	})})
	if ids := pipelined(t, address, peertest.Item(0x53, 0, 4, 0, 1)); len(ids) != 3 {
		t.Errorf("answers to %v", ids)
	}
}

func TestWithoutAWindowObjectsComeOneByOne(t *testing.T) {
	var under, most int
	address, _ := startServer(t, dimse.ServerConfig{AsyncOperations: 8, Store: storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
		under++
		most = max(most, under)
		time.Sleep(5 * time.Millisecond)
		_, err := io.Copy(io.Discard, data)
		under--
		return err
	})})
	if ids := pipelined(t, address); ids[0] != 1 || ids[1] != 2 || ids[2] != 3 || most != 1 {
		t.Errorf("answers to %v, %d at once", ids, most)
	}
}
