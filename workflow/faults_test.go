package workflow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
	"github.com/radnode/radnode/workflow"
)

// clock is a clock that a test sets forward.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// everything is a destination that wants all that the tests' author makes.
var everything = radnode.Peer{Name: "pacs", AETitle: "PACS", Host: "127.0.0.1", Port: 104, Allow: []string{"store"}, Deliver: []string{"sr", "seg", "sc", "pdf"}}

// signedFor signs the report of a new study for a destination.
func (b *bench) signedFor(p radnode.Peer) (image, *radnode.Report) {
	b.Helper()
	if err := b.AddPeer(context.Background(), p); err != nil {
		b.Fatal(err)
	}
	i := newImage()
	b.ingest(i)
	return i, b.sign(b.state(i.study, radnode.ToReview).Reports[0])
}

// delivered finds the delivery of a kind.
func deliveryOf(s *radnode.Study, kind string) radnode.Delivery {
	for _, d := range s.Reports[0].Deliveries {
		if d.Kind == kind {
			return d
		}
	}
	return radnode.Delivery{}
}

func (b *bench) destination(name string) radnode.Destination {
	b.Helper()
	all, err := b.Destinations(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	i := slices.IndexFunc(all, func(d radnode.Destination) bool { return d.Name == name })
	if i < 0 {
		b.Fatalf("no destination %s in %+v", name, all)
	}
	return all[i]
}

func TestCompanionsGoBeforeTheReportThatRefersToThem(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	i, r := b.signedFor(everything)
	s := b.state(i.study, radnode.Delivered)
	want := []radnode.UID{dicom.SegmentationStorage, dicom.SecondaryCaptureImageStorage, dicom.EncapsulatedPDFStorage, srStorage}
	if diff := cmp.Diff(want, b.pacs.classes); diff != "" {
		t.Errorf("sent: %s", diff)
	}
	if len(s.Reports[0].Deliveries) != 4 || deliveryOf(s, "sr").SOPInstanceUID != r.SOPInstanceUID {
		t.Errorf("deliveries %+v", s.Reports[0].Deliveries)
	}
	b.balanced()
}

func TestAReportGoesWithoutACompanionThatCannotBeMadeAndSaysSo(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.author.broken = map[string]error{"seg": coded(radnode.TooLarge, "too many segments")}
	i, _ := b.signedFor(everything)
	s := b.state(i.study, radnode.Delivered)
	if len(s.Reports[0].Deliveries) != 3 || !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "too many segments") }) {
		t.Errorf("warnings %v, deliveries %+v", s.Warnings, s.Reports[0].Deliveries)
	}
}

func TestASignatureWaitsForACompanionThatCanBeMadeLater(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	if err := b.AddPeer(ctx, everything); err != nil {
		t.Fatal(err)
	}
	b.author.broken = map[string]error{"sc": coded(radnode.Unavailable, "no pixel worker is up")}
	i := newImage()
	b.ingest(i)
	r := b.accept(reader, b.state(i.study, radnode.ToReview).Reports[0])
	_, err := b.Sign(ctx, reader, r.ID, r.Version)
	wantCode(t, err, radnode.Unavailable)
	b.author.broken = nil
	if _, err := b.Sign(ctx, reader, r.ID, r.Version); err != nil {
		t.Fatal(err)
	}
	b.state(i.study, radnode.Delivered)
	b.balanced()
}

