package node

import (
	"context"
	"errors"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/workflow"
)

// senders brings reports to each kind of destination.
type senders map[string]workflow.Sender

var _ workflow.Sender = senders{}

func (n *node) senders() senders {
	web := webClient(n.config)
	return senders{
		"": sender{n.calling(), n.proofs}, workflow.KindSTOW: stowSender{web}, workflow.KindFHIR: fhirSender{web}, workflow.KindHL7: hl7Sender{n.config},
	}
}

func (s senders) of(peer radnode.Peer) (workflow.Sender, error) {
	if one, known := s[peer.Kind]; known {
		return one, nil
	}
	return nil, radnode.Errorf(radnode.Invalid, "deliver", "this version of the node knows no destinations of kind %.20q", peer.Kind)
}

// Store implements workflow.Sender.
func (s senders) Store(ctx context.Context, peer radnode.Peer, object workflow.Object) error {
	one, err := s.of(peer)
	if err != nil {
		return err
	}
	return one.Store(ctx, peer, object)
}

// Prove implements workflow.Sender.
func (s senders) Prove(ctx context.Context, peer radnode.Peer, objects []workflow.Object) (string, error) {
	one, err := s.of(peer)
	if err != nil {
		return "", err
	}
	return one.Prove(ctx, peer, objects)
}

// Takes implements workflow.Sender.
func (s senders) Takes(ctx context.Context, peer radnode.Peer, classes []radnode.UID) (map[radnode.UID]bool, error) {
	one, err := s.of(peer)
	if err != nil {
		return nil, err
	}
	return one.Takes(ctx, peer, classes)
}

// sender brings documents to peers over DIMSE.
type sender struct {
	calling calling
	proofs  *proofs
}

var _ workflow.Sender = sender{}

// storeCodes is the table of what a C-STORE response means for a delivery
// (PS3.4 B.2.3, PS3.7 Annex C). The first row that holds a status counts.
var storeCodes = []struct {
	first, last dimse.Status
	code        radnode.Code
}{
	{0x0111, 0x0111, radnode.Conflict},    // duplicate SOP instance
	{0x0110, 0x0110, radnode.Unavailable}, // processing failure
	{0x0213, 0x0213, radnode.NoResources}, // resource limitation
	{0xA700, 0xA7FF, radnode.NoResources}, // out of resources
	{0x0122, 0x0122, radnode.Unsupported}, // SOP class not supported
	{0x0124, 0x0124, radnode.Forbidden},   // not authorized
	{0x0000, 0xFFFF, radnode.Invalid},     // it will not like the object better next time
}

// Store implements workflow.Sender.
func (s sender) Store(ctx context.Context, peer radnode.Peer, document workflow.Object) error {
	outgoing, err := ReadOutgoing(document.Path)
	if err != nil {
		return radnode.Errorf(radnode.Internal, "deliver", "our own document cannot be read: %w", err)
	}
	object := []dimse.Object{outgoing.object()}
	s.calling.learn.narrow(ctx, peer.Name, object)
	client, err := s.calling.to(peer).dial(ctx, dimse.ObjectContexts(object))
	if err != nil {
		return err
	}
	defer client.Close()
	response, err := outgoing.store(ctx, client)
	if err == nil {
		err = storeError(response.Err())
	}
	if err != nil {
		return err
	}
	// The object has arrived; a peer that does not end the association in
	// order takes nothing back by that.
	_ = client.Release(ctx)
	return nil
}

func storeError(err error) error {
	var status *dimse.StatusError
	if !errors.As(err, &status) {
		return err
	}
	for _, row := range storeCodes {
		if status.Status >= row.first && status.Status <= row.last {
			bare := *status
			bare.Comment = ""
			err := workflow.Said(radnode.Errorf(row.code, "deliver", "the peer answered %w", &bare), status.Comment)
			if row.code == radnode.Unavailable {
				err = workflow.Answered(err) // it could not process this one
			}
			return err
		}
	}
	return err
}

// Takes implements workflow.Sender: the answers to presentation contexts say
// what the peer takes (PS3.8 7.1.1.13).
func (s sender) Takes(ctx context.Context, peer radnode.Peer, classes []radnode.UID) (map[radnode.UID]bool, error) {
	var pairs []dimse.StoreOptions
	for _, class := range classes {
		for _, syntax := range native {
			pairs = append(pairs, dimse.StoreOptions{SOPClassUID: class, TransferSyntaxUID: syntax})
		}
	}
	client, err := s.calling.to(peer).dial(ctx, dimse.StorageContexts(pairs...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	takes := map[radnode.UID]bool{}
	for _, outcome := range client.Outcomes() {
		takes[outcome.SOPClassUID] = takes[outcome.SOPClassUID] || outcome.TransferSyntaxUID != ""
	}
	_ = client.Release(ctx) // the answers are there, whatever the peer does now
	return takes, nil
}
