package pixel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/models"
)

// childFilm is a header that the gate of a paediatric chest model accepts.
func childFilm(change ...func(*dicom.Dataset)) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.1")
	d.SetText(dicom.Modality, "CR")
	d.SetText(dicom.BodyPartExamined, "CHEST")
	d.SetText(dicom.ViewPosition, "AP")
	d.SetText(dicom.PhotometricInterpretation, "MONOCHROME2")
	d.SetText(dicom.PatientAge, "003Y")
	d.SetInts(dicom.Rows, 1000)
	d.SetInts(dicom.Columns, 900)
	for _, c := range change {
		c(d)
	}
	return d
}

var childGate = models.Gate{
	Modality: []string{"CR", "DX"}, BodyPart: []string{"CHEST", "THORAX", ""}, View: []string{"AP", "PA", ""},
	Photometric: []string{"MONOCHROME1", "MONOCHROME2"}, AgeYears: &models.Range{Min: 1, Max: 5},
	MinRows: 128, MinColumns: 128, MaxAspect: 2,
}

func text(t dicom.Tag, v ...string) func(*dicom.Dataset) {
	return func(d *dicom.Dataset) { d.SetText(t, v...) }
}

func size(rows, columns int) func(*dicom.Dataset) {
	return func(d *dicom.Dataset) { d.SetInts(dicom.Rows, rows); d.SetInts(dicom.Columns, columns) }
}

