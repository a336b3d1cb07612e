package webtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/radnode/radnode"
)

// find returns the report in the story and its study; the caller holds the lock.
func (s *Story) find(id string) (*radnode.Report, *radnode.Study, error) {
	for _, st := range s.studies {
		for i := range st.Reports {
			if st.Reports[i].ID == id {
				return &st.Reports[i], st, nil
			}
		}
	}
	return nil, nil, notFound("report")
}

// Report implements api.Reports.
func (s *Story) Report(_ context.Context, id string) (*radnode.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _, err := s.find(id)
	return snapshot(r), err
}

func snapshot(r *radnode.Report) *radnode.Report {
	if r == nil {
		return nil
	}
	out := *r
	out.Findings = append([]radnode.ReportFinding{}, r.Findings...)
	return &out
}

// edit changes a draft the reader has seen in its present version.
func (s *Story) edit(id string, version int64, change func(r *radnode.Report, st *radnode.Study) error) (*radnode.Report, error) {
	return s.withState(id, version, radnode.Draft, change)
}

// withState changes a report of one state.
func (s *Story) withState(id string, version int64, state radnode.ReportState, change func(r *radnode.Report, st *radnode.Study) error) (*radnode.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, st, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if r.Version != version || r.State != state {
		return nil, radnode.Errorf(radnode.Conflict, "edit report", "the report was changed or signed meanwhile")
	}
	if err := change(r, st); err != nil {
		return nil, err
	}
	r.Version++
	st.Version++
	s.publish(radnode.Event{Kind: "report", StudyInstanceUID: st.StudyInstanceUID, ID: id})
	return snapshot(r), nil
}

// Decide implements api.Reports.
func (s *Story) Decide(_ context.Context, user radnode.User, id, finding string, version int64, d radnode.Decision, reason string) (*radnode.Report, error) {
	return s.edit(id, version, func(r *radnode.Report, _ *radnode.Study) error {
		for i := range r.Findings {
			if f := &r.Findings[i]; f.ID == finding {
				now := time.Now().UTC()
				f.Decision, f.Reason, f.DecidedBy, f.DecidedAt = d, reason, user.Name, &now
				return nil
			}
		}
		return notFound("finding")
	})
}

// AddFinding implements api.Findings.
func (s *Story) AddFinding(_ context.Context, user radnode.User, id string, version int64, c radnode.ReadingChange) (*radnode.Report, error) {
	return s.edit(id, version, func(r *radnode.Report, _ *radnode.Study) error {
		if c.Label == nil {
			return radnode.Errorf(radnode.Invalid, "add finding", "a finding needs a label")
		}
		f := radnode.ReportFinding{ID: fmt.Sprintf("%s-f%d", id, len(r.Findings)), SOPInstanceUID: c.SOPInstanceUID, Frame: c.Frame}
		restate(&f, user, c)
		f.Finding = radnode.Finding{Label: f.Reading.Label, Code: f.Reading.Code, Present: true}
		r.Findings = append(r.Findings, f)
		return nil
	})
}

// EditFinding implements api.Findings.
func (s *Story) EditFinding(_ context.Context, user radnode.User, id, finding string, version int64, c radnode.ReadingChange) (*radnode.Report, error) {
	return s.edit(id, version, func(r *radnode.Report, _ *radnode.Study) error {
		for i := range r.Findings {
			if f := &r.Findings[i]; f.ID == finding {
				restate(f, user, c)
				return nil
			}
		}
		return notFound("finding")
	})
}

func restate(f *radnode.ReportFinding, user radnode.User, c radnode.ReadingChange) {
	now := time.Now().UTC()
	reading := radnode.Reading{Label: f.Finding.Label, Code: f.Finding.Code}
	if f.Reading != nil {
		reading = *f.Reading
	}
	if c.Label != nil {
		reading.Label, reading.Code = *c.Label, &radnode.Concept{Value: *c.Label, Scheme: "99RADNODE", Meaning: *c.Label}
	}
	if c.Text != nil {
		reading.Text = *c.Text
	}
	if c.Reason != nil {
		reading.Reason = *c.Reason
	}
	if c.Region != nil {
		reading.Region = c.Region
	}
	if c.Measurement != nil {
		reading.Measurement = c.Measurement
	}
	reading.By, reading.At = user.Name, now
	f.Reading, f.Decision, f.DecidedBy, f.DecidedAt = &reading, radnode.Accepted, user.Name, &now
}

// SetText implements api.Reports.
func (s *Story) SetText(_ context.Context, _ radnode.User, id string, version int64, text radnode.ReportText) (*radnode.Report, error) {
	return s.edit(id, version, func(r *radnode.Report, _ *radnode.Study) error {
		if text.Impression != nil {
			r.Impression = *text.Impression
		}
		if text.Findings != nil {
			r.FindingsText = *text.Findings
		}
		if text.Addendum != nil && len(r.Addenda) > 0 {
			r.Addenda[len(r.Addenda)-1].Text = *text.Addendum
		}
		return nil
	})
}