func TestAPACSThatRefusesAClassGetsTheNextOneDown(t *testing.T) {
	sr := func(n int) map[radnode.UID]bool {
		out := map[radnode.UID]bool{}
		for _, c := range report.Ladder[:n] {
			out[c] = true
		}
		return out
	}
	all := sr(4)
	all[dicom.EncapsulatedPDFStorage] = true
	none := sr(4)
	none[dicom.EncapsulatedPDFStorage], none[dicom.SecondaryCaptureImageStorage] = true, true
	cases := []struct {
		name    string
		refuses map[radnode.UID]bool
		sent    radnode.UID // class the report arrives in; "": none
		extra   bool        // pictures go beside it
		note    string
	}{
		{"Comprehensive 3D", sr(1), report.Ladder[1], false, "sent as Comprehensive SR: the destination refuses Comprehensive 3D SR"},
		{"both Comprehensive", sr(2), report.Ladder[2], false, "sent as Enhanced SR"},
		{"all but Basic Text", sr(3), report.Ladder[3], true, "sent as Basic Text SR"},
		{"all SR", sr(4), dicom.EncapsulatedPDFStorage, false, "sent as Encapsulated PDF"},
		{"all but pictures", all, dicom.SecondaryCaptureImageStorage, false, "sent as Secondary Capture"},
		{"everything", none, "", false, ""},
	}
	for _, c := range cases {
		for _, mute := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, tells before: %t", c.name, !mute), func(t *testing.T) {
				t.Parallel()
				b := mustOpen(t, t.TempDir(), quickly)
				b.pacs.refuses, b.pacs.mute = c.refuses, mute
				i, r := b.ordered()
				if c.sent == "" {
					s := b.state(i.study, radnode.Undelivered)
					d := deliveryOf(s, "sr")
					if !strings.Contains(d.Error, "refuses Comprehensive 3D SR, Comprehensive SR, Enhanced SR, Basic Text SR, Encapsulated PDF, Secondary Capture") || d.SOPInstanceUID == "" {
						t.Errorf("refused by %+v", d)
					}
					b.balanced()
					return
				}
				s := b.state(i.study, radnode.Delivered)
				d := deliveryOf(s, "sr")
				if !strings.Contains(d.Note, c.note) || d.SOPInstanceUID == r.SOPInstanceUID || d.State != radnode.DeliveryProven {
					t.Errorf("delivered %+v", d)
				}
				if got := deliveryOf(s, "sc"); (got.ID != "") != c.extra || c.extra && !got.Optional {
					t.Errorf("pictures beside it: %+v", got)
				}
				if !slices.Contains(b.pacs.classes, c.sent) {
					t.Errorf("the PACS was sent %v", b.pacs.classes)
				}
				if !mute && len(b.pacs.classes) > 3 {
					t.Errorf("a PACS that tells what it takes was sent %v", b.pacs.classes)
				}
				// What was learned counts for the next report.
				before := b.pacs.count()
				j := newImage()
				b.ingest(j)
				b.sign(b.state(j.study, radnode.ToReview).Reports[0])
				b.state(j.study, radnode.Delivered)
				if slices.Contains(b.pacs.classes[before:], srStorage) {
					t.Error("the next report was sent in the refused class again")
				}
				if len(b.destination("pacs").Learned) == 0 {
					t.Error("nothing is said of what was learned")
				}
				b.balanced()
			})
		}
	}
}

func TestAReportThatWasRefusedInEveryClassBeginsAnewWhenItIsRetried(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.refuses = map[radnode.UID]bool{dicom.EncapsulatedPDFStorage: true, dicom.SecondaryCaptureImageStorage: true}
	for _, c := range report.Ladder {
		b.pacs.refuses[c] = true
	}
	i, r := b.ordered()
	b.state(i.study, radnode.Undelivered)
	b.pacs.mu.Lock()
	b.pacs.refuses = nil
	b.pacs.mu.Unlock()
	if n, err := b.Retry(context.Background(), technologist, nil); n != 1 || err != nil {
		t.Fatalf("retried %d (%v)", n, err)
	}
	d := deliveryOf(b.state(i.study, radnode.Delivered), "sr")
	if d.SOPInstanceUID != r.SOPInstanceUID || d.Note != "" {
		t.Errorf("delivered %+v", d)
	}
}

