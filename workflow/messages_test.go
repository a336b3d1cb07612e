package workflow_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/workflow"
)

// TestAMessageNeverTakesThePlaceOfTheReportThatAmendsIt: receivers of messages
// keep the last one of a study.
func TestAMessageNeverTakesThePlaceOfTheReportThatAmendsIt(t *testing.T) {
	ctx := context.Background()
	ehr := radnode.Peer{Name: "ehr", Kind: workflow.KindFHIR, URL: "https://ehr.example/fhir", Deliver: []string{"fhir"}}
	stateOf := func(s *radnode.Study, id string) radnode.Delivery {
		for _, r := range s.Reports {
			if r.ID == id && len(r.Deliveries) == 1 {
				return r.Deliveries[0]
			}
		}
		return radnode.Delivery{}
	}
	amend := func(b *bench, r *radnode.Report) *radnode.Report {
		a, err := b.Amend(ctx, reader, r.ID)
		if err != nil {
			b.Fatal(err)
		}
		return b.sign(*a)
	}
	t.Run("refused and retried later", func(t *testing.T) {
		b := mustOpen(t, t.TempDir(), quickly)
		b.pacs.answer = func(n int) error {
			if n == 1 {
				return coded(radnode.Forbidden, "403")
			}
			return nil
		}
		i, r := b.signedFor(ehr)
		b.state(i.study, radnode.Undelivered)
		a := amend(b, r)
		s := b.state(i.study, radnode.Delivered)
		if _, err := b.Retry(ctx, admin, []string{stateOf(s, r.ID).ID}); err != nil {
			t.Fatal(err)
		}
		s = b.until(i.study, "refused again", func(s *radnode.Study) bool { return strings.Contains(stateOf(s, r.ID).Error, "amends") })
		if d := stateOf(s, r.ID); d.State != radnode.DeliveryFailed || b.pacs.texts[len(b.pacs.texts)-1] != "fhir "+string(a.SOPInstanceUID) || s.State != radnode.Delivered {
			t.Errorf("%v, %+v", b.pacs.texts, d)
		}
		b.balanced()
	})
	t.Run("sent, and its proof comes late", func(t *testing.T) {
		b := mustOpen(t, t.TempDir(), quickly)
		var first radnode.UID
		b.pacs.proof = func(int) (string, error) {
			last := b.pacs.sent[len(b.pacs.sent)-1]
			switch {
			case b.pacs.proving == last && last == first:
				return "", coded(radnode.Unavailable, "503")
			case b.pacs.proving == last:
				return "query", nil
			}
			return "", coded(radnode.NotFound, "a search does not find the report") // the amended one has replaced it
		}
		b.pacs.answer = func(n int) error {
			if n == 1 {
				first = b.pacs.sent[0]
			}
			return nil
		}
		i, r := b.signedFor(ehr)
		b.until(i.study, "sent", func(s *radnode.Study) bool { return stateOf(s, r.ID).State == radnode.DeliverySent })
		a := amend(b, r)
		s := b.until(i.study, "settled", func(s *radnode.Study) bool {
			return s.State == radnode.Delivered && stateOf(s, r.ID).State != radnode.DeliverySent && stateOf(s, r.ID).State != radnode.DeliveryQueued
		})
		if diff := cmp.Diff([]string{"fhir " + string(r.SOPInstanceUID), "fhir " + string(a.SOPInstanceUID)}, b.pacs.texts); diff != "" {
			t.Error(diff)
		}
		if d := stateOf(s, r.ID); d.State != radnode.DeliveryUnprovable && d.State != radnode.DeliveryFailed {
			t.Errorf("%+v", d)
		}
		b.balanced()
	})
}

func TestTheWordsOfADestinationStandOnThePageAndNowhereElse(t *testing.T) {
	ctx := context.Background()
	for name, code := range map[string]radnode.Code{"refused": radnode.Forbidden, "put off": radnode.Unavailable} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			b := mustOpen(t, t.TempDir(), quickly, func(o *workflow.Options) {
				o.GiveUp, o.Log = 30*time.Millisecond, slog.New(slog.NewTextHandler(&log, nil))
			})
			b.pacs.answer = func(int) error {
				return workflow.Said(coded(code, "C000"), "patient Doe^Jane\n is unknown "+strings.Repeat("x", 500))
			}
			i, _ := b.ordered()
			s := b.state(i.study, radnode.Undelivered)
			if d := s.Reports[0].Deliveries[0]; !strings.Contains(d.Error, "C000; it says: patient Doe^Jane is unknown") || len(d.Error) > 400 {
				t.Errorf("the page says %q", d.Error)
			}
			trail, err := audit.Open(ctx, b.store, b.store.Reader())
			if err != nil {
				t.Fatal(err)
			}
			events, err := trail.List(ctx, audit.Filter{Action: audit.ReportDelivered})
			if err != nil || len(events) != 1 || strings.Contains(fmt.Sprint(events), "Doe") || strings.Contains(log.String(), "Doe") {
				t.Errorf("%v %v\n%s", err, events, log.String())
			}
		})
	}
}
