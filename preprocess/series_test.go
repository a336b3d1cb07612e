package preprocess_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/radnode/radnode/preprocess"
	"github.com/radnode/radnode/preprocess/volume"
)

// liverSlices reads the real CT series with pydicom.
func liverSlices(t *testing.T) []volume.Slice {
	t.Helper()
	out := runPython(t, `
import os, pydicom
root = sys.argv[1]
for f in sorted(os.listdir(root)):
    ds = pydicom.dcmread(os.path.join(root, f))
    a = (ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)).astype(np.float32)
    head = list(map(float, ds.ImagePositionPatient)) + list(map(float, ds.ImageOrientationPatient)) + list(map(float, ds.PixelSpacing)) + [a.shape[0], a.shape[1]]
    sys.stdout.buffer.write(np.array(head).tobytes() + a.tobytes())
`, nil, shared(t, "dicom", "series", "ct_liver"))
	var all []volume.Slice
	f64 := func(k int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(out[8*k:])) }
	for len(out) > 0 {
		s := volume.Slice{
			Key: string(rune('a' + len(all))), Position: volume.Vector{f64(0), f64(1), f64(2)},
			RowAxis: volume.Vector{f64(3), f64(4), f64(5)}, ColumnAxis: volume.Vector{f64(6), f64(7), f64(8)},
			RowSpacing: f64(9), ColumnSpacing: f64(10), Rows: int(f64(11)), Columns: int(f64(12)),
		}
		out = out[13*8:]
		s.Values = make([]float32, s.Rows*s.Columns)
		for i := range s.Values {
			s.Values[i] = math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
		}
		out = out[4*len(s.Values):]
		all = append(all, s)
	}
	return all
}

func TestARealSeriesBecomesAVolumeWithFeatures(t *testing.T) {
	t.Parallel()
	all := liverSlices(t)
	bundled, err := preprocess.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	d := bundled["ct-liver-volume"]
	if d == nil || d.Volume == nil {
		t.Fatal("the bundled pipeline has no volume")
	}
	res, err := d.Volume.Run(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d slices: %d x %d x %d voxels, spacing %.2f mm, notes %v", len(all), res.Volume.Columns, res.Volume.Rows, res.Volume.Slices, res.Arrangement.Spacing, res.Notes)
	byPlace := slices.IsSortedFunc(res.Arrangement.Order, func(i, j int) int {
		if all[i].Position[2] < all[j].Position[2] {
			return -1
		}
		return 1
	})
	if !byPlace || len(res.Arrangement.Order)+len(res.Arrangement.Duplicates)+len(res.Arrangement.Refused) != len(all) {
		t.Errorf("order %v", res.Arrangement.Order)
	}
	for _, name := range []string{"firstorder.mean", "glcm.joint_entropy", "glszm.zone_percentage", "morph.volume_voxels"} {
		if _, ok := res.Features[name]; !ok {
			t.Errorf("feature %s is missing", name)
		}
	}
	if m := res.Features["firstorder.mean"]; m < 0 || m > 200 {
		t.Errorf("mean of soft tissue is %g HU", m)
	}
	again, err := d.Volume.Run(t.Context(), slices.Concat(all[3:], all[:3]))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range res.Features {
		if again.Features[name] != v {
			t.Errorf("%s depends on the order of the files", name)
		}
	}
}
