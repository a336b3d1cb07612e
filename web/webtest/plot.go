package webtest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

var stageNames = []string{"0-display", "1-clahe", "2-sobel", "3-lungs"}

var (
	qualityModel   = radnode.ModelRef{ID: "chest-film-quality", Version: "1.0.0", Digest: "sha256:5ad1c9b6a2f0e3d4"}
	pneumoniaModel = radnode.ModelRef{ID: "paediatric-pneumonia", Version: "1.0.0", Digest: "sha256:77fe01c2a9b8d6e5"}
	pneumonia      = radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"}
)

// person is one study of the story before it becomes one.
type person struct {
	name, id, sex, age, birth, accession, description, modality string
	state                                                       radnode.StudyState
	reason                                                      string
	urgency                                                     int
	findings                                                    []string
	minutes                                                     int
}

// gallery holds the synthetic pictures; they never change and are drawn once.
type gallery struct {
	chest, plain, small, cine picture
	stack                     []picture
	stages                    [][]byte
}

var drawn = sync.OnceValues(func() (g gallery, err error) {
	g.chest, g.plain, g.small = chestPicture(1760, 2140, true), chestPicture(880, 1070, false), chestPicture(440, 535, true)
	g.plain.desc.Photometric, g.plain.desc.Inverse = "MONOCHROME1", true
	g.cine = colourPicture(240, 12)
	for i := range 24 {
		g.stack = append(g.stack, stackPicture(256, i, 24))
	}
	for i := range stageNames {
		png, err := stagePNG(i)
		if err != nil {
			return g, err
		}
		g.stages = append(g.stages, png)
	}
	return g, nil
})

// tell makes the studies of the story.
func (s *Story) tell() error {
	g, err := drawn()
	if err != nil {
		return err
	}
	for _, p := range []person{
		{"Rivera^Mateo=里維拉^馬特奧", "20417", "M", "003Y", "20230304", "A-1001", "Chest AP", "CR", radnode.ToReview, "", 5, []string{"Pneumonia 91"}, 4},
		{"Larsen^Ida", "20418", "F", "004Y", "20220117", "A-1002", "Chest PA", "DX", radnode.ToReview, "", 0, []string{}, 11},
		{"Okafor^Ngozi", "20419", "F", "051Y", "19750211", "A-1003", "CT chest", "CT", radnode.NotAnalysed, "not analysed because no model reads CT", 0, []string{}, 20},
		{"Novak^Petr", "20420", "M", "034Y", "19920609", "A-1004", "Echo cine", "US", radnode.NotAnalysed, "not analysed because no model reads US", 0, []string{}, 65},
		{"Sato^Yuki=佐藤^由紀=サトウ^ユキ", "20421", "F", "002Y", "20240509", "A-1005", "Chest AP", "CR", radnode.Undelivered, "PACS refuses the class (0122)", 5, []string{"Pneumonia 77"}, 130},
		{"Haddad^Sami", "20422", "M", "001Y", "20251001", "A-1006", "Chest AP", "CR", radnode.Analysing, "", 0, []string{}, 1},
		{"Rivera^Mateo=里維拉^馬特奧", "20417", "M", "002Y", "20230304", "A-0815", "Chest AP", "CR", radnode.Delivered, "", 0, []string{"Pneumonia 77"}, 500_000},
		{"Weber^Jonas", "20423", "M", "060Y", "19660128", "", "Chest", "DX", radnode.Arriving, "", 0, []string{}, 0},
	} {
		pictures, special := map[string][]picture{"CT": g.stack, "US": {g.cine}, "DX": {g.plain}}[p.modality]
		if !special {
			pictures = []picture{g.chest}
		}
		if err := s.add(p, pictures); err != nil {
			return err
		}
	}
	return nil
}

func (s *Story) uid() radnode.UID {
	s.next++
	return radnode.UID(fmt.Sprintf("1.2.826.0.1.3680043.10.1.%d", s.next))
}

