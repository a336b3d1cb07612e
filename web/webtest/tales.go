package webtest

import (
	"github.com/radnode/radnode"
)

// Bare takes everything away: a node on its first day.
func (s *Story) Bare() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.studies, s.peers, s.bare = nil, nil, true
}

// Hostile is what a sender may write into every text that a page shows; a page
// that took it for markup would run it.
const Hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'"]]>&lt;`

// Spoil writes hostile text wherever a sender, a peer, a model or a user can
// bring text in.
func (s *Story) Spoil() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.studies {
		st.PatientName, st.PatientID, st.AccessionNumber, st.Description, st.Source = Hostile+"^"+Hostile+"="+Hostile, Hostile, Hostile, Hostile, Hostile
		st.PatientSex, st.PatientAge, st.PatientBirthDate = Hostile, Hostile, Hostile
		st.Modalities, st.Warnings = []string{st.Modalities[0], Hostile}, []string{Hostile}
		st.StateReason = Hostile
		if st.State == radnode.ToReview {
			st.Findings = []string{Hostile + " 91"}
		}
		for i := range st.Series {
			st.Series[i].Description, st.Series[i].BodyPart = Hostile, Hostile
		}
		for i := range st.Results {
			spoilResult(&st.Results[i])
		}
		for i := range st.Reports {
			spoilReport(&st.Reports[i])
		}
	}
	for uid, p := range s.pictures {
		p.desc.Units, p.desc.SpacingSource, p.desc.ViewPosition, p.desc.Laterality = Hostile, Hostile, Hostile, Hostile
		for i := range p.desc.Windows {
			p.desc.Windows[i].Explanation = Hostile
		}
		s.pictures[uid] = p
	}
	for i := range s.peers {
		s.peers[i].Name, s.peers[i].AETitle, s.peers[i].Host, s.peers[i].Source = Hostile, Hostile, Hostile, Hostile
	}
	for name, a := range s.users {
		a.user.FullName = Hostile
		s.users[name] = a
	}
	s.spoiled = true
}

func spoilResult(r *radnode.Result) {
	r.Gate.Reasons = append(r.Gate.Reasons, Hostile)
	r.Model.ID, r.Model.Version, r.Device = Hostile, Hostile, Hostile
	r.Features = map[string]float64{Hostile: 1}
	for i := range r.Stages {
		r.Stages[i].Step, r.Stages[i].Note, r.Stages[i].Parameters = Hostile, Hostile, map[string]any{Hostile: Hostile}
	}
	if r.Provenance != nil {
		r.Provenance.Runtime, r.Provenance.Evaluation, r.Provenance.Fallbacks = Hostile, Hostile, []string{Hostile}
	}
}

func spoilReport(r *radnode.Report) {
	r.FindingsText, r.Impression, r.NotAnalysed = Hostile, Hostile, []string{Hostile}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Model.ID, f.Model.Version, f.Finding.Label, f.Reason, f.DecidedBy = Hostile, Hostile, Hostile, Hostile, Hostile
		if f.Finding.Code != nil {
			f.Finding.Code = &radnode.Concept{Value: Hostile, Scheme: Hostile, Meaning: Hostile}
		}
	}
	for i := range r.Deliveries {
		r.Deliveries[i].Peer, r.Deliveries[i].Error, r.Deliveries[i].Proof = Hostile, Hostile, Hostile
	}
}
