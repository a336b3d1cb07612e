package preprocess

import "gocv.io/x/gocv"

var segmentSteps = []Step{
	{
		Name: "threshold", Group: "segmentation",
		Doc: "Marks pixels above a value: fixed, or Otsu's, computed over the image or a mask. A constant image is all background under otsu.",
		Params: []Param{
			{Name: "mode", Kind: Choice, Default: "otsu", Choices: []string{"fixed", "otsu"}, Doc: "where the value comes from"},
			{Name: "value", Kind: Number, Default: 127., Min: -1e6, Max: 1e6, Doc: "value for mode fixed"},
			{Name: "invert", Kind: Boolean, Default: false, Doc: "mark pixels at or below the value instead"},
			withinParam,
		},
		output: toMask,
		flow: func(a args, in flow) (flow, error) {
			if a.text("mode") == "otsu" {
				return needGrey8(a, in)
			}
			return needGrey(a, in)
		},
		build: func(a args) (action, error) {
			return func(r *run) error { return thresholdImage(r, a) }, nil
		},
	},
}

func thresholdImage(r *run, a args) error {
	otsu := a.text("mode") == "otsu"
	get := r.grey
	if otsu {
		get = r.grey8
	}
	b, err := get()
	if err != nil {
		return err
	}
	m, inside, err := r.optionalMask(a)
	if err != nil {
		return err
	}
	defer r.w.release(m)
	value := a.float("value")
	if otsu {
		pix, err := b.bytes8()
		if err != nil {
			return err
		}
		value = float64(otsuThreshold(histogram8(pix, inside)))
	}
	r.setValue("threshold", value)
	return r.markAbove(b, value, a.bool("invert"), m)
}

// markAbove makes the mask of the pixels above value, inside m if it is given.
func (r *run) markAbove(b *buffer, value float64, invert bool, m *buffer) error {
	cut, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	kind := gocv.ThresholdBinary
	if invert {
		kind = gocv.ThresholdBinaryInv
	}
	gocv.Threshold(b.mat, &cut.mat, float32(value), 255, kind)
	out := cut
	if matDepth(cut.kind) != gocv.MatTypeCV8U {
		defer r.w.release(cut)
		if out, err = r.like(b, gocv.MatTypeCV8U); err != nil {
			return err
		}
		cut.mat.ConvertTo(&out.mat, gocv.MatTypeCV8U)
	}
	if m != nil {
		gocv.BitwiseAnd(out.mat, m.mat, &out.mat)
	}
	r.replace(out, byte8)
	return nil
}

// histogram8 counts the values where inside is not zero; nil: everywhere.
func histogram8(pix, inside []byte) [256]int {
	var counts [256]int
	for i, v := range pix {
		if inside == nil || inside[i] != 0 {
			counts[v]++
		}
	}
	return counts
}

// otsuThreshold is the level that separates two classes best, values up to
// it in the lower one; the first of equals. It follows OpenCV's arithmetic.
func otsuThreshold(counts [256]int) int {
	total, mu := 0, 0.
	for i, c := range counts {
		total += c
		mu += float64(i) * float64(c)
	}
	unit := 1 / float64(total)
	mu *= unit
	mu1, q1, best := 0., 0., 0.
	level := 0
	const epsilon = 1.1920928955078125e-07 // FLT_EPSILON
	for i, c := range counts {
		p := float64(c) * unit
		mu1 *= q1
		q1 += p
		q2 := 1 - q1
		if min(q1, q2) < epsilon || max(q1, q2) > 1-epsilon {
			continue
		}
		mu1 = (mu1 + float64(i)*p) / q1
		mu2 := (mu - q1*mu1) / q2
		if sigma := q1 * q2 * (mu1 - mu2) * (mu1 - mu2); sigma > best {
			best, level = sigma, i
		}
	}
	return level
}
