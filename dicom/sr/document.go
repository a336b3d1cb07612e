package sr

import (
	"slices"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
)

// Document is a structured report: the content tree and what stands around it.
type Document struct {
	SOPClassUID       radnode.UID
	SOPInstanceUID    radnode.UID
	SeriesInstanceUID radnode.UID
	SeriesNumber      int
	InstanceNumber    int
	SeriesDescription string
	// Subject is the header of an image of the study: patient and study
	// modules are copied from it.
	Subject *dicom.Dataset

	Device    Equipment   // what wrote the document
	Equipment []Equipment // what contributed to it: one per algorithm

	Complete              bool
	CompletionDescription string
	Final                 bool // Preliminary Flag FINAL
	Verifications         []Verification
	Predecessors          []Reference
	Evidence              []Reference // instances of this study
	OtherEvidence         []Reference // instances of other studies
	PrivateSchemes        []CodingScheme

	Now  time.Time
	Root *Item
}

// Equipment is a device: a program, or one version of a model.
type Equipment struct {
	Manufacturer string
	Model        string
	Versions     []string
	UID          radnode.UID
	Station      string
	Institution  string
	Contribution string
}

// Verification is an item of the Verifying Observer Sequence.
type Verification struct {
	Name         string
	Organization string
	At           time.Time
	ID           *radnode.Concept
}

// CodingScheme describes a private coding scheme (PS3.3 C.12.1.1.8).
type CodingScheme struct {
	Designator, Name, Organization string
}

// subjectTags are what a document takes over from the images: the patient,
// general study and patient study modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
var subjectTags = []dicom.Tag{
	dicom.PatientName, dicom.PatientID, dicom.IssuerOfPatientID, dicom.IssuerOfPatientIDQualifiersSequence, dicom.PatientBirthDate,
	dicom.PatientSex, dicom.PatientBirthTime, dicom.OtherPatientIDsSequence, dicom.EthnicGroup, dicom.PatientComments,
	dicom.PatientSpeciesDescription, dicom.PatientSpeciesCodeSequence, dicom.PatientBreedDescription, dicom.PatientBreedCodeSequence,
	dicom.BreedRegistrationSequence, dicom.ResponsiblePerson, dicom.ResponsiblePersonRole, dicom.ResponsibleOrganization,
	dicom.PatientIdentityRemoved, dicom.DeidentificationMethod, dicom.DeidentificationMethodCodeSequence,
	dicom.StudyInstanceUID, dicom.StudyDate, dicom.StudyTime, dicom.ReferringPhysicianName, dicom.StudyID, dicom.AccessionNumber,
	dicom.IssuerOfAccessionNumberSequence, dicom.StudyDescription, dicom.PhysiciansOfRecord, dicom.ProcedureCodeSequence,
	dicom.PatientAge, dicom.PatientSize, dicom.PatientWeight, dicom.AdditionalPatientHistory,
}

// subjectType2 are those of them that stand in every document, if empty.
var subjectType2 = []dicom.Tag{
	dicom.PatientName, dicom.PatientID, dicom.PatientBirthDate, dicom.PatientSex,
	dicom.StudyDate, dicom.StudyTime, dicom.ReferringPhysicianName, dicom.StudyID, dicom.AccessionNumber,
}

// Dataset returns the object. A document that breaks a rule is refused with
// the first rule it breaks; see Check.
func (d *Document) Dataset() (*dicom.Dataset, error) {
	if d.Root == nil || d.Subject == nil {
		return nil, radnode.Errorf(radnode.Invalid, buildOp, "a document needs content and a subject")
	}
	ds := dicom.NewDataset()
	CopySubject(ds, d.Subject)
	d.series(ds)
	d.general(ds)
	d.references(ds)
	d.common(ds)
	d.Root.encode(ds)
	if v := Check(ds); len(v) > 0 {
		return nil, radnode.Errorf(radnode.Internal, buildOp, "the document breaks %d rules, the first: %s", len(v), v[0])
	}
	return ds, nil
}

