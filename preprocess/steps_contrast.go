package preprocess

import (
	"errors"
	"fmt"
	"math"

	"gocv.io/x/gocv"
)

var errScaled = errors.New("reads display values 0..255, but a step before scaled them: use mode zscore or minmax, or put this step first")

var contrastSteps = []Step{
	{
		Name: "rescale", Group: "contrast",
		Doc: "Maps in_low..in_high to out_low..out_high in a straight line. Without in_low or in_high the smallest or largest value of the image stands for it; a constant image becomes out_low.",
		Params: []Param{
			{Name: "in_low", Kind: Number, Optional: true, Min: -1e6, Max: 1e6, Doc: "value that becomes out_low"},
			{Name: "in_high", Kind: Number, Optional: true, Min: -1e6, Max: 1e6, Doc: "value that becomes out_high"},
			{Name: "out_low", Kind: Number, Default: 0., Min: -1e6, Max: 1e6, Doc: "smallest result"},
			{Name: "out_high", Kind: Number, Default: 255., Min: -1e6, Max: 1e6, Doc: "largest result"},
			{Name: "clip", Kind: Boolean, Default: true, Doc: "hold results between out_low and out_high"},
			{Name: "depth", Kind: Choice, Default: "float", Choices: []string{"float", "8bit"}, Doc: "type of the result; 8bit rounds and saturates"},
		},
		flow: func(a args, in flow) (flow, error) {
			in.depth = float
			if a.text("depth") == "8bit" {
				in.depth = byte8
			}
			return in, nil
		},
		build: buildRescale,
	},
	{
		Name: "invert", Group: "contrast",
		Doc:   "Turns values round: 255 - x for display values, smallest + largest - x for others.",
		flow:  stay,
		build: func(args) (action, error) { return invertImage, nil },
	},
	{
		Name: "normalise", Group: "contrast",
		Doc: "Makes floats for the network. unit: x/255. symmetric: x/127.5 - 1. imagenet: (x/255 - mean)/deviation of each channel. pm1024: x/255*2048 - 1024. zscore: (x - mean)/deviation over the image; minmax: 0..1 from smallest to largest; both give 0 for a constant image.",
		Params: []Param{
			{Name: "mode", Kind: Choice, Default: "unit", Choices: []string{"unit", "symmetric", "imagenet", "pm1024", "zscore", "minmax"}, Doc: "formula"},
		},
		flow: func(a args, in flow) (flow, error) {
			mode := a.text("mode")
			if in.depth == float && mode != "zscore" && mode != "minmax" {
				return in, errScaled
			}
			if mode == "imagenet" && in.channels == 1 {
				return in, fmt.Errorf("mode imagenet needs 3 channels: put a channels step before")
			}
			if mode == "imagenet" {
				in.channels = 3
			}
			in.depth = float
			return in, nil
		},
		build: func(a args) (action, error) {
			mode := a.text("mode")
			return func(r *run) error { return normaliseImage(r, mode) }, nil
		},
	},
	{
		Name: "equalise", Group: "contrast",
		Doc:   "Histogram equalisation of a grey image.",
		flow:  needGrey8,
		build: func(args) (action, error) { return equaliseImage, nil },
	},
	{
		Name: "clahe", Group: "contrast",
		Doc: "Contrast-limited adaptive histogram equalisation of a grey image.",
		Params: []Param{
			{Name: "clip", Kind: Number, Default: 2., Min: 0.1, Max: 100, Doc: "clip limit, in multiples of the mean bin height"},
			{Name: "tiles", Kind: Integer, Default: 8, Min: 1, Max: 64, Doc: "tiles across and down"},
		},
		flow:  needGrey8,
		build: buildCLAHE,
	},
	{
		Name: "gamma", Group: "contrast",
		Doc: "255 (x/255)^gamma, rounded.",
		Params: []Param{
			{Name: "gamma", Kind: Number, Min: 0.05, Max: 20, Doc: "exponent; below 1 brightens"},
		},
		flow:  needByte8,
		build: buildGamma,
	},
}

func buildRescale(a args) (action, error) {
	if a.has("in_low") && a.has("in_high") && a.float("in_low") >= a.float("in_high") {
		return nil, fmt.Errorf("parameter \"in_low\" is %g: give a number below parameter \"in_high\", which is %g", a.float("in_low"), a.float("in_high"))
	}
	return func(r *run) error {
		b, err := r.pixels()
		if err != nil {
			return err
		}
		in, err := samples(r.w, b)
		if err != nil {
			return err
		}
		low, high := extremes(in)
		if a.has("in_low") {
			low = a.float("in_low")
		}
		if a.has("in_high") {
			high = a.float("in_high")
		}
		return r.mapValues(b, in, a.text("depth") == "8bit", line(low, high, a))
	}, nil
}

// line is the straight line of a rescale step.
func line(low, high float64, a args) func(float32) float64 {
	outLow, outHigh := a.float("out_low"), a.float("out_high")
	if high <= low {
		return func(float32) float64 { return outLow }
	}
	factor := (outHigh - outLow) / (high - low)
	floor, ceiling := min(outLow, outHigh), max(outLow, outHigh)
	clip := a.bool("clip")
	return func(x float32) float64 {
		y := outLow + (float64(x)-low)*factor
		if clip {
			y = max(floor, min(ceiling, y))
		}
		return y
	}
}