func TestAnAmendmentAfterARefusedClassIsOfTheContentThatWasSigned(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	down := make(chan struct{})
	b.pacs.refuses = map[radnode.UID]bool{srStorage: true}
	b.pacs.answer = func(int) error {
		select {
		case <-down:
			return nil
		default:
			return coded(radnode.Unavailable, "connection refused")
		}
	}
	i, r := b.ordered()
	late := i
	late.sop = radnode.NewUID()
	b.ingest(late)
	b.until(i.study, "the late image read", func(s *radnode.Study) bool { return len(s.Results) == 4 })
	close(down)
	b.until(i.study, "the first report delivered", func(s *radnode.Study) bool {
		old := s.Reports[len(s.Reports)-1]
		return old.ID == r.ID && len(old.Deliveries) == 1 && old.Deliveries[0].State == radnode.DeliveryProven
	})
	for _, doc := range b.author.docs {
		if doc.Class != "" && (len(doc.Evidence) != 1 || doc.Report.ID != r.ID) {
			t.Errorf("the smaller class of the signed report is made of %d images", len(doc.Evidence))
		}
	}
	b.balanced()
}

// TestAnAmendmentNamesThePredecessorThatTheDestinationHas: the report went there
// in a smaller class, under an identity of its own.
func TestAnAmendmentNamesThePredecessorThatTheDestinationHas(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	b.pacs.refuses = map[radnode.UID]bool{report.Ladder[0]: true, report.Ladder[1]: true}
	p := everything
	p.Deliver = []string{"sr"}
	i, r := b.signedFor(p)
	first := deliveryOf(b.state(i.study, radnode.Delivered), "sr").SOPInstanceUID
	a, err := b.Amend(ctx, reader, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.sign(*a)
	second := deliveryOf(b.state(i.study, radnode.Delivered), "sr").SOPInstanceUID
	rec, err := b.store.Instance(ctx, second)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadFile(b.store.Path(rec.File), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Dataset.UID(dicom.ReferencedSOPInstanceUID); got != first || first == r.SOPInstanceUID {
		t.Errorf("the amendment names %s, the destination has %s", got, first)
	}
}

func TestAPACSThatIsDownForAnHourIsNotCalledForEachReport(t *testing.T) {
	c := &clock{at: time.Now()}
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Now = c.now; o.Quiet = time.Nanosecond })
	var up sync.Map
	b.pacs.answer = func(int) error {
		if _, ok := up.Load("up"); ok {
			return nil
		}
		return coded(radnode.Unavailable, "connection refused")
	}
	var studies []image
	var signed []radnode.UID
	for range 5 {
		i, r := b.signedFor(archive)
		studies, signed = append(studies, i), append(signed, r.SOPInstanceUID)
	}
	for minute := 0; minute < 60; minute++ {
		c.forward(time.Minute)
		b.Wake()
		time.Sleep(10 * time.Millisecond)
	}
	calls := b.pacs.count()
	d := b.destination("pacs")
	if d.Breaker.State == radnode.BreakerClosed || d.Breaker.Failures < 5 || d.Breaker.Next == nil || d.Breaker.Reason != "connection refused" {
		t.Errorf("breaker %+v", d.Breaker)
	}
	// Five reports alone would have been tried about nine times each.
	if calls > 25 || calls < 5 {
		t.Errorf("%d calls in an hour", calls)
	}
	t.Logf("%d calls in an hour for 5 reports", calls)
	list, total, err := b.Outbox(context.Background(), radnode.DeliveryFilter{State: radnode.DeliveryQueued, Limit: 10})
	if err != nil || total != 5 {
		t.Fatalf("%d wait (%v)", total, err)
	}
	for _, d := range list {
		if d.Error == "" || d.NextAttempt == nil {
			t.Errorf("the page of a waiting delivery says %+v", d)
		}
	}
	b.balanced()
	up.Store("up", true)
	c.forward(2 * time.Hour)
	b.Wake()
	for _, i := range studies {
		b.state(i.study, radnode.Delivered)
	}
	got := slices.Clone(b.pacs.sent[calls:])
	slices.Sort(got)
	slices.Sort(signed)
	if diff := cmp.Diff(signed, got); diff != "" {
		t.Errorf("what arrived after the hour: %s", diff)
	}
	if s := b.destination("pacs").Breaker.State; s != radnode.BreakerClosed {
		t.Errorf("breaker %s", s)
	}
	b.balanced()
}

