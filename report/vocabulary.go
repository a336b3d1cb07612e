package report

import (
	"strings"

	"github.com/radnode/radnode"
)

func snomed(value, meaning string) *radnode.Concept {
	return &radnode.Concept{Value: value, Scheme: "SCT", Meaning: meaning}
}

func dcm(value, meaning string) *radnode.Concept {
	return &radnode.Concept{Value: value, Scheme: "DCM", Meaning: meaning}
}

func term(label string, code *radnode.Concept, english, chinese string) radnode.Term {
	return radnode.Term{Label: label, Code: code, English: english, Chinese: chinese}
}

// Vocabulary lists the findings of the chest that a reader can name by a word. Codes stand in PS3.16 or in two independent public
// vocabularies; a term for which there is no such code has none.
var Vocabulary = []radnode.Term{
	term("atelectasis", snomed("46621007", "Atelectasis"), "atelectasis", "肺不张"),
	term("cardiomegaly", snomed("287272002", "Cardiomegaly"), "cardiomegaly", "心影增大"),
	term("pleural_effusion", snomed("60046008", "Pleural effusion"), "pleural effusion", "胸腔积液"),
	term("infiltration", dcm("112121", "Infiltrate"), "infiltrate", "浸润影"),
	term("mass", snomed("309529002", "Lung mass"), "lung mass", "肺肿块"),
	term("nodule", snomed("427359005", "Solitary nodule of lung"), "solitary pulmonary nodule", "孤立性肺结节"),
	term("pneumonia", snomed("233604007", "Pneumonia"), "pneumonia", "肺炎"),
	term("pneumothorax", snomed("36118008", "Pneumothorax"), "pneumothorax", "气胸"),
	term("consolidation", snomed("95436008", "Lung consolidation"), "consolidation", "肺实变"),
	term("edema", snomed("19242006", "Pulmonary edema"), "pulmonary edema", "肺水肿"),
	term("emphysema", nil, "emphysema", "肺气肿"),
	term("fibrosis", snomed("51615001", "Pulmonary fibrosis"), "pulmonary fibrosis", "肺纤维化"),
	term("pleural_thickening", nil, "pleural thickening", "胸膜增厚"),
	term("hernia", nil, "diaphragmatic hernia", "膈疝"),
	term("enlarged_cardiomediastinum", nil, "enlarged cardiomediastinal silhouette", "心纵隔影增宽"),
	term("lung_opacity", dcm("112001", "Opacity"), "lung opacity", "肺部阴影"),
	term("lung_lesion", nil, "lung lesion", "肺部病灶"),
	term("pleural_other", nil, "pleural abnormality other than effusion", "积液以外的胸膜异常"),
	term("fracture", nil, "fracture", "骨折"),
	term("support_devices", nil, "support devices", "支持性装置"),
	term("tuberculosis", snomed("154283005", "Pulmonary tuberculosis"), "pulmonary tuberculosis", "肺结核"),
	term("covid_19", snomed("840539006", "Disease caused by SARS-CoV-2"), "COVID-19", "新型冠状病毒感染"),
	term("covid_19_pneumonia", snomed("882784691000119100", "Pneumonia caused by SARS-CoV-2"), "COVID-19 pneumonia", "新型冠状病毒肺炎"),
	term("viral_pneumonia", nil, "viral pneumonia", "病毒性肺炎"),
	term("ground_glass_opacity", dcm("112120", "Ground glass opacity"), "ground-glass opacity", "磨玻璃影"),
	term("pneumomediastinum", snomed("16838000", "Pneumomediastinum"), "pneumomediastinum", "纵隔气肿"),
	term("calcification", nil, "calcification", "钙化"),
	term("cavitation", nil, "cavitation", "空洞"),
}

// TermOf finds the term of a label, of its English or Chinese name.
func TermOf(label string) (radnode.Term, bool) {
	label = strings.TrimSpace(label)
	key := strings.ReplaceAll(label, " ", "_")
	for _, t := range Vocabulary {
		if strings.EqualFold(t.Label, key) || strings.EqualFold(t.English, label) || t.Chinese == label {
			return t, true
		}
	}
	return radnode.Term{}, false
}

// TermOfCode finds the term of a code.
func TermOfCode(c radnode.Concept) (radnode.Term, bool) {
	for _, t := range Vocabulary {
		if t.Code != nil && t.Code.Scheme == c.Scheme && t.Code.Value == c.Value {
			return t, true
		}
	}
	return radnode.Term{}, false
}

// PrivateConcept is the code of a label that no standard code is known for
// (PS3.16 8.2).
func PrivateConcept(label string) radnode.Concept {
	return radnode.Concept{Value: label, Scheme: privateScheme.Designator, Meaning: strings.NewReplacer("_", " ", ".", " ").Replace(label)}
}
