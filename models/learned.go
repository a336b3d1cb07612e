package models

// Typical is the learned description of the images that a model was judged
// on: mean and whitening of its own features. The distance of an image is the
// length of its whitened features over the root of their number, so that 1 is
// an ordinary image (Lee et al. 2018, Mahalanobis distance).
type Typical struct {
	File       string  `yaml:"file" json:"file"` // little-endian float32 beside the manifest: mean [Size], whitening [Size, Size]
	Digest     string  `yaml:"digest" json:"digest"`
	Size       int     `yaml:"size" json:"size"`
	Limit      float64 `yaml:"limit" json:"limit"`     // distances over it are outside
	Outside    string  `yaml:"outside" json:"outside"` // OutsideRefuse or OutsideWarn
	Evaluation string  `yaml:"evaluation" json:"evaluation"`
}

// The choices of Typical.Outside.
const (
	OutsideRefuse = "refuse"
	OutsideWarn   = "warn"
)

// Bytes is the size of the file.
func (t Typical) Bytes() int64 { return 4 * int64(t.Size) * int64(t.Size+1) }

// Disturbance is a small change of the input tensor under which the answer
// should hold. The zero value of a field changes nothing.
type Disturbance struct {
	Flip         string  `yaml:"flip" json:"flip,omitempty"`                   // FlipHorizontal or FlipVertical
	ShiftRows    float64 `yaml:"shift_rows" json:"shift_rows,omitempty"`       // of the height, downwards
	ShiftColumns float64 `yaml:"shift_columns" json:"shift_columns,omitempty"` // of the width, to the right
	Rotate       float64 `yaml:"rotate" json:"rotate,omitempty"`               // degrees, clockwise
	Zoom         float64 `yaml:"zoom" json:"zoom,omitempty"`                   // 1.05 is larger by 5 %
	Gamma        float64 `yaml:"gamma" json:"gamma,omitempty"`                 // between the least and the largest value of the tensor
}

// The choices of Disturbance.Flip.
const (
	FlipHorizontal = "horizontal"
	FlipVertical   = "vertical"
)

// Explain makes heat maps for a graph that has none of its own, by looking at
// what the answer becomes when parts of the input are hidden.
type Explain struct {
	Method string  `yaml:"method" json:"method"`         // ExplainOcclusion or ExplainRISE
	Patch  int     `yaml:"patch" json:"patch,omitempty"` // occlusion: side of the hidden square, in values of the input
	Stride int     `yaml:"stride" json:"stride,omitempty"`
	Masks  int     `yaml:"masks" json:"masks,omitempty"` // RISE: number of random masks
	Cells  int     `yaml:"cells" json:"cells,omitempty"` // RISE: cells of a mask along each side
	Keep   float64 `yaml:"keep" json:"keep,omitempty"`   // RISE: share of the cells that stay in sight
}

// The methods of Explain.
const (
	ExplainOcclusion = "occlusion" // Zeiler and Fergus 2014
	ExplainRISE      = "rise"      // Petsiuk, Das, Saenko 2018
)

// Runs is how often the graph runs for one explanation.
func (e Explain) Runs(in Input) int {
	if e.Method == ExplainRISE {
		return e.Masks
	}
	return e.Positions(in.Rows) * e.Positions(in.Columns)
}

// Positions is the number of hidden squares along a side.
func (e Explain) Positions(side int) int { return (max(side-e.Patch, 0)+e.Stride-1)/e.Stride + 1 }

// The limits of the learned parts.
const (
	maxFeatures     = 4096
	maxDisturb      = 31   // with the image itself one batch of 32
	maxExplainRuns  = 2048 // of the graph for one image
	maxExplainCells = 64
)

func (c *checker) learned(m *Manifest) {
	if t := m.Typical; t != nil {
		c.must(m.Outputs.Features != "", at("typical"), "needs outputs.features, the output that it looks at")
		c.must(filePattern.MatchString(t.File), at("typical", "file"), "must name a file beside the manifest")
		c.must(digestPattern.MatchString(t.Digest), at("typical", "digest"), `must be "sha256:" and 64 small hexadecimal digits`)
		c.between(at("typical", "size"), float64(t.Size), 1, maxFeatures)
		c.between(at("typical", "limit"), t.Limit, 1e-3, 1e6)
		c.oneOf(at("typical", "outside"), t.Outside, OutsideRefuse, OutsideWarn)
		c.text(at("typical", "evaluation"), t.Evaluation, 2000)
	}
	c.must(m.Outputs.Features == "" || m.featureSize() > 0, at("outputs", "features"), "is of no use without typical or embedding")
	c.must(len(m.Disturb) <= maxDisturb, at("disturb"), "must have at most %d entries", maxDisturb)
	for i, d := range m.Disturb {
		c.disturbance(at("disturb", i), d)
	}
	if m.Explain != nil {
		c.explain(m)
	}
}

func (c *checker) disturbance(path []any, d Disturbance) {
	c.must(d != Disturbance{}, path, "changes nothing; give flip, shift_rows, shift_columns, rotate, zoom or gamma")
	c.oneOf(under(path, "flip"), d.Flip, "", FlipHorizontal, FlipVertical)
	c.between(under(path, "shift_rows"), d.ShiftRows, -0.25, 0.25)
	c.between(under(path, "shift_columns"), d.ShiftColumns, -0.25, 0.25)
	c.between(under(path, "rotate"), d.Rotate, -45, 45)
	if d.Zoom != 0 {
		c.between(under(path, "zoom"), d.Zoom, 0.5, 2)
	}
	if d.Gamma != 0 {
		c.between(under(path, "gamma"), d.Gamma, 0.25, 4)
	}
}

func (c *checker) explain(m *Manifest) {
	e, path := *m.Explain, at("explain")
	c.must(m.Outputs.Heatmap == "", path, "the graph has heat maps of its own in outputs.heatmap; one of the two is enough")
	c.oneOf(under(path, "method"), e.Method, ExplainOcclusion, ExplainRISE)
	switch e.Method {
	case ExplainOcclusion:
		side := float64(min(m.Input.Rows, m.Input.Columns))
		c.between(under(path, "patch"), float64(e.Patch), 1, side)
		c.between(under(path, "stride"), float64(e.Stride), 1, max(float64(e.Patch), 1))
	case ExplainRISE:
		c.between(under(path, "masks"), float64(e.Masks), 16, maxExplainRuns)
		c.between(under(path, "cells"), float64(e.Cells), 2, maxExplainCells)
		c.between(under(path, "keep"), e.Keep, 0.05, 0.95)
	}
	if e.Method != ExplainRISE && e.Stride < 1 {
		return // told above; without a stride the runs cannot be counted
	}
	c.must(e.Runs(m.Input) <= maxExplainRuns, path, "asks for %d runs of the graph for one image, at most %d are made; take a larger stride", e.Runs(m.Input), maxExplainRuns)
}