func (s *Story) add(p person, pictures []picture) error {
	at := s.now.Add(-time.Duration(p.minutes) * time.Minute)
	st := &radnode.Study{StudySummary: radnode.StudySummary{
		StudyInstanceUID: s.uid(), PatientName: p.name, PatientID: p.id, PatientSex: p.sex, PatientAge: p.age, PatientBirthDate: p.birth,
		StudyDate: at.Format("20060102"), StudyTime: at.Format("150405"), AccessionNumber: p.accession, Description: p.description,
		Modalities: []string{p.modality}, SeriesCount: 1, InstanceCount: len(pictures), State: p.state, StateReason: p.reason, Urgency: p.urgency,
		Findings: p.findings, Source: "DX_ROOM2", FirstReceivedAt: at, LastReceivedAt: at, Version: 1,
	}, Warnings: []string{}, Results: []radnode.Result{}, Reports: []radnode.Report{}}
	series := radnode.Series{SeriesInstanceUID: s.uid(), Modality: p.modality, Number: 1, Description: p.description, BodyPart: "CHEST"}
	for i, pic := range pictures {
		inst := radnode.Instance{
			SOPInstanceUID: s.uid(), SOPClassUID: "1.2.840.10008.5.1.4.1.1.1", SeriesInstanceUID: series.SeriesInstanceUID,
			StudyInstanceUID: st.StudyInstanceUID, TransferSyntaxUID: "1.2.840.10008.1.2.1", InstanceNumber: i + 1,
			Rows: pic.desc.Rows, Columns: pic.desc.Columns, Frames: pic.desc.Frames, Size: int64(len(pic.stored)), ReceivedAt: at,
		}
		inst.Digest = "sha256:" + string(inst.SOPInstanceUID)
		if err := s.file(st, inst, pic); err != nil {
			return err
		}
		series.Instances = append(series.Instances, inst)
	}
	st.Series = []radnode.Series{series}
	s.analyse(st, p)
	s.studies = append(s.studies, st)
	return nil
}

// file writes the header of an instance where the server looks for it.
func (s *Story) file(st *radnode.Study, inst radnode.Instance, pic picture) error {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, inst.SOPClassUID)
	d.SetUID(dicom.SOPInstanceUID, inst.SOPInstanceUID)
	d.SetUID(dicom.StudyInstanceUID, inst.StudyInstanceUID)
	d.SetUID(dicom.SeriesInstanceUID, inst.SeriesInstanceUID)
	d.SetText(dicom.PatientName, st.PatientName)
	d.SetText(dicom.Modality, st.Modalities[0])
	if pic.desc.Position != nil {
		d.SetFloats(dicom.ImagePositionPatient, pic.desc.Position[:]...)
		d.SetFloats(dicom.ImageOrientationPatient, pic.desc.Directions[:]...)
	} else {
		d.SetText(dicom.PatientOrientation, "L", "F")
		d.SetText(dicom.ViewPosition, "AP")
	}
	path := filepath.Join(s.dir, string(inst.SOPInstanceUID)+".dcm")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := dicom.WriteFile(f, d, inst.TransferSyntaxUID); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	s.paths[inst.SOPInstanceUID], s.pictures[inst.SOPInstanceUID] = path, pic
	return nil
}

// analyse files results and a draft for chest films.
func (s *Story) analyse(st *radnode.Study, p person) {
	if p.state == radnode.Arriving || p.state == radnode.Analysing || len(st.Series[0].Instances) > 1 || p.modality == "US" {
		return
	}
	inst := st.Series[0].Instances[0]
	quality := s.qualityResult(inst)
	reading := s.pneumoniaResult(inst, p)
	st.Results = []radnode.Result{quality, reading}
	st.Assessed = reading.Gate.Accepted
	report := radnode.Report{
		ID: fmt.Sprintf("report-%s", st.AccessionNumber), StudyInstanceUID: st.StudyInstanceUID, State: radnode.Draft, Version: 1,
		SOPInstanceUID: s.uid(), CreatedAt: s.now, NotAnalysed: []string{}, Deliveries: []radnode.Delivery{},
	}
	for _, r := range st.Results {
		for i, f := range r.Findings {
			if f.Code == nil && !f.Present {
				continue
			}
			report.Findings = append(report.Findings, radnode.ReportFinding{
				ID: fmt.Sprintf("%s-%d", r.ID, i), ResultID: r.ID, SOPInstanceUID: inst.SOPInstanceUID, Frame: 1,
				Model: r.Model, Finding: f, Decision: radnode.Undecided,
			})
		}
	}
	if p.state == radnode.Undelivered || p.state == radnode.Delivered {
		signed := s.now.Add(-time.Hour)
		report.State, report.SignedAt, report.SignedBy, report.Version = radnode.Final, &signed, "Kim^Ann^^Dr.", 4
		for i := range report.Findings {
			if f := &report.Findings[i]; f.Finding.Code != nil {
				f.Decision, f.DecidedBy, f.DecidedAt = radnode.Accepted, "kim", &signed
			}
		}
		report.Impression = "Right lower zone opacity, in keeping with pneumonia."
		report.Deliveries = []radnode.Delivery{{
			ID: "delivery-1", ReportID: report.ID, Peer: "pacs", Kind: "sr", SOPInstanceUID: report.SOPInstanceUID, State: radnode.DeliveryFailed,
			Attempts: 3, Error: "the peer refuses the SOP class (0122H)", UpdatedAt: s.now,
		}}
		st.Reader, st.DeliveryState = report.SignedBy, "failed"
	}
	if p.state == radnode.Delivered {
		d := &report.Deliveries[0]
		d.ID, d.State, d.Error, d.Proof, st.DeliveryState = "delivery-0", radnode.DeliveryProven, "", "storage commitment", "delivered"
	}
	st.Reports = []radnode.Report{report}
}

