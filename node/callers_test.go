package node

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse"
)

func TestStrangersCanWriteOnlySoMuchIntoTheTrail(t *testing.T) {
	var r refusals
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rows := 0
	for i := range 1000 {
		if r.worthARow(fmt.Sprintf("AE%d", i), "10.0.0.1", now) {
			rows++
		}
	}
	if rows != refusalsPerHost {
		t.Errorf("one host wrote %d rows", rows)
	}
	if r.worthARow("AE1", "10.0.0.2", now) != true || r.worthARow("AE1", "10.0.0.2", now) {
		t.Error("an AE title and host are worth one row in a minute")
	}
	for i := range 1000 {
		if r.worthARow("AE", fmt.Sprintf("10.1.%d.%d", i/250, i%250), now) {
			rows++
		}
	}
	if rows+1 != refusalsAtAll {
		t.Errorf("all hosts wrote %d rows", rows+1)
	}
	if !r.worthARow("AE1", "10.0.0.1", now.Add(time.Minute)) {
		t.Error("the next minute counts anew")
	}
}

func TestThePeerListIsReadOnceASecond(t *testing.T) {
	reads := 0
	c := &callers{log: slog.New(slog.DiscardHandler), peers: func(context.Context) ([]radnode.Peer, error) {
		reads++
		return []radnode.Peer{{AETitle: "CT", Allow: []string{"store"}}}, nil
	}}
	ct := &dimse.Association{CallingAE: "CT", RemoteAddr: "10.0.0.1:1234"}
	for range 1000 {
		if !c.allow(context.Background(), ct, dimse.ServiceStore) || !c.allow(context.Background(), ct, dimse.ServiceSteps) {
			t.Fatal("the peer may store")
		}
	}
	if reads != 1 {
		t.Errorf("read %d times", reads)
	}
	if c.allow(context.Background(), ct, dimse.ServiceQuery) || c.allow(context.Background(), ct, dimse.ServiceRetrieve) || c.allow(context.Background(), ct, dimse.ServiceCommit) {
		t.Error("the peer may do more than it is allowed")
	}
	if !c.allow(context.Background(), ct, dimse.ServiceEcho) {
		t.Error("every peer may verify")
	}
}

func TestAPeerWithTLSIsRefusedWithout(t *testing.T) {
	c := &callers{log: slog.New(slog.DiscardHandler), peers: func(context.Context) ([]radnode.Peer, error) {
		return []radnode.Peer{{AETitle: "CT", Allow: []string{"store"}, TLS: true}}, nil
	}}
	c.refused.minute, c.refused.total = time.Now().Truncate(time.Minute), refusalsAtAll // nothing is written
	if c.authorize(context.Background(), &dimse.Association{CallingAE: "CT", RemoteAddr: "10.0.0.1:1"}, nil) == nil {
		t.Error("it came in without TLS")
	}
}
