package preprocess

import (
	"math"
	"slices"

	"gocv.io/x/gocv"
)

var stainSteps = []Step{{
	Name: "stain", Group: "filter",
	Doc: "Brings the colours of a stained section (haematoxylin and eosin) to a reference. macenko: unmixes the two stains in optical density (Macenko 2009) and mixes them again with the reference stains; an image without enough stained pixels stays as it is. reinhard: gives each Lab channel the mean and deviation of a reference (Reinhard 2001).",
	Params: []Param{
		{Name: "method", Kind: Choice, Default: "macenko", Choices: []string{"macenko", "reinhard"}, Doc: "method"},
		{Name: "light", Kind: Number, Default: 240., Min: 100, Max: 255, Doc: "value of the unstained background, for macenko"},
		{Name: "density", Kind: Number, Default: 0.15, Min: 0.01, Max: 1, Unit: "optical density", Doc: "least density that counts as stained, for macenko"},
	},
	flow: func(a args, in flow) (flow, error) {
		if in.channels == 1 {
			return in, errColor
		}
		in, err := needByte8(a, in)
		in.channels = 3
		return in, err
	},
	build: func(a args) (action, error) {
		return func(r *run) error {
			b, err := r.pixels8()
			if err != nil {
				return err
			}
			if matChannels(b.kind) != 3 {
				return errColor
			}
			if a.text("method") == "reinhard" {
				return reinhard(r, b)
			}
			return macenko(r, b, a.float("light"), a.float("density"))
		}, nil
	},
}}

// The reference of Macenko's method: optical density of the two stains in R,
// G and B, and their 99th percentiles of concentration.
var (
	referenceStains = [2][3]float64{{0.5626, 0.7201, 0.4062}, {0.2159, 0.8012, 0.5581}}
	referenceAmount = [2]float64{1.9705, 1.0308}
)

const leastStained = 100 // pixels

