package preprocess

import (
	"fmt"
	"runtime"
	"slices"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
)

var segmentSteps = []Step{
	{
		Name: "threshold", Group: "segmentation",
		Doc: "Marks pixels above a value: fixed; Otsu's, computed over the image or a mask; or adaptive, the mean or Gaussian mean of a block less offset. Where all values are equal, otsu marks nothing, inverted or not. Within an empty mask nothing is marked.",
		Params: []Param{
			{Name: "mode", Kind: Choice, Default: "otsu", Choices: []string{"fixed", "otsu", "adaptive_mean", "adaptive_gaussian"}, Doc: "where the value comes from"},
			{Name: "value", Kind: Number, Default: 127., Min: -1e6, Max: 1e6, Doc: "value for mode fixed"},
			{Name: "block", Kind: Integer, Default: 51, Min: 3, Max: 999, Odd: true, Unit: "pixels", Doc: "side of the block for the adaptive modes"},
			{Name: "offset", Kind: Number, Default: 0., Min: -255, Max: 255, Doc: "taken from the mean for the adaptive modes"},
			{Name: "invert", Kind: Boolean, Default: false, Doc: "mark pixels at or below the value instead"},
			withinParam,
		},
		output: toMask,
		flow: func(a args, in flow) (flow, error) {
			if a.text("mode") == "fixed" {
				return needGrey(a, in)
			}
			return needGrey8(a, in)
		},
		build: func(a args) (action, error) {
			return func(r *run) error { return thresholdImage(r, a) }, nil
		},
	},
	{
		Name: "multi_otsu", Group: "segmentation",
		Doc: "Splits the grey values into classes that differ most (Liao 2001) and marks those of the list keep; 0 is the darkest. An image of fewer values than classes is refused.",
		Params: []Param{
			{Name: "classes", Kind: Integer, Default: 3, Min: 2, Max: 4, Doc: "number of classes"},
			{Name: "keep", Kind: Numbers, Default: []float64{0}, Min: 0, Max: 3, Doc: "classes to mark"},
			withinParam,
		},
		output: toMask, flow: needGrey8,
		build: func(a args) (action, error) {
			if slices.Max(a.floats("keep")) >= float64(a.int("classes")) {
				return nil, fmt.Errorf("parameter \"keep\" is %v: give classes from 0 to %d", a.floats("keep"), a.int("classes")-1)
			}
			return func(r *run) error { return multiOtsuImage(r, a) }, nil
		},
	},
	{
		Name: "kmeans", Group: "segmentation",
		Doc: "Groups pixels by value into clusters (k-means++ from a fixed seed, up to 20 rounds, best of 3) and marks those of the list keep; 0 is the darkest.",
		Params: []Param{
			{Name: "clusters", Kind: Integer, Default: 3, Min: 2, Max: 16, Doc: "number of clusters"},
			{Name: "keep", Kind: Numbers, Default: []float64{0}, Min: 0, Max: 15, Doc: "clusters to mark"},
		},
		output: toMask, flow: stay,
		build: func(a args) (action, error) {
			if slices.Max(a.floats("keep")) >= float64(a.int("clusters")) {
				return nil, fmt.Errorf("parameter \"keep\" is %v: give clusters from 0 to %d", a.floats("keep"), a.int("clusters")-1)
			}
			return func(r *run) error { return kmeansImage(r, a) }, nil
		},
	},
}

func thresholdImage(r *run, a args) error {
	mode := a.text("mode")
	get := r.grey8
	if mode == "fixed" {
		get = r.grey
	}
	b, err := get()
	if err != nil {
		return err
	}
	var m *buffer
	var inside []byte
	if a.has("mask") {
		if m, err = r.mask(a.text("mask")); err != nil {
			return err
		}
		defer r.w.release(m)
		if inside, err = m.bytes8(); err != nil {
			return err
		}
	}
	if mode == "adaptive_mean" || mode == "adaptive_gaussian" {
		return r.markAdaptive(b, a, m)
	}
	value := a.float("value")
	if mode == "otsu" {
		pix, err := b.bytes8()
		if err != nil {
			return err
		}
		counts := histogram8(pix, inside)
		if different(counts) < 2 {
			r.note = "there are no two values to tell apart; nothing is marked"
			return r.markNothing(b)
		}
		value = float64(otsuThreshold(counts))
	}
	r.setValue("threshold", value)
	return r.markAbove(b, value, a.bool("invert"), m)
}

