package dimse_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/internal/peertest"
)

// getter opens an association for a C-GET by hand and asks for a study of two
// objects; the first of them has begun to come when it returns.
func getter(t *testing.T, address string) *peertest.Peer {
	t.Helper()
	p := peertest.Connect(t, address)
	implicit, explicit := []string{string(dimse.ImplicitVRLittleEndian)}, []string{string(dimse.ExplicitVRLittleEndian)}
	p.Send(peertest.AssociateRQ("RADNODE", "GETTER", peertest.UserInformation(16384, peertest.Role(string(secondaryCapture), false, true)),
		peertest.Context{ID: 1, Abstract: string(dimse.StudyRootGet), Syntaxes: implicit},
		peertest.Context{ID: 3, Abstract: string(secondaryCapture), Syntaxes: explicit},
		peertest.Context{ID: 5, Abstract: string(dimse.Verification), Syntaxes: implicit}))
	p.Expect(2)
	var keys bytes.Buffer
	if err := dicom.Write(&keys, studyIdentifier("1.2.826.1.1"), dimse.ImplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	rq := &dimse.Command{Field: dimse.CGetRQ, MessageID: 1, AffectedSOPClassUID: dimse.StudyRootGet, HasDataSet: true}
	p.Send(peertest.PData(peertest.PDV(1, 3, dimse.EncodeCommand(rq)), peertest.PDV(1, 2, keys.Bytes())))
	p.Expect(4)
	return p
}

func TestARequestDuringACGETEndsTheAssociationRatherThanStallIt(t *testing.T) {
	a := newArchive(t, 1, 2, 100)
	cfg := a.config()
	cfg.UL.ARTIM = 100 * time.Millisecond
	address, server := startServer(t, cfg)
	p := getter(t, address)
	echo := &dimse.Command{Field: dimse.CEchoRQ, MessageID: 2, AffectedSOPClassUID: dimse.Verification}
	p.Send(peertest.PData(peertest.PDV(5, 3, dimse.EncodeCommand(echo))))
	if rest := p.Rest(); !bytes.Contains(rest, []byte{7, 0, 0, 0, 0, 4}) {
		t.Errorf("no A-ABORT in % X", rest)
	}
	waitFor(t, "the association to be gone", func() bool { return len(server.Associations()) == 0 })
}

func TestAMessageIDInUseIsADuplicateInvocation(t *testing.T) {
	var once sync.Once
	first := make(chan struct{})
	address, _ := startServer(t, dimse.ServerConfig{AsyncOperations: 8, Store: storeFunc(func(_ context.Context, _ *dimse.StoreRequest, data io.Reader) error {
		_, err := io.Copy(io.Discard, data)
		once.Do(func() { <-first })
		return err
	})})
	p := peertest.Connect(t, address)
	p.Send(peertest.AssociateRQ("RADNODE", "ASYNC", peertest.UserInformation(16384, peertest.Item(0x53, 0, 4, 0, 1)),
		peertest.Context{ID: 1, Abstract: string(secondaryCapture), Syntaxes: []string{string(dimse.ExplicitVRLittleEndian)}}))
	p.Expect(2)
	for range 2 {
		p.Send(peertest.PData(peertest.PDV(1, 3, numbered(1)), peertest.PDV(1, 2, make([]byte, 1000))))
	}
	for _, want := range []dimse.Status{dimse.StatusDuplicateInvocation, dimse.StatusSuccess} {
		body := p.Expect(4)
		if len(body) < 6 {
			t.Fatal("no response")
		}
		rsp, err := dimse.ParseCommand(body[6:])
		if err != nil || rsp.Status != want {
			t.Errorf("%+v, %v; want %s", rsp, err, want)
		}
		if want == dimse.StatusDuplicateInvocation {
			close(first)
		}
	}
}

func TestACGETWhoseRequestorSaysNothingIsGivenUp(t *testing.T) {
	a := newArchive(t, 1, 50, 100)
	cfg := a.config()
	cfg.Response, cfg.UL.ARTIM = 50*time.Millisecond, 100*time.Millisecond
	address, server := startServer(t, cfg)
	getter(t, address)
	waitFor(t, "the association to be gone", func() bool { return len(server.Associations()) == 0 })
}

// commitFunc makes a Committer of a function.
type commitFunc func(context.Context, *dimse.CommitRequest) error

func (f commitFunc) Commit(ctx context.Context, req *dimse.CommitRequest) error { return f(ctx, req) }

func TestAResponseThatComesTooLateDisturbsNothing(t *testing.T) {
	reported := make(chan error, 1)
	address, _ := startServer(t, dimse.ServerConfig{Response: 50 * time.Millisecond, UL: ul.Config{ARTIM: 100 * time.Millisecond}, Commit: commitFunc(func(ctx context.Context, req *dimse.CommitRequest) error {
		go func() {
			reported <- req.Report(ctx, &dimse.CommitReport{TransactionUID: req.TransactionUID, Committed: req.References})
		}()
		return nil
	})})
	p := peertest.Connect(t, address)
	implicit := []string{string(dimse.ImplicitVRLittleEndian)}
	p.Send(peertest.AssociateRQ("RADNODE", "SLOW", peertest.UserInformation(16384),
		peertest.Context{ID: 1, Abstract: string(dimse.StorageCommitmentPushModel), Syntaxes: implicit},
		peertest.Context{ID: 3, Abstract: string(dimse.Verification), Syntaxes: implicit}))
	p.Expect(2)
	item := dicom.NewDataset()
	item.SetUID(dicom.ReferencedSOPClassUID, secondaryCapture)
	item.SetUID(dicom.ReferencedSOPInstanceUID, "1.2.3")
	keys := dicom.NewDataset()
	keys.SetUID(dicom.TransactionUID, "1.2.4")
	keys.SetItems(dicom.ReferencedSOPSequence, item)
	var b bytes.Buffer
	if err := dicom.Write(&b, keys, dimse.ImplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	send := func(id byte, c *dimse.Command, data ...[]byte) {
		p.Send(peertest.PData(append([][]byte{peertest.PDV(id, 3, dimse.EncodeCommand(c))}, data...)...))
	}
	send(1, &dimse.Command{Field: dimse.NActionRQ, MessageID: 1, RequestedSOPClassUID: dimse.StorageCommitmentPushModel,
		RequestedSOPInstanceUID: dimse.StorageCommitmentInstance, ActionTypeID: 1, HasDataSet: true}, peertest.PDV(1, 2, b.Bytes()))
	p.Expect(4) // the response
	p.Expect(4) // the report
	p.Expect(4) // and its data set
	if err := <-reported; err == nil {
		t.Error("a report that nobody answered counts as delivered")
	}
	send(1, &dimse.Command{Field: dimse.NEventReportRSP, MessageIDBeingRespondedTo: 1, EventTypeID: 1})
	send(3, &dimse.Command{Field: dimse.CEchoRQ, MessageID: 2, AffectedSOPClassUID: dimse.Verification})
	p.Expect(4)
	send(1, &dimse.Command{Field: dimse.NEventReportRSP, MessageIDBeingRespondedTo: 1, EventTypeID: 1}) // once more: nobody asked
	p.Expect(7)
}

func TestRequestsFollowTheLastResponseOfACGETAtOnce(t *testing.T) {
	a := newArchive(t, 1, 1, 100)
	address, _ := startServer(t, a.config())
	p := peertest.Connect(t, address)
	implicit, explicit := []string{string(dimse.ImplicitVRLittleEndian)}, []string{string(dimse.ExplicitVRLittleEndian)}
	p.Send(peertest.AssociateRQ("RADNODE", "GETTER", peertest.UserInformation(16384, peertest.Role(string(secondaryCapture), false, true)),
		peertest.Context{ID: 1, Abstract: string(dimse.StudyRootGet), Syntaxes: implicit},
		peertest.Context{ID: 3, Abstract: string(secondaryCapture), Syntaxes: explicit}))
	p.Expect(2)
	var keys bytes.Buffer
	if err := dicom.Write(&keys, studyIdentifier("1.2.826.0"), dimse.ImplicitVRLittleEndian); err != nil { // that there is not
		t.Fatal(err)
	}
	rq := &dimse.Command{Field: dimse.CGetRQ, MessageID: 1, AffectedSOPClassUID: dimse.StudyRootGet, HasDataSet: true}
	for n := range 3000 {
		p.Send(peertest.PData(peertest.PDV(1, 3, dimse.EncodeCommand(rq)), peertest.PDV(1, 2, keys.Bytes())))
		if body := p.Expect(4); len(body) == 0 {
			t.Fatalf("no response to request %d", n)
		}
	}
}