func (s *Story) qualityResult(inst radnode.Instance) radnode.Result {
	finding := func(label string, p, t float64) radnode.Finding {
		return radnode.Finding{Label: label, Probability: p, Threshold: t, Present: p >= t}
	}
	return radnode.Result{ID: "q-" + string(inst.SOPInstanceUID[24:]), CreatedAt: s.now, Analysis: radnode.Analysis{
		SOPInstanceUID: inst.SOPInstanceUID, Gate: radnode.Gate{Accepted: true, Reasons: []string{}}, Model: qualityModel, Device: "cpu",
		Findings: []radnode.Finding{
			finding("chest_film", .99, .5), finding("view_ap", .88, .5), finding("inverted", .02, .5),
			finding("orientation_upright", .97, .5), finding("orientation_rotated_90", .01, .5), finding("orientation_mirrored", .02, .5),
		},
		Features: map[string]float64{"intensity.mean": 1523.4, "glcm.contrast": 1.23, "glcm.entropy": 4.71, "cardiothoracic_ratio": 0.47},
		Timings:  radnode.Timings{Decode: 41, Preprocess: 18, Inference: 22},
		Provenance: &radnode.Provenance{
			InputDigest: "sha256:1f0c", PipelineDigest: "sha256:8ee1", TensorDigest: "sha256:a03d", Runtime: "1.30.0", Device: "cpu",
			Fallbacks: []string{"cuda: libcudart.so.12 not found"}, Software: "story", Evaluation: "story data", Calibrated: true,
		},
	}}
}

func (s *Story) pneumoniaResult(inst radnode.Instance, p person) radnode.Result {
	score := .12
	if p.urgency > 0 {
		score = .91
	}
	if p.state == radnode.Undelivered || p.state == radnode.Delivered {
		score = .77
	}
	id := "p-" + string(inst.SOPInstanceUID[24:])
	stage := func(i int, step string, ms float64, parameters map[string]any) radnode.Stage {
		return radnode.Stage{Name: stageNames[i], Step: step, Millis: ms, Parameters: parameters, File: stageNames[i] + ".png"}
	}
	return radnode.Result{ID: id, CreatedAt: s.now, Analysis: radnode.Analysis{
		SOPInstanceUID: inst.SOPInstanceUID, Gate: radnode.Gate{Accepted: true, Reasons: []string{"view position AP assumed"}}, Model: pneumoniaModel, Device: "cpu",
		Findings: []radnode.Finding{{
			Label: "pneumonia", Code: &pneumonia, Probability: score, Threshold: .5, Present: score >= .5,
			Heatmap: &radnode.Heatmap{Rows: 14, Columns: 14, Width: float64(inst.Columns), Height: float64(inst.Rows), Max: 2.4, Values: heat(14, .3, .6)},
		}},
		Features: map[string]float64{"lung.area_fraction": 0.31},
		Timings:  radnode.Timings{Decode: 41, Preprocess: 26, Inference: 34},
		Stages: []radnode.Stage{
			stage(0, "grey", 4.1, nil), stage(1, "clahe", 7.9, map[string]any{"clip": 2.0, "tiles": 8}),
			stage(2, "sobel", 5.2, map[string]any{"kernel": 3}), stage(3, "segment", 8.8, map[string]any{"method": "otsu"}),
		},
		Provenance: &radnode.Provenance{
			InputDigest: "sha256:1f0c", PipelineDigest: "sha256:03aa", TensorDigest: "sha256:11e9", Runtime: "1.30.0", Device: "cpu",
			Software: "story", Evaluation: "story data, n = 0, AUC not measured", Calibrated: true,
		},
	}}
}
