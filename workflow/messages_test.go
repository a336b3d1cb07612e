package workflow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
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