// Compose implements api.Reports.
func (s *Story) Compose(_ context.Context, _ radnode.User, id string, version int64, language string) (*radnode.Report, error) {
	return s.edit(id, version, func(r *radnode.Report, _ *radnode.Study) error {
		words, ok := map[string][2]string{"en": {"Findings: ", "Impression: "}, "zh": {"所见：", "印象："}}[language]
		if !ok {
			return radnode.Errorf(radnode.Unsupported, "compose", "there are templates in en and zh")
		}
		r.FindingsText, r.Impression, r.Language = words[0], words[1], language
		for _, f := range r.Findings {
			if f.Decision == radnode.Accepted && f.Stated().Code != nil {
				r.FindingsText += f.Stated().Label + ". "
				r.Impression += f.Stated().Label + ". "
			}
		}
		return nil
	})
}

// Sign implements api.Signing.
func (s *Story) Sign(_ context.Context, user radnode.User, id string, version int64) (*radnode.Report, error) {
	return s.edit(id, version, func(r *radnode.Report, st *radnode.Study) error {
		for _, f := range r.Findings {
			if f.Decision == radnode.Undecided && f.Finding.Present && f.Finding.Code != nil {
				return radnode.Errorf(radnode.Invalid, "sign", "decide on every finding first")
			}
		}
		now := time.Now().UTC()
		r.SignedAt, r.SignedBy = &now, user.FullName
		if s.SecondReader {
			r.State = radnode.AwaitingSecond
			return nil
		}
		s.signed(r, st, version)
		return nil
	})
}

// Cosign implements api.Signing.
func (s *Story) Cosign(_ context.Context, user radnode.User, id string, version int64) (*radnode.Report, error) {
	return s.withState(id, version, radnode.AwaitingSecond, func(r *radnode.Report, st *radnode.Study) error {
		if r.SignedBy == user.FullName {
			return radnode.Errorf(radnode.Forbidden, "cosign", "the second signature must be of another person than the first")
		}
		now := time.Now().UTC()
		r.SecondSignedAt, r.SecondSignedBy = &now, user.FullName
		s.signed(r, st, version)
		return nil
	})
}

// Reopen implements api.Signing.
func (s *Story) Reopen(_ context.Context, _ radnode.User, id string, version int64) (*radnode.Report, error) {
	return s.withState(id, version, radnode.AwaitingSecond, func(r *radnode.Report, _ *radnode.Study) error {
		r.State, r.SignedAt, r.SignedBy = radnode.Draft, nil, ""
		return nil
	})
}

// signed is what the last signature brings about.
func (s *Story) signed(r *radnode.Report, st *radnode.Study, version int64) {
	now := time.Now().UTC()
	r.State = radnode.Final
	if n := len(r.Addenda); n > 0 && r.Addenda[n-1].At == nil {
		r.Addenda[n-1].By, r.Addenda[n-1].At = r.SignedBy, r.SignedAt
	}
	r.Deliveries = []radnode.Delivery{{
		ID: fmt.Sprintf("delivery-%s-%d", r.ID, version), ReportID: r.ID, StudyInstanceUID: st.StudyInstanceUID, Peer: "pacs", Kind: "sr",
		SOPInstanceUID: r.SOPInstanceUID, State: radnode.DeliveryQueued, OrderedAt: now, UpdatedAt: now,
	}}
	for i := range st.Reports {
		if st.Reports[i].ID == r.Predecessor {
			st.Reports[i].State = radnode.Superseded
		}
	}
	st.State, st.Reader, st.DeliveryState, st.Urgency = radnode.Signed, r.SignedBy, "queued", 0
	id := r.ID
	time.AfterFunc(700*time.Millisecond, func() { s.deliver(id, radnode.DeliverySent) })
	time.AfterFunc(1800*time.Millisecond, func() { s.deliver(id, radnode.DeliveryProven) })
}

func (s *Story) deliver(id string, state radnode.DeliveryState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, st, err := s.find(id)
	if err != nil {
		return
	}
	deliveries := append([]radnode.Delivery{}, r.Deliveries...)
	for i := range deliveries {
		d := &deliveries[i]
		d.State, d.Attempts, d.UpdatedAt, d.Error = state, 1, time.Now().UTC(), ""
		if state == radnode.DeliveryProven {
			d.Proof = "storage commitment"
			st.State, st.DeliveryState = radnode.Delivered, "delivered"
		}
	}
	r.Deliveries = deliveries
	st.Version++
	s.publish(radnode.Event{Kind: "delivery", StudyInstanceUID: st.StudyInstanceUID, ID: id})
}

// Amend implements api.Amending.
func (s *Story) Amend(_ context.Context, _ radnode.User, id string) (*radnode.Report, error) {
	return s.follow(id, nil)
}

