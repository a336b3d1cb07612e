package inference

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// selfTest runs the reference cases of the package. A model that does not
// give what it gave when it was released (another driver, another device, a
// damaged library) is not used there.
func (m *Model) selfTest(ctx context.Context, p *models.Package) error {
	for _, ref := range m.manifest.References {
		worst, err := m.Check(ctx, p, ref)
		if err != nil {
			return fmt.Errorf("reference case %q: %w", ref.Name, err)
		}
		if worst > ref.Tolerance {
			return fmt.Errorf("reference case %q is off by %.2g, more than its tolerance %.2g", ref.Name, worst, ref.Tolerance)
		}
	}
	return nil
}

// Check runs one reference case and returns the largest deviation.
func (m *Model) Check(ctx context.Context, p *models.Package, ref models.Reference) (float64, error) {
	out, err := m.reference(ctx, p, ref)
	if err != nil {
		return 0, err
	}
	got, worst := m.proof(out), 0.0
	for i, want := range ref.Output {
		worst = max(worst, math.Abs(float64(got[i])-want))
	}
	return worst, nil
}

// Known gives the findings of one reference case.
func (m *Model) Known(ctx context.Context, p *models.Package, ref models.Reference) ([]radnode.Finding, error) {
	out, err := m.reference(ctx, p, ref)
	if err != nil {
		return nil, err
	}
	return m.Findings(out, 0, Placement{})
}

// reference runs the tensor of a reference case.
func (m *Model) reference(ctx context.Context, p *models.Package, ref models.Reference) (*Output, error) {
	data, err := p.Tensor(ref)
	if err != nil {
		return nil, err
	}
	if len(data) != m.manifest.Input.Size()*4 {
		return nil, fmt.Errorf("the tensor has %d bytes, the input takes %d", len(data), m.manifest.Input.Size()*4)
	}
	input := make([]float32, m.manifest.Input.Size())
	for i := range input {
		input[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[i*4:]))
	}
	return m.once(ctx, 1, input) // a device that fails here is refused
}

// proof is what a reference case compares (models.Manifest.ProofSize).
func (m *Model) proof(out *Output) []float32 {
	switch m.manifest.KindOf() {
	case models.KindEmbedding:
		features, _ := out.Of(models.Features, 0)
		return features
	case models.KindDetection:
		return m.proveBoxes(out)
	case models.KindSegmentation:
		return proveMasks(out)
	}
	return out.Summary
}

// proveBoxes gives the best score of each label and its box, as fractions of
// the sides of the input.
func (m *Model) proveBoxes(out *Output) []float32 {
	corners, _ := out.Of(models.Boxes, 0)
	scores, _ := out.Of(models.Scores, 0)
	columns, rows := float32(m.manifest.Input.Columns), float32(m.manifest.Input.Rows)
	var proof []float32
	for j := range out.Labels {
		best := 0
		for k := range len(corners) / 4 {
			if scores[k*out.Labels+j] > scores[best*out.Labels+j] {
				best = k
			}
		}
		if len(corners) == 0 {
			proof = append(proof, 0, 0, 0, 0, 0)
			continue
		}
		c := corners[4*best : 4*best+4]
		proof = append(proof, scores[best*out.Labels+j], c[0]/columns, c[1]/rows, c[2]/columns, c[3]/rows)
	}
	return proof
}

// proveMasks gives the largest value of each mask, its mean, and its centre as
// fractions of the sides.
func proveMasks(out *Output) []float32 {
	masks, shape := out.Of(models.Masks, 0)
	rows, columns := int(shape[1]), int(shape[2])
	var proof []float32
	for j := range out.Labels {
		var sum, x, y float64
		for at, v := range masks[j*rows*columns : (j+1)*rows*columns] {
			sum += float64(v)
			x += float64(v) * (float64(at%columns) + 0.5) / float64(columns)
			y += float64(v) * (float64(at/columns) + 0.5) / float64(rows)
		}
		if sum > 0 {
			x, y = x/sum, y/sum
		}
		proof = append(proof, out.Summary[j], float32(sum)/float32(rows*columns), float32(x), float32(y))
	}
	return proof
}
