package preprocess

import (
	"fmt"
	"math"
	"slices"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess/radiomics"
)

var featureSteps = []Step{{
	Name: "features", Group: "features",
	Doc: "Computes features of a grey image (colour: of a colour image), on the whole of it or in a mask, by the definitions of IBSI where it has them. Texture families use the declared discretisation: bins between the smallest and largest value of the region, or bins of bin_width from the smallest value up, at most 1024 of them. shape is in millimetres where the size of a pixel is known, else in pixels.",
	Params: []Param{
		{Name: "families", Kind: Choices, Default: []string{"firstorder", "glcm", "lbp"}, Choices: familyNames, Doc: "what to compute"},
		withinParam,
		{Name: "prefix", Kind: Name, Optional: true, Doc: "put before the names, with a full stop: lungs gives lungs.glcm.contrast"},
		{Name: "bins", Kind: Integer, Default: 32, Min: 2, Max: radiomics.MaxLevels, Doc: "number of grey levels"},
		{Name: "bin_width", Kind: Number, Optional: true, Min: 1e-6, Max: 1e6, Doc: "width of a grey level, in place of bins"},
		{Name: "aggregation", Kind: Choice, Default: "averaged", Choices: []string{"averaged", "merged"}, Doc: "glcm and glrlm: mean of the four directions, or one matrix of them"},
		{Name: "lbp_points", Kind: Integer, Default: 8, Min: 2, Max: 16, Doc: "points of the binary pattern"},
		{Name: "lbp_radius", Kind: Number, Default: 1., Min: 0.5, Max: 64, Unit: "pixels", Doc: "radius of the binary pattern"},
		{Name: "lbp_method", Kind: Choice, Default: "uniform", Choices: []string{"uniform", "nri_uniform", "ror", "default"}, Doc: "code of the binary pattern"},
		{Name: "gabor_wavelengths", Kind: Numbers, Default: []float64{8, 16, 32}, Min: 4, Max: 512, Unit: "pixels", Doc: "waves of the Gabor bank, at 0, 45, 90 and 135 degrees"},
		{Name: "hog_cells", Kind: Integer, Default: 4, Min: 1, Max: 16, Doc: "cells a side of the oriented gradients"},
		{Name: "wavelet", Kind: Choice, Default: "haar", Choices: []string{"haar", "db2"}, Doc: "wavelet, over three levels"},
	},
	output: toResults,
	enters: func(a args) []string {
		var out []string
		for _, f := range a.texts("families") {
			if a.has("prefix") {
				f = a.text("prefix") + "." + f
			}
			out = append(out, f)
		}
		return out
	},
	rules: map[string]any{"allOf": []any{
		when("families", map[string]any{"contains": map[string]any{"const": "colour"}}, map[string]any{"properties": map[string]any{"families": map[string]any{"maxItems": 1}}}),
		when("families", map[string]any{"contains": map[string]any{"const": "shape"}}, map[string]any{"required": []string{"mask"}}),
	}},
	flow: func(a args, in flow) (flow, error) {
		wantsColour := slices.Contains(a.texts("families"), "colour")
		if wantsColour && len(a.texts("families")) > 1 {
			return in, fmt.Errorf("family colour needs a colour image and the others a grey one: give colour a step of its own")
		}
		if wantsColour && in.channels == 1 {
			return in, errColor
		}
		if !wantsColour && in.channels == 3 {
			return in, errGrey
		}
		if in.depth == float && slices.ContainsFunc(a.texts("families"), func(f string) bool { return families[f].byte8 }) {
			return in, errByte8
		}
		return in, nil
	},
	build: buildFeatures,
}}

// family is one group of features.
type family struct {
	byte8   bool // needs 8 bits
	compute func(*region) ([]radiomics.Feature, error)
}

