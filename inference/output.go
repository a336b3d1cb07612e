package inference

import (
	"fmt"
	"math"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// maxValues bounds the outputs of one run: a graph decides their sizes itself.
const maxValues = 64 << 20

// Output is what one run of a batch gave.
type Output struct {
	Images  int
	Labels  int
	Tensors []Tensor // in the order of the manifest, as the graph gave them

	// Summary is one number of each label of each image: its probability, the
	// best score of its boxes, the largest value of its mask, or its value.
	Summary []float32

	// Heat maps, of the graph or made by Explain; 0 x 0 where there are none.
	HeatRows, HeatColumns int
	Heat                  []float32 // images x labels x rows x columns
}

// Tensor is one output of the graph. The first dimension is the images.
type Tensor struct {
	models.Tensor
	Shape []int64
	Data  []float32
}

// Of returns the values of image i of the output with that role, and the shape
// of one image; nil where the model has none.
func (o *Output) Of(role models.Role, i int) ([]float32, []int64) {
	for _, t := range o.Tensors {
		if t.Role == role {
			each := len(t.Data) / o.Images
			return t.Data[i*each : (i+1)*each], t.Shape[1:]
		}
	}
	return nil, nil
}

// join puts the images of another run behind those of o.
func (o *Output) join(next *Output) (*Output, error) {
	for i := range o.Tensors {
		t, more := &o.Tensors[i], next.Tensors[i]
		if len(t.Data)/o.Images != len(more.Data)/next.Images {
			return nil, radnode.Errorf(radnode.Invalid, "run model", "the output %q has another shape in each run", t.Name)
		}
		t.Data = append(t.Data, more.Data...)
		t.Shape[0] += more.Shape[0]
	}
	o.Images += next.Images
	o.Summary = append(o.Summary, next.Summary...)
	o.Heat = append(o.Heat, next.Heat...)
	return o, nil
}

// collect copies the outputs out of the memory of the runtime and checks them.
func (m *Model) collect(n int, values []ort.Value) (*Output, error) {
	op := "run model " + m.manifest.ID
	out := &Output{Images: n, Labels: len(m.manifest.Labels)}
	total := 0
	for i, t := range m.manifest.Tensors() {
		data, shape, err := floats(values[i])
		if err != nil || !fits(shape, n, t) {
			return nil, radnode.Errorf(radnode.Invalid, op, "the output %q has shape %v where %d images of %v (-1: any) were asked for", t.Name, shape, n, t.Shape)
		}
		if total += len(data); total > maxValues {
			return nil, radnode.Errorf(radnode.TooLarge, op, "the graph gave more than %d values for %d images", maxValues, n)
		}
		if err := checkValues(t, data); err != nil {
			return nil, radnode.Errorf(radnode.Invalid, op, "%w", err)
		}
		out.Tensors = append(out.Tensors, Tensor{Tensor: t, Shape: shape, Data: append([]float32(nil), data...)})
	}
	if _, boxes := out.Of(models.Boxes, 0); boxes != nil {
		if _, scores := out.Of(models.Scores, 0); scores[0] != boxes[0] {
			return nil, radnode.Errorf(radnode.Invalid, op, "the graph gave %d boxes and scores of %d", boxes[0], scores[0])
		}
	}
	out.summarise()
	return out, nil
}

// fits compares a shape with that of n images; -1 in want is any length. A
// detector that drops boxes inside the graph may have none left.
func fits(shape ort.Shape, n int, t models.Tensor) bool {
	want, least := t.Shape, int64(1)
	if t.Role == models.Boxes || t.Role == models.Scores {
		least = 0
	}
	if len(shape) != len(want)+1 || shape[0] != int64(n) {
		return false
	}
	for i, w := range want {
		if have := shape[i+1]; have != w && (w >= 0 || have < least) {
			return false
		}
	}
	return true
}

// checkValues refuses what no model may give.
func checkValues(t models.Tensor, data []float32) error {
	for _, v := range data {
		// A graph without its activation, or a fault of the device.
		if t.IsShare() && !(v >= -1e-5 && v <= 1+1e-5) {
			return fmt.Errorf("the graph gave %g in %q where a probability belongs", v, t.Name)
		}
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("the graph gave a value in %q that is no number", t.Name)
		}
	}
	return nil
}

// summarise fills what is one number of each label.
func (o *Output) summarise() {
	o.Summary = make([]float32, o.Images*o.Labels)
	for i := range o.Images {
		row := o.Summary[i*o.Labels : (i+1)*o.Labels]
		for _, t := range o.Tensors {
			values, shape := o.Of(t.Role, i)
			switch t.Role {
			case models.Probabilities, models.Values:
				copy(row, values)
			case models.Scores:
				for j, v := range values {
					row[j%o.Labels] = max(row[j%o.Labels], v)
				}
			case models.Masks:
				each := int(shape[1] * shape[2])
				for j, v := range values {
					row[j/each] = max(row[j/each], v)
				}
			case models.Heatmaps:
				o.HeatRows, o.HeatColumns = int(shape[1]), int(shape[2])
				o.Heat = t.Data
			}
		}
	}
}

func floats(v ort.Value) ([]float32, ort.Shape, error) {
	t, ok := v.(*ort.Tensor[float32])
	if !ok {
		return nil, nil, fmt.Errorf("output is not float32")
	}
	return t.GetData(), t.GetShape(), nil
}