func macenko(r *run, b *buffer, light, least float64) error {
	in, err := b.bytes8()
	if err != nil {
		return err
	}
	var density [256]float64
	for v := range density {
		density[v] = -math.Log((float64(v) + 1) / light)
	}
	od := func(i int) [3]float64 {
		return [3]float64{density[in[3*i]], density[in[3*i+1]], density[in[3*i+2]]}
	}
	n := b.rows * b.columns
	stains, ok := findStains(n, od, least)
	if !ok {
		r.note = "too few stained pixels; the image stays as it is"
		return nil
	}
	amount := [2][]float32{r.w.floatSlice("stain0", n), r.w.floatSlice("stain1", n)}
	unmix := unmixing(stains)
	for i := range n {
		d := od(i)
		for s := range 2 {
			amount[s][i] = float32(dot(unmix[s], d))
		}
	}
	out, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	pix, err := out.bytes8()
	if err != nil {
		return err
	}
	var gain [2]float64
	for s := range 2 {
		gain[s] = referenceAmount[s] / max(1e-6, percentileOf(r.w, amount[s], 99))
	}
	for i := range n {
		c0, c1 := float64(amount[0][i])*gain[0], float64(amount[1][i])*gain[1]
		for k := range 3 {
			v := light * math.Exp(-(referenceStains[0][k]*c0 + referenceStains[1][k]*c1))
			pix[3*i+k] = byte(min(255, v))
		}
	}
	r.replace(out, byte8)
	return nil
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func percentileOf(w *workspace, values []float32, percent float64) float64 {
	sorted := w.floatSlice("sorted", len(values))
	copy(sorted, values)
	slices.Sort(sorted)
	return orderStatistic(func(k int) float64 { return float64(sorted[k]) }, len(sorted), percent)
}

// findStains returns the densities of haematoxylin and eosin: the extreme
// angles (percentiles 1 and 99) of the stained pixels in the plane of their
// two main directions.
func findStains(n int, od func(int) [3]float64, least float64) (stains [2][3]float64, ok bool) {
	var stained []int
	var mean [3]float64
	for i := range n {
		if d := od(i); d[0] >= least && d[1] >= least && d[2] >= least {
			stained = append(stained, i)
			for k := range 3 {
				mean[k] += d[k]
			}
		}
	}
	if len(stained) < leastStained {
		return stains, false
	}
	var cov [3][3]float64
	for k := range 3 {
		mean[k] /= float64(len(stained))
	}
	for _, i := range stained {
		d := od(i)
		for k := range 3 {
			for l := range 3 {
				cov[k][l] += (d[k] - mean[k]) * (d[l] - mean[l]) / float64(len(stained)-1)
			}
		}
	}
	values, vectors := eigen3(cov)
	if values[1] < 1e-9 {
		return stains, false // one colour only
	}
	first, second := vectors[0], vectors[1]
	if first[0] < 0 {
		first = scaled(first, -1)
	}
	if second[0] < 0 {
		second = scaled(second, -1)
	}
	angles := make([]float64, len(stained))
	for k, i := range stained {
		d := od(i)
		angles[k] = math.Atan2(dot(second, d), dot(first, d))
	}
	slices.Sort(angles)
	at := func(k int) float64 { return angles[k] }
	for k, percent := range []float64{1, 99} {
		sin, cos := math.Sincos(orderStatistic(at, len(angles), percent))
		for c := range 3 {
			stains[k][c] = cos*first[c] + sin*second[c]
		}
	}
	if stains[0][0] < stains[1][0] { // haematoxylin absorbs red more
		stains[0], stains[1] = stains[1], stains[0]
	}
	return stains, true
}

func scaled(v [3]float64, f float64) [3]float64 { return [3]float64{v[0] * f, v[1] * f, v[2] * f} }

// unmixing is the pseudo-inverse of the stain matrix: least squares.
func unmixing(s [2][3]float64) (out [2][3]float64) {
	aa, ab, bb := dot(s[0], s[0]), dot(s[0], s[1]), dot(s[1], s[1])
	det := aa*bb - ab*ab
	if det < 1e-12 {
		det = 1e-12
	}
	for k := range 3 {
		out[0][k] = (bb*s[0][k] - ab*s[1][k]) / det
		out[1][k] = (aa*s[1][k] - ab*s[0][k]) / det
	}
	return out
}

// eigen3 diagonalises a symmetric matrix by Jacobi's rotations; largest first.
func eigen3(m [3][3]float64) (values [3]float64, vectors [3][3]float64) {
	v := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	for range 50 {
		p, q := 0, 1
		if math.Abs(m[0][2]) > math.Abs(m[p][q]) {
			p, q = 0, 2
		}
		if math.Abs(m[1][2]) > math.Abs(m[p][q]) {
			p, q = 1, 2
		}
		if math.Abs(m[p][q]) < 1e-300 {
			break
		}
		theta := (m[q][q] - m[p][p]) / (2 * m[p][q])
		t := math.Copysign(1, theta) / (math.Abs(theta) + math.Sqrt(theta*theta+1))
		c := 1 / math.Sqrt(t*t+1)
		s := t * c
		for k := range 3 {
			m[k][p], m[k][q] = c*m[k][p]-s*m[k][q], s*m[k][p]+c*m[k][q]
		}
		for k := range 3 {
			m[p][k], m[q][k] = c*m[p][k]-s*m[q][k], s*m[p][k]+c*m[q][k]
			v[k][p], v[k][q] = c*v[k][p]-s*v[k][q], s*v[k][p]+c*v[k][q]
		}
	}
	order := []int{0, 1, 2}
	slices.SortStableFunc(order, func(a, b int) int {
		if m[a][a] > m[b][b] {
			return -1
		}
		return 1
	})
	for i, k := range order {
		values[i] = m[k][k]
		vectors[i] = [3]float64{v[0][k], v[1][k], v[2][k]}
	}
	return values, vectors
}

// The Lab means and deviations of the reference section, in OpenCV's float Lab.
var (
	referenceLabMean      = [3]float64{65.8, 21.3, -13.9}
	referenceLabDeviation = [3]float64{14.2, 9.7, 6.9}
)

func reinhard(r *run, b *buffer) error {
	scaled, err := r.like(b, gocv.MatTypeCV32FC3)
	if err != nil {
		return err
	}
	defer r.w.release(scaled)
	lab, err := r.like(b, gocv.MatTypeCV32FC3)
	if err != nil {
		return err
	}
	defer r.w.release(lab)
	b.mat.ConvertToWithParams(&scaled.mat, gocv.MatTypeCV32F, 1./255, 0)
	gocv.CvtColor(scaled.mat, &lab.mat, gocv.ColorRGBToLab)
	pix, err := lab.floats32()
	if err != nil {
		return err
	}
	channel := r.w.floatSlice("channel", len(pix)/3)
	for c := range 3 {
		for i := range channel {
			channel[i] = pix[3*i+c]
		}
		mean, deviation := meanDeviation(channel)
		gain := 0.
		if deviation > 0 {
			gain = referenceLabDeviation[c] / deviation
		}
		for i, v := range channel {
			pix[3*i+c] = float32((float64(v)-mean)*gain + referenceLabMean[c])
		}
	}
	gocv.CvtColor(lab.mat, &scaled.mat, gocv.ColorLabToRGB)
	out, err := r.like(b, gocv.MatTypeCV8UC3)
	if err != nil {
		return err
	}
	scaled.mat.ConvertToWithParams(&out.mat, gocv.MatTypeCV8U, 255, 0)
	r.replace(out, byte8)
	return nil
}