// CopySubject takes patient and study from a header into an object that is
// made from it. Identifiers are copied as they are; another value that breaks
// the rules of its VR is left out, or empty where the standard wants it.
func CopySubject(ds, from *dicom.Dataset) {
	ds.SetText(dicom.SpecificCharacterSet, "ISO_IR 192")
	ds.Copy(from, subjectTags...)
	for _, t := range subjectTags {
		if e, ok := ds.Get(t); ok && !slices.Contains(iod.Identity, t) && !sound(ds, e) {
			ds.Remove(t)
		}
	}
	if !slices.Contains([]string{"M", "F", "O"}, ds.Text(dicom.PatientSex)) {
		ds.Remove(dicom.PatientSex)
	}
	if ds.Text(dicom.PatientIdentityRemoved) == "YES" && !ds.Has(dicom.DeidentificationMethod) && !ds.Has(dicom.DeidentificationMethodCodeSequence) {
		ds.SetText(dicom.DeidentificationMethod, "not stated in the source images") // type 1C (PS3.3 C.7.1.1)
	}
	for _, t := range subjectType2 {
		if !ds.Has(t) {
			ds.SetText(t)
		}
	}
}

// sound reports whether e has the form the standard demands, so that it can be
// copied into a document.
func sound(ds *dicom.Dataset, e *dicom.Element) bool {
	entry, ok := dicom.Lookup(e.Tag)
	if !ok || string(e.VR) != entry.VR || e.Skipped > 0 {
		return false
	}
	if e.VR == dicom.SQ {
		for _, it := range e.Items {
			if !soundItem(it) {
				return false
			}
		}
		return len(e.Items) > 0
	}
	texts := ds.Texts(e.Tag)
	if entry.VM == "1" && len(texts) > 1 {
		return false
	}
	for _, v := range texts {
		if dicom.ValueProblem(e.VR, v) != "" {
			return false
		}
	}
	return true
}

func soundItem(it *dicom.Dataset) bool {
	if it.Len() == 0 {
		return false
	}
	if it.Has(dicom.CodeMeaning) || it.Has(dicom.CodeValue) {
		if c := conceptFrom(it); c.Value == "" || c.Meaning == "" || !iod.KnownScheme(c.Scheme) {
			return false
		}
	}
	for _, e := range it.Elements() {
		if !sound(it, e) {
			return false
		}
	}
	return true
}

func (d *Document) series(ds *dicom.Dataset) {
	// No series date: every document of the series would have another one.
	ds.SetText(dicom.Modality, classes[d.SOPClassUID].modality)
	ds.SetUID(dicom.SeriesInstanceUID, d.SeriesInstanceUID)
	ds.SetInts(dicom.SeriesNumber, d.SeriesNumber)
	if d.SeriesDescription != "" {
		ds.SetText(dicom.SeriesDescription, shortened(d.SeriesDescription, 64))
	}
	ds.SetItems(dicom.ReferencedPerformedProcedureStepSequence)
	d.Device.Describe(ds)
}

// Describe writes the General Equipment module (PS3.3 C.7.5.1).
func (e Equipment) Describe(ds *dicom.Dataset) {
	ds.SetText(dicom.Manufacturer, shortened(e.Manufacturer, 64))
	for _, f := range []struct {
		tag   dicom.Tag
		value string
		max   int
	}{{dicom.ManufacturerModelName, e.Model, 64}, {dicom.StationName, e.Station, 16}, {dicom.InstitutionName, e.Institution, 64}} {
		if f.value != "" {
			ds.SetText(f.tag, shortened(f.value, f.max))
		}
	}
	if len(e.Versions) > 0 {
		v := make([]string, len(e.Versions))
		for i, s := range e.Versions {
			v[i] = shortened(s, 64)
		}
		ds.SetText(dicom.SoftwareVersions, v...)
	}
	if e.UID != "" {
		ds.SetUID(dicom.DeviceUID, e.UID)
	}
}

