package report_test

import (
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/report"
)

func TestEveryCodeOfTheVocabularyIsAConfirmedOne(t *testing.T) {
	f, err := os.Open("../../shared/spec/finding_codes.csv")
	if err != nil {
		t.Skip("the table of confirmed codes is not beside the project: ", err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, term := range report.Vocabulary {
		if seen[term.Label] || term.English == "" || term.Chinese == "" {
			t.Errorf("%q is there twice or has no name", term.Label)
		}
		seen[term.Label] = true
		if term.Code == nil {
			continue
		}
		confirmed := slices.ContainsFunc(rows, func(row []string) bool {
			status, note := row[5], row[8]
			return row[2] == term.Code.Scheme && row[3] == term.Code.Value && (status == "P" || status == "C2") ||
				strings.Contains(note, "PS3.16 itself lists ("+term.Code.Value+","+term.Code.Scheme)
		})
		if !confirmed {
			t.Errorf("%s: the code %s is not confirmed", term.Label, term.Code.Value)
		}
	}
}

func accepted(label string, code *radnode.Concept, present bool) radnode.ReportFinding {
	return radnode.ReportFinding{Model: radnode.ModelRef{ID: "m"}, Finding: radnode.Finding{Label: label, Code: code, Present: present}, Decision: radnode.Accepted}
}

func TestNarrativesTellWhatTheReaderDecided(t *testing.T) {
	pneumonia := &radnode.Concept{Value: "233604007", Scheme: "SCT", Meaning: "Pneumonia"}
	private := report.PrivateConcept("azygos lobe")
	rejected := accepted("mass", pneumonia, true)
	rejected.Decision = radnode.Rejected
	edited := accepted("pneumonia", pneumonia, true)
	edited.Reading = &radnode.Reading{Label: "pleural_effusion", Code: &radnode.Concept{Value: "60046008", Scheme: "SCT"}, Text: "left, small.",
		Measurement: &radnode.Measurement{Name: "length", Value: 12.34567, Unit: "mm"}}
	added := radnode.ReportFinding{Decision: radnode.Accepted, Finding: radnode.Finding{Label: "azygos lobe", Code: &private, Present: true},
		Reading: &radnode.Reading{Label: "azygos lobe", Code: &private}}
	cases := []struct {
		name, language   string
		findings         []radnode.ReportFinding
		text, impression string
	}{
		{"nothing decided", "en", []radnode.ReportFinding{{Finding: radnode.Finding{Label: "pneumonia", Code: pneumonia, Present: true}}},
			"The reader stated no finding.", "No finding stated."},
		{"technical labels are no findings", "en", []radnode.ReportFinding{accepted("chest_film", nil, true)}, "The reader stated no finding.", "No finding stated."},
		{"one accepted, one rejected", "en", []radnode.ReportFinding{accepted("pneumonia", pneumonia, true), rejected}, "Pneumonia.", "Pneumonia."},
		{"one ruled out", "en", []radnode.ReportFinding{accepted("pneumonia", pneumonia, false)}, "No evidence of pneumonia.", "No finding stated."},
		{"one changed, one added", "en", []radnode.ReportFinding{edited, added}, "Pleural effusion, length 12.35 mm, left, small.\nAzygos lobe.",
			"1. Pleural effusion.\n2. Azygos lobe."},
		{"in Chinese", "zh", []radnode.ReportFinding{edited, accepted("pneumonia", pneumonia, false)}, "胸腔积液，长度 12.35 mm，left, small。\n未见肺炎征象。", "胸腔积液。"},
		{"nothing in Chinese", "zh", nil, "医师未陈述任何所见。", "未陈述异常所见。"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text, impression, err := report.Narrative(c.findings, c.language)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.text, c.impression}, []string{text, impression}); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, _, err := report.Narrative(nil, "tlh"); radnode.CodeOf(err) != radnode.Unsupported {
		t.Errorf("a language without templates: %v", err)
	}
}
