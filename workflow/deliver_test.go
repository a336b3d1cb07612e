package workflow_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/workflow"
)

func quickly(o *workflow.Options) { o.Pauses = []time.Duration{5 * time.Millisecond} }

func coded(code radnode.Code, text string) error {
	return radnode.Errorf(code, "send", "%s", text)
}

// ordered signs the report of a new study for the archive.
func (b *bench) ordered() (image, *radnode.Report) {
	b.Helper()
	if err := b.AddPeer(context.Background(), archive); err != nil {
		b.Fatal(err)
	}
	i := newImage()
	b.ingest(i)
	return i, b.sign(b.state(i.study, radnode.ToReview).Reports[0])
}

func (b *bench) delivery(study radnode.UID, what string, ok func(radnode.Delivery) bool) (*radnode.Study, radnode.Delivery) {
	b.Helper()
	s := b.until(study, what, func(s *radnode.Study) bool { return len(s.Reports[0].Deliveries) > 0 && ok(s.Reports[0].Deliveries[0]) })
	return s, s.Reports[0].Deliveries[0]
}

func TestEachAnswerOfAPeerLeadsToTheRightState(t *testing.T) {
	down := coded(radnode.Unavailable, "connection refused")
	cases := []struct {
		name   string
		answer func(int) error
		proof  func(int) (string, error)
		state  radnode.DeliveryState
		study  radnode.StudyState
		sends  int
		proof2 string // part of Proof
		err    string // part of Error
	}{
		{name: "it takes and proves", state: radnode.DeliveryProven, study: radnode.Delivered, sends: 1, proof2: "storage commitment"},
		{name: "it is down twice", answer: func(n int) error {
			if n < 3 {
				return down
			}
			return nil
		}, state: radnode.DeliveryProven, study: radnode.Delivered, sends: 3, proof2: "storage commitment"},
		{name: "it is out of resources once", answer: func(n int) error {
			if n == 1 {
				return coded(radnode.NoResources, "A700")
			}
			return nil
		}, state: radnode.DeliveryProven, study: radnode.Delivered, sends: 2, proof2: "storage commitment"},
		{name: "it has the instance already", answer: func(int) error { return coded(radnode.Conflict, "0111") },
			state: radnode.DeliveryProven, study: radnode.Delivered, sends: 1, proof2: "storage commitment"},
		{name: "it refuses the caller", answer: func(int) error { return coded(radnode.Forbidden, "calling AE title not recognised") },
			state: radnode.DeliveryFailed, study: radnode.Undelivered, sends: 1, err: "not recognised"},
		{name: "it cannot understand the object", answer: func(int) error { return coded(radnode.Invalid, "C000") },
			state: radnode.DeliveryFailed, study: radnode.Undelivered, sends: 1, err: "C000"},
		{name: "it offers no proof", proof: func(int) (string, error) { return "", coded(radnode.Unsupported, "neither commitment nor query") },
			state: radnode.DeliveryUnprovable, study: radnode.Signed, sends: 1, proof2: "sent, not provable: neither commitment nor query"},
		{name: "it says success and loses the object once", proof: func(n int) (string, error) {
			if n == 1 {
				return "", coded(radnode.NotFound, "commitment failed: 0112")
			}
			return "query", nil
		}, state: radnode.DeliveryProven, study: radnode.Delivered, sends: 2, proof2: "query"},
		{name: "it proves late", proof: func(n int) (string, error) {
			if n < 4 {
				return "", coded(radnode.Unavailable, "no event report in time")
			}
			return "storage commitment", nil
		}, state: radnode.DeliveryProven, study: radnode.Delivered, sends: 1, proof2: "storage commitment"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := mustOpen(t, t.TempDir(), quickly)
			b.pacs.answer, b.pacs.proof = c.answer, c.proof
			i, r := b.ordered()
			s, d := b.delivery(i.study, string(c.state), func(d radnode.Delivery) bool {
				return d.State == c.state
			})
			if s.State != c.study || !strings.Contains(d.Proof, c.proof2) || !strings.Contains(d.Error, c.err) || d.NextAttempt != nil {
				t.Errorf("study %s (%s), delivery %+v", s.State, s.StateReason, d)
			}
			if d.State == radnode.DeliveryFailed && d.Attempts != c.sends {
				t.Errorf("%d attempts, want %d", d.Attempts, c.sends)
			}
			want := slices.Repeat([]radnode.UID{r.SOPInstanceUID}, c.sends)
			if diff := cmp.Diff(want, b.pacs.sent); diff != "" {
				t.Errorf("sent: %s", diff)
			}
			b.balanced()
		})
	}
}

func TestARefusedDeliveryCanBeTriedAgain(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	ctx := context.Background()
	b.pacs.answer = func(n int) error {
		if n == 1 {
			return coded(radnode.Invalid, "C000")
		}
		return nil
	}
	i, r := b.ordered()
	_, d := b.delivery(i.study, "failed", func(d radnode.Delivery) bool { return d.State == radnode.DeliveryFailed })
	retry := func(user radnode.User, ids ...string) error { _, err := b.Retry(ctx, user, ids); return err }
	wantCode(t, retry(radnode.User{Name: "bot", Role: radnode.Service}, d.ID), radnode.Forbidden)
	wantCode(t, retry(admin, "unknown"), radnode.NotFound)
	if err := retry(admin, d.ID); err != nil {
		t.Fatal(err)
	}
	b.state(i.study, radnode.Delivered)
	wantCode(t, retry(admin, d.ID), radnode.Conflict)
	if diff := cmp.Diff([]radnode.UID{r.SOPInstanceUID, r.SOPInstanceUID}, b.pacs.sent); diff != "" {
		t.Error(diff)
	}
	b.balanced()
}

