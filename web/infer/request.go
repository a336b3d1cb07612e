package infer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
)

// inferRequest is the JSON of an inference request.
type inferRequest struct {
	ID         string          `json:"id"`
	Parameters parameters      `json:"parameters"`
	Inputs     []requestInput  `json:"inputs"`
	Outputs    []requestOutput `json:"outputs"`
}

type requestInput struct {
	Name       string          `json:"name"`
	Shape      dimensions      `json:"shape"`
	Datatype   string          `json:"datatype"`
	Parameters parameters      `json:"parameters"`
	Data       json.RawMessage `json:"data"`
}

type requestOutput struct {
	Name       string     `json:"name"`
	Parameters parameters `json:"parameters"`
}

// parameters are the parameters that mean something here. Others are ignored,
// as the protocol allows, but for those that would change the answer.
type parameters struct {
	BinaryDataSize   *int64          `json:"binary_data_size"`
	BinaryData       *bool           `json:"binary_data"`
	BinaryDataOutput bool            `json:"binary_data_output"`
	Priority         int64           `json:"priority"`
	Timeout          int64           `json:"timeout"` // microseconds
	Classification   json.RawMessage `json:"classification"`
	SharedMemory     json.RawMessage `json:"shared_memory_region"`
	SequenceID       json.RawMessage `json:"sequence_id"`
}

func invalid(format string, args ...any) error {
	return radnode.Errorf(radnode.Invalid, "infer", format, args...)
}

// maxID bounds the identifier that is sent back. maxObjects and maxShape bound
// what a text of few bytes could make of itself in memory.
const (
	maxID      = 1024
	maxObjects = 1024
	maxShape   = 1024 // bytes
)

// dimensions are those of a tensor.
type dimensions []int64

// UnmarshalJSON implements json.Unmarshaler.
func (d *dimensions) UnmarshalJSON(text []byte) error {
	if len(text) > maxShape {
		return fmt.Errorf("a shape has more than %d bytes", maxShape)
	}
	return json.Unmarshal(text, (*[]int64)(d))
}

// readRequest splits a body into its JSON and the binary tensors behind it.
// headerLength is the header Inference-Header-Content-Length; "" where the
// whole body is JSON.
func readRequest(body []byte, headerLength string, m *Model) (*inferRequest, []byte, error) {
	text, binary := body, []byte(nil)
	if headerLength != "" {
		n, err := strconv.ParseInt(headerLength, 10, 64)
		if err != nil || n < 0 || n > int64(len(body)) || n > maxHeader {
			return nil, nil, invalid("Inference-Header-Content-Length %.20q is no length of JSON within the body of %d bytes and the limit of %d", headerLength, len(body), maxHeader)
		}
		if n == 0 {
			return rawRequest(body, m)
		}
		text, binary = body[:n], body[n:]
	}
	if bytes.Count(text, []byte{'{'}) > maxObjects {
		return nil, nil, invalid("the request has more than %d objects, braces in texts counted", maxObjects)
	}
	var r inferRequest
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, nil, invalid("the request is no JSON of an inference: %s", err)
	}
	if len(r.ID) > maxID {
		return nil, nil, invalid("the id has more than %d bytes", maxID)
	}
	return &r, binary, r.check(m)
}

// rawRequest is a body that is nothing but the tensor of the only input (the
// raw binary request of the binary tensor extension).
func rawRequest(body []byte, m *Model) (*inferRequest, []byte, error) {
	each := 4 * m.Input.imageValues()
	size := int64(len(body))
	if size == 0 || size%each != 0 {
		return nil, nil, invalid("a raw request of %d bytes holds no whole images of %d bytes", size, each)
	}
	shape := dimensions(slices.Clone(m.Input.Shape))
	shape[0] = size / each
	r := &inferRequest{
		Parameters: parameters{BinaryDataOutput: true},
		Inputs:     []requestInput{{Name: m.Input.Name, Datatype: FP32, Shape: shape, Parameters: parameters{BinaryDataSize: &size}}},
	}
	return r, body, r.check(m)
}

// check refuses what does not fit the model before anything is allocated for
// it.
func (r *inferRequest) check(m *Model) error {
	if r.Parameters.SequenceID != nil {
		return invalid("sequences are not served: the models keep no state")
	}
	if len(r.Inputs) != 1 || r.Inputs[0].Name != m.Input.Name {
		return invalid("the model takes exactly one input, %q; the request has %s", m.Input.Name, inputNames(r.Inputs))
	}
	in := r.Inputs[0]
	if in.Parameters.SharedMemory != nil {
		return invalid("input %q: shared memory is not served; send the values", in.Name)
	}
	if _, ok := datatypes[in.Datatype]; !ok {
		return invalid("input %q: the datatype %.20q is not taken; the model takes FP32, and FP16, BF16, FP64, INT8 to INT64 and UINT8 to UINT64 are converted", in.Name, in.Datatype)
	}
	fits := len(in.Shape) == len(m.Input.Shape)
	for i := 1; fits && i < len(in.Shape); i++ {
		fits = in.Shape[i] == m.Input.Shape[i]
	}
	if !fits || in.Shape[0] < 1 {
		return invalid("input %q: the shape %v does not fit %v, where -1 is the number of images", in.Name, shown(in.Shape), m.Input.Shape)
	}
	if in.Shape[0] > MaxImages || in.Shape[0]*m.Input.imageValues() > MaxInput/4 {
		return radnode.Errorf(radnode.TooLarge, "infer", "%d images in one request exceed the limits of %d images and %d bytes as float32; send fewer at once", in.Shape[0], MaxImages, MaxInput)
	}
	return r.checkOutputs(m)
}

