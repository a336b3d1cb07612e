package inference

import (
	"math"
	"sort"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// Placement says where the input tensor of an image lies on its source frame:
// the rectangle that it covers, in pixels of the frame, and how a grid over
// the tensor is turned so that its rows and columns run as those of the
// frame. A nil Upright leaves the grid as it is.
type Placement struct {
	Left, Top, Width, Height float64
	Upright                  func(rows, columns int, values []float32) (int, int, []float32)
	Rows, Columns            int     // of the frame; 0: not known
	PixelArea                float64 // of the source, mm²; 0: not known
}

// Findings turns the outputs of image i of a batch into findings, in the
// order of the manifest.
func (m *Model) Findings(out *Output, i int, place Placement) ([]radnode.Finding, error) {
	switch m.manifest.KindOf() {
	case models.KindDetection:
		return m.boxes(out, i, place), nil
	case models.KindSegmentation:
		return m.segments(out, i, place), nil
	case models.KindRegression:
		return m.numbers(out, i)
	case models.KindEmbedding:
		return []radnode.Finding{}, nil
	}
	labels := m.manifest.Labels
	probabilities := make([]float64, len(labels))
	for j := range labels {
		probabilities[j] = float64(out.Summary[i*out.Labels+j])
	}
	findings := Judge(labels, probabilities)
	for j, l := range labels {
		if l.Heatmap && out.HeatRows > 0 {
			size := out.HeatRows * out.HeatColumns
			at := (i*out.Labels + j) * size
			findings[j].Heatmap = heatmap(out.HeatRows, out.HeatColumns, out.Heat[at:at+size], place)
			findings[j].Heatmap.Method = m.method()
		}
	}
	return findings, nil
}

// Judge turns one probability of each label into findings: calibrated, held
// against the thresholds, at most one of each exclusive group present.
func Judge(labels []models.Label, probabilities []float64) []radnode.Finding {
	findings := make([]radnode.Finding, len(labels))
	for j, l := range labels {
		findings[j] = judge(l, probabilities[j])
		if u := l.Undecided; u != nil {
			findings[j].Undecided = findings[j].Probability >= u.From && findings[j].Probability <= u.To
		}
	}
	exclude(labels, findings)
	return findings
}

// judge is a label with its calibrated probability.
func judge(l models.Label, p float64) radnode.Finding {
	f := radnode.Finding{Label: l.Name, Threshold: l.Threshold, Probability: Calibrate(l.Calibration, min(max(p, 0), 1))}
	f.Present = f.Probability >= f.Threshold
	if l.Code != nil {
		c := radnode.Concept(*l.Code)
		f.Code = &c
	}
	return f
}

// method names how the heat maps of the model are made.
func (m *Model) method() string {
	if e := m.manifest.Explain; e != nil {
		return e.Method
	}
	return "cam"
}

// exclude leaves at most one label of each exclusive group present: the most
// probable one, if it reaches its own threshold. Of equals the first wins.
func exclude(labels []models.Label, findings []radnode.Finding) {
	best := map[string]int{}
	for i, l := range labels {
		if l.Exclusive == "" {
			continue
		}
		if b, ok := best[l.Exclusive]; !ok || findings[i].Probability > findings[b].Probability {
			best[l.Exclusive] = i
		}
	}
	for i, l := range labels {
		if l.Exclusive != "" && best[l.Exclusive] != i {
			findings[i].Present = false
		}
	}
}

// heatmap scales a class activation map to 0..255. Evidence against the label
// is negative in such a map and shown as 0.
func heatmap(rows, columns int, values []float32, place Placement) *radnode.Heatmap {
	rows, columns, values = coarse(rows, columns, values)
	if place.Upright != nil {
		rows, columns, values = place.Upright(rows, columns, values)
	}
	h := &radnode.Heatmap{
		Rows: rows, Columns: columns,
		Left: place.Left, Top: place.Top, Width: place.Width, Height: place.Height,
		Values: make([]byte, len(values)),
	}
	var top float32
	for _, v := range values {
		top = max(top, v)
	}
	h.Max = float64(top)
	if top <= 0 {
		return h
	}
	for i, v := range values {
		h.Values[i] = byte(math.Round(255 * float64(max(v, 0)) / float64(top)))
	}
	return h
}

// maxMapSide is the largest side of the map of a finding, which is filed with
// every result and sent to every reader.
const maxMapSide = 256

// coarse averages a map that is finer than maxMapSide.
func coarse(rows, columns int, values []float32) (int, int, []float32) {
	if rows <= maxMapSide && columns <= maxMapSide {
		return rows, columns, values
	}
	r, c := min(rows, maxMapSide), min(columns, maxMapSide)
	sums, n := make([]float64, r*c), make([]float64, r*c)
	for at, v := range values {
		cell := at/columns*r/rows*c + at%columns*c/columns
		sums[cell] += float64(v)
		n[cell]++
	}
	out := make([]float32, r*c)
	for i := range out {
		out[i] = float32(sums[i] / n[i])
	}
	return r, c, out
}

// Calibrate turns the output p of a graph into a calibrated probability. nil
// leaves it as it is.
func Calibrate(c *models.Calibration, p float64) float64 {
	if c == nil {
		return p
	}
	switch c.Method {
	case models.CalibrationTemperature:
		return sigmoid(logit(p) / c.Temperature)
	case models.CalibrationPlatt:
		return sigmoid(c.A*logit(p) + c.B)
	case models.CalibrationIsotonic:
		return interpolate(c.X, c.Y, p)
	}
	return p
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// logit keeps a float32 probability of exactly 0 or 1 finite.
func logit(p float64) float64 {
	const edge = 1e-9
	p = min(max(p, edge), 1-edge)
	return math.Log(p / (1 - p))
}

// interpolate is linear between the points (x, y), constant outside.
func interpolate(x, y []float64, p float64) float64 {
	i := sort.SearchFloat64s(x, p)
	switch {
	case i == 0:
		return y[0]
	case i == len(x):
		return y[len(y)-1]
	}
	t := (p - x[i-1]) / (x[i] - x[i-1])
	return y[i-1] + t*(y[i]-y[i-1])
}
