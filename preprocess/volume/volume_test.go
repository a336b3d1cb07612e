package volume_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/radnode/radnode/preprocess/radiomics"
	"github.com/radnode/radnode/preprocess/volume"
)

// ramp is the value of a test volume at a place in the patient: linear, so
// that linear interpolation is exact.
func ramp(p volume.Vector) float32 { return float32(2*p[0] - 3*p[1] + 5*p[2] + 7) }

// stack makes n slices of 6 x 8 along an axis, leaning by shear per slice.
func stack(n int, spacing float64, shear float64) []volume.Slice {
	var out []volume.Slice
	for k := range n {
		s := volume.Slice{
			Key: string(rune('a' + k)), Position: volume.Vector{10, -20 + shear*float64(k), 100 + spacing*float64(k)},
			RowAxis: volume.Vector{1, 0, 0}, ColumnAxis: volume.Vector{0, 1, 0},
			Rows: 6, Columns: 8, RowSpacing: 0.5, ColumnSpacing: 0.75,
		}
		for y := range s.Rows {
			for x := range s.Columns {
				s.Values = append(s.Values, ramp(volume.Vector{s.Position[0] + 0.75*float64(x), s.Position[1] + 0.5*float64(y), s.Position[2]}))
			}
		}
		out = append(out, s)
	}
	return out
}

func mustArrange(t *testing.T, all []volume.Slice) *volume.Arrangement {
	t.Helper()
	a, err := volume.Arrange(all)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestASeriesIsOrderedByPlaceNotByNumber(t *testing.T) {
	all := stack(9, 2.5, 0)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	a := mustArrange(t, all)
	var keys string
	for _, i := range a.Order {
		keys += all[i].Key
	}
	if keys != "abcdefghi" || !a.Regular || math.Abs(a.Spacing-2.5) > 1e-9 || a.Tilt > 1e-6 {
		t.Errorf("order %s, %+v", keys, a)
	}
}

func TestGapsDuplicatesAndStrangersAreReported(t *testing.T) {
	all := stack(10, 2, 0)
	double := all[4]
	double.Key = "z"
	localizer := all[0]
	localizer.RowAxis, localizer.ColumnAxis = volume.Vector{0, 1, 0}, volume.Vector{0, 0, -1}
	broken := all[0]
	broken.ColumnAxis = volume.Vector{1, 0, 0}
	nowhere := all[0]
	nowhere.Position[2] = math.NaN()
	given := append(append([]volume.Slice{}, all[:6]...), all[8], all[9], double, localizer, broken, nowhere)
	a := mustArrange(t, given)
	if diff := cmp.Diff([]volume.Gap{{After: 5, Width: 6, Missing: 2}}, a.Gaps); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][2]int{{8, 4}}, a.Duplicates); diff != "" {
		t.Error(diff)
	}
	if len(a.Refused) != 3 || a.Regular {
		t.Errorf("refused %+v, regular %v", a.Refused, a.Regular)
	}
	v, err := volume.Resample(given, a, [3]float64{}, volume.Linear)
	if err != nil {
		t.Fatal(err)
	}
	if v.Slices != 10 || v.Filled != 2 {
		t.Errorf("%d slices, %d of them filled", v.Slices, v.Filled)
	}
}

func TestResamplingIsExactOnALinearVolume(t *testing.T) {
	for name, shear := range map[string]float64{"upright": 0, "leaning": 0.2} {
		all := stack(7, 2, shear)
		a := mustArrange(t, all)
		v, err := volume.Resample(all, a, [3]float64{0.6, 0.9, 0.7}, volume.Linear)
		if err != nil {
			t.Fatal(err)
		}
		inside := 0
		for z := range v.Slices {
			for y := range v.Rows {
				for x := range v.Columns {
					p := volume.Vector{10 + 0.6*float64(x), -20 + 0.9*float64(y), 100 + 0.7*float64(z)}
					if lean := shear * float64(z) * 0.7 / 2; p[1] < -20+lean+shear || p[1] > -20+2.5+lean-shear {
						continue // outside a leaning slice
					}
					inside++
					if got := v.Values[(z*v.Rows+y)*v.Columns+x]; math.Abs(float64(got-ramp(p))) > 1e-3 {
						t.Fatalf("%s: value at %d %d %d is %g, want %g", name, x, y, z, got, ramp(p))
					}
				}
			}
		}
		if inside < 100 {
			t.Errorf("%s: only %d voxels compared", name, inside)
		}
	}
}

func TestHostileSeriesAreRefused(t *testing.T) {
	if _, err := volume.Arrange(nil); err == nil {
		t.Error("an empty series is taken")
	}
	if _, err := volume.Arrange([]volume.Slice{{Rows: 4, Columns: 4}}); err == nil {
		t.Error("a slice without place is taken")
	}
	all := stack(3, 1000, 0)
	a := mustArrange(t, all)
	if _, err := volume.Resample(all, a, [3]float64{1e-4, 1e-4, 1e-4}, volume.Linear); err == nil {
		t.Error("a volume beyond the limit is made")
	}
	if _, err := volume.Resample(all, a, [3]float64{-1, 1, 1}, volume.Linear); err == nil {
		t.Error("a negative spacing is taken")
	}
	one := mustArrange(t, all[:1])
	if v, err := volume.Resample(all[:1], one, [3]float64{}, volume.Nearest); err != nil || v.Slices != 1 {
		t.Errorf("one slice: %v", err)
	}
}

func TestFeaturesOfAVolume(t *testing.T) {
	all := stack(5, 1, 0)
	a := mustArrange(t, all)
	v, err := volume.Resample(all, a, [3]float64{}, volume.Linear)
	if err != nil {
		t.Fatal(err)
	}
	got, err := volume.Features(v, volume.Region{Low: -1e9, High: 1e9}, volume.Families, radiomics.Discretise{Bins: 8}, true)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]float64{}
	for _, f := range got {
		names[f.Name] = f.Value
	}
	if want := 6 * 8 * 5 * 0.5 * 0.75; math.Abs(names["morph.volume_voxels"]-want) > 1e-9 || names["glcm.contrast"] <= 0 {
		t.Errorf("volume %g, want %g; contrast %g", names["morph.volume_voxels"], want, names["glcm.contrast"])
	}
	if _, err := volume.Features(v, volume.Region{Low: 1e8, High: 1e9}, volume.Families, radiomics.Discretise{Bins: 8}, true); err == nil {
		t.Error("a region without voxels has features")
	}
}