func TestARetryCallsADestinationThatIsBackAtOnce(t *testing.T) {
	c := &clock{at: time.Now()}
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) {
		o.Now, o.Quiet, o.Pauses = c.now, time.Nanosecond, []time.Duration{time.Millisecond, time.Millisecond, 24 * time.Hour}
	})
	var up sync.Map
	b.pacs.answer = func(int) error {
		if _, ok := up.Load("up"); ok {
			return nil
		}
		return coded(radnode.NoResources, "A700")
	}
	i, _ := b.signedFor(archive)
	for b.destination("pacs").Breaker.State != radnode.BreakerOpen {
		c.forward(time.Second)
		b.Wake()
		time.Sleep(5 * time.Millisecond)
	}
	up.Store("up", true)
	d := deliveryOf(b.state(i.study, radnode.Signed), "sr")
	if _, err := b.Retry(context.Background(), reader, []string{d.ID}); err != nil {
		t.Fatal(err)
	}
	b.state(i.study, radnode.Delivered)
}

func TestADeliveryIsGivenUpAlsoWhileItsDestinationIsNotCalled(t *testing.T) {
	c := &clock{at: time.Now()}
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Now, o.Quiet = c.now, time.Nanosecond })
	b.pacs.answer = func(int) error { return coded(radnode.Unavailable, "connection refused") }
	i, _ := b.signedFor(archive)
	for range 8 * 24 {
		c.forward(time.Hour)
		b.Wake()
		time.Sleep(3 * time.Millisecond)
	}
	s := b.state(i.study, radnode.Undelivered)
	if d := deliveryOf(s, "sr"); !strings.Contains(d.Error, "given up") || !strings.Contains(d.Error, "connection refused") {
		t.Errorf("given up with %q", d.Error)
	}
	b.balanced()
}

func TestAPACSThatTakesItsTimeToProveKeepsTheBreakerClosed(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.proof = func(n int) (string, error) {
		if n < 6 {
			return "", workflow.ErrPending
		}
		return "storage commitment", nil
	}
	i, _ := b.ordered()
	b.state(i.study, radnode.Delivered)
	if b.pacs.count() != 1 || b.destination("pacs").Breaker.Failures != 0 {
		t.Errorf("sent %d times, breaker %+v", b.pacs.count(), b.destination("pacs").Breaker)
	}
}

func TestMessagesGoToDestinationsThatTakeThem(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	for _, p := range []radnode.Peer{
		{Name: "ehr", Kind: workflow.KindFHIR, URL: "https://ehr.example/fhir", Token: "secret", Deliver: []string{"fhir"}},
		{Name: "ris", Kind: workflow.KindHL7, Host: "ris.example", Port: 2575, Deliver: []string{"hl7"}},
	} {
		if err := b.AddPeer(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	i, r := b.ordered()
	s := b.state(i.study, radnode.Delivered)
	if len(s.Reports[0].Deliveries) != 3 || deliveryOf(s, "fhir").State != radnode.DeliveryProven || deliveryOf(s, "hl7").State != radnode.DeliveryProven {
		t.Errorf("deliveries %+v", s.Reports[0].Deliveries)
	}
	slices.Sort(b.pacs.texts)
	if diff := cmp.Diff([]string{"fhir " + string(r.SOPInstanceUID), "hl7 " + string(r.SOPInstanceUID)}, b.pacs.texts); diff != "" {
		t.Error(diff)
	}
	list, err := b.Peers(ctx)
	if err != nil || slices.ContainsFunc(list, func(p radnode.Peer) bool { return p.Token != "" }) {
		t.Errorf("a token is shown: %+v (%v)", list, err)
	}
	kept := radnode.Peer{Name: "ehr", Kind: workflow.KindFHIR, URL: "https://ehr.example/fhir", Deliver: []string{"fhir"}}
	if err := b.AddPeer(ctx, kept); err != nil {
		t.Fatal(err)
	}
	if p, err := b.store.Peer(ctx, "ehr"); err != nil || p.Token != "secret" {
		t.Errorf("after a change without it the token is %q (%v)", p.Token, err)
	}
	b.balanced()
}

func TestAnImageThatWasDamagedIsReadOnceItIsSentAgain(t *testing.T) {
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet = 300 * time.Millisecond })
	i := newImage()
	b.ingest(i)
	rot(t, b, i.sop)
	b.state(i.study, radnode.NotAnalysed)
	b.ingest(i)
	s := b.state(i.study, radnode.ToReview)
	if len(s.Reports[0].NotAnalysed) != 1 { // the model that does not fit
		t.Errorf("the report says %v", s.Reports[0].NotAnalysed)
	}
	b.sign(s.Reports[0])
	if doc := b.author.last(); slices.ContainsFunc(doc.Results, func(r radnode.Result) bool { return r.Model.ID == "" }) {
		t.Errorf("the document tells of the damage: %+v", doc.Results)
	}
	b.balanced()
}