func (r *inferRequest) checkOutputs(m *Model) error {
	for i, out := range r.Outputs {
		if !slices.ContainsFunc(m.Outputs, func(t TensorInfo) bool { return t.Name == out.Name }) {
			return invalid("there is no output %.100q; the model has %s", out.Name, outputNames(m))
		}
		if slices.ContainsFunc(r.Outputs[:i], func(o requestOutput) bool { return o.Name == out.Name }) {
			return invalid("output %q is asked for twice", out.Name)
		}
		if out.Parameters.Classification != nil {
			return invalid("output %q: the classification extension is not served; ask for the values, the labels are in the model's manifest", out.Name)
		}
		if out.Parameters.SharedMemory != nil {
			return invalid("output %q: shared memory is not served", out.Name)
		}
	}
	return nil
}

// tensor returns the input as little-endian float32.
func (r *inferRequest) tensor(binary []byte) ([]byte, error) {
	in := r.Inputs[0]
	kind := datatypes[in.Datatype]
	values := int64(1)
	for _, d := range in.Shape {
		values *= d
	}
	if in.Parameters.BinaryDataSize == nil {
		if len(binary) > 0 {
			return nil, invalid("input %q: %d bytes follow the JSON, but it has no binary_data_size", in.Name, len(binary))
		}
		return parseValues(in, kind, int(values))
	}
	size := *in.Parameters.BinaryDataSize
	if in.Data != nil {
		return nil, invalid("input %q has both data and binary_data_size", in.Name)
	}
	if size != values*int64(kind.size) {
		return nil, invalid("input %q: %d values of %s are %d bytes, binary_data_size says %d", in.Name, values, in.Datatype, values*int64(kind.size), size)
	}
	if size != int64(len(binary)) {
		return nil, invalid("input %q: binary_data_size says %d bytes, %d follow the JSON", in.Name, size, len(binary))
	}
	return kind.floats(in.Name, in.Datatype, binary)
}

// parseValues reads the numbers of a JSON array, flat or nested, in row-major
// order. The text is known to be valid JSON.
func parseValues(in requestInput, kind datatype, want int) ([]byte, error) {
	if len(in.Data) == 0 || in.Data[0] != '[' {
		return nil, invalid("input %q has no data: an array of numbers belongs there, or binary_data_size", in.Name)
	}
	// Each value takes two characters at least, so that a short text cannot
	// ask for much memory.
	if want > len(in.Data)/2 {
		return nil, invalid("input %q: the data holds less than the %d values of the shape %v", in.Name, want, in.Shape)
	}
	out, n := make([]byte, 4*want), 0
	limits, isInteger := integerRange[in.Datatype]
	for i := 0; i < len(in.Data); {
		if separates(in.Data[i]) {
			i++
			continue
		}
		end := i
		for end < len(in.Data) && !separates(in.Data[end]) {
			end++
		}
		v, err := strconv.ParseFloat(string(in.Data[i:end]), 64)
		if err != nil {
			return nil, invalid("input %q: value %d of the data is no number", in.Name, n)
		}
		if isInteger && (v != math.Trunc(v) || v < limits[0] || v > limits[1]) {
			return nil, invalid("input %q: value %d is no %s", in.Name, n, in.Datatype)
		}
		f, ok := float32(v), true
		if isInteger {
			f, ok = kind.single(v)
		}
		if !ok || math.IsInf(float64(f), 0) {
			return nil, unfit(in.Name, in.Datatype, n)
		}
		if n == want {
			return nil, invalid("input %q: the data holds more than the %d values of the shape %v", in.Name, want, in.Shape)
		}
		little.PutUint32(out[4*n:], math.Float32bits(f))
		n++
		i = end
	}
	if n != want {
		return nil, invalid("input %q: the data holds %d values, the shape %v wants %d", in.Name, n, in.Shape, want)
	}
	return out, nil
}

// separates reports whether a character stands between the numbers of arrays.
func separates(c byte) bool {
	switch c {
	case '[', ']', ',', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

func inputNames(inputs []requestInput) string {
	if len(inputs) == 0 {
		return "none"
	}
	names := make([]string, 0, len(inputs))
	for _, in := range inputs[:min(len(inputs), 8)] {
		names = append(names, fmt.Sprintf("%.100q", in.Name))
	}
	return strings.Join(names, ", ")
}

func outputNames(m *Model) string {
	names := make([]string, len(m.Outputs))
	for i, o := range m.Outputs {
		names[i] = strconv.Quote(o.Name)
	}
	return strings.Join(names, ", ")
}

// shown cuts a shape that is too long to be sent back.
func shown(shape []int64) []int64 { return shape[:min(len(shape), 8)] }
