package report

import (
	"cmp"
	"crypto/sha1" // the hash that FHIR's Attachment is defined with
	"encoding/json"
	"fmt"
	"html"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// BundleOptions are what a FHIR bundle holds beside the report.
type BundleOptions struct {
	Organization string // who answers for the report; "" is the station
	PDF          []byte // the report as a document, or nil
}

// The systems of codes and identifiers (HL7 Terminology).
var fhirSystems = map[string]string{
	"SCT": "http://snomed.info/sct", "LN": "http://loinc.org", "DCM": "http://dicom.nema.org/resources/ontology/DCM",
	"UCUM": "http://unitsofmeasure.org", "RADLEX": "http://radlex.org", "UMLS": "http://www.nlm.nih.gov/research/umls",
	"I10": "http://hl7.org/fhir/sid/icd-10",
}

const uidSystem = "urn:dicom:uid"

// FHIRBundle makes the report as a FHIR R4 transaction: DiagnosticReport, an
// Observation for each finding and measurement, the ImagingStudy and a Device
// for each model. Every resource is named by an identifier of DICOM, so that
// posting the bundle again changes nothing and an amended report replaces what
// an earlier one stated. Patient and order are referred to by their identifiers:
// an AI node makes none.
func FHIRBundle(in Input, o BundleOptions) ([]byte, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	w := &fhirWriter{builder: b, options: o, issued: b.Now.Format("2006-01-02T15:04:05.000-07:00")}
	w.started = w.studyTime()
	report := w.report()
	w.imagingStudy()
	for _, m := range b.models {
		w.device(m)
	}
	for _, f := range b.findings {
		report.Result = append(report.Result, w.finding(f, w.observationStatus(f)))
	}
	for _, m := range b.measurements() {
		report.Result = append(report.Result, w.measurement(m))
	}
	if b.Observer != nil {
		w.withdraw()
	}
	w.put("DiagnosticReport", report.Identifier[0].Value, report)
	return json.MarshalIndent(fhirBundle{ResourceType: "Bundle", Type: "transaction", Timestamp: w.issued, Entry: w.entries}, "", " ")
}

type fhirWriter struct {
	*builder
	options         BundleOptions
	issued, started string
	entries         []fhirEntry
}

func uidURN(u radnode.UID) string { return "urn:oid:" + string(u) }

// fullURL is the name of a resource inside the bundle, derived from its
// identity.
func fullURL(parts ...string) string {
	n, _ := new(big.Int).SetString(strings.TrimPrefix(string(radnode.DeriveUID(parts...)), "2.25."), 10)
	h := fmt.Sprintf("%032x", n)
	return fmt.Sprintf("urn:uuid:%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

func token(value string) string { return "identifier=" + url.QueryEscape(uidSystem+"|"+value) }

// put files a resource under its identifier, in place of an earlier one.
func (w *fhirWriter) put(kind, value string, resource any) fhirReference {
	u := fullURL(kind, value)
	w.entries = append(w.entries, fhirEntry{u, resource, fhirRequest{Method: "PUT", URL: kind + "?" + token(value)}})
	return fhirReference{Reference: u}
}

// post files a resource that others may hold already.
func (w *fhirWriter) post(kind, value string, resource any) fhirReference {
	u := fullURL(kind, value)
	w.entries = append(w.entries, fhirEntry{u, resource, fhirRequest{Method: "POST", URL: kind, IfNoneExist: token(value)}})
	return fhirReference{Reference: u}
}

func dicomIdentifier(value string) []fhirIdentifier {
	return []fhirIdentifier{{System: uidSystem, Value: value}}
}

// fhirConceptOf is a coded concept; one without a public code is text alone.
func fhirConceptOf(c radnode.Concept) fhirConcept {
	system, ok := fhirSystems[c.Scheme]
	if !ok {
		return fhirConcept{Text: c.Meaning}
	}
	return fhirConcept{Coding: []fhirCoding{{System: system, Code: c.Value, Display: c.Meaning}}, Text: c.Meaning}
}

func quantity(v float64, unit radnode.Concept) *fhirQuantity {
	return &fhirQuantity{Value: v, Unit: unit.Meaning, System: fhirSystems["UCUM"], Code: unit.Value}
}

// subject names the patient by the ID of the images. The display name is left
// out: the identifier decides.
func (w *fhirWriter) subject() fhirReference {
	s := w.Source[0]
	id := strings.TrimSpace(s.Text(dicom.PatientID))
	if id == "" {
		return fhirReference{Type: "Patient", Display: "patient without ID"}
	}
	r := fhirReference{Type: "Patient", Identifier: &fhirIdentifier{Value: id, Type: v2Type("MR", "Medical record number")}}
	if issuer := strings.TrimSpace(s.Text(dicom.IssuerOfPatientID)); issuer != "" {
		r.Display = "issued by " + issuer
	}
	return r
}

func v2Type(code, display string) *fhirConcept {
	return &fhirConcept{Coding: []fhirCoding{{System: "http://terminology.hl7.org/CodeSystem/v2-0203", Code: code, Display: display}}}
}

// studyTime is the time of the study as a FHIR dateTime: a time of day needs
// the zone it is in (R4 datatypes).
func (w *fhirWriter) studyTime() string {
	s := w.Source[0]
	date := valid(dicom.DA, s.Text(dicom.StudyDate))
	if len(date) != 8 {
		return ""
	}
	clock := valid(dicom.TM, s.Text(dicom.StudyTime))
	if zone := s.Text(dicom.TimezoneOffsetFromUTC); len(clock) >= 6 && zone != "" {
		if t, err := time.Parse("20060102150405-0700", date+clock[:6]+zone); err == nil {
			return t.Format("2006-01-02T15:04:05-07:00")
		}
	}
	return date[:4] + "-" + date[4:6] + "-" + date[6:]
}

func (w *fhirWriter) imagingStudy() {
	s := w.Source[0]
	st := fhirImagingStudy{ResourceType: "ImagingStudy", Identifier: dicomIdentifier(uidURN(w.study)), Status: "available", Subject: w.subject(),
		Started: w.started, NumberOfInstances: 0, Description: strings.TrimSpace(s.Text(dicom.StudyDescription))}
	if a := strings.TrimSpace(s.Text(dicom.AccessionNumber)); a != "" {
		st.Identifier = append(st.Identifier, fhirIdentifier{Type: v2Type("ACSN", "Accession ID"), Value: a})
	}
	for _, im := range w.Source {
		if im.UID(dicom.StudyInstanceUID) != w.study {
			continue
		}
		uid := im.UID(dicom.SeriesInstanceUID)
		i := slices.IndexFunc(st.Series, func(x fhirSeries) bool { return x.UID == uid })
		if i < 0 {
			i = len(st.Series)
			st.Series = append(st.Series, fhirSeries{UID: uid, Number: whole(im, dicom.SeriesNumber),
				Modality: fhirCoding{System: fhirSystems["DCM"], Code: cmp.Or(im.Text(dicom.Modality), "OT")}})
		}
		st.Series[i].Instance = append(st.Series[i].Instance, fhirInstance{UID: im.UID(dicom.SOPInstanceUID), Number: whole(im, dicom.InstanceNumber),
			SOPClass: fhirCoding{System: "urn:ietf:rfc:3986", Code: uidURN(im.UID(dicom.SOPClassUID))}})
		st.NumberOfInstances++
	}
	st.NumberOfSeries = len(st.Series)
	w.post("ImagingStudy", uidURN(w.study), st)
}

// whole is an unsigned integer of a header, nil where it holds none.
func whole(s *dicom.Dataset, t dicom.Tag) *int {
	if n, ok := s.Int(t); ok && n >= 0 {
		return &n
	}
	return nil
}

func (w *fhirWriter) device(m model) {
	family := fhirConceptOf(sr.ArtificialIntelligence)
	d := fhirDevice{ResourceType: "Device", Identifier: dicomIdentifier(uidURN(DeviceUID(m.ref))), Status: "active", Manufacturer: Manufacturer,
		DeviceName: []fhirDeviceName{{m.ref.ID, "model-name"}}, Type: family, Version: []fhirVersion{{cmp.Or(m.ref.Version, "unknown")}}}
	for _, p := range w.algorithmOf(m.ref).Parameters {
		d.Property = append(d.Property, fhirPropertyText{fhirConceptOf(sr.AlgorithmParameters), []fhirConcept{{Text: p}}})
	}
	w.post("Device", uidURN(DeviceUID(m.ref)), d)
}

// program files this program as the device that measured by a pipeline.
func (w *fhirWriter) program(pipeline string) *fhirReference {
	e := w.builder.device()
	d := fhirDevice{ResourceType: "Device", Identifier: dicomIdentifier(uidURN(e.UID)), Status: "active", Manufacturer: e.Manufacturer,
		DeviceName: []fhirDeviceName{{e.Model, "model-name"}}, Type: fhirConcept{Text: "Software that measures in images"}, Version: []fhirVersion{{w.Software}},
		Property: []fhirPropertyText{{fhirConceptOf(sr.AlgorithmParameters), []fhirConcept{{Text: "pipeline=" + pipeline}}}}}
	r := fhirReference{Reference: fullURL("Device", uidURN(e.UID))}
	if !slices.ContainsFunc(w.entries, func(x fhirEntry) bool { return x.FullURL == r.Reference }) {
		w.post("Device", uidURN(e.UID), d)
	}
	return &r
}

// observationStatus is that of what a person signed, or preliminary.
func (w *fhirWriter) observationStatus(f radnode.ReportFinding) string {
	switch {
	case f.Decision == radnode.Rejected:
		return "entered-in-error"
	case w.Observer == nil || f.Decision != radnode.Accepted && f.Reading == nil:
		return "preliminary"
	case w.Amends:
		return "amended"
	}
	return "final"
}

func (w *fhirWriter) observation(tracking radnode.UID, status string, code radnode.Concept, image radnode.UID, frame int, m radnode.ModelRef) fhirObservation {
	ob := fhirObservation{ResourceType: "Observation", Identifier: dicomIdentifier(uidURN(tracking)), Status: status,
		PartOf:   []fhirReference{{Reference: fullURL("ImagingStudy", uidURN(w.study))}},
		Category: []fhirConcept{{Coding: []fhirCoding{{System: "http://terminology.hl7.org/CodeSystem/observation-category", Code: "imaging", Display: "Imaging"}}}},
		Code:     fhirConceptOf(code), Subject: w.subject(), Effective: w.started, Issued: w.issued,
		DerivedFrom: []fhirReference{{Type: "ImagingStudy", Identifier: &fhirIdentifier{System: uidSystem, Value: uidURN(image)}, Display: imageText(image, frame)}}}
	if m.ID != "" {
		ob.Device = &fhirReference{Reference: fullURL("Device", uidURN(DeviceUID(m)))}
	}
	if w.Observer != nil && status != "preliminary" {
		ob.Performer = w.interpreters()
	}
	return ob
}

func (w *fhirWriter) finding(f radnode.ReportFinding, status string) fhirReference {
	_, uid := tracking(f)
	ob := w.observation(uid, status, w.code(f.Stated()), f.SOPInstanceUID, f.Frame, f.Model)
	m := f.Finding.Measurement
	if f.Reading != nil {
		m = f.Reading.Measurement
	}
	if f.Reading == nil && f.Finding.IsNumber() {
		ob.ValueQuantity, m = quantity(m.Value, unit(m.Unit)), nil
	} else {
		value := fhirConceptOf(presence(f))
		ob.ValueCodeableConcept = &value
	}
	if f.Reading == nil && !f.Finding.IsNumber() {
		ob.Component = append(ob.Component, fhirComponent{Code: fhirConceptOf(sr.CertaintyOfFinding), ValueQuantity: quantity(percent(f.Finding.Probability), sr.Percent)})
	}
	if m != nil {
		ob.Component = append(ob.Component, fhirComponent{Code: fhirConceptOf(w.measurementName(m.Name)), ValueQuantity: quantity(m.Value, unit(m.Unit))})
	}
	ob.Note = append(ob.Note, fhirNote{w.sentence(f)})
	return w.put("Observation", uidURN(uid), ob)
}

func (w *fhirWriter) measurement(m measurement) fhirReference {
	tracking := TrackingUID(m.image, m.frame, m.model, m.name.Value)
	ob := w.observation(tracking, "preliminary", m.name, m.image, m.frame, m.model)
	ob.ValueQuantity = quantity(m.value, m.unit)
	if m.pipeline != "" {
		ob.Device = w.program(m.pipeline)
	}
	if w.Observer != nil {
		ob.Note = append(ob.Note, fhirNote{undecidedText})
	}
	return w.put("Observation", uidURN(tracking), ob)
}

// withdraw files what the reader rejected as entered in error: a preliminary
// observation of it may stand in the record.
func (w *fhirWriter) withdraw() {
	for _, f := range w.Findings {
		if f.Decision == radnode.Rejected {
			w.finding(f, "entered-in-error")
		}
	}
}

// interpreters are the persons who signed.
func (w *fhirWriter) interpreters() []fhirReference {
	var out []fhirReference
	for _, p := range []*Person{w.Observer, w.Second} {
		if p == nil {
			continue
		}
		r := fhirReference{Type: "Practitioner", Display: cmp.Or(dicom.ParsePersonName(p.Name).Display(), "reader")}
		if p.Login != "" {
			r.Identifier = &fhirIdentifier{System: "urn:ietf:rfc:3986", Value: uidURN(radnode.DeriveUID("reader", w.Station, p.Login))}
		}
		out = append(out, r)
	}
	return out
}

func (w *fhirWriter) report() *fhirDiagnosticReport {
	// The first identifier is of the report of the study in all its versions, the second of the document.
	r := &fhirDiagnosticReport{ResourceType: "DiagnosticReport", Status: w.reportStatus(),
		Identifier: append(dicomIdentifier(uidURN(radnode.DeriveUID("report of study", string(w.study)))), dicomIdentifier(uidURN(w.SOPInstanceUID))...),
		Category:   []fhirConcept{{Coding: []fhirCoding{{System: "http://terminology.hl7.org/CodeSystem/v2-0074", Code: "RAD", Display: "Radiology"}}}},
		Code:       fhirConceptOf(sr.DiagnosticImagingReport), Subject: w.subject(), Effective: w.started, Issued: w.issued,
		Performer:    []fhirReference{{Type: "Organization", Display: cmp.Or(w.options.Organization, w.Station, Manufacturer)}},
		ImagingStudy: []fhirReference{{Reference: fullURL("ImagingStudy", uidURN(w.study))}}}
	if w.Observer != nil {
		r.ResultsInterpreter = w.interpreters()
	}
	if order := strings.TrimSpace(w.Source[0].Text(dicom.PlacerOrderNumberImagingServiceRequest)); order != "" {
		r.BasedOn = []fhirReference{{Type: "ServiceRequest", Identifier: &fhirIdentifier{Type: v2Type("PLAC", "Placer Identifier"), Value: order}}}
	}
	for _, e := range w.evaluations() {
		if sr.Is(e.Name, sr.Impression) {
			r.Conclusion = e.Text
		}
	}
	r.PresentedForm = append(r.PresentedForm, attachment("text/html", "en", []byte(w.html())))
	if w.options.PDF != nil {
		r.PresentedForm = append(r.PresentedForm, attachment("application/pdf", "", w.options.PDF))
	}
	return r
}

func (w *fhirWriter) reportStatus() string {
	switch {
	case w.Observer == nil:
		return "preliminary"
	case w.Amends:
		return "amended"
	}
	return "final"
}

func attachment(kind, language string, data []byte) fhirAttachment {
	sum := sha1.Sum(data)
	return fhirAttachment{ContentType: kind, Language: language, Data: data, Size: len(data), Hash: sum[:], Title: "Imaging report"}
}

// html is the narrative: the same sentences as in the other documents.
func (w *fhirWriter) html() string {
	var s strings.Builder
	paragraph := func(tag, text string) {
		fmt.Fprintf(&s, "<%s>%s</%s>\n", tag, strings.ReplaceAll(html.EscapeString(text), "\n", "<br/>"), tag)
	}
	s.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>Imaging report</title></head><body>\n")
	paragraph("h1", "Imaging report")
	if w.Observer == nil {
		paragraph("p", Unverified+". Findings are the output of algorithms and need review by a physician.")
	}
	for _, f := range w.findings {
		paragraph("p", w.sentence(f))
	}
	for _, e := range w.evaluations() {
		paragraph("p", e.Name.Meaning+": "+e.Text)
	}
	for _, l := range w.signatureLines() {
		paragraph("p", l)
	}
	s.WriteString("</body></html>\n")
	return s.String()
}
