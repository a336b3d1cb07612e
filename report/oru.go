package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
	"github.com/radnode/radnode/hl7"
)

// MessageOptions say between whom an HL7 message goes.
type MessageOptions struct {
	SendingApplication, SendingFacility     string // MSH-3, MSH-4; "" is RADNODE
	ReceivingApplication, ReceivingFacility string // MSH-5, MSH-6
	ProcessingID                            string // MSH-11; "" is P, production
	PDF                                     []byte // the report as a document, or nil
}

// ORU makes the unsolicited observation message of a report (HL7 v2.5.1 chapter
// 7, ORU^R01). Its results are preliminary until the report is signed. The same
// report gives the same message with the same control ID, so that a receiver
// can tell one that is sent again.
func ORU(in Input, o MessageOptions) (hl7.Message, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	w := &oru{builder: b, time: hl7Time(b.Now)}
	m := hl7.Message{w.header(o), w.patient(), w.request()}
	w.studyLinks()
	for _, f := range b.findings {
		w.finding(f)
	}
	for _, x := range b.measurements() {
		w.measurement(x)
	}
	for _, e := range b.evaluations() {
		w.evaluation(e)
	}
	if o.PDF != nil {
		w.observe("ED", sr.DiagnosticImagingReport, "", hl7.Value("^application^pdf^Base64^"+base64.StdEncoding.EncodeToString(o.PDF)))
	}
	return append(m, w.observations...), nil
}

// oru numbers the observations of a message.
type oru struct {
	*builder
	time         string
	sub          int // OBX-4: the facts of one finding share one
	observations hl7.Message
}

// hl7Time is a time stamp (TS, 2.A.77).
func hl7Time(t time.Time) string { return t.Format("20060102150405-0700") }

// status is the code of tables 0085 and 0123: what no person has signed is
// preliminary, what changes a signed report is a correction.
func (w *oru) status() string {
	switch {
	case w.Observer == nil:
		return "P"
	case w.Amends:
		return "C"
	}
	return "F"
}

func (w *oru) header(o MessageOptions) hl7.Segment {
	sum := sha256.Sum256([]byte(string(w.SOPInstanceUID) + w.status() + w.time))
	return hl7.Segment{Name: "MSH", Fields: []hl7.Value{
		hl7.Text(cmp.Or(o.SendingApplication, "RADNODE")), hl7.Text(o.SendingFacility),
		hl7.Text(o.ReceivingApplication), hl7.Text(o.ReceivingFacility), hl7.Value(w.time), "",
		"ORU^R01^ORU_R01", hl7.Value(hex.EncodeToString(sum[:10])), hl7.Text(cmp.Or(o.ProcessingID, "P")), "2.5.1",
		"", "", "", "", "", "UNICODE UTF-8",
	}}
}

// sexes maps Patient's Sex to table 0001.
var sexes = map[string]hl7.Value{"M": "M", "F": "F", "O": "O"}

func (w *oru) patient() hl7.Segment {
	s := w.Source[0]
	var names []hl7.Value
	name := s.PersonName(dicom.PatientName)
	// XPN-8 tells the script: alphabetic, ideographic, phonetic (table 0465).
	for i, g := range []dicom.NameGroup{name.Alphabetic, name.Ideographic, name.Phonetic} {
		if g != (dicom.NameGroup{}) {
			names = append(names, hl7.Components(g.Family, g.Given, g.Middle, g.Suffix, g.Prefix, "", "L", "AIP"[i:i+1]))
		}
	}
	if names == nil {
		names = append(names, hl7.Components("", "", "", "", "", "", "U")) // PID-5 is required; table 0200: unspecified
	}
	return hl7.Segment{Name: "PID", Fields: []hl7.Value{
		"1", "", hl7.Components(s.Text(dicom.PatientID), "", "", s.Text(dicom.IssuerOfPatientID)), "", hl7.Repetitions(names...), "",
		hl7.Value(valid(dicom.DA, s.Text(dicom.PatientBirthDate))), sexes[s.Text(dicom.PatientSex)],
	}}
}

func (w *oru) request() hl7.Segment {
	s := w.Source[0]
	f := make([]hl7.Value, 33)
	set := func(n int, v hl7.Value) { f[n-1] = v }
	set(1, "1")
	set(2, hl7.Text(s.Text(dicom.PlacerOrderNumberImagingServiceRequest)))
	set(3, hl7.Text(cmp.Or(s.Text(dicom.FillerOrderNumberImagingServiceRequest), s.Text(dicom.AccessionNumber), string(w.study))))
	set(4, coded(procedure(s)))
	if d := valid(dicom.DA, s.Text(dicom.StudyDate)); d != "" {
		clock, _, _ := strings.Cut(valid(dicom.TM, s.Text(dicom.StudyTime)), ".")
		set(7, hl7.Value(d+clock))
	}
	set(18, hl7.Text(s.Text(dicom.AccessionNumber)))
	set(22, hl7.Value(w.time))
	set(24, "RAD")
	set(25, hl7.Value(w.status()))
	if w.Observer != nil {
		set(32, interpreter(w.Observer, "&"))
	}
	if w.Second != nil {
		set(33, interpreter(w.Second, "&")) // Assistant Result Interpreter: who signed as the second
	}
	return hl7.Segment{Name: "OBR", Fields: f}
}

