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
	g.r.note = "the size of a pixel is not known: shape is in pixels"
	if s := g.r.img.Spacing; s.Row > 0 && s.Column > 0 && finite(s.Row) && finite(s.Column) {
		g.r.note = ""
		t := g.r.cur.toSource
		row, column = math.Hypot(t.B*s.Column, t.E*s.Row), math.Hypot(t.A*s.Column, t.D*s.Row)
	}
	return radiomics.Shape2D(g.inside, g.rows, g.columns, row, column)
}

func (g *region) samples() radiomics.Samples {
	return radiomics.Samples{Rows: g.rows, Columns: g.columns, Bytes: g.pix8, Floats: g.pix}
}

func (g *region) hog() ([]radiomics.Feature, error) {
	return radiomics.HOG(g.samples(), g.a.int("hog_cells"))
}

func (g *region) wavelet() ([]radiomics.Feature, error) {
	return radiomics.Wavelet(g.samples(), g.a.text("wavelet"), 3, g.r.w.floatSlice)
}

// gabor measures the mean square response at each wavelength and angle. A
// wavelength beyond that of the filter is found by shrinking the image; one for
// which the image becomes smaller than the filter has no feature.
func (g *region) gabor() ([]radiomics.Feature, error) {
	b, err := g.r.grey8()
	if err != nil {
		return nil, err
	}
	var out []radiomics.Feature
	for _, wavelength := range g.a.floats("gabor_wavelengths") {
		factor := wavelength / radiomics.GaborWavelength
		rows, columns := int(math.Round(float64(b.rows)/factor)), int(math.Round(float64(b.columns)/factor))
		if min(rows, columns) < radiomics.GaborSide {
			continue
		}
		small, inside, err := g.shrunk(b, rows, columns)
		if err != nil {
			return nil, err
		}
		pix, err := small.bytes8()
		if err != nil {
			return nil, err
		}
		energy, err := radiomics.Gabor(radiomics.Samples{Rows: rows, Columns: columns, Bytes: pix}, inside)
		if err != nil {
			return nil, err
		}
		for k, e := range energy {
			out = append(out, radiomics.Feature{Name: fmt.Sprintf("gabor.wavelength_%g_angle_%d", wavelength, k*180/radiomics.GaborAngles), Value: e})
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