func (d *Document) general(ds *dicom.Dataset) {
	date, clock := dateTime(d.Now)
	ds.SetInts(dicom.InstanceNumber, d.InstanceNumber)
	ds.SetText(dicom.ContentDate, date)
	ds.SetText(dicom.ContentTime, clock)
	if classes[d.SOPClassUID].modality != "SR" {
		return // PS3.3 C.17.6.2: a key object document has no states
	}
	ds.SetText(dicom.CompletionFlag, pick(d.Complete, "COMPLETE", "PARTIAL"))
	if d.CompletionDescription != "" {
		ds.SetText(dicom.CompletionFlagDescription, shortened(d.CompletionDescription, 64))
	}
	ds.SetText(dicom.VerificationFlag, pick(len(d.Verifications) > 0, "VERIFIED", "UNVERIFIED"))
	ds.SetText(dicom.PreliminaryFlag, pick(d.Final, "FINAL", "PRELIMINARY"))
	var observers []*dicom.Dataset
	for _, v := range d.Verifications {
		it := dicom.NewDataset()
		it.SetText(dicom.VerifyingObserverName, v.Name)
		it.SetText(dicom.VerifyingOrganization, shortened(v.Organization, 64))
		it.SetText(dicom.VerificationDateTime, v.At.Format("20060102150405.000000-0700"))
		if v.ID != nil {
			SetConcept(it, dicom.VerifyingObserverIdentificationCodeSequence, *v.ID)
		} else {
			it.SetItems(dicom.VerifyingObserverIdentificationCodeSequence)
		}
		observers = append(observers, it)
	}
	if observers != nil {
		ds.SetItems(dicom.VerifyingObserverSequence, observers...)
	}
	ds.SetItems(dicom.AuthorObserverSequence, d.Device.author())
}

