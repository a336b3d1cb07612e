package preprocess

import (
	"encoding/binary"
	"math"
	"slices"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

// Tensor is the buffer that a run fills: the field of the type that the
// tensor step declares (float32 without one). All nil: no tensor is wanted.
type Tensor struct {
	Float32 []float32
	Float16 []uint16 // IEEE 754 binary16 bit patterns
	Uint8   []byte
}

// NewTensor makes a buffer of the type that the pipeline declares, for n values.
func (p *Pipeline) NewTensor(n int) Tensor {
	kind := ""
	if p.end.tensor != nil {
		kind = p.end.tensor.kind
	}
	switch kind {
	case "float16":
		return Tensor{Float16: make([]uint16, n)}
	case "uint8":
		return Tensor{Uint8: make([]byte, n)}
	}
	return Tensor{Float32: make([]float32, n)}
}

// Bytes are the values in little-endian order, whose hash is the digest of a
// tensor.
func (t Tensor) Bytes() []byte {
	out := slices.Clone(t.Uint8)
	for _, v := range t.Float16 {
		out = binary.LittleEndian.AppendUint16(out, v)
	}
	for _, v := range t.Float32 {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// tensorFormat is what the tensor step declares. The zero value is float32,
// NCHW, with the channels of the image.
type tensorFormat struct {
	nhwc   bool
	kind   string // "", float32, float16, uint8
	copies int    // channels to repeat a grey image to; 0: as it is
}

func (f tensorFormat) channels(b *buffer) int {
	if n := matChannels(b.kind); f.copies == 0 || n > 1 {
		return n
	}
	return f.copies
}

var tensorStep = Step{
	Name: "tensor", Group: "output",
	Doc: "Declares the layout and type of the tensor. Without it: NCHW, float32, the channels of the image. uint8 rounds and saturates; float16 rounds to nearest even, and an image with a value beyond 65504 is refused.",
	Params: []Param{
		{Name: "layout", Kind: Choice, Default: "NCHW", Choices: []string{"NCHW", "NHWC"}, Doc: "order of the axes"},
		{Name: "type", Kind: Choice, Default: "float32", Choices: []string{"float32", "float16", "uint8"}, Doc: "type of one value"},
		{Name: "channels", Kind: Choice, Default: "as_is", Choices: []string{"as_is", "1", "3"}, Doc: "channels; 3 repeats a grey image"},
	},
	output: toResults,
	flow: func(a args, in flow) (flow, error) {
		f := tensorFormat{nhwc: a.text("layout") == "NHWC", kind: a.text("type")}
		switch {
		case a.text("channels") == "3":
			f.copies, in.channels = 3, 3
		case a.text("channels") == "1":
			if in.channels == 3 {
				return in, errGrey
			}
			f.copies, in.channels = 1, 1
		}
		in.tensor = &f
		return in, nil
	},
	build: func(a args) (action, error) {
		oneChannel := a.text("channels") == "1"
		return func(r *run) error {
			b, err := r.pixels()
			if err != nil {
				return err
			}
			if oneChannel && matChannels(b.kind) != 1 {
				return errGrey
			}
			return nil
		}, nil
	},
}

// write copies the image into the tensor.
func (t Tensor) write(b *buffer, f tensorFormat) error {
	if t.Float32 == nil && t.Float16 == nil && t.Uint8 == nil {
		return nil
	}
	want := f.channels(b) * b.rows * b.columns
	have := map[string]int{"": len(t.Float32), "float32": len(t.Float32), "float16": len(t.Float16), "uint8": len(t.Uint8)}[f.kind]
	if have != want {
		return radnode.Errorf(radnode.Invalid, "write tensor", "the pipeline makes %d x %d x %d = %d values, but the tensor buffer for them holds %d",
			f.channels(b), b.rows, b.columns, want, have)
	}
	put := t.setter(f.kind)
	if matDepth(b.kind) == gocv.MatTypeCV8U {
		pix, err := b.bytes8()
		if err != nil {
			return err
		}
		spread(pix, b, f, put.from8)
		return nil
	}
	pix, err := b.floats32()
	if err != nil {
		return err
	}
	if (f.kind == "" || f.kind == "float32") && f.channels(b) == 1 {
		copy(t.Float32, pix)
		return nil
	}
	spread(pix, b, f, put.from32)
	const infinity = 0x7c00
	if f.kind == "float16" && slices.ContainsFunc(t.Float16, func(v uint16) bool { return v&infinity == infinity }) {
		return radnode.Errorf(radnode.Invalid, "write tensor", "a value is beyond 65504, the largest of float16: put a normalise or rescale step before, or take type float32")
	}
	return nil
}

// setters store the value of one sample at one place of the tensor.
type setters struct {
	from8  func(at int, v byte)
	from32 func(at int, v float32)
}

func (t Tensor) setter(kind string) setters {
	switch kind {
	case "float16":
		return setters{
			func(at int, v byte) { t.Float16[at] = half(float32(v)) },
			func(at int, v float32) { t.Float16[at] = half(v) },
		}
	case "uint8":
		return setters{
			func(at int, v byte) { t.Uint8[at] = v },
			func(at int, v float32) { t.Uint8[at] = saturate(float64(v)) },
		}
	}
	return setters{
		func(at int, v byte) { t.Float32[at] = float32(v) },
		func(at int, v float32) { t.Float32[at] = v },
	}
}

// spread walks the interleaved samples of an image in the order of the tensor.
func spread[T byte | float32](pix []T, b *buffer, f tensorFormat, put func(int, T)) {
	have, want := matChannels(b.kind), f.channels(b)
	plane := b.rows * b.columns
	for c := range want {
		src := min(c, have-1)
		step, at := 1, c*plane
		if f.nhwc {
			step, at = want, c
		}
		for i := range plane {
			put(at+i*step, pix[i*have+src])
		}
	}
}

func saturate(v float64) byte { return byte(max(0, min(255, math.RoundToEven(v)))) }

// half converts to IEEE 754 binary16, rounding to nearest even.
func half(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	abs := bits & 0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00 // NaN
	case abs >= 0x477ff000:
		return sign | 0x7c00 // rounds beyond 65504
	case abs < 0x38800000: // below the smallest normal, 2^-14
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(abs))*(1<<24)))
	}
	abs += 0xfff + abs>>13&1
	return sign | uint16((abs-0x38000000)>>13)
}

var outputSteps = []Step{branchStep, tensorStep}
