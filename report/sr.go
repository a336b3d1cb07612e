package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
	"github.com/radnode/radnode/dicom/sr"
)

const op = "write report"

// Manufacturer names who made the software and the bundled models.
const Manufacturer = "radnode"

// Unverified is the mark of every result that no person has signed.
const Unverified = "AI, not verified"

// Ladder lists the classes a report can be written in, the best first: where a
// peer refuses one, the next is sent, with a SOP instance UID of its own.
var Ladder = []radnode.UID{dicom.Comprehensive3DSRStorage, dicom.ComprehensiveSRStorage, dicom.EnhancedSRStorage, dicom.BasicTextSRStorage}

// privateScheme is for labels that no standard code says exactly (PS3.16 8.2).
var privateScheme = sr.CodingScheme{Designator: "99RADNODE", Name: "radnode labels", Organization: Manufacturer}

// SR makes the structured report: Comprehensive 3D SR with TID 1500 (IHE AIR
// 6.5.3), or the smaller class that in.Class names. Without Observer it is a draft, UNVERIFIED and PRELIMINARY; with one
// it is VERIFIED, holds no rejected finding, marks what nobody decided about, and refuses to hold a positive
// finding that nobody decided about.
func SR(in Input) (*dicom.Dataset, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	var root *sr.Item
	if b.Class == dicom.BasicTextSRStorage {
		root, err = b.basicText()
	} else {
		root, err = b.content().Content()
	}
	if err != nil {
		return nil, err
	}
	return b.document(b.Class, root).Dataset()
}

// builder holds what the parts of one report share.
type builder struct {
	Input
	study    radnode.UID
	images   map[radnode.UID]*dicom.Dataset
	models   []model
	private  bool // a private code was used
	findings []radnode.ReportFinding

	otherFilms int // images that are no chest films
}

// model is one model version with what its analyses said about it.
type model struct {
	ref        radnode.ModelRef
	provenance *radnode.Provenance
	device     string
}

func newBuilder(in Input) (*builder, error) {
	if len(in.Source) == 0 {
		return nil, radnode.Errorf(radnode.Invalid, op, "a report needs at least one image")
	}
	for _, u := range []radnode.UID{in.SOPInstanceUID, in.SeriesInstanceUID} {
		if !u.Usable() {
			return nil, radnode.Errorf(radnode.Invalid, op, "%q is not a valid UID for a report", string(u))
		}
	}
	if in.Now.IsZero() {
		return nil, radnode.Errorf(radnode.Invalid, op, "a report needs its date and time")
	}
	b := &builder{Input: in, study: in.Source[0].UID(dicom.StudyInstanceUID), images: map[radnode.UID]*dicom.Dataset{}}
	b.Class = cmp.Or(b.Class, dicom.Comprehensive3DSRStorage)
	if !slices.Contains(Ladder, b.Class) {
		return nil, radnode.Errorf(radnode.Unsupported, op, "%s is no class a report can be written in", b.Class)
	}
	b.Now = b.Now.Truncate(time.Microsecond)
	b.SeriesNumber = cmp.Or(b.SeriesNumber, 9901)
	b.InstanceNumber = cmp.Or(b.InstanceNumber, 1)
	b.Software = cmp.Or(b.Software, "development")
	b.Language = cmp.Or(b.Language, "en")
	b.Source = nil
	for _, s := range in.Source {
		if err := b.addImage(s); err != nil {
			return nil, err
		}
	}
	b.collectModels()
	return b, b.chooseFindings()
}

func (b *builder) addImage(s *dicom.Dataset) error {
	uid := s.UID(dicom.SOPInstanceUID)
	if !uid.Usable() || !s.UID(dicom.SOPClassUID).Usable() || !s.UID(dicom.SeriesInstanceUID).Usable() || !s.UID(dicom.StudyInstanceUID).Usable() {
		return radnode.Errorf(radnode.Invalid, op, "an image lacks a valid study, series, instance or class UID; a report cannot refer to it")
	}
	if len(b.Source) > 0 && !samePatientID(b.Source[0], s) {
		return radnode.Errorf(radnode.Conflict, op, "the images carry different patients; a report is about one")
	}
	if b.images[uid] == nil {
		b.images[uid] = s
		b.Source = append(b.Source, s)
	}
	return nil
}