func pick(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// author is the device as author (PS3.3 Table C.17-3b).
func (e Equipment) author() *dicom.Dataset {
	it := dicom.NewDataset()
	it.SetText(dicom.ObserverType, "DEV")
	it.SetText(dicom.InstitutionName, e.Institution)
	it.SetItems(dicom.InstitutionCodeSequence)
	it.SetText(dicom.StationName, shortened(e.Station, 16))
	it.SetUID(dicom.DeviceUID, e.UID)
	it.SetText(dicom.Manufacturer, shortened(e.Manufacturer, 64))
	it.SetText(dicom.ManufacturerModelName, shortened(e.Model, 64))
	return it
}

func (d *Document) references(ds *dicom.Dataset) {
	if classes[d.SOPClassUID].modality == "SR" {
		ds.SetItems(dicom.PerformedProcedureCodeSequence)
	}
	if items := requests(d.Subject); items != nil {
		ds.SetItems(dicom.ReferencedRequestSequence, items...)
	}
	for _, s := range []struct {
		tag  dicom.Tag
		refs []Reference
	}{
		{dicom.PredecessorDocumentsSequence, d.Predecessors},
		{dicom.CurrentRequestedProcedureEvidenceSequence, d.Evidence},
		{dicom.PertinentOtherEvidenceSequence, d.OtherEvidence},
	} {
		if len(s.refs) > 0 {
			ds.SetItems(s.tag, hierarchy(s.refs)...)
		}
	}
}

// requests makes the Referenced Request Sequence from the order the images
// fulfil.
func requests(subject *dicom.Dataset) []*dicom.Dataset {
	if subject.Text(dicom.AccessionNumber) == "" {
		return nil
	}
	r := dicom.NewDataset()
	attributes := subject.Item(dicom.RequestAttributesSequence)
	r.SetUID(dicom.StudyInstanceUID, subject.UID(dicom.StudyInstanceUID))
	r.SetItems(dicom.ReferencedStudySequence)
	r.Copy(subject, dicom.AccessionNumber)
	r.SetText(dicom.PlacerOrderNumberImagingServiceRequest, subject.Text(dicom.PlacerOrderNumberImagingServiceRequest))
	r.SetText(dicom.FillerOrderNumberImagingServiceRequest, subject.Text(dicom.FillerOrderNumberImagingServiceRequest))
	for _, t := range []dicom.Tag{dicom.RequestedProcedureID, dicom.RequestedProcedureDescription} {
		v := attributes.Text(t)
		if dicom.ValueProblem(dicom.LO, v) != "" || t == dicom.RequestedProcedureID && dicom.ValueProblem(dicom.SH, v) != "" {
			v = ""
		}
		r.SetText(t, v)
	}
	var codes []*dicom.Dataset
	for _, it := range attributes.Items(dicom.RequestedProcedureCodeSequence) {
		if soundItem(it) {
			codes = append(codes, it)
		}
	}
	r.SetItems(dicom.RequestedProcedureCodeSequence, codes...)
	return []*dicom.Dataset{r}
}

// hierarchy is the Hierarchical SOP Instance Reference Macro (PS3.3 Table
// C.17-3): studies, their series, their instances, each once.
func hierarchy(refs []Reference) []*dicom.Dataset {
	refs = slices.Clone(refs)
	slices.SortStableFunc(refs, func(a, b Reference) int {
		switch {
		case a.StudyInstanceUID != b.StudyInstanceUID:
			return compare(a.StudyInstanceUID, b.StudyInstanceUID)
		case a.SeriesInstanceUID != b.SeriesInstanceUID:
			return compare(a.SeriesInstanceUID, b.SeriesInstanceUID)
		}
		return compare(a.SOPInstanceUID, b.SOPInstanceUID)
	})
	var studies []*dicom.Dataset
	for len(refs) > 0 {
		n := run(refs, func(r Reference) radnode.UID { return r.StudyInstanceUID })
		st := dicom.NewDataset()
		st.SetUID(dicom.StudyInstanceUID, refs[0].StudyInstanceUID)
		st.SetItems(dicom.ReferencedSeriesSequence, seriesItems(refs[:n])...)
		studies = append(studies, st)
		refs = refs[n:]
	}
	return studies
}

func seriesItems(refs []Reference) []*dicom.Dataset {
	var out []*dicom.Dataset
	for len(refs) > 0 {
		n := run(refs, func(r Reference) radnode.UID { return r.SeriesInstanceUID })
		var instances []*dicom.Dataset
		for i, r := range refs[:n] {
			if i > 0 && r.SOPInstanceUID == refs[i-1].SOPInstanceUID {
				continue
			}
			whole := Reference{SOPClassUID: r.SOPClassUID, SOPInstanceUID: r.SOPInstanceUID}
			instances = append(instances, whole.sopItem())
		}
		se := dicom.NewDataset()
		se.SetUID(dicom.SeriesInstanceUID, refs[0].SeriesInstanceUID)
		se.SetItems(dicom.ReferencedSOPSequence, instances...)
		out = append(out, se)
		refs = refs[n:]
	}
	return out
}

// run counts how many references at the start share a key.
func run(refs []Reference, key func(Reference) radnode.UID) int {
	n := 1
	for n < len(refs) && key(refs[n]) == key(refs[0]) {
		n++
	}
	return n
}

func compare(a, b radnode.UID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d *Document) common(ds *dicom.Dataset) {
	date, clock := dateTime(d.Now)
	ds.SetUID(dicom.SOPClassUID, d.SOPClassUID)
	ds.SetUID(dicom.SOPInstanceUID, d.SOPInstanceUID)
	ds.SetText(dicom.InstanceCreationDate, date)
	ds.SetText(dicom.InstanceCreationTime, clock)
	ds.SetText(dicom.TimezoneOffsetFromUTC, d.Now.Format("-0700"))
	var schemes []*dicom.Dataset
	for _, s := range d.PrivateSchemes {
		schemes = append(schemes, s.Item())
	}
	if schemes != nil {
		ds.SetItems(dicom.CodingSchemeIdentificationSequence, schemes...)
	}
	var equipment []*dicom.Dataset
	for _, e := range d.Equipment {
		equipment = append(equipment, e.Contributing(d.Now))
	}
	if equipment != nil {
		ds.SetItems(dicom.ContributingEquipmentSequence, equipment...)
	}
}

// Item is an item of the Coding Scheme Identification Sequence (PS3.3 C.12.1).
func (s CodingScheme) Item() *dicom.Dataset {
	it := dicom.NewDataset()
	it.SetText(dicom.CodingSchemeDesignator, s.Designator)
	it.SetText(dicom.CodingSchemeName, s.Name)
	it.SetText(dicom.CodingSchemeResponsibleOrganization, s.Organization)
	return it
}

// Contributing is an item of the Contributing Equipment Sequence (PS3.3 C.12.1).
func (e Equipment) Contributing(at time.Time) *dicom.Dataset {
	it := dicom.NewDataset()
	SetConcept(it, dicom.PurposeOfReferenceCodeSequence, ProcessingEquipment)
	e.Describe(it)
	it.SetText(dicom.ContributionDateTime, at.Format("20060102150405.000000-0700"))
	if e.Contribution != "" {
		it.SetText(dicom.ContributionDescription, shortened(e.Contribution, 1024))
	}
	return it
}

func dateTime(t time.Time) (date, clock string) {
	return t.Format("20060102"), t.Format("150405.000000")
}

// Parse reads a document that was received. The content tree is read whatever
// its template; ParseMeasurementReport reads TID 1500 from it.
func Parse(ds *dicom.Dataset) (*Document, error) {
	if ds.Text(dicom.ValueType) != string(Container) {
		return nil, radnode.Errorf(radnode.Invalid, "read structured report", "the object has no content tree: it is no structured report")
	}
	budget := maxItems
	root, err := decode(ds, 0, &budget)
	if err != nil {
		return nil, err
	}
	root.Relationship = ""
	d := &Document{
		SOPClassUID: ds.UID(dicom.SOPClassUID), SOPInstanceUID: ds.UID(dicom.SOPInstanceUID), SeriesInstanceUID: ds.UID(dicom.SeriesInstanceUID),
		SeriesDescription: ds.Text(dicom.SeriesDescription), Subject: ds, Device: equipmentOf(ds),
		Complete: ds.Text(dicom.CompletionFlag) == "COMPLETE", CompletionDescription: ds.Text(dicom.CompletionFlagDescription),
		Final:        ds.Text(dicom.PreliminaryFlag) == "FINAL",
		Predecessors: references(ds, dicom.PredecessorDocumentsSequence),
		Evidence:     references(ds, dicom.CurrentRequestedProcedureEvidenceSequence), OtherEvidence: references(ds, dicom.PertinentOtherEvidenceSequence),
		Now: parseTime(ds.Text(dicom.ContentDate) + ds.Text(dicom.ContentTime) + ds.Text(dicom.TimezoneOffsetFromUTC)), Root: root,
	}
	d.SeriesNumber, _ = ds.Int(dicom.SeriesNumber)
	d.InstanceNumber, _ = ds.Int(dicom.InstanceNumber)
	for _, it := range ds.Items(dicom.ContributingEquipmentSequence) {
		d.Equipment = append(d.Equipment, equipmentOf(it))
	}
	for _, v := range ds.Items(dicom.VerifyingObserverSequence) {
		d.Verifications = append(d.Verifications, Verification{Name: v.Text(dicom.VerifyingObserverName),
			Organization: v.Text(dicom.VerifyingOrganization), At: parseTime(v.Text(dicom.VerificationDateTime))})
	}
	return d, nil
}

func equipmentOf(ds *dicom.Dataset) Equipment {
	return Equipment{Manufacturer: ds.Text(dicom.Manufacturer), Model: ds.Text(dicom.ManufacturerModelName), Versions: ds.Texts(dicom.SoftwareVersions),
		UID: ds.UID(dicom.DeviceUID), Station: ds.Text(dicom.StationName), Institution: ds.Text(dicom.InstitutionName), Contribution: ds.Text(dicom.ContributionDescription)}
}

// references flattens a hierarchical reference sequence.
func references(ds *dicom.Dataset, t dicom.Tag) []Reference {
	var out []Reference
	for _, st := range ds.Items(t) {
		for _, se := range st.Items(dicom.ReferencedSeriesSequence) {
			for _, in := range se.Items(dicom.ReferencedSOPSequence) {
				out = append(out, Reference{StudyInstanceUID: st.UID(dicom.StudyInstanceUID), SeriesInstanceUID: se.UID(dicom.SeriesInstanceUID),
					SOPClassUID: in.UID(dicom.ReferencedSOPClassUID), SOPInstanceUID: in.UID(dicom.ReferencedSOPInstanceUID)})
			}
		}
	}
	return out
}

// parseTime reads a DT value (PS3.5 6.2) as far as it goes.
func parseTime(s string) time.Time {
	for _, layout := range []string{"20060102150405.999999-0700", "20060102150405.999999", "200601021504-0700", "200601021504", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