func TestAPACSThatAnswersSuccessAndKeepsNothingIsNotSentToForEver(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.proof = func(int) (string, error) { return "", coded(radnode.NotFound, "failure reason 0112") }
	i, _ := b.ordered()
	s := b.state(i.study, radnode.Undelivered)
	if d := deliveryOf(s, "sr"); b.pacs.count() != 5 || !strings.Contains(d.Error, "answered success 5 times") || !strings.Contains(d.Error, "0112") {
		t.Errorf("sent %d times, %+v", b.pacs.count(), d)
	}
	b.balanced()
}

func TestACommitmentThatIsDeniedIsNoDelivery(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.proof = func(int) (string, error) { return "", workflow.Denied(coded(radnode.Invalid, "failure reason 0119")) }
	i, _ := b.ordered()
	s := b.state(i.study, radnode.Undelivered)
	if d := deliveryOf(s, "sr"); d.State != radnode.DeliveryFailed || !strings.Contains(d.Error, "0119") {
		t.Errorf("%+v", d)
	}
}

func TestACommitmentThatIsDeniedForTheClassStepsDown(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.proof = func(n int) (string, error) {
		if n == 1 {
			return "", workflow.Denied(coded(radnode.Unsupported, "failure reason 0122"))
		}
		return "storage commitment", nil
	}
	i, _ := b.ordered()
	s := b.state(i.study, radnode.Delivered)
	if d := deliveryOf(s, "sr"); !strings.HasPrefix(d.Note, "sent as Comprehensive SR") {
		t.Errorf("%+v", d)
	}
	b.balanced()
}

func TestAFullDiskDelaysASmallerClassAndBlamesNobodyElse(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.refuses = map[radnode.UID]bool{srStorage: true}
	b.author.full = 6
	i, _ := b.ordered()
	s := b.state(i.study, radnode.Delivered)
	if d := deliveryOf(s, "sr"); d.Attempts < 6 || !strings.HasPrefix(d.Note, "sent as Comprehensive SR") {
		t.Errorf("%+v", d)
	}
	if b.pacs.count() > 9 || b.destination("pacs").Breaker.Failures != 0 {
		t.Errorf("sent %d times, breaker %+v", b.pacs.count(), b.destination("pacs").Breaker)
	}
	b.balanced()
}

func TestADestinationThatBecameAnotherKindGetsNothingTwice(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.answer = func(int) error { return coded(radnode.Unavailable, "connection refused") }
	i, _ := b.signedFor(everything)
	b.delivery(i.study, "tried", func(d radnode.Delivery) bool { return d.Attempts > 0 })
	if err := b.AddPeer(context.Background(), radnode.Peer{Name: "pacs", Kind: workflow.KindFHIR, URL: "https://ehr.example/", Deliver: []string{"fhir"}}); err != nil {
		t.Fatal(err)
	}
	s := b.state(i.study, radnode.Undelivered)
	if !strings.Contains(s.StateReason, "another kind") || len(b.pacs.texts) != 0 {
		t.Errorf("%s; messages %v", s.StateReason, b.pacs.texts)
	}
	b.balanced()
}