func (b *builder) collectModels() {
	seen := map[radnode.ModelRef]int{}
	for _, a := range b.Analyses {
		i, ok := seen[a.Model]
		if !ok && a.Model.ID != "" {
			i = len(b.models)
			seen[a.Model] = i
			b.models = append(b.models, model{ref: a.Model})
			ok = true
		}
		if ok && b.models[i].provenance == nil {
			b.models[i].provenance, b.models[i].device = a.Provenance, a.Device
		}
	}
	for _, f := range b.Findings {
		if _, ok := seen[f.Model]; !ok && f.Model.ID != "" {
			seen[f.Model] = len(b.models)
			b.models = append(b.models, model{ref: f.Model})
		}
	}
	slices.SortStableFunc(b.models, func(x, y model) int {
		return cmp.Or(strings.Compare(x.ref.ID, y.ref.ID), strings.Compare(x.ref.Version, y.ref.Version), strings.Compare(x.ref.Digest, y.ref.Digest))
	})
}

// chooseFindings takes the reader's findings, or those of the analyses, in an
// order that does not depend on theirs.
func (b *builder) chooseFindings() error {
	all := b.Findings
	if all == nil {
		all = Undecided(b.Analyses)
	}
	all = b.meaningful(all)
	for _, f := range all {
		if b.images[f.SOPInstanceUID] == nil {
			return radnode.Errorf(radnode.Invalid, op, "finding %s is on image %s, which is not among the images of the report", f.Finding.Label, f.SOPInstanceUID)
		}
		if b.Observer != nil && f.Decision == radnode.Rejected {
			continue
		}
		if b.Observer != nil && f.Finding.Present && f.Finding.Code != nil && f.Decision != radnode.Accepted {
			return radnode.Errorf(radnode.Conflict, op, "finding %s of model %s has no decision; accept or reject it before signing", f.Finding.Label, f.Model.ID)
		}
		b.findings = append(b.findings, f)
	}
	slices.SortStableFunc(b.findings, func(x, y radnode.ReportFinding) int {
		return cmp.Or(compareBool(y.Finding.Present, x.Finding.Present), compareBool(x.Finding.Code == nil, y.Finding.Code == nil),
			strings.Compare(string(x.SOPInstanceUID), string(y.SOPInstanceUID)), cmp.Compare(x.Frame, y.Frame),
			strings.Compare(x.Model.ID, y.Model.ID), strings.Compare(x.Finding.Label, y.Finding.Label))
	})
	return nil
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// Undecided lists the findings of analyses as a reader has not seen them.
func Undecided(analyses []radnode.Analysis) []radnode.ReportFinding {
	var out []radnode.ReportFinding
	for _, a := range analyses {
		for _, f := range a.Findings {
			out = append(out, radnode.ReportFinding{SOPInstanceUID: a.SOPInstanceUID, Frame: a.Frame, Model: a.Model, Finding: f, Decision: radnode.Undecided})
		}
	}
	return out
}

func (b *builder) content() *sr.MeasurementReport {
	r := &sr.MeasurementReport{
		Title:      sr.ImagingMeasurementReport,
		Language:   documentLanguage,
		Observers:  []sr.Observer{{Device: b.observer()}},
		Procedures: []radnode.Concept{procedure(b.Source[0])},
		Library:    b.library(),
	}
	for _, f := range b.findings {
		r.Groups = append(r.Groups, b.group(f))
	}
	for _, m := range b.measurements() {
		r.Groups = append(r.Groups, b.measurementGroup(m))
	}
	r.Evaluations = b.evaluations()
	r.Others = b.resultObjects()
	if b.Class == dicom.EnhancedSRStorage {
		// PS3.3 Table A.35.2-2: a statement cannot have an observer of its own.
		for i := range r.Evaluations {
			if by := r.Evaluations[i].By; by != nil {
				r.Evaluations[i].By = nil
				if !slices.ContainsFunc(r.Observers, func(o sr.Observer) bool { return o.Person != nil && *o.Person == *by.Person }) {
					r.Observers = append(r.Observers, *by)
				}
			}
		}
	}
	return r
}

// documentLanguage is that of the sentences of the program.
var documentLanguage = sr.Language{Language: sr.LanguageOf("en")}

// readerLanguage is that of the reader's texts, nil where it is the document's.
func (b *builder) readerLanguage() *sr.Language {
	if b.Language == "en" {
		return nil
	}
	return &sr.Language{Language: sr.LanguageOf(b.Language)}
}

// observer is the one device that made the observations: the model where there
// is one, else the node that ran them all. It agrees with an item of the
// contributing equipment (IHE AIR Table 6.5.3.1-1).
func (b *builder) observer() *sr.DeviceObserver {
	e := b.device()
	if len(b.models) == 1 {
		e = b.equipment(b.models[0])
	}
	return &sr.DeviceObserver{UID: e.UID, Name: cmp.Or(b.Station, Manufacturer), Manufacturer: e.Manufacturer, Model: e.Model}
}

// device is the equipment that wrote the document: the same for all documents
// of a series.
func (b *builder) device() sr.Equipment {
	return sr.Equipment{Manufacturer: Manufacturer, Model: "radnode", Versions: []string{b.Software}, UID: NodeUID(b.Software, b.Station), Station: b.Station,
		Contribution: "Ran the models and wrote this document"}
}

func (b *builder) equipment(m model) sr.Equipment {
	return sr.Equipment{Manufacturer: Manufacturer, Model: m.ref.ID, Versions: []string{m.ref.Version}, UID: DeviceUID(m.ref),
		Contribution: "Artificial intelligence algorithm, " + m.ref.Digest}
}

// procedure is the imaging procedure that is reported (IHE AIR: not the
// algorithm): the coded one of the study, else what the header tells.
func procedure(s *dicom.Dataset) radnode.Concept {
	for _, it := range s.Items(dicom.ProcedureCodeSequence) {
		c := radnode.Concept{Value: it.Text(dicom.CodeValue), Scheme: it.Text(dicom.CodingSchemeDesignator), Meaning: it.Text(dicom.CodeMeaning)}
		if c.Value != "" && c.Meaning != "" && len(c.Value) <= 16 && len(c.Meaning) <= 64 && iod.KnownScheme(c.Scheme) {
			return c
		}
	}
	switch part := s.Text(dicom.BodyPartExamined); {
	case slices.Contains([]string{"CR", "DX"}, s.Text(dicom.Modality)) && (part == "CHEST" || part == "THORAX"):
		return sr.PlainChestXRay
	}
	return sr.ImagingProcedure
}

// singleFrame are the classes whose images have one frame, so that a reference
// must not name it (PS3.3 C.18.4).
var singleFrame = []radnode.UID{
	dicom.ComputedRadiographyImageStorage, dicom.DigitalXRayImageStorageForPresentation, dicom.DigitalXRayImageStorageForProcessing,
	dicom.DigitalMammographyXRayImageStorageForPresentation, dicom.DigitalMammographyXRayImageStorageForProcessing,
	dicom.CTImageStorage, dicom.MRImageStorage, dicom.UltrasoundImageStorage, dicom.SecondaryCaptureImageStorage, dicom.PositronEmissionTomographyImageStorage,
}

// reference names an image, and the frame where there are several.
func (b *builder) reference(uid radnode.UID, frame int) sr.Reference {
	s := b.images[uid]
	r := sr.Reference{StudyInstanceUID: s.UID(dicom.StudyInstanceUID), SeriesInstanceUID: s.UID(dicom.SeriesInstanceUID),
		SOPClassUID: s.UID(dicom.SOPClassUID), SOPInstanceUID: uid}
	if n, ok := s.Int(dicom.NumberOfFrames); ok && n > 1 && frame > 0 && !slices.Contains(singleFrame, r.SOPClassUID) {
		r.Frames = []int{frame}
	}
	return r
}

// privateSchemes describes the coding schemes that the standard does not list:
// ours, and those that models brought by a site use for their labels.
func (b *builder) privateSchemes() []sr.CodingScheme {
	var schemes []sr.CodingScheme
	if b.private {
		schemes = append(schemes, privateScheme)
	}
	for _, a := range b.Analyses {
		for _, f := range a.Findings {
			if f.Code == nil || f.Code.Scheme == "" || iod.KnownScheme(f.Code.Scheme) ||
				slices.ContainsFunc(schemes, func(s sr.CodingScheme) bool { return s.Designator == f.Code.Scheme }) {
				continue
			}
			scheme := privateScheme
			if f.Code.Scheme != privateScheme.Designator {
				scheme = sr.CodingScheme{Designator: f.Code.Scheme, Name: "codes of the model " + a.Model.ID}
			}
			schemes = append(schemes, scheme)
		}
	}
	return schemes
}

func (b *builder) document(class radnode.UID, root *sr.Item) *sr.Document {
	d := &sr.Document{
		SOPClassUID: class, SOPInstanceUID: b.SOPInstanceUID, SeriesInstanceUID: b.SeriesInstanceUID,
		SeriesNumber: b.SeriesNumber, InstanceNumber: b.InstanceNumber, Subject: b.Source[0], Device: b.device(),
		Complete: true, SeriesDescription: "AI report, " + Unverified, CompletionDescription: Unverified,
		Predecessors: b.Predecessors, Now: b.Now, Root: root,
	}
	if b.Observer != nil {
		d.Final = true
		d.SeriesDescription = "AI-assisted report, verified"
		d.CompletionDescription = "AI-assisted, verified by the observer named"
		d.Verifications = b.verifications()
	}
	for _, m := range b.models {
		d.Equipment = append(d.Equipment, b.equipment(m))
	}
	d.Equipment = append(d.Equipment, b.device())
	d.PrivateSchemes = b.privateSchemes()
	d.Evidence = append(d.Evidence, b.Results...)
	for _, s := range b.Source {
		r := b.reference(s.UID(dicom.SOPInstanceUID), 0)
		if r.StudyInstanceUID == b.study {
			d.Evidence = append(d.Evidence, r)
		} else {
			d.OtherEvidence = append(d.OtherEvidence, r)
		}
	}
	return d
}

// verifications are who verified the document, in the order of their signatures.
func (b *builder) verifications() []sr.Verification {
	var out []sr.Verification
	for _, p := range []*Person{b.Observer, b.Second} {
		if p != nil {
			out = append(out, p.verification(b.Now))
		}
	}
	return out
}

func (p *Person) verification(now time.Time) sr.Verification {
	v := sr.Verification{Name: p.Name, Organization: cmp.Or(p.Organization, "not stated"), At: now}
	if !p.At.IsZero() {
		v.At = p.At.Truncate(time.Microsecond)
	}
	return v
}

// percent writes a probability as 0 to 100 with one decimal. What is not
// certain does not become so by rounding.
func percent(p float64) float64 {
	switch {
	case p <= 0:
		return 0
	case p >= 1:
		return 100
	}
	return min(max(math.Round(p*1000)/10, 0.1), 99.9)
}

// Percent writes a probability as a whole number of 0 to 100; 0 and 100 stand
// for themselves only.
func Percent(p float64) int {
	switch {
	case p <= 0:
		return 0
	case p >= 1:
		return 100
	}
	return int(min(max(math.Round(p*100), 1), 99))
}