// interpreter names a reader: as XCN with components, or with subcomponents
// inside NDL.
func interpreter(p *Person, separator string) hl7.Value {
	g := dicom.ParsePersonName(p.Name).Alphabetic
	parts := []string{p.Login, g.Family, g.Given, g.Middle, g.Suffix, g.Prefix}
	for i := range parts {
		parts[i] = hl7.Escape(parts[i])
	}
	return hl7.Value(strings.TrimRight(strings.Join(parts, separator), separator))
}

// observers are all who signed.
func (w *oru) observers() hl7.Value {
	list := []hl7.Value{interpreter(w.Observer, "^")}
	if w.Second != nil {
		list = append(list, interpreter(w.Second, "^"))
	}
	return hl7.Repetitions(list...)
}

// coded is a CWE with code, text and coding system (table 0396 names those of
// DICOM alike).
func coded(c radnode.Concept) hl7.Value { return hl7.Components(c.Value, c.Meaning, c.Scheme) }

// observe adds an OBX segment about the report as a whole.
func (w *oru) observe(kind string, name radnode.Concept, status string, v hl7.Value) *hl7.Segment {
	f := make([]hl7.Value, 18)
	f[0], f[1], f[2], f[4] = hl7.Value(strconv.Itoa(len(w.observations)+1)), hl7.Value(kind), coded(name), v
	if w.sub > 0 {
		f[3] = hl7.Value(strconv.Itoa(w.sub))
	}
	f[10], f[13] = hl7.Value(cmp.Or(status, w.status())), hl7.Value(w.time)
	if w.Observer != nil && f[10] != "R" {
		f[15] = w.observers()
	}
	w.observations = append(w.observations, hl7.Segment{Name: "OBX", Fields: f})
	return &w.observations[len(w.observations)-1]
}

func (w *oru) studyLinks() {
	w.observe("ST", sr.StudyInstanceUID, "", hl7.Text(string(w.study)))
	w.observe("ST", w.privateCode("report_sop_instance_uid"), "", hl7.Text(string(w.SOPInstanceUID)))
}

// finding adds what is known of one finding: presence, certainty, the rule that
// decided, the image.
func (w *oru) finding(f radnode.ReportFinding) {
	w.sub++
	status, stated := w.findingStatus(f), f.Stated()
	at := len(w.observations)
	name, m := w.code(stated), f.Finding.Measurement
	if f.Reading != nil {
		m = f.Reading.Measurement
	}
	isNumber := f.Reading == nil && f.Finding.IsNumber()
	if !isNumber {
		x := w.observe("CWE", name, status, coded(presence(f)))
		if stated.Code != nil && sr.Is(presence(f), sr.Yes) {
			x.Fields[7] = "A" // abnormal, table 0078
		}
		if m != nil {
			name = w.measurementName(m.Name)
		}
	}
	if f.Reading == nil && !isNumber {
		certainty := w.observe("NM", sr.CertaintyOfFinding, status, hl7.Value(strconv.FormatFloat(percent(f.Finding.Probability), 'f', -1, 64)))
		certainty.Fields[5] = coded(sr.Percent)
	}
	if m != nil {
		measured := w.observe("NM", name, status, hl7.Value(strconv.FormatFloat(m.Value, 'g', -1, 64)))
		measured.Fields[5] = coded(unit(m.Unit))
	}
	w.observe("FT", sr.FindingName, status, hl7.Lines(w.sentence(f)))
	w.observe("ST", sr.SourceOfMeasurement, status, hl7.Text(imageText(f.SOPInstanceUID, f.Frame)))
	if f.Reading != nil {
		return
	}
	equipment := hl7.Components(f.Model.ID+" "+f.Model.Version, "", string(DeviceUID(f.Model)), "ISO")
	for i := range w.observations[at:] {
		w.observations[at+i].Fields[17] = equipment
	}
}

func imageText(uid radnode.UID, frame int) string {
	if frame > 0 {
		return fmt.Sprintf("%s frame %d", uid, frame)
	}
	return string(uid)
}

// findingStatus is that of the report, but "not verified" for what the reader
// of a signed report did not decide about.
func (w *oru) findingStatus(f radnode.ReportFinding) string {
	if w.Observer != nil && f.Decision != radnode.Accepted && f.Reading == nil {
		return "R"
	}
	return w.status()
}

func (w *oru) measurement(x measurement) {
	w.sub++
	status := w.status()
	if w.Observer != nil {
		status = "R"
	}
	v := w.observe("NM", x.name, status, hl7.Value(strconv.FormatFloat(x.value, 'g', -1, 64)))
	v.Fields[5] = coded(x.unit)
	device := DeviceUID(x.model)
	if x.pipeline != "" {
		device = w.device().UID
	}
	v.Fields[17] = hl7.Components(x.by+" "+x.version, "", string(device), "ISO")
	w.observe("ST", sr.SourceOfMeasurement, status, hl7.Text(imageText(x.image, x.frame)))
}

func (w *oru) evaluation(e sr.Evaluation) {
	w.sub = 0
	name := e.Name
	switch {
	case sr.Is(name, sr.Impression):
		name = sr.ImpressionsLOINC
	case sr.Is(name, sr.FindingName):
		name = sr.FindingsLOINC
	}
	w.observe("FT", name, "", hl7.Lines(e.Text))
}
