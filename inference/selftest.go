package inference

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/radnode/radnode/models"
)

// selfTest runs the reference cases of the package. A model that does not
// give what it gave when it was released (another driver, another device, a
// damaged library) is not used there.
func (m *Model) selfTest(ctx context.Context, p *models.Package) error {
	for _, ref := range m.manifest.References {
		worst, err := m.check(ctx, p, ref)
		if err != nil {
			return fmt.Errorf("reference case %q: %w", ref.Name, err)
		}
		if worst > ref.Tolerance {
			return fmt.Errorf("reference case %q is off by %.2g, more than its tolerance %.2g", ref.Name, worst, ref.Tolerance)
		}
	}
	return nil
}

// check runs one reference case and returns the largest deviation.
func (m *Model) check(ctx context.Context, p *models.Package, ref models.Reference) (float64, error) {
	data, err := p.Tensor(ref)
	if err != nil {
		return 0, err
	}
	if len(data) != m.manifest.Input.Size()*4 {
		return 0, fmt.Errorf("the tensor has %d bytes, the input takes %d", len(data), m.manifest.Input.Size()*4)
	}
	input := make([]float32, m.manifest.Input.Size())
	for i := range input {
		input[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[i*4:]))
	}
	out, err := m.once(ctx, 1, input) // a device that fails here is refused
	if err != nil {
		return 0, err
	}
	got := out.Summary
	if m.manifest.KindOf() == models.KindEmbedding {
		got, _ = out.Of(models.Features, 0)
	}
	worst := 0.0
	for i, want := range ref.Output {
		worst = max(worst, math.Abs(float64(got[i])-want))
	}
	return worst, nil
}

// Verify runs the reference cases of the package again, for example after a
// change of driver, and returns the largest deviation of each case.
func (m *Model) Verify(ctx context.Context, p *models.Package) (map[string]float64, error) {
	out := map[string]float64{}
	for _, ref := range m.manifest.References {
		worst, err := m.check(ctx, p, ref)
		if err != nil {
			return nil, fmt.Errorf("reference case %q: %w", ref.Name, err)
		}
		out[ref.Name] = worst
	}
	return out, nil
}
