package radiomics_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess/radiomics"
)

func TestShape3DMatchesThePublishedPhantomValues(t *testing.T) {
	// IBSI's tolerances for the phantom with voxels of 2 mm.
	want := map[string][2]float64{"YEKZ": {592, 4}, "TDIC": {11.4, 0.1}, "P9VJ": {9.31, 0.06}, "7J51": {8.54, 0.05}, "Q3CK": {0.816, 0.005}, "N17B": {0.749, 0.005}}
	got, err := radiomics.Shape3D(phantomLevels(t), 2, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got {
		if w, ok := want[f.Code]; ok && math.Abs(round3(f.Value)-w[0]) > w[1] {
			t.Errorf("%s: got %g, want %g", f.Name, f.Value, w[0])
		}
	}
}

func TestShape2DAgreesWithScikitImage(t *testing.T) {
	t.Parallel()
	const rows, columns = 90, 120
	inside := make([]byte, rows*columns)
	for i := range inside {
		x, y := float64(i%columns)-55, float64(i/columns)-40
		u, v := x*math.Cos(0.4)+y*math.Sin(0.4), -x*math.Sin(0.4)+y*math.Cos(0.4)
		if u*u/(45*45)+v*v/(20*20) < 1 || math.Hypot(x-20, y+10) < 18 {
			inside[i] = 1
		}
	}
	want := askPython(t, fmt.Sprintf(`
from skimage.measure import regionprops
p = regionprops(data.reshape(%d, %d).astype(int))[0]
sys.stdout.buffer.write(np.array([p.area, p.major_axis_length, p.minor_axis_length, p.eccentricity, p.centroid[1] + .5, p.centroid[0] + .5, p.perimeter, p.solidity], float).tobytes())`, rows, columns), inside)
	got, err := radiomics.Shape2D(inside, rows, columns, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	value := map[string]float64{}
	for _, f := range got {
		value[f.Name] = f.Value
	}
	for i, c := range []struct {
		name      string
		tolerance float64
	}{{"shape.area", 0}, {"shape.major_axis", 1e-9}, {"shape.minor_axis", 1e-9}, {"shape.eccentricity", 1e-9}, {"shape.centroid_x", 1e-9}, {"shape.centroid_y", 1e-9},
		{"shape.perimeter", 0.03}, {"shape.solidity", 0.02}} { // other definitions of the border, same thing
		if math.Abs(value[c.name]-want[i]) > c.tolerance*math.Abs(want[i])+1e-12 {
			t.Errorf("%s: got %.6f, scikit-image %.6f", c.name, value[c.name], want[i])
		}
	}
}

func TestShapeOfASquareIsExact(t *testing.T) {
	inside := make([]byte, 100)
	for y := 2; y < 6; y++ {
		for x := 3; x < 9; x++ {
			inside[y*10+x] = 255
		}
	}
	got, err := radiomics.Shape2D(inside, 10, 10, 0.5, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"shape.area": 6, "shape.convex_area": 6, "shape.solidity": 1, "shape.feret_maximum": math.Hypot(3, 2), "shape.feret_minimum": 2, "shape.orientation": 0}
	for _, f := range got {
		if w, ok := want[f.Name]; ok && math.Abs(f.Value-w) > 1e-9 {
			t.Errorf("%s: got %g, want %g", f.Name, f.Value, w)
		}
	}
	if _, err := radiomics.Shape2D(make([]byte, 4), 2, 2, 1, 1); err != radiomics.ErrEmpty {
		t.Errorf("empty: %v", err)
	}
}