// mapValues replaces the image by f of each sample.
func (r *run) mapValues(b *buffer, in []float32, to8 bool, f func(float32) float64) error {
	if to8 {
		out, err := r.like(b, matType(gocv.MatTypeCV8U, matChannels(b.kind)))
		if err != nil {
			return err
		}
		pix, err := out.bytes8()
		if err != nil {
			return err
		}
		for i, v := range in {
			pix[i] = saturate(f(v))
		}
		r.replace(out, byte8)
		return nil
	}
	out, err := r.like(b, matType(gocv.MatTypeCV32F, matChannels(b.kind)))
	if err != nil {
		return err
	}
	pix, err := out.floats32()
	if err != nil {
		return err
	}
	for i, v := range in {
		pix[i] = float32(f(v))
	}
	r.replace(out, float)
	return nil
}

// samples gives the samples of a Mat as floats, without copying if they are.
func samples(w *workspace, b *buffer) ([]float32, error) {
	if matDepth(b.kind) == gocv.MatTypeCV32F {
		return b.floats32()
	}
	pix, err := b.bytes8()
	if err != nil {
		return nil, err
	}
	out := w.floatSlice("samples", len(pix))
	for i, v := range pix {
		out[i] = float32(v)
	}
	return out, nil
}

func extremes(pix []float32) (low, high float64) {
	lo, hi := pix[0], pix[0]
	for _, v := range pix {
		lo, hi = min(lo, v), max(hi, v)
	}
	return float64(lo), float64(hi)
}

func invertImage(r *run) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	if matDepth(b.kind) == gocv.MatTypeCV8U {
		out, err := r.like(b, b.kind)
		if err != nil {
			return err
		}
		gocv.BitwiseNot(b.mat, &out.mat)
		r.replace(out, r.cur.depth)
		return nil
	}
	in, err := b.floats32()
	if err != nil {
		return err
	}
	sum := float32(255)
	d := r.cur.depth
	if d == float {
		low, high := extremes(in)
		sum = float32(low + high)
	}
	if err := r.mapValues(b, in, false, func(x float32) float64 { return float64(sum - x) }); err != nil {
		return err
	}
	r.cur.depth = d
	return nil
}

// The mean and deviation of ImageNet's channels, as torchvision states them.
var (
	imagenetMean      = [3]float32{0.485, 0.456, 0.406}
	imagenetDeviation = [3]float32{0.229, 0.224, 0.225}
)

// normaliseFormulas work in float32, as NumPy does on a float32 array.
var normaliseFormulas = map[string]func(x float32, channel int) float32{
	"unit":      func(x float32, _ int) float32 { return x / 255 },
	"symmetric": func(x float32, _ int) float32 { return x/127.5 - 1 },
	"imagenet":  func(x float32, c int) float32 { return (x/255 - imagenetMean[c]) / imagenetDeviation[c] },
	"pm1024":    func(x float32, _ int) float32 { return x/255*2048 - 1024 },
}

func normaliseImage(r *run, mode string) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	channels := matChannels(b.kind)
	if mode == "imagenet" && channels != 3 {
		return fmt.Errorf("mode imagenet needs 3 channels: put a channels step before")
	}
	in, err := samples(r.w, b)
	if err != nil {
		return err
	}
	if f := normaliseFormulas[mode]; f != nil {
		return r.normaliseBy(b, in, channels, f)
	}
	if mode == "minmax" {
		low, high := extremes(in)
		return r.mapValues(b, in, false, line(low, high, args{"out_low": 0., "out_high": 1.}))
	}
	mean, deviation := meanDeviation(in)
	r.setValue("mean", mean)
	r.setValue("deviation", deviation)
	return r.mapValues(b, in, false, func(x float32) float64 {
		if deviation == 0 {
			return 0
		}
		return (float64(x) - mean) / deviation
	})
}

func (r *run) normaliseBy(b *buffer, in []float32, channels int, f func(float32, int) float32) error {
	out, err := r.like(b, matType(gocv.MatTypeCV32F, channels))
	if err != nil {
		return err
	}
	pix, err := out.floats32()
	if err != nil {
		return err
	}
	for c := range channels {
		for i := c; i < len(in); i += channels {
			pix[i] = f(in[i], c)
		}
	}
	r.replace(out, float)
	return nil
}

// meanDeviation returns the mean and the population standard deviation.
func meanDeviation(pix []float32) (mean, deviation float64) {
	sum := 0.
	for _, v := range pix {
		sum += float64(v)
	}
	mean = sum / float64(len(pix))
	squares := 0.
	for _, v := range pix {
		d := float64(v) - mean
		squares += d * d
	}
	return mean, math.Sqrt(squares / float64(len(pix)))
}

func equaliseImage(r *run) error {
	b, err := r.grey8()
	if err != nil {
		return err
	}
	out, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	gocv.EqualizeHist(b.mat, &out.mat)
	r.replace(out, byte8)
	return nil
}

func buildCLAHE(a args) (action, error) {
	clip, tiles := a.float("clip"), a.int("tiles")
	return func(r *run) error {
		b, err := r.grey8()
		if err != nil {
			return err
		}
		out, err := r.like(b, b.kind)
		if err != nil {
			return err
		}
		in, err := b.bytes8()
		if err != nil {
			return err
		}
		pix, err := out.bytes8()
		if err != nil {
			return err
		}
		if err := claheInto(pix, in, b.rows, b.columns, clip, tiles); err != nil {
			return err
		}
		r.replace(out, byte8)
		return nil
	}, nil
}

func buildGamma(a args) (action, error) {
	var table [256]byte
	for i := range table {
		table[i] = saturate(255 * math.Pow(float64(i)/255, a.float("gamma")))
	}
	return func(r *run) error {
		b, err := r.pixels8()
		if err != nil {
			return err
		}
		out, err := r.like(b, b.kind)
		if err != nil {
			return err
		}
		in, err := b.bytes8()
		if err != nil {
			return err
		}
		pix, err := out.bytes8()
		if err != nil {
			return err
		}
		for i, v := range in {
			pix[i] = table[v]
		}
		r.replace(out, byte8)
		return nil
	}, nil
}