// Addend implements api.Amending.
func (s *Story) Addend(_ context.Context, _ radnode.User, id, text string) (*radnode.Report, error) {
	return s.follow(id, &radnode.Addendum{Text: text})
}

func (s *Story) follow(id string, addendum *radnode.Addendum) (*radnode.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, st, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if r.State != radnode.Final {
		return nil, radnode.Errorf(radnode.Conflict, "amend", "only a signed report can be amended")
	}
	draft := snapshot(r)
	draft.ID, draft.State, draft.Version, draft.Predecessor = fmt.Sprintf("%s-a%d", id, len(st.Reports)), radnode.Draft, 1, id
	draft.SignedAt, draft.SignedBy, draft.Deliveries, draft.CreatedAt = nil, "", []radnode.Delivery{}, time.Now().UTC()
	draft.SOPInstanceUID = s.uid()
	if addendum != nil {
		draft.Addenda = append(append([]radnode.Addendum{}, draft.Addenda...), *addendum)
	}
	st.Reports = append([]radnode.Report{*draft}, st.Reports...)
	st.State = radnode.ToReview
	st.Version++
	s.publish(radnode.Event{Kind: "report", StudyInstanceUID: st.StudyInstanceUID, ID: draft.ID})
	return snapshot(draft), nil
}

// Deliveries implements api.Deliveries.
func (s *Story) Deliveries(_ context.Context, id string) ([]radnode.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return r.Deliveries, nil
}

// Outbox implements api.Deliveries.
func (s *Story) Outbox(_ context.Context, f radnode.DeliveryFilter) ([]radnode.Delivery, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []radnode.Delivery
	s.eachDelivery(func(_ *radnode.Report, d radnode.Delivery) {
		if (f.State == "" || f.State == d.State) && (f.Peer == "" || f.Peer == d.Peer) {
			out = append(out, d)
		}
	})
	from := min(f.Offset, len(out))
	return out[from:min(len(out), from+f.Limit)], len(out), nil
}

func (s *Story) eachDelivery(visit func(*radnode.Report, radnode.Delivery)) {
	for _, st := range s.studies {
		for i := range st.Reports {
			for _, d := range st.Reports[i].Deliveries {
				d.StudyInstanceUID = st.StudyInstanceUID
				visit(&st.Reports[i], d)
			}
		}
	}
}

// Retry implements api.Deliveries.
func (s *Story) Retry(_ context.Context, _ radnode.User, ids []string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	s.eachDelivery(func(r *radnode.Report, d radnode.Delivery) {
		if ids == nil && d.State == radnode.DeliveryFailed || slices.Contains(ids, d.ID) {
			n++
			time.AfterFunc(600*time.Millisecond, func() { s.deliver(r.ID, radnode.DeliveryProven) })
		}
	})
	if n == 0 && ids != nil {
		return 0, notFound("delivery")
	}
	return n, nil
}

// Destinations implements api.Deliveries.
func (s *Story) Destinations(context.Context) ([]radnode.Destination, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]map[radnode.DeliveryState]int{}
	s.eachDelivery(func(_ *radnode.Report, d radnode.Delivery) {
		if counts[d.Peer] == nil {
			counts[d.Peer] = map[radnode.DeliveryState]int{}
		}
		counts[d.Peer][d.State]++
	})
	var out []radnode.Destination
	for _, p := range s.peers {
		if len(p.Deliver) == 0 {
			continue
		}
		d := radnode.Destination{Name: p.Name, Kind: "dimse", Address: fmt.Sprintf("%s@%s:%d", p.AETitle, p.Host, p.Port), Deliver: p.Deliver,
			Breaker: radnode.Breaker{State: radnode.BreakerClosed}, Deliveries: counts[p.Name], Learned: []string{}}
		if counts[p.Name][radnode.DeliveryFailed] > 0 {
			since, next := s.now.Add(-time.Hour), s.now.Add(10*time.Minute)
			d.Breaker = radnode.Breaker{State: radnode.BreakerOpen, Failures: 12, Since: &since, Next: &next, Reason: "connection refused"}
		}
		out = append(out, d)
	}
	return out, nil
}

// Priors implements api.Studies.
func (s *Story) Priors(_ context.Context, uid radnode.UID) (*radnode.Priors, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	study, err := s.study(uid)
	if err != nil {
		return nil, err
	}
	out := &radnode.Priors{Priors: []radnode.Prior{}}
	for _, st := range s.studies {
		if st.StudyInstanceUID == uid || st.PatientID != study.PatientID || st.StudyDate+st.StudyTime >= study.StudyDate+study.StudyTime {
			continue
		}
		p := radnode.Prior{StudySummary: st.StudySummary, Reports: []radnode.Report{}}
		for _, r := range st.Reports {
			if r.State == radnode.Final {
				p.Reports = append(p.Reports, r)
			}
		}
		out.Priors = append(out.Priors, p)
	}
	return out, nil
}
