package pixel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// facts are what the header says about an image, as far as a gate asks.
type facts struct {
	headless    bool // a PNG or JPEG: nothing is known but the picture
	sopClass    radnode.UID
	modality    string
	bodyPart    string
	view        string
	photometric string
	burnedIn    string
	intent      string // Presentation Intent Type
	species     string // what names the patient as an animal
	age         age
	rows        int
	columns     int
}

// age is the age of the patient at the time of the study.
type age struct {
	known    bool
	years    float64
	text     string // "67 years", "8 months"
	conflict string // why two attributes of the header disagree
}

func readFacts(d *dicom.Dataset) facts {
	f := facts{
		sopClass:    d.UID(dicom.SOPClassUID),
		modality:    code(d, dicom.Modality),
		bodyPart:    code(d, dicom.BodyPartExamined),
		view:        code(d, dicom.ViewPosition),
		photometric: code(d, dicom.PhotometricInterpretation),
		burnedIn:    code(d, dicom.BurnedInAnnotation),
		intent:      code(d, dicom.PresentationIntentType),
		species:     animal(d),
		age:         readAge(d),
	}
	f.rows, _ = d.Int(dicom.Rows) // absent is 0, which fits no model
	f.columns, _ = d.Int(dicom.Columns)
	return f
}

// code is a code string in the form gates compare: trimmed, in capitals. It
// is shown to people, so it is cut to the length the standard allows.
func code(d *dicom.Dataset, t dicom.Tag) string {
	s := strings.ToUpper(strings.TrimSpace(d.Text(t)))
	if len(s) > 16 { // PS3.5 6.2: VR CS
		s = strings.ToValidUTF8(s[:16], "")
	}
	return s
}

// animals are words that name a patient or a technique as veterinary. Headers
// rarely fill Patient Species (PS3.3 C.7.1.1), but devices for animals name
// their techniques.
var animals = []string{"CANINE", "FELINE", "EQUINE", "VETERINAR"}

// dental are modalities in which "canine" is a tooth.
var dental = []string{"IO", "PX"}

// animal returns the attribute that says the patient is no human, "" if none.
func animal(d *dicom.Dataset) string {
	if s := strings.ToUpper(strings.TrimSpace(d.Text(dicom.PatientSpeciesDescription))); s != "" && s != "HUMAN" && !strings.HasPrefix(s, "HOMO SAPIENS") {
		return "Patient Species Description"
	}
	if item := d.Item(dicom.PatientSpeciesCodeSequence); item != nil {
		// 337915000 SCT and L-85B00 SRT: Homo sapiens (PS3.16 CID 7454).
		if v := item.Text(dicom.CodeValue); v != "337915000" && v != "L-85B00" {
			return "Patient Species Code Sequence"
		}
	}
	if slices.Contains(dental, code(d, dicom.Modality)) {
		return ""
	}
	for _, a := range []struct {
		tag  dicom.Tag
		name string
	}{
		{dicom.AcquisitionDeviceProcessingDescription, "Acquisition Device Processing Description"},
		{dicom.ProtocolName, "Protocol Name"},
		{dicom.SeriesDescription, "Series Description"},
		{dicom.InstitutionName, "Institution Name"},
	} {
		text := strings.ToUpper(d.Text(a.tag))
		for _, word := range animals {
			if strings.Contains(text, word) {
				return a.name
			}
		}
	}
	return ""
}

// readAge takes the age from Patient's Age and from the dates of birth and
// study. Where both are there they must agree within a year.
func readAge(d *dicom.Dataset) age {
	stated, hasStated := parseAge(d.Text(dicom.PatientAge))
	born, hasBorn := ageOnDate(d.Text(dicom.PatientBirthDate), firstDate(d))
	switch {
	case hasStated && hasBorn:
		// Patient's Age may be rounded to the nearest year or month.
		if diff := stated.years - born.years; diff > 1.01 || diff < -1.01 {
			stated.conflict = fmt.Sprintf("Patient's Age says %s, the dates of birth and study say %s", stated.text, born.text)
		}
		return stated
	case hasStated:
		return stated
	case hasBorn:
		return born
	}
	return age{}
}

// parseAge reads an age string (PS3.5 6.2: nnnD, nnnW, nnnM, nnnY). A number
// without its unit, as some writers leave it, is taken as years.
func parseAge(s string) (age, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	unit := byte('Y')
	if n := len(s); n > 0 && (s[n-1] < '0' || s[n-1] > '9') {
		unit = s[n-1]
		s = s[:n-1]
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n > 999 {
		return age{}, false
	}
	v := float64(n)
	switch unit {
	case 'D':
		return age{known: true, years: v / 365.25, text: plural(n, "day")}, true
	case 'W':
		return age{known: true, years: v * 7 / 365.25, text: plural(n, "week")}, true
	case 'M':
		return age{known: true, years: v / 12, text: plural(n, "month")}, true
	case 'Y':
		return age{known: true, years: v, text: plural(n, "year")}, true
	}
	return age{}, false
}

func plural(n uint64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.FormatUint(n, 10) + " " + unit + "s"
}

// firstDate is the best date of the image.
func firstDate(d *dicom.Dataset) string {
	for _, t := range []dicom.Tag{dicom.StudyDate, dicom.AcquisitionDate, dicom.ContentDate, dicom.SeriesDate} {
		if s := d.Text(t); s != "" {
			return s
		}
	}
	return ""
}

// ageOnDate counts completed years, or months below two years. De-identified
// files carry dates of 1900 and 1901 that say nothing.
func ageOnDate(birth, on string) (age, bool) {
	b, errB := time.Parse("20060102", birth)
	s, errS := time.Parse("20060102", on)
	if errB != nil || errS != nil || s.Before(b) || b.Year() < 1890 || s.Year() <= 1901 {
		return age{}, false
	}
	months := (s.Year()-b.Year())*12 + int(s.Month()-b.Month())
	if s.Day() < b.Day() {
		months--
	}
	if months > 150*12 {
		return age{}, false
	}
	a := age{known: true, years: float64(months) / 12, text: plural(uint64(months/12), "year")}
	if months < 24 {
		a.text = plural(uint64(months), "month")
	}
	return a, true
}