func TestAPeerThatHangsCostsAnAttempt(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly, func(o *workflow.Options) { o.DeliveryTimeout = 200 * time.Millisecond })
	b.pacs.hang = true
	i, _ := b.ordered()
	s := b.state(i.study, radnode.Delivered)
	if d := s.Reports[0].Deliveries[0]; d.Attempts != 2 {
		t.Errorf("delivery %+v", d)
	}
	b.balanced()
}

func TestADeliveryIsGivenUpWithItsReason(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly, func(o *workflow.Options) { o.GiveUp = 30 * time.Millisecond })
	b.pacs.answer = func(int) error { return coded(radnode.Unavailable, "connection refused") }
	i, _ := b.ordered()
	s := b.state(i.study, radnode.Undelivered)
	if !strings.Contains(s.StateReason, "given up after") || !strings.Contains(s.StateReason, "connection refused") {
		t.Errorf("reason %q", s.StateReason)
	}
	b.balanced()
}

func TestADeliveryToARemovedPeerFailsAndSaysSo(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	b.pacs.answer = func(int) error { return coded(radnode.Unavailable, "connection refused") }
	i, _ := b.ordered()
	b.delivery(i.study, "tried", func(d radnode.Delivery) bool { return d.Attempts > 0 })
	if err := b.RemovePeer(context.Background(), archive.Name); err != nil {
		t.Fatal(err)
	}
	s := b.state(i.study, radnode.Undelivered)
	if !strings.Contains(s.StateReason, "no peer is called") {
		t.Errorf("reason %q", s.StateReason)
	}
	b.balanced()
}

func TestADeliverySurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	var i image
	var r *radnode.Report
	t.Run("down", func(t *testing.T) {
		b := mustOpen(t, dir, quickly)
		b.pacs.answer = func(int) error { return coded(radnode.Unavailable, "connection refused") }
		i, r = b.ordered()
		b.delivery(i.study, "tried", func(d radnode.Delivery) bool { return d.Attempts > 1 })
	})
	b := mustOpen(t, dir, quickly)
	s := b.state(i.study, radnode.Delivered)
	if diff := cmp.Diff([]radnode.UID{r.SOPInstanceUID}, b.pacs.sent); diff != "" || s.Reports[0].Deliveries[0].Attempts < 3 {
		t.Errorf("%s %+v", diff, s.Reports[0].Deliveries)
	}
	b.balanced()
}

func TestAPeerGetsTheReportsOfAStudyInTheirOrder(t *testing.T) {
	b := mustOpen(t, t.TempDir(), quickly)
	first := make(chan struct{})
	b.pacs.answer = func(int) error {
		select {
		case <-first:
			return nil
		default:
			return coded(radnode.Unavailable, "connection refused")
		}
	}
	i, r := b.ordered()
	b.delivery(i.study, "tried", func(d radnode.Delivery) bool { return d.Attempts > 0 })
	a, err := b.Amend(context.Background(), reader, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	amended := b.sign(*a)
	close(first)
	b.state(i.study, radnode.Delivered)
	sent := slices.Compact(slices.Clone(b.pacs.sent))
	if diff := cmp.Diff([]radnode.UID{r.SOPInstanceUID, amended.SOPInstanceUID}, sent); diff != "" {
		t.Error(diff)
	}
	b.balanced()
}

func TestPeersThatNobodyCouldCallAreRefused(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	for name, change := range map[string]func(*radnode.Peer){
		"no name":          func(p *radnode.Peer) { p.Name = "" },
		"blank in name":    func(p *radnode.Peer) { p.Name = "a b" },
		"long AE title":    func(p *radnode.Peer) { p.AETitle = strings.Repeat("A", 17) },
		"blank AE title":   func(p *radnode.Peer) { p.AETitle = "   " },
		"backslash":        func(p *radnode.Peer) { p.AETitle = `A\B` },
		"no host":          func(p *radnode.Peer) { p.Host = "" },
		"port 0":           func(p *radnode.Peer) { p.Port = 0 },
		"port 70000":       func(p *radnode.Peer) { p.Port = 70000 },
		"unknown service":  func(p *radnode.Peer) { p.Allow = []string{"delete"} },
		"unknown delivery": func(p *radnode.Peer) { p.Deliver = []string{"fax"} },
	} {
		t.Run(name, func(t *testing.T) {
			p := archive
			change(&p)
			wantCode(t, b.AddPeer(context.Background(), p), radnode.Invalid)
		})
	}
	if err := b.AddPeer(context.Background(), archive); err != nil {
		t.Fatal(err)
	}
	list, err := b.Peers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]radnode.Peer{archive}, list); diff != "" {
		t.Error(diff)
	}
}