// markNothing makes an empty mask.
func (r *run) markNothing(b *buffer) error {
	out, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	clear(pix)
	r.replace(out, byte8)
	return nil
}

func (r *run) markAdaptive(b *buffer, a args, m *buffer) error {
	if a.text("mode") == "adaptive_gaussian" {
		if err := afford(b, adaptiveGauss*float64(a.int("block")), "take a smaller block or mode adaptive_mean"); err != nil {
			return err
		}
	}
	out, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	method, kind := gocv.AdaptiveThresholdMean, gocv.ThresholdBinary
	if a.text("mode") == "adaptive_gaussian" {
		method = gocv.AdaptiveThresholdGaussian
	}
	if a.bool("invert") {
		kind = gocv.ThresholdBinaryInv
	}
	gocv.AdaptiveThreshold(b.mat, &out.mat, 255, method, kind, a.int("block"), float32(a.float("offset")))
	if m != nil {
		gocv.BitwiseAnd(out.mat, m.mat, &out.mat)
	}
	r.replace(out, byte8)
	return nil
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

func multiOtsuImage(r *run, a args) error {
	b, err := r.grey8()
	if err != nil {
		return err
	}
	m, inside, err := r.optionalMask(a)
	if err != nil {
		return err
	}
	defer r.w.release(m)
	in, err := b.bytes8()
	if err != nil {
		return err
	}
	thresholds, err := multiOtsu(histogram8(in, inside), a.int("classes"))
	if err != nil {
		return err
	}
	var table [256]byte
	for v := range table {
		class := 0
		for _, t := range thresholds {
			if v > t {
				class++
			}
		}
		if slices.Contains(a.floats("keep"), float64(class)) {
			table[v] = 255
		}
	}
	for i, t := range thresholds {
		r.setValue(fmt.Sprintf("threshold_%d", i+1), float64(t))
	}
	out, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	for i, v := range in {
		pix[i] = table[v]
		if inside != nil && inside[i] == 0 {
			pix[i] = 0
		}
	}
	r.replace(out, byte8)
	return nil
}

// kmeansImage clusters with OpenCV. Its generator belongs to the thread, so
// the seed and the call share one.
func kmeansImage(r *run, a args) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	k, n, channels := a.int("clusters"), b.rows*b.columns, matChannels(b.kind)
	if n < k {
		return radnode.Errorf(radnode.Invalid, "preprocess", "an image of %d pixels has no %d clusters", n, k)
	}
	if err := afford(b, kmeansCluster*float64(k), "take fewer clusters"); err != nil {
		return err
	}
	in, err := samples(r.w, b)
	if err != nil {
		return err
	}
	data := gocv.NewMatWithSize(n, channels, gocv.MatTypeCV32F)
	defer data.Close()
	values, err := data.DataPtrFloat32()
	if err != nil {
		return err
	}
	copy(values, in)
	labels, centers := gocv.NewMat(), gocv.NewMat()
	defer labels.Close()
	defer centers.Close()
	runtime.LockOSThread()
	gocv.SetRNGSeed(1)
	const plusPlus = 2 // KMEANS_PP_CENTERS; the wrapper's constant is OpenCV's for given labels
	gocv.KMeans(data, k, &labels, gocv.NewTermCriteria(gocv.Count|gocv.EPS, 20, 0.5), 3, plusPlus, &centers)
	runtime.UnlockOSThread()
	return r.markClusters(b, a, labels, centers)
}

func (r *run) markClusters(b *buffer, a args, labels, centers gocv.Mat) error {
	k, channels := a.int("clusters"), matChannels(b.kind)
	order := make([]int, k)
	level := make([]float64, k)
	for i := range k {
		order[i] = i
		for c := range channels {
			level[i] += float64(centers.GetFloatAt(i, c)) / float64(channels)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int {
		switch {
		case level[x] < level[y]:
			return -1
		case level[x] > level[y]:
			return 1
		}
		return 0
	})
	table := make([]byte, k)
	for rank, cluster := range order {
		r.setValue(fmt.Sprintf("center_%d", rank), level[cluster])
		if slices.Contains(a.floats("keep"), float64(rank)) {
			table[cluster] = 255
		}
	}
	out, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	for i := range pix {
		pix[i] = table[labels.GetIntAt(i, 0)]
	}
	r.replace(out, byte8)
	return nil
}
