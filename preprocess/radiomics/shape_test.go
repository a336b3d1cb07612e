package radiomics_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess/radiomics"
)

func TestShape3DMatchesThePublishedPhantomValues(t *testing.T) {
	// IBSI's tolerances for the phantom with voxels of 2 mm.
	want := map[string][2]float64{
		"RNU0": {556, 4}, "C0JK": {388, 3}, "2PR5": {0.698, 0.004}, "SKGS": {0.0411, 0.0003}, "BQWJ": {0.599, 0.004}, "KRCK": {1.19, 0.01},
		"QCFX": {0.843, 0.005}, "25C7": {0.186, 0.001}, "KLMA": {0.672, 0.004}, "L0JK": {13.1, 0.1},
		"YEKZ": {592, 4}, "TDIC": {11.4, 0.1}, "P9VJ": {9.31, 0.06}, "7J51": {8.54, 0.05}, "Q3CK": {0.816, 0.005}, "N17B": {0.749, 0.005},
		"PBX1": {0.869, 0.005}, "R59B": {0.866, 0.005}, "6BDE": {1.17, 0.01}, "RDD2": {1.36, 0.01}, "R3ER": {0.961, 0.006}, "7T7F": {1.03, 0.01}, "99N0": {1200, 10},
	}
	got, err := radiomics.Shape3D(phantomLevels(t), [3]float64{2, 2, 2}, func(x, y, z int) float64 { return float64(phantom[z][y][x]) })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got {
		if w, ok := want[f.Code]; ok && math.Abs(round3(f.Value)-w[0]) > w[1] {
			t.Errorf("%s: got %g, want %g", f.Name, f.Value, w[0])
		}
		delete(want, f.Code)
	}
	if len(want) > 0 {
		t.Errorf("features %v are missing", want)
	}
}

// The mesh of random regions, with voxels that are no cubes.
func TestTheMeshAgreesWithScikitImage(t *testing.T) {
	t.Parallel()
	const columns, rows, deep = 17, 13, 11
	d := [3]float64{0.8, 1.1, 2.5}
	for _, c := range []struct {
		name      string
		in        func(x, y, z int) bool
		tolerance float64
	}{
		{"ellipsoid", func(x, y, z int) bool {
			return math.Hypot(math.Hypot(float64(x-8)/8, float64(y-6)/6), float64(z-5)/5) < 1
		}, 1e-5},
		{"ball", func(x, y, z int) bool { return (x-8)*(x-8)+(y-6)*(y-6)+(z-5)*(z-5) <= 25 }, 1e-5},
		// Single voxels at random meet at edges and corners, where tables differ.
		{"noise", func(x, y, z int) bool { return (x*x*7+y*y*11+z*z*13+x*y*z*5)%9 < 3 }, 0.02},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := radiomics.NewLevels(columns, rows, deep, 1)
			if err != nil {
				t.Fatal(err)
			}
			inside := make([]byte, 0, columns*rows*deep)
			for z := range deep {
				for y := range rows {
					for x := range columns {
						if c.in(x, y, z) {
							l.Row(y, z)[x] = 1
						}
						inside = append(inside, byte(l.Row(y, z)[x]))
					}
				}
			}
			want := askPython(t, fmt.Sprintf(`
from skimage.measure import marching_cubes, mesh_surface_area
from scipy.spatial.distance import pdist
from scipy.spatial import ConvexHull
v, f, _, _ = marching_cubes(np.pad(data.reshape(%d, %d, %d), 1).astype(float), 0.5, spacing=(%g, %g, %g), method='lorensen', allow_degenerate=False)
volume = abs(np.einsum('ij,ij->i', v[f[:,0]].astype(float), np.cross(v[f[:,1]].astype(float), v[f[:,2]].astype(float))).sum() / 6)
hull = ConvexHull(v.astype(float))
area = mesh_surface_area(v, f)
sys.stdout.buffer.write(np.array([volume, area, pdist(v).max(), volume / hull.volume, area / hull.area, volume / np.prod(np.ptp(v, 0))], float).tobytes())`, deep, rows, columns, d[2], d[1], d[0]), inside)
			got, err := radiomics.Shape3D(l, d, func(x, y, z int) float64 { return 1 })
			if err != nil {
				t.Fatal(err)
			}
			value := map[string]float64{}
			for _, f := range got {
				value[f.Name] = f.Value
			}
			for i, name := range []string{"morph.volume_mesh", "morph.area_mesh", "morph.diameter_maximum", "morph.volume_density_hull", "morph.area_density_hull", "morph.volume_density_box"} {
				if math.Abs(value[name]/want[i]-1) > c.tolerance {
					t.Errorf("%s: got %g, scikit-image %g", name, value[name], want[i])
				}
			}
			if value["morph.centre_of_mass_shift"] > 1e-9 {
				t.Errorf("equal weights shift the centre by %g", value["morph.centre_of_mass_shift"])
			}
		})
	}
}

func TestTheMeshOfOneVoxelIsAnOctahedron(t *testing.T) {
	l, err := radiomics.NewLevels(1, 1, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.Row(0, 0)[0] = 1
	got, err := radiomics.Shape3D(l, [3]float64{1, 1, 3}, func(x, y, z int) float64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"morph.volume_mesh": 0.5, "morph.area_mesh": 8 * math.Sqrt(19) / 8, "morph.diameter_maximum": 3, "morph.centre_of_mass_shift": 0}
	for _, f := range got {
		if w, ok := want[f.Name]; ok && math.Abs(f.Value-w) > 1e-12 {
			t.Errorf("%s: got %g, want %g", f.Name, f.Value, w)
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
