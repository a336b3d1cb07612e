package inference

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/radnode/radnode/models"
)

// typical is the learned description of the images a model was judged on.
type typical struct {
	mean      []float32
	whitening []float32 // size x size
}

// readTypical reads the description of a package; nil if it has none.
func readTypical(p *models.Package) (*typical, error) {
	raw, err := p.Typical()
	if err != nil || raw == nil {
		return nil, err
	}
	values := make([]float32, len(raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	for _, v := range values {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("%s holds a value that is no number", p.Manifest.Typical.File)
		}
	}
	n := p.Manifest.Typical.Size
	return &typical{values[:n], values[n:]}, nil
}

// distance is the length of the whitened features over the root of their
// number: about 1 for an image like those the model was judged on.
func (t *typical) distance(features []float32) float64 {
	n := len(t.mean)
	centred := make([]float64, n)
	for i, f := range features {
		centred[i] = float64(f) - float64(t.mean[i])
	}
	sum := 0.0
	for row := range n {
		z := 0.0
		for i, w := range t.whitening[row*n : (row+1)*n] {
			z += float64(w) * centred[i]
		}
		sum += z * z
	}
	return math.Sqrt(sum / float64(n))
}

// Distance tells how far image i of a batch lies from the images the model was
// judged on; false where the package does not describe them.
func (m *Model) Distance(out *Output, i int) (float64, bool) {
	features, _ := out.Of(models.Features, i)
	if m.typical == nil || features == nil {
		return 0, false
	}
	return m.typical.distance(features), true
}