func TestTheGateSaysWhyInOneSentence(t *testing.T) {
	type change = func(*dicom.Dataset)
	tests := map[string]struct {
		changes []change
		want    string // "" accepted without a note, "note: …" accepted with one
	}{
		"a child's chest film":        {nil, ""},
		"an adult":                    {[]change{text(dicom.PatientAge, "067Y")}, "not applicable: patient is 67 years, model is for 1–5 years"},
		"an infant":                   {[]change{text(dicom.PatientAge, "008M")}, "not applicable: patient is 8 months, model is for 1–5 years"},
		"the first birthday":          {[]change{text(dicom.PatientAge, "012M")}, ""},
		"a newborn":                   {[]change{text(dicom.PatientAge, "001D")}, "not applicable: patient is 1 day, model is for 1–5 years"},
		"weeks":                       {[]change{text(dicom.PatientAge, "100W")}, ""},
		"shortly before six":          {[]change{text(dicom.PatientAge, "071M")}, ""},
		"six":                         {[]change{text(dicom.PatientAge, "006Y")}, "not applicable: patient is 6 years, model is for 1–5 years"},
		"an age without its unit":     {[]change{text(dicom.PatientAge, "54 ")}, "not applicable: patient is 54 years, model is for 1–5 years"},
		"no age":                      {[]change{text(dicom.PatientAge, "")}, "not applicable: the header does not say the age, model is for 1–5 years"},
		"an age that is no age":       {[]change{text(dicom.PatientAge, "old")}, "not applicable: the header does not say the age, model is for 1–5 years"},
		"an age from dates":           {[]change{text(dicom.PatientAge, ""), text(dicom.PatientBirthDate, "20200310"), text(dicom.StudyDate, "20240309")}, ""},
		"too old by dates":            {[]change{text(dicom.PatientAge, ""), text(dicom.PatientBirthDate, "19440310"), text(dicom.StudyDate, "20120115")}, "not applicable: patient is 67 years, model is for 1–5 years"},
		"two ages":                    {[]change{text(dicom.PatientBirthDate, "19440310"), text(dicom.StudyDate, "20120115")}, "not applicable: the header contradicts itself: Patient's Age says 3 years, the dates of birth and study say 67 years; model is for 1–5 years"},
		"a date of de-identification": {[]change{text(dicom.PatientBirthDate, "18900101"), text(dicom.StudyDate, "19010101")}, ""},
		"a CT":                        {[]change{text(dicom.Modality, "CT"), func(d *dicom.Dataset) { d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2") }}, "not applicable: modality is CT, model is for CR, DX"},
		"a CT that claims to be CR":   {[]change{func(d *dicom.Dataset) { d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2") }}, "not applicable: the header contradicts itself: modality is CR, the object is a CT Image Storage"},
		"DX in a CR object":           {[]change{text(dicom.Modality, "DX")}, ""},
		"no modality":                 {[]change{text(dicom.Modality, "")}, "not applicable: the header does not say the modality, model is for CR, DX"},
		"a hand":                      {[]change{text(dicom.BodyPartExamined, "HAND")}, "not applicable: body part is HAND, model is for CHEST, THORAX"},
		"no body part":                {[]change{text(dicom.BodyPartExamined, "")}, "note: the header does not say the body part"},
		"small letters":               {[]change{text(dicom.BodyPartExamined, "Chest")}, ""},
		"a lateral view":              {[]change{text(dicom.ViewPosition, "LL")}, "not applicable: view is LL, model is for AP, PA"},
		"colour":                      {[]change{text(dicom.PhotometricInterpretation, "RGB")}, "not applicable: photometric interpretation is RGB, model is for MONOCHROME1, MONOCHROME2"},
		"a small image":               {[]change{size(100, 120)}, "not applicable: image has 100 × 120 pixels, model needs at least 128 × 128"},
		"a strip":                     {[]change{size(200, 2265)}, "not applicable: the longer side is 11.3 times the shorter, model takes up to 2"},
		"burned-in text":              {[]change{text(dicom.BurnedInAnnotation, "YES")}, "not applicable: the header says that text is burned into the image"},
		"a raw image":                 {[]change{text(dicom.PresentationIntentType, "FOR PROCESSING")}, "not applicable: the image is for processing, not for presentation"},
		"a dog":                       {[]change{text(dicom.AcquisitionDeviceProcessingDescription, "CANINE LATERAL THORAX 0-15cm")}, "not applicable: the patient is no human (Acquisition Device Processing Description)"},
		"a species":                   {[]change{text(dicom.PatientSpeciesDescription, "Felis catus")}, "not applicable: the patient is no human (Patient Species Description)"},
		"a human species":             {[]change{text(dicom.PatientSpeciesDescription, "Homo sapiens")}, ""},
		"a very long value":           {[]change{text(dicom.BodyPartExamined, strings.Repeat("X", 16))}, "not applicable: body part is XXXXXXXXXXXXXXXX, model is for CHEST, THORAX"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := readFacts(childFilm(tt.changes...))
			got := declared(&f, &childGate)
			text := strings.Join(got.Reasons, "; ")
			if got.Accepted && text != "" {
				text = "note: " + text
			}
			if diff := cmp.Diff(tt.want, text); diff != "" || got.Accepted != (tt.want == "" || strings.HasPrefix(tt.want, "note")) {
				t.Errorf("accepted %v\n%s", got.Accepted, diff)
			}
		})
	}
}

func TestEveryReasonIsToldNotOnlyTheFirst(t *testing.T) {
	f := readFacts(childFilm(text(dicom.BodyPartExamined, "HAND"), text(dicom.PatientAge, "067Y"), size(10, 10)))
	if got := declared(&f, &childGate); len(got.Reasons) != 3 {
		t.Errorf("got %q", got.Reasons)
	}
}

func TestAPictureWithoutHeaderNeedsNoHeaderButAnAge(t *testing.T) {
	f := facts{headless: true, rows: 500, columns: 500}
	gate := childGate
	if got := declared(&f, &gate); got.Accepted || got.Reasons[0] != "not applicable: the picture has no header, so the age is unknown; model is for 1–5 years" {
		t.Errorf("got %+v", got)
	}
	gate.AgeYears = nil
	if got := declared(&f, &gate); !got.Accepted || len(got.Reasons) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestLearnedConditionsNameTheFinding(t *testing.T) {
	gate := models.Gate{Findings: []models.Condition{{Model: "quality", Label: "chest_film", Present: true, Reason: "not a frontal chest film"}}}
	failed := "device lost"
	finding := func(label string, p float64, present bool) *radnode.Analysis {
		return &radnode.Analysis{Gate: radnode.Gate{Accepted: true}, Findings: []radnode.Finding{{Label: label, Probability: p, Present: present}}}
	}
	tests := map[string]struct {
		other *radnode.Analysis
		want  string
	}{
		"met":               {finding("chest_film", 0.97, true), ""},
		"not met":           {finding("chest_film", 0.12, false), "not applicable: not a frontal chest film (quality: chest_film 0.12)"},
		"no such finding":   {finding("other", 0.9, true), "not applicable: not a frontal chest film (quality gave no finding chest_film)"},
		"the model is gone": {nil, "not analysed: the model quality, whose findings are a condition, is not ready"},
		"the model refused": {&radnode.Analysis{}, "not applicable: the model quality, whose findings are a condition, does not take this image"},
		"the model failed":  {&radnode.Analysis{Error: &failed}, "not analysed: the model quality, whose findings are a condition, failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(learned(&gate, func(string) *radnode.Analysis { return tt.other }), "; ")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFramesAreChosenAsTheManifestSays(t *testing.T) {
	tests := []struct {
		choice string
		count  int
		want   []int
	}{
		{"", 1, []int{0}}, {"", 8, []int{0, 1, 2, 3, 4, 5, 6, 7}}, {"", 9, []int{4}},
		{"middle", 3, []int{1}}, {"all", 10, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, framesFor(tt.choice, tt.count)); diff != "" {
			t.Errorf("%q of %d: %s", tt.choice, tt.count, diff)
		}
	}
}

func TestFindingsAboutTheFilmFillOrQuestionTheHeader(t *testing.T) {
	film := func(view float64, more ...radnode.Finding) []radnode.Finding {
		return append([]radnode.Finding{
			{Label: "chest_film", Probability: 0.99, Present: true},
			{Label: "view_ap", Probability: view, Present: view >= 0.5},
		}, more...)
	}
	tests := map[string]struct {
		header   facts
		findings []radnode.Finding
		want     string
	}{
		"a view that agrees":    {facts{view: "AP"}, film(0.98), ""},
		"a view that disagrees": {facts{view: "AP"}, film(0.03), "the header says view AP, the film looks PA (0.97)"},
		"no view":               {facts{}, film(0.99), "view missing in the header: AP (0.99)"},
		"no header":             {facts{headless: true}, film(0.25), "the view looks PA (0.75)"},
		"another view":          {facts{view: "LL"}, film(0.9), ""},
		"an inverted film":      {facts{view: "AP"}, film(0.9, radnode.Finding{Label: "inverted", Probability: 0.99, Present: true}), "the grey scale looks inverted (0.99); the photometric interpretation may be wrong"},
		"an upright film":       {facts{view: "AP"}, film(0.9, radnode.Finding{Label: "orientation_upright", Probability: 0.9, Present: true}), ""},
		"a turned film":         {facts{view: "AP"}, film(0.9, radnode.Finding{Label: "orientation_rotated_90", Probability: 0.9, Present: true}), "the film does not lie upright: rotated_90 (0.90)"},
		"no chest film":         {facts{}, []radnode.Finding{{Label: "chest_film", Probability: 0.1}, {Label: "view_ap", Probability: 0.9, Present: true}}, "this does not look like a frontal chest film (0.10)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, strings.Join(remarks(&tt.header, tt.findings), "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFilmThatIsBurntOutOrDarkIsRefused(t *testing.T) {
	gate := models.Gate{Exposure: &models.Exposure{Black: 0.75, White: 0.5}}
	display := make([]byte, 100)
	for i := range display {
		display[i] = 128
	}
	tests := []struct {
		black, white int
		want         string
	}{
		{75, 25, ""},
		{76, 0, "76 % of the image is plain black, model takes up to 75 %"},
		{0, 51, "51 % of the image is plain white, model takes up to 50 %"},
	}
	for _, tt := range tests {
		pixels := append([]byte(nil), display...)
		for i := range tt.black {
			pixels[i] = 0
		}
		for i := range tt.white {
			pixels[len(pixels)-1-i] = 255
		}
		if got := exposed(pixels, &gate); got != tt.want {
			t.Errorf("%d black, %d white: %q, want %q", tt.black, tt.white, got, tt.want)
		}
		if got := exposed(pixels, &models.Gate{}); got != "" {
			t.Errorf("without a rule: %q", got)
		}
	}
}
