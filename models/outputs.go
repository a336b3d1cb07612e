package models

import (
	"regexp"
	"slices"
)

// The kinds of model, by what the graph gives.
const (
	KindClassification = "classification" // a probability for each label
	KindDetection      = "detection"      // boxes with a probability for each label
	KindSegmentation   = "segmentation"   // a probability for each label and place
	KindRegression     = "regression"     // a number for each label
	KindEmbedding      = "embedding"      // features, for search and comparison; no labels
)

// Outputs names the outputs of the graph. Which of them a manifest has to
// name, depends on its kind.
type Outputs struct {
	Probabilities string `yaml:"probabilities" json:"probabilities,omitempty"` // classification: [N, labels]; activation inside the graph
	Boxes         string `yaml:"boxes" json:"boxes,omitempty"`                 // detection: [N, boxes, 4]: left, top, right, bottom in values of the input
	Scores        string `yaml:"scores" json:"scores,omitempty"`               // detection: [N, boxes, labels]; activation inside the graph
	Masks         string `yaml:"masks" json:"masks,omitempty"`                 // segmentation: [N, labels, h, w]; activation inside the graph
	Values        string `yaml:"values" json:"values,omitempty"`               // regression: [N, labels]
	Heatmap       string `yaml:"heatmap" json:"heatmap,omitempty"`             // classification: [N, labels, h, w]
	Features      string `yaml:"features" json:"features,omitempty"`           // [N, size]
}

// Detection says which boxes of a detector are findings.
type Detection struct {
	Overlap float64 `yaml:"overlap" json:"overlap"` // of two boxes of one label that overlap more, the surer one is kept (intersection over union)
	Most    int     `yaml:"most" json:"most"`       // boxes of one image
}

// Embedding says how many features an image has.
type Embedding struct {
	Size int `yaml:"size" json:"size"`
}

// Role is what an output of the graph holds.
type Role int

// The roles, in the order in which a run asks for the outputs.
const (
	Probabilities Role = iota
	Boxes
	Scores
	Masks
	Values
	Heatmaps
	Features
)

// Tensor is one output of the graph: its shape without the batch, -1 for any
// length.
type Tensor struct {
	Role  Role
	Name  string
	Shape []int64
}

// IsShare reports whether every value lies within 0..1.
func (t Tensor) IsShare() bool { return t.Role <= Masks && t.Role != Boxes }

// Tensors lists the outputs of the graph in the order in which a run asks for
// them.
func (m *Manifest) Tensors() []Tensor {
	labels, o := int64(len(m.Labels)), m.Outputs
	all := []Tensor{
		{Probabilities, o.Probabilities, []int64{labels}},
		{Boxes, o.Boxes, []int64{-1, 4}},
		{Scores, o.Scores, []int64{-1, labels}},
		{Masks, o.Masks, []int64{labels, -1, -1}},
		{Values, o.Values, []int64{labels}},
		{Heatmaps, o.Heatmap, []int64{labels, -1, -1}},
		{Features, o.Features, []int64{int64(m.featureSize())}},
	}
	return slices.DeleteFunc(all, func(t Tensor) bool { return t.Name == "" })
}

// OutputNames lists the names of Tensors.
func (m *Manifest) OutputNames() []string {
	var names []string
	for _, t := range m.Tensors() {
		names = append(names, t.Name)
	}
	return names
}

func (m *Manifest) featureSize() int {
	switch {
	case m.Embedding != nil:
		return m.Embedding.Size
	case m.Typical != nil:
		return m.Typical.Size
	}
	return 0
}

// KindOf is the kind of the model.
func (m *Manifest) KindOf() string {
	if m.Kind == "" {
		return KindClassification
	}
	return m.Kind
}

// ProofSize is the number of values of a reference case. Each label has its
// probability or number; of a detector its best score and that box (left, top,
// right, bottom as fractions of the sides of the input); of a segmentation its
// largest value, its mean, and the centre of the mask (column and row as
// fractions of the sides). An embedding has its features.
func (m *Manifest) ProofSize() int {
	switch m.KindOf() {
	case KindEmbedding:
		return m.featureSize()
	case KindDetection:
		return 5 * len(m.Labels)
	case KindSegmentation:
		return 4 * len(m.Labels)
	}
	return len(m.Labels)
}

