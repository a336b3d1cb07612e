package webtest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web/api"
)

func notFound(what string) error {
	return radnode.Errorf(radnode.NotFound, "story", "there is no such %s", what)
}

// Worklist implements api.Studies.
func (s *Story) Worklist(_ context.Context, f radnode.StudyFilter) ([]radnode.StudySummary, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []radnode.StudySummary
	for _, st := range s.studies {
		text := strings.ToLower(st.PatientName + " " + st.PatientID + " " + st.AccessionNumber + " " + string(st.StudyInstanceUID))
		if !strings.Contains(text, strings.ToLower(f.Text)) || (f.State != "" && st.State != f.State) ||
			(f.Modality != "" && !slices.Contains(st.Modalities, f.Modality)) ||
			(f.From != "" && st.StudyDate < f.From) || (f.To != "" && st.StudyDate > f.To) {
			continue
		}
		out = append(out, st.StudySummary)
	}
	slices.SortStableFunc(out, func(a, b radnode.StudySummary) int {
		if f.Sort == "urgency" && a.Urgency != b.Urgency {
			return cmp.Compare(b.Urgency, a.Urgency)
		}
		if f.Sort == "name" {
			return cmp.Compare(a.PatientName, b.PatientName)
		}
		return a.LastReceivedAt.Compare(b.LastReceivedAt)
	})
	total := len(out)
	out = out[min(f.Offset, total):min(f.Offset+f.Limit, total)]
	return out, total, nil
}

func (s *Story) study(uid radnode.UID) (*radnode.Study, error) {
	for _, st := range s.studies {
		if st.StudyInstanceUID == uid {
			return st, nil
		}
	}
	return nil, notFound("study")
}

// Study implements api.Studies.
func (s *Story) Study(_ context.Context, uid radnode.UID) (*radnode.Study, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.study(uid)
	if err != nil {
		return nil, err
	}
	out := *st
	out.Reports = slices.Clone(st.Reports)
	return &out, nil
}

// Outline implements api.Studies.
func (s *Story) Outline(ctx context.Context, uid radnode.UID) (*radnode.Study, error) {
	return s.Study(ctx, uid)
}

// InstancePath implements api.Files.
func (s *Story) InstancePath(_ context.Context, uid radnode.UID) (string, radnode.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.studies {
		for _, inst := range st.Series[0].Instances {
			if inst.SOPInstanceUID == uid {
				return s.paths[uid], inst, nil
			}
		}
	}
	return "", radnode.Instance{}, notFound("instance")
}

// StagePath implements api.Files.
func (s *Story) StagePath(_ context.Context, _, stage string) (string, error) {
	path, ok := s.stages[stage]
	if !ok {
		return "", notFound("stage")
	}
	return path, nil
}

type content struct{ *bytes.Reader }

func (content) Close() error { return nil }

// Frame implements api.Pixels.
func (s *Story) Frame(_ context.Context, _ string, inst radnode.Instance, frame int) (io.ReadSeekCloser, error) {
	p := s.pictureOf(inst)
	return content{bytes.NewReader(p.frame(frame))}, nil
}

// Render implements api.Pixels.
func (s *Story) Render(_ context.Context, _ string, inst radnode.Instance, frame, size int) (io.ReadSeekCloser, error) {
	p := s.pictureOf(inst)
	b, err := p.jpeg(frame, size)
	return content{bytes.NewReader(b)}, err
}

// Describe implements api.Pixels.
func (s *Story) Describe(_ context.Context, _ *dicom.File, inst radnode.Instance) (*api.ImageDescription, error) {
	d := s.pictureOf(inst).desc
	return &d, nil
}

func (s *Story) pictureOf(inst radnode.Instance) picture {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pictures[inst.SOPInstanceUID]
}

// Ledger implements api.Ledger.
func (s *Story) Ledger(context.Context) ([]radnode.LedgerRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[radnode.StudyState]int64{}
	instances := int64(0)
	for _, st := range s.studies {
		counts[st.State]++
		instances += int64(st.InstanceCount)
	}
	rows := []radnode.LedgerRow{{Kind: "instance", State: "stored", Count: instances}}
	for _, state := range []radnode.StudyState{radnode.Arriving, radnode.Analysing, radnode.ToReview, radnode.NotAnalysed, radnode.Signed, radnode.Delivered, radnode.Undelivered} {
		rows = append(rows, radnode.LedgerRow{Kind: "study", State: string(state), Count: counts[state]})
	}
	return rows, nil
}

// Peers implements api.Peers.
func (s *Story) Peers(context.Context) ([]radnode.Peer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.peers), nil
}

