package workflow_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/workflow"
)

func TestAnImageThatNoModelFitsIsNotAnalysedAndSaysWhy(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) { return []radnode.Analysis{refused(uid)}, nil }
	i := newImage()
	b.ingest(i)
	s := b.state(i.study, radnode.NotAnalysed)
	if s.StateReason != "not analysed: other: the patient is 44 years old" || len(s.Reports) != 0 || len(s.Results) != 1 {
		t.Errorf("reason %q, %d reports, %d results", s.StateReason, len(s.Reports), len(s.Results))
	}
	b.balanced()
}

func TestAPassingFaultIsTriedAgainAndADefectEndsAsNotAnalysed(t *testing.T) {
	t.Run("passing", func(t *testing.T) {
		b := mustOpen(t, t.TempDir())
		var n atomic.Int32
		b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) {
			if n.Add(1) == 1 {
				panic("a defect")
			}
			return []radnode.Analysis{pneumonia(uid, 0.7)}, nil
		}
		i := newImage()
		b.ingest(i)
		b.state(i.study, radnode.ToReview) // after the queue's first pause of two seconds
		b.balanced()
	})
	t.Run("one bad image beside a good one", func(t *testing.T) {
		b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet = 200 * time.Millisecond })
		bad, good := newImage(), newImage()
		good.study, good.series = bad.study, bad.series
		b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) {
			if uid == bad.sop {
				return nil, radnode.Errorf(radnode.Invalid, "decode", "the pixel data are cut off")
			}
			return []radnode.Analysis{pneumonia(uid, 0.7)}, nil
		}
		b.ingest(bad)
		b.ingest(good)
		s := b.state(bad.study, radnode.ToReview)
		if len(s.Results) != 2 || len(s.Reports) != 1 {
			t.Fatalf("%d results, %d reports", len(s.Results), len(s.Reports))
		}
		if n := s.Reports[0].NotAnalysed; len(n) != 1 || !strings.Contains(n[0], "not analysed because the pixel data are cut off") {
			t.Errorf("not analysed: %q", n)
		}
		last := b.author.last()
		if len(last.Evidence) != 2 || len(last.Results) != 2 {
			t.Errorf("the document holds %d images and %d results", len(last.Evidence), len(last.Results))
		}
		b.balanced()
	})
}

func TestTheReasonOfAStudyIsIntroducedOnce(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	b.models.say = func(radnode.UID) ([]radnode.Analysis, error) {
		return nil, radnode.Errorf(radnode.Unsupported, "analyze", "not analysed: image: not analysed: the pixel worker ended twice on this image")
	}
	i := newImage()
	b.ingest(i)
	if s := b.state(i.study, radnode.NotAnalysed); s.StateReason != "not analysed: the pixel worker ended twice on this image" {
		t.Errorf("reason %q", s.StateReason)
	}
}

func TestARefusedLateImageLeavesTheSignatureAlone(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	b.ingest(i)
	signed := b.sign(b.state(i.study, radnode.ToReview).Reports[0])
	b.models.say = func(uid radnode.UID) ([]radnode.Analysis, error) { return []radnode.Analysis{refused(uid)}, nil }
	late := i
	late.sop = radnode.NewUID()
	b.ingest(late)
	s := b.until(i.study, "settled", func(s *radnode.Study) bool { return s.State == radnode.Signed && len(s.Results) == 3 })
	if len(s.Reports) != 1 || s.Reports[0].ID != signed.ID || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "44 years") {
		t.Errorf("reports %+v, warnings %v", s.Reports, s.Warnings)
	}
	b.balanced()
}

func TestTwoPatientsInOneStudyAreAWarning(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	i := newImage()
	b.ingest(i)
	other := i
	other.sop, other.series, other.patient = radnode.NewUID(), radnode.NewUID(), "Roe^Richard"
	b.ingest(other)
	s := b.until(i.study, "warned about", func(s *radnode.Study) bool { return len(s.Warnings) > 0 })
	if !strings.Contains(s.Warnings[0], "different patients") {
		t.Errorf("warnings %v", s.Warnings)
	}
	s = b.until(i.study, "read", func(s *radnode.Study) bool { return s.State == radnode.ToReview && len(s.Results) == 4 })
	r := b.accept(reader, s.Reports[0])
	_, err := b.Sign(context.Background(), reader, r.ID, r.Version)
	wantCode(t, err, radnode.Conflict)
	if text := fmt.Sprint(err); !strings.Contains(text, "different patients") || strings.Contains(text, "Roe") || strings.Contains(text, "Doe") {
		t.Errorf("message %q", text)
	}
}

func TestImagesThatKeepComingDoNotPutTheStudyOffForEver(t *testing.T) {
	b := mustOpen(t, t.TempDir(), func(o *workflow.Options) { o.Quiet, o.Patience = time.Hour, 300*time.Millisecond })
	i := newImage()
	b.ingest(i)
	next := i
	next.sop = radnode.NewUID()
	b.ingest(next)
	// The first look is due after the quiet time; Patience brings it forward.
	s := b.state(i.study, radnode.ToReview)
	if s.InstanceCount != 2 {
		t.Errorf("%d instances", s.InstanceCount)
	}
}

func TestASubscriberThatDoesNotReadStopsNobody(t *testing.T) {
	b := mustOpen(t, t.TempDir())
	events, cancel := b.Events()
	defer cancel()
	for range 1000 {
		b.Publish(radnode.Event{Kind: "model", ID: "x"})
	}
	var last radnode.Event
	n := 0
	for len(events) > 0 {
		last = <-events
		n++
	}
	if n > 64 || last.Kind != "study" || last.StudyInstanceUID != "" {
		t.Errorf("%d events, the last is %+v", n, last)
	}
	b.Publish(radnode.Event{Kind: "model", ID: "y"})
	if e := <-events; e.ID != "y" {
		t.Errorf("got %+v", e)
	}
}