// outputKeys are the outputs that each kind must and may name.
var outputKeys = map[string]struct{ must, may []string }{
	KindClassification: {[]string{"probabilities"}, []string{"heatmap", "features"}},
	KindDetection:      {[]string{"boxes", "scores"}, []string{"features"}},
	KindSegmentation:   {[]string{"masks"}, []string{"features"}},
	KindRegression:     {[]string{"values"}, []string{"features"}},
	KindEmbedding:      {[]string{"features"}, nil},
}

// maxBoxes is the largest number of findings that a detector may make of one
// image: a reader has to decide about each.
const maxBoxes = 100

func (c *checker) outputs(m *Manifest) {
	kind := m.KindOf()
	keys, known := outputKeys[kind]
	c.must(known, at("kind"), "must be one of classification, detection, segmentation, regression, embedding, ensemble, got %q", m.Kind)
	if !known {
		return
	}
	o := m.Outputs
	for _, out := range []struct{ key, name string }{
		{"probabilities", o.Probabilities}, {"boxes", o.Boxes}, {"scores", o.Scores}, {"masks", o.Masks},
		{"values", o.Values}, {"heatmap", o.Heatmap}, {"features", o.Features},
	} {
		must := slices.Contains(keys.must, out.key)
		c.must(must || out.name == "" || slices.Contains(keys.may, out.key), at("outputs", out.key), "is no output of the kind %s", kind)
		if must || c.has("outputs", out.key) {
			c.text(at("outputs", out.key), out.name, 256)
		}
	}
	names := m.OutputNames()
	slices.Sort(names)
	c.must(len(slices.Compact(names)) == len(m.OutputNames()), at("outputs"), "each must be another output of the graph")
	c.must((m.Detection != nil) == (kind == KindDetection), at("detection"), "must be given for the kind detection and no other")
	if d := m.Detection; d != nil {
		c.between(at("detection", "overlap"), d.Overlap, 0, 1)
		c.between(at("detection", "most"), float64(d.Most), 1, maxBoxes)
	}
	c.must((m.Embedding != nil) == (kind == KindEmbedding), at("embedding"), "must be given for the kind embedding and no other")
	if e := m.Embedding; e != nil {
		c.between(at("embedding", "size"), float64(e.Size), 1, maxFeatures)
		c.must(m.Typical == nil || m.Typical.Size == e.Size, at("typical", "size"), "must be that of the embedding, %d", e.Size)
	}
	classifies := kind == KindClassification
	c.must(classifies || len(m.Disturb) == 0, at("disturb"), "works with the kind classification only")
	c.must(classifies || m.Explain == nil, at("explain"), "works with the kind classification only")
}

// countedLabel is how the further boxes of a label are named.
var countedLabel = regexp.MustCompile(`_[0-9]+$`)

// kindOfLabel checks what only labels of some kinds have.
func (c *checker) kindOfLabel(path []any, m *Manifest, l Label) {
	kind := m.KindOf()
	regression, classifies := kind == KindRegression, kind == KindClassification || kind == KindEnsemble
	c.must(classifies || l.Exclusive == "", under(path, "exclusive"), "works with the kind classification only")
	c.must(classifies || l.Undecided == nil, under(path, "undecided"), "works with the kind classification only")
	c.must(classifies || kind == KindDetection || l.Calibration == nil, under(path, "calibration"), "works with probabilities of labels only")
	c.must(classifies || !l.Heatmap, under(path, "heatmap"), "works with the kind classification only")
	c.must(kind == KindSegmentation || l.MinArea == 0, under(path, "min_area"), "works with the kind segmentation only")
	c.between(under(path, "min_area"), l.MinArea, 0, 1)
	c.must(regression == (l.Unit != ""), under(path, "unit"), "must be the UCUM unit of a regression and is of no use elsewhere; a number without one has the unit 1")
	c.must(regression == (l.Plausible != nil), under(path, "plausible"), "must be the range of values of a regression that can be and is of no use elsewhere")
	if p := l.Plausible; p != nil {
		c.must(p.Min < p.Max, under(path, "plausible"), "min must be below max")
	}
	c.must(!regression || l.Urgency == 0, under(path, "urgency"), "is of no use to a number, which is always there")
	c.must(regression || l.Exclusive != "" || l.Threshold != 0, under(path, "threshold"), "must be above 0, which every image reaches")
	c.must(kind != KindDetection || !countedLabel.MatchString(l.Name), under(path, "name"), "must not end in _ and a number: the second box of a label is named so")
	c.must(len(l.Unit) <= 16, under(path, "unit"), "must have at most 16 characters") // VR SH
}