// familyNames is the order in which families are computed.
var familyNames = []string{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm", "lbp", "shape", "gabor", "hog", "wavelet", "edges", "colour"}

var families = map[string]family{
	"firstorder": {compute: func(g *region) ([]radiomics.Feature, error) { return radiomics.FirstOrder(g.distribution), nil }},
	"histogram":  {compute: func(g *region) ([]radiomics.Feature, error) { return radiomics.Histogram(g.levels) }},
	"glcm":       {compute: func(g *region) ([]radiomics.Feature, error) { return radiomics.GLCM(g.levels, g.aggregation()), nil }},
	"glrlm":      {compute: func(g *region) ([]radiomics.Feature, error) { return radiomics.GLRLM(g.levels, g.aggregation()), nil }},
	"glszm":      {compute: func(g *region) ([]radiomics.Feature, error) { return radiomics.GLSZM(g.levels, radiomics.Zones2D), nil }},
	"ngtdm":      {compute: func(g *region) ([]radiomics.Feature, error) { return g.tones().ngtdm, nil }},
	"ngldm":      {compute: func(g *region) ([]radiomics.Feature, error) { return g.tones().ngldm, nil }},
	"lbp":        {byte8: true, compute: (*region).lbp},
	"shape":      {compute: (*region).shape},
	"gabor":      {byte8: true, compute: (*region).gabor},
	"hog":        {compute: (*region).hog},
	"wavelet":    {compute: (*region).wavelet},
	"edges":      {byte8: true, compute: (*region).edges},
	"colour":     {byte8: true, compute: (*region).colour},
}

// region is what the families of one features step work on.
type region struct {
	r             *run
	a             args
	rows, columns int
	pix8          []byte    // nil for floats
	pix           []float32 // nil for bytes
	inside        []byte    // nil: everywhere
	distribution  radiomics.Distribution
	levels        *radiomics.Levels
	neighbours    *toneFeatures
}

type toneFeatures struct{ ngtdm, ngldm []radiomics.Feature }

func buildFeatures(a args) (action, error) {
	names := a.texts("families")
	if slices.Contains(names, "shape") && !a.has("mask") {
		return nil, fmt.Errorf("family shape measures a mask: give the parameter \"mask\"")
	}
	if slices.Contains(names, "lbp") {
		if _, err := radiomics.NewLBP(a.int("lbp_points"), a.float("lbp_radius"), radiomics.LBPMethod(a.text("lbp_method"))); err != nil {
			return nil, err
		}
	}
	return func(r *run) error {
		g, err := r.region(a, names)
		if err != nil {
			return err
		}
		prefix := ""
		if a.has("prefix") {
			prefix = a.text("prefix") + "."
		}
		for _, name := range familyNames {
			if !slices.Contains(names, name) {
				continue
			}
			features, err := families[name].compute(g)
			if err != nil {
				return radnode.Errorf(radnode.Invalid, "preprocess", "features %s: %w", name, err)
			}
			for _, f := range features {
				if finite(f.Value) {
					r.features[prefix+f.Name] = f.Value
				}
			}
		}
		r.setValue("features", float64(len(r.features)))
		return nil
	}, nil
}

// region gathers the samples, their distribution and the grey levels.
func (r *run) region(a args, names []string) (*region, error) {
	get := r.pixels
	if slices.ContainsFunc(names, func(f string) bool { return families[f].byte8 }) {
		get = r.pixels8
	}
	b, err := get()
	if err != nil {
		return nil, err
	}
	if matChannels(b.kind) != 1 && !slices.Contains(names, "colour") {
		return nil, errGrey
	}
	g := &region{r: r, a: a, rows: b.rows, columns: b.columns}
	m, inside, err := r.optionalMask(a)
	if err != nil {
		return nil, err
	}
	defer r.w.release(m)
	g.inside = inside
	if matDepth(b.kind) == gocv.MatTypeCV8U {
		g.pix8, err = b.bytes8()
	} else {
		g.pix, err = b.floats32()
	}
	if err != nil || matChannels(b.kind) != 1 {
		return g, err
	}
	if err := g.distribute(); err != nil {
		return nil, err
	}
	return g, g.discretise(names)
}

func (g *region) distribute() (err error) {
	if g.pix8 != nil {
		counts := radiomics.CountBytes(g.pix8, g.inside)
		g.distribution, err = radiomics.FromCounts(counts[:])
		return err
	}
	values := g.r.w.floatSlice("sorted", len(g.pix))[:0]
	for i, v := range g.pix {
		if g.inside == nil || g.inside[i] != 0 {
			values = append(values, v)
		}
	}
	g.distribution, err = radiomics.NewDistribution(values)
	return err
}

var textureFamilies = []string{"histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"}

// discretise fills the grey levels if a family needs them.
func (g *region) discretise(names []string) error {
	if !slices.ContainsFunc(names, func(f string) bool { return slices.Contains(textureFamilies, f) }) {
		return nil
	}
	low, high := g.distribution.Values[0], g.distribution.Values[len(g.distribution.Values)-1]
	rule := radiomics.Discretise{Bins: g.a.int("bins"), Low: math.NaN()}
	if g.a.has("bin_width") {
		rule = radiomics.Discretise{Width: g.a.float("bin_width"), Low: math.NaN()}
	}
	level, count, err := rule.Table(low, high)
	if err != nil {
		return radnode.Errorf(radnode.Invalid, "preprocess", "%w", err)
	}
	g.levels = g.r.w.levels()
	if err := g.levels.Reset(g.columns, g.rows, 1, count); err != nil {
		return radnode.Errorf(radnode.Invalid, "preprocess", "%w", err)
	}
	g.fill(level)
	return nil
}

func (g *region) fill(level func(float64) uint16) {
	var table [256]uint16
	if g.pix8 != nil {
		for v := range table {
			table[v] = level(float64(v))
		}
	}
	for y := range g.rows {
		row, from := g.levels.Row(y, 0), y*g.columns
		if g.pix8 != nil {
			for x, v := range g.pix8[from : from+g.columns] {
				row[x] = table[v]
			}
		} else {
			for x, v := range g.pix[from : from+g.columns] {
				row[x] = level(float64(v))
			}
		}
		if g.inside != nil {
			for x, in := range g.inside[from : from+g.columns] {
				if in == 0 {
					row[x] = 0
				}
			}
		}
	}
}

func (g *region) aggregation() radiomics.Aggregation {
	if g.a.text("aggregation") == "merged" {
		return radiomics.Merged2D
	}
	return radiomics.Averaged2D
}

// tones computes both neighbourhood families in one pass.
func (g *region) tones() *toneFeatures {
	if g.neighbours == nil {
		difference, dependence := radiomics.Neighbourhood(g.levels, radiomics.Zones2D)
		g.neighbours = &toneFeatures{difference, dependence}
	}
	return g.neighbours
}

func (g *region) lbp() ([]radiomics.Feature, error) {
	l, err := g.r.w.lbp(g.a.int("lbp_points"), g.a.float("lbp_radius"), radiomics.LBPMethod(g.a.text("lbp_method")))
	if err != nil {
		return nil, err
	}
	counts, err := l.Histogram(g.pix8, g.rows, g.columns, g.inside)
	if err != nil {
		return nil, err
	}
	return l.Features(counts)
}
