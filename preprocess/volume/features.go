package volume

import (
	"fmt"
	"math"
	"slices"

	"github.com/radnode/radnode/preprocess/radiomics"
)

// Region says which voxels of a volume count: values between Low and High.
type Region struct{ Low, High float64 }

// Families are the feature families of a volume.
var Families = []string{"firstorder", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm", "morph"}

// Features computes families over the region of a volume with the 3D
// aggregations of IBSI: by averaging over directions (ITBB) or by one merged
// matrix (IAZD), zones and neighbourhoods in the volume (KOBO).
func Features(v *Volume, region Region, families []string, rule radiomics.Discretise, merged bool) ([]radiomics.Feature, error) {
	for _, f := range families {
		if !slices.Contains(Families, f) {
			return nil, fmt.Errorf("feature family %q is unknown in a volume; there are %v", f, Families)
		}
	}
	values := make([]float32, 0, len(v.Values))
	for _, x := range v.Values {
		if float64(x) >= region.Low && float64(x) <= region.High {
			values = append(values, x)
		}
	}
	d, err := radiomics.NewDistribution(values)
	if err != nil {
		return nil, fmt.Errorf("values from %g to %g: %w", region.Low, region.High, err)
	}
	l, err := v.levels(region, d, rule)
	if err != nil {
		return nil, err
	}
	by := radiomics.Averaged3D
	if merged {
		by = radiomics.Merged3D
	}
	compute := map[string]func() ([]radiomics.Feature, error){
		"firstorder": func() ([]radiomics.Feature, error) { return radiomics.FirstOrder(d), nil },
		"histogram":  func() ([]radiomics.Feature, error) { return radiomics.Histogram(l) },
		"glcm":       func() ([]radiomics.Feature, error) { return radiomics.GLCM(l, by), nil },
		"glrlm":      func() ([]radiomics.Feature, error) { return radiomics.GLRLM(l, by), nil },
		"glszm":      func() ([]radiomics.Feature, error) { return radiomics.GLSZM(l, radiomics.Zones3D), nil },
		"ngtdm":      func() ([]radiomics.Feature, error) { return radiomics.NGTDM(l, radiomics.Zones3D), nil },
		"ngldm":      func() ([]radiomics.Feature, error) { return radiomics.NGLDM(l, radiomics.Zones3D), nil },
		"morph": func() ([]radiomics.Feature, error) {
			return radiomics.Shape3D(l, v.Spacing, func(x, y, z int) float64 {
				return float64(v.Values[(z*v.Rows+y)*v.Columns+x])
			})
		},
	}
	var out []radiomics.Feature
	for _, name := range Families {
		if slices.Contains(families, name) {
			set, err := compute[name]()
			if err != nil {
				return nil, err
			}
			out = append(out, set...)
		}
	}
	return out, nil
}

func (v *Volume) levels(region Region, d radiomics.Distribution, rule radiomics.Discretise) (*radiomics.Levels, error) {
	level, count, err := rule.Table(d.Values[0], d.Values[len(d.Values)-1])
	if err != nil {
		return nil, err
	}
	l, err := radiomics.NewLevels(v.Columns, v.Rows, v.Slices, count)
	if err != nil {
		return nil, err
	}
	for z := range v.Slices {
		for y := range v.Rows {
			from := (z*v.Rows + y) * v.Columns
			for x, row := 0, l.Row(y, z); x < v.Columns; x++ {
				value := float64(v.Values[from+x])
				if value >= region.Low && value <= region.High && !math.IsNaN(value) {
					row[x] = level(value)
				}
			}
		}
	}
	return l, nil
}
