package infer

import (
	"encoding/binary"
	"math"

	"github.com/radnode/radnode"
)

// datatype is how one tensor data type of the protocol becomes the float32
// that the models take.
type datatype struct {
	size  int
	value func(b []byte) float64 // nil: the bytes are float32 already
	round bool                   // a value between two float32 is rounded; else refused
}

// FP32 is the data type of every model.
const FP32 = "FP32"

var little = binary.LittleEndian

// datatypes that are taken. BOOL and BYTES are no numbers; no model takes them.
var datatypes = map[string]datatype{
	FP32:     {size: 4},
	"FP64":   {size: 8, round: true, value: func(b []byte) float64 { return math.Float64frombits(little.Uint64(b)) }},
	"FP16":   {size: 2, value: func(b []byte) float64 { return half(little.Uint16(b)) }},
	"BF16":   {size: 2, value: func(b []byte) float64 { return float64(math.Float32frombits(uint32(little.Uint16(b)) << 16)) }},
	"INT8":   {size: 1, value: func(b []byte) float64 { return float64(int8(b[0])) }},
	"INT16":  {size: 2, value: func(b []byte) float64 { return float64(int16(little.Uint16(b))) }},
	"INT32":  {size: 4, value: func(b []byte) float64 { return float64(int32(little.Uint32(b))) }},
	"INT64":  {size: 8, value: func(b []byte) float64 { return wide(int64(little.Uint64(b))) }},
	"UINT8":  {size: 1, value: func(b []byte) float64 { return float64(b[0]) }},
	"UINT16": {size: 2, value: func(b []byte) float64 { return float64(little.Uint16(b)) }},
	"UINT32": {size: 4, value: func(b []byte) float64 { return float64(little.Uint32(b)) }},
	"UINT64": {size: 8, value: func(b []byte) float64 { return wideUnsigned(little.Uint64(b)) }},
}

// integerRange bounds the values of JSON text of the integer types.
var integerRange = map[string][2]float64{
	"INT8": {math.MinInt8, math.MaxInt8}, "INT16": {math.MinInt16, math.MaxInt16}, "INT32": {math.MinInt32, math.MaxInt32},
	"INT64": {math.MinInt64, math.MaxInt64}, "UINT8": {0, math.MaxUint8}, "UINT16": {0, math.MaxUint16},
	"UINT32": {0, math.MaxUint32}, "UINT64": {0, math.MaxUint64},
}

// exact is the largest integer up to which float32 holds every one.
const exact = 1 << 24

// wide turns a 64-bit integer that float64 cannot hold into NaN.
func wide(v int64) float64 {
	if v > 1<<53 || v < -1<<53 {
		return math.NaN()
	}
	return float64(v)
}

func wideUnsigned(v uint64) float64 {
	if v > 1<<53 {
		return math.NaN()
	}
	return float64(v)
}

// half is IEEE 754 binary16.
func half(b uint16) float64 {
	sign := 1.0
	if b>>15 == 1 {
		sign = -1
	}
	exponent, fraction := int(b>>10&0x1f), float64(b&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// single makes a value fit for a tensor of float32.
func (d datatype) single(v float64) (float32, bool) {
	f := float32(v)
	if math.IsNaN(v) || math.IsInf(float64(f), 0) {
		return 0, false
	}
	return f, d.round || float64(f) == v
}

// floats turns the bytes of a tensor into float32. Bytes of float32 are used
// as they are.
func (d datatype) floats(name, of string, raw []byte) ([]byte, error) {
	if d.value == nil {
		return raw, finite(name, raw)
	}
	out := make([]byte, len(raw)/d.size*4)
	for i := 0; i < len(raw)/d.size; i++ {
		f, ok := d.single(d.value(raw[i*d.size:]))
		if !ok {
			return nil, unfit(name, of, i)
		}
		little.PutUint32(out[4*i:], math.Float32bits(f))
	}
	return out, nil
}

// finite refuses values that are no numbers: they would spoil the run for
// everybody whose images are in the same batch.
func finite(name string, raw []byte) error {
	const exponent = 0x7f800000
	for i := 0; i+4 <= len(raw); i += 4 {
		if little.Uint32(raw[i:])&exponent == exponent {
			return unfit(name, FP32, i/4)
		}
	}
	return nil
}

func unfit(name, datatype string, i int) error {
	return radnode.Errorf(radnode.Invalid, "infer", "value %d of input %q (%s) is no finite number that float32, which the model takes, can hold; integers are taken up to %d", i, name, datatype, exact)
}
