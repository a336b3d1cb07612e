package preprocess

import (
	"fmt"
	"image"
	"math"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode/preprocess/radiomics"
)

// shape needs a mask: the shape of a whole image says nothing. Lengths are in
// millimetres where the spacing of the source is known, else in pixels.
func (g *region) shape() ([]radiomics.Feature, error) {
	if g.inside == nil {
		return nil, fmt.Errorf("shape needs the parameter \"mask\"")
	}
	row, column := 1., 1.
	if s := g.r.img.Spacing; s.Row > 0 && s.Column > 0 && finite(s.Row) && finite(s.Column) {
		t := g.r.cur.toSource
		row, column = math.Hypot(t.B*s.Column, t.E*s.Row), math.Hypot(t.A*s.Column, t.D*s.Row)
	}
	return radiomics.Shape2D(g.inside, g.rows, g.columns, row, column)
}

func (g *region) floats() []float32 {
	if g.pix != nil {
		return g.pix
	}
	out := g.r.w.floatSlice("feature", len(g.pix8))
	for i, v := range g.pix8 {
		out[i] = float32(v)
	}
	return out
}

func (g *region) hog() ([]radiomics.Feature, error) {
	return radiomics.HOG(g.floats(), g.rows, g.columns, g.a.int("hog_cells"))
}

func (g *region) wavelet() ([]radiomics.Feature, error) {
	return radiomics.Wavelet(g.floats(), g.rows, g.columns, g.a.text("wavelet"), 3, g.r.w.floatSlice)
}

// A Gabor filter of wavelength 4 fits in 9 pixels; longer waves are found by
// shrinking the image.
const (
	gaborSide       = 9
	gaborWavelength = 4.
	gaborDeviation  = 1.5
	gaborAngles     = 4
)

// gaborKernel is the even filter at an angle, without mean and of length 1.
func gaborKernel(angle float64) [gaborSide * gaborSide]float32 {
	var k [gaborSide * gaborSide]float64
	sin, cos := math.Sincos(angle)
	sum := 0.
	weight := [gaborSide * gaborSide]float64{}
	total := 0.
	for i := range k {
		x, y := float64(i%gaborSide-gaborSide/2), float64(i/gaborSide-gaborSide/2)
		weight[i] = math.Exp(-(x*x + y*y) / (2 * gaborDeviation * gaborDeviation))
		k[i] = weight[i] * math.Cos(2*math.Pi*(x*cos+y*sin)/gaborWavelength)
		sum += k[i]
		total += weight[i]
	}
	length := 0.
	for i := range k {
		k[i] -= sum * weight[i] / total
		length += k[i] * k[i]
	}
	var out [gaborSide * gaborSide]float32
	for i := range k {
		out[i] = float32(k[i] / math.Sqrt(length))
	}
	return out
}

// gabor measures the mean square response at each wavelength and angle. A
// wavelength for which the image becomes smaller than the filter has no
// feature.
func (g *region) gabor() ([]radiomics.Feature, error) {
	b, err := g.r.grey8()
	if err != nil {
		return nil, err
	}
	kernel := gocv.NewMatWithSize(gaborSide, gaborSide, gocv.MatTypeCV32F)
	defer kernel.Close()
	taps, err := kernel.DataPtrFloat32()
	if err != nil {
		return nil, err
	}
	var out []radiomics.Feature
	for _, wavelength := range g.a.floats("gabor_wavelengths") {
		factor := wavelength / gaborWavelength
		rows, columns := int(math.Round(float64(b.rows)/factor)), int(math.Round(float64(b.columns)/factor))
		if min(rows, columns) < gaborSide {
			continue
		}
		small, inside, err := g.shrunk(b, rows, columns)
		if err != nil {
			return nil, err
		}
		for k := range gaborAngles {
			values := gaborKernel(float64(k) * math.Pi / gaborAngles)
			copy(taps, values[:])
			energy, err := g.response(small, kernel, inside)
			if err != nil {
				return nil, err
			}
			out = append(out, radiomics.Feature{Name: fmt.Sprintf("gabor.wavelength_%g_angle_%d", wavelength, k*180/gaborAngles), Value: energy})
		}
		g.r.w.release(small)
	}
	return out, nil
}

// shrunk lends the image at a smaller size, and the mask beside it.
func (g *region) shrunk(b *buffer, rows, columns int) (*buffer, []byte, error) {
	small, err := g.r.w.take(rows, columns, b.kind)
	if err != nil {
		return nil, nil, err
	}
	gocv.Resize(b.mat, &small.mat, image.Pt(columns, rows), 0, 0, gocv.InterpolationArea)
	if g.inside == nil {
		return small, nil, nil
	}
	inside := g.r.w.byteSlice("inside", rows*columns)
	for i := range inside {
		y, x := (2*(i/columns)+1)*b.rows/(2*rows), (2*(i%columns)+1)*b.columns/(2*columns)
		inside[i] = g.inside[y*b.columns+x]
	}
	return small, inside, nil
}

// response is the mean square of a filter's response where inside is not zero.
func (g *region) response(b *buffer, kernel gocv.Mat, inside []byte) (float64, error) {
	out, err := g.r.like(b, gocv.MatTypeCV32F)
	if err != nil {
		return 0, err
	}
	defer g.r.w.release(out)
	gocv.Filter2D(b.mat, &out.mat, gocv.MatTypeCV32F, kernel, image.Pt(-1, -1), 0, gocv.BorderDefault)
	pix, err := out.floats32()
	if err != nil {
		return 0, err
	}
	sum, n := 0., 0
	for i, v := range pix {
		if inside == nil || inside[i] != 0 {
			sum += float64(v) * float64(v)
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	return sum / float64(n), nil
}

// edges measures the share of Canny's edge pixels (automatic thresholds) and
// the mean length of the Sobel gradient.
func (g *region) edges() ([]radiomics.Feature, error) {
	b, err := g.r.grey8()
	if err != nil {
		return nil, err
	}
	median := g.distribution.Percentile(50)
	marks, err := g.r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return nil, err
	}
	defer g.r.w.release(marks)
	gocv.Canny(b.mat, &marks.mat, float32(max(0, 0.67*median)), float32(min(255, 1.33*median)))
	pix, err := marks.bytes8()
	if err != nil {
		return nil, err
	}
	n, edge := 0, 0
	for i, v := range pix {
		if g.inside == nil || g.inside[i] != 0 {
			n++
			edge += int(v >> 7)
		}
	}
	return []radiomics.Feature{{Name: "edges.density", Value: float64(edge) / float64(n)}}, nil
}