// AddPeer implements api.Peers.
func (s *Story) AddPeer(_ context.Context, p radnode.Peer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = append(s.peers, p)
	s.publish(radnode.Event{Kind: "peer", ID: p.Name})
	return nil
}

// RemovePeer implements api.Peers.
func (s *Story) RemovePeer(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.peers)
	s.peers = slices.DeleteFunc(s.peers, func(p radnode.Peer) bool { return p.Name == name })
	if len(s.peers) == before {
		return notFound("peer")
	}
	return nil
}

// Echo implements api.Echoer.
func (s *Story) Echo(_ context.Context, p radnode.Peer) (time.Duration, error) {
	if p.Name == "pacs" {
		return 3 * time.Millisecond, nil
	}
	return 0, radnode.Errorf(radnode.Unavailable, "echo", "nobody answers at %s:%d; is the peer switched on?", p.Host, p.Port)
}

// Models implements api.Models.
func (s *Story) Models(context.Context) ([]api.Model, error) {
	if s.bare {
		return []api.Model{}, nil
	}
	return []api.Model{
		{
			ID: qualityModel.ID, Version: qualityModel.Version, Name: s.told("Chest film quality"), Digest: qualityModel.Digest, Licence: "Apache-2.0",
			IntendedUse: s.told("Tells view, polarity and orientation of frontal chest films."), NotFor: []string{"diagnosis"}, Calibrated: true,
			Evaluation: "story data", State: "ready", Device: "cpu", Gate: []string{"modality CR or DX"}, Pipeline: []string{"grey", "resize 224 × 224"},
			Labels: []api.ModelLabel{{Name: "chest_film", Threshold: .5}, {Name: "view_ap", Threshold: .5}}, Card: s.told("# Chest film quality\n\nStory text."),
		},
		{
			ID: pneumoniaModel.ID, Version: pneumoniaModel.Version, Name: "Paediatric pneumonia", Digest: pneumoniaModel.Digest, Licence: "Apache-2.0",
			IntendedUse: "Points to signs of pneumonia on frontal chest films of children from 1 to 5 years.", NotFor: []string{"adults", "lateral views"},
			Calibrated: true, Evaluation: "story data, n = 0, AUC not measured", State: "ready", Device: "cpu", Fallbacks: []string{"cuda: not present"},
			Gate: []string{"modality CR or DX", "age 1 to 5 years"}, Pipeline: []string{"grey", "clahe", "resize 224 × 224"},
			Labels: []api.ModelLabel{{Name: "pneumonia", Code: &pneumonia, Threshold: .5, Urgency: 5, Heatmap: true}}, Card: "# Paediatric pneumonia\n\nStory text.",
		},
	}, nil
}

// Analyze implements api.Analyzer.
func (s *Story) Analyze(context.Context, string, []string) ([]radnode.Analysis, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []radnode.Analysis{s.studies[0].Results[0].Analysis}, nil
}

// Draft implements api.Analyzer.
func (s *Story) Draft(context.Context, string, []radnode.Analysis) (*dicom.Dataset, error) {
	ds := dicom.NewDataset()
	ds.SetUID(dicom.SOPClassUID, dicom.Comprehensive3DSRStorage)
	ds.SetUID(dicom.SOPInstanceUID, "1.2.3.4")
	return ds, nil
}

// HeatPicture implements api.Analyzer.
func (s *Story) HeatPicture(_ context.Context, _ string, _ radnode.Analysis, f radnode.Finding) (image.Image, error) {
	return image.NewGray(image.Rect(0, 0, f.Heatmap.Columns, f.Heatmap.Rows)), nil
}

// Arrive lets a study come in, be analysed and be ready, step by step.
func (s *Story) Arrive() (advance func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := person{fmt.Sprintf("Arrival^No%d", len(s.studies)), fmt.Sprintf("3%04d", len(s.studies)), "F", "002Y", "20240101", "A-2001", "Chest AP", "CR", radnode.Arriving, "", 0, []string{}, 0}
	g, err := drawn()
	if err != nil {
		return nil, err
	}
	if err := s.add(p, []picture{g.small}); err != nil {
		return nil, err
	}
	st := s.studies[len(s.studies)-1]
	s.publish(radnode.Event{Kind: "study", StudyInstanceUID: st.StudyInstanceUID})
	return func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch st.State {
		case radnode.Arriving:
			st.State = radnode.Analysing
		case radnode.Analysing:
			st.State, st.Urgency, st.Findings = radnode.ToReview, 5, []string{"Pneumonia 91"}
			p.state, p.urgency = st.State, 5
			s.analyse(st, p)
		}
		st.Version++
		s.publish(radnode.Event{Kind: "study", StudyInstanceUID: st.StudyInstanceUID})
		return nil
	}, nil
}
