package webtest

import (
	"context"
	"fmt"
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
	s.mu.Lock()
	defer s.mu.Unlock()
	r, st, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if r.Version != version || r.State != radnode.Draft {
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

// SetImpression implements api.Reports.
func (s *Story) SetImpression(_ context.Context, _ radnode.User, id string, version int64, text string) (*radnode.Report, error) {
	return s.edit(id, version, func(r *radnode.Report, _ *radnode.Study) error {
		r.Impression = text
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
		r.State, r.SignedAt, r.SignedBy = radnode.Final, &now, user.FullName
		r.Deliveries = []radnode.Delivery{{
			ID: fmt.Sprintf("delivery-%s-%d", id, version), ReportID: id, Peer: "pacs", Kind: "sr", SOPInstanceUID: r.SOPInstanceUID,
			State: radnode.DeliveryQueued, UpdatedAt: now,
		}}
		for i := range st.Reports {
			if st.Reports[i].ID == r.Predecessor {
				st.Reports[i].State = radnode.Superseded
			}
		}
		st.State, st.Reader, st.DeliveryState = radnode.Signed, user.FullName, "queued"
		time.AfterFunc(700*time.Millisecond, func() { s.deliver(id, radnode.DeliverySent) })
		time.AfterFunc(1800*time.Millisecond, func() { s.deliver(id, radnode.DeliveryProven) })
		return nil
	})
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

// Amend implements api.Signing.
func (s *Story) Amend(_ context.Context, _ radnode.User, id string) (*radnode.Report, error) {
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

// RetryDelivery implements api.Deliveries.
func (s *Story) RetryDelivery(_ context.Context, _ radnode.User, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.studies {
		for _, r := range st.Reports {
			for _, d := range r.Deliveries {
				if d.ID == id {
					time.AfterFunc(600*time.Millisecond, func() { s.deliver(r.ID, radnode.DeliveryProven) })
					return nil
				}
			}
		}
	}
	return notFound("delivery")
}
