package radiomics_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/radnode/radnode/preprocess/radiomics"
)

// outside marks a voxel of the phantom that is not in its region.
const outside = 0

// phantom is the IBSI digital phantom (IBSI 5.1.1): 5 x 4 x 4, levels 1 to 6.
var phantom = [4][4][5]uint16{
	{{1, 4, 4, 1, 1}, {1, 4, 6, 1, 1}, {4, 1, 6, 4, 1}, {4, 4, 6, 4, 1}},
	{{1, 4, 4, 1, 1}, {1, 1, 6, 1, 1}, {outside, 1, 3, 1, 1}, {4, 4, 6, 1, 1}},
	{{1, 4, 4, outside, outside}, {1, 1, 1, 1, 1}, {1, 1, outside, 1, 1}, {1, 1, 6, 1, 1}},
	{{1, 4, 4, outside, outside}, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {1, 1, 6, 1, 1}},
}

func phantomLevels(tb testing.TB) *radiomics.Levels {
	tb.Helper()
	l, err := radiomics.NewLevels(5, 4, 4, 6)
	if err != nil {
		tb.Fatal(err)
	}
	for z, slice := range phantom {
		for y, row := range slice {
			copy(l.Row(y, z), row[:])
		}
	}
	return l
}

func phantomValues() []float32 {
	var values []float32
	for _, slice := range phantom {
		for _, row := range slice {
			for _, v := range row {
				if v != outside {
					values = append(values, float32(v))
				}
			}
		}
	}
	return values
}

// phantomFeatures computes every feature under "code aggregation-code".
func phantomFeatures(tb testing.TB) map[string]float64 {
	tb.Helper()
	out := map[string]float64{}
	put := func(code string, features []radiomics.Feature) {
		for _, f := range features {
			out[f.Code+" "+code] = f.Value
		}
	}
	l := phantomLevels(tb)
	d, err := radiomics.NewDistribution(phantomValues())
	if err != nil {
		tb.Fatal(err)
	}
	put("DHQ4", radiomics.FirstOrder(d))
	h, err := radiomics.Histogram(l)
	if err != nil {
		tb.Fatal(err)
	}
	put("DHQ4", h)
	for by, code := range map[radiomics.Aggregation]string{
		radiomics.Averaged2D: "BTW3", radiomics.Merged2D: "SUJT", radiomics.Averaged25D: "JJUI",
		radiomics.Merged25D: "ZW7Z", radiomics.Averaged3D: "ITBB", radiomics.Merged3D: "IAZD",
	} {
		put(code, radiomics.GLCM(l, by))
		put(code, radiomics.GLRLM(l, by))
	}
	for by, code := range map[radiomics.ZoneAggregation]string{radiomics.Zones2D: "8QNN", radiomics.Zones25D: "62GR", radiomics.Zones3D: "KOBO"} {
		put(code, radiomics.GLSZM(l, by))
		put(code, radiomics.NGTDM(l, by))
		put(code, radiomics.NGLDM(l, by))
	}
	return out
}

// round3 rounds to three significant digits, as IBSI compares.
func round3(x float64) float64 {
	if x == 0 {
		return 0
	}
	digits := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*digits) / digits
}

func TestEveryIBSIReferenceValueIsReproduced(t *testing.T) {
	path := filepath.Join(repoRoot(t), "..", "shared", "spec", "ibsi_reference.csv")
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("the reference values are not on this machine: %v", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := phantomFeatures(t)
	for _, row := range rows[1:] {
		want, err := strconv.ParseFloat(row[5], 64)
		if err != nil {
			t.Fatal(err)
		}
		tolerance, err := strconv.ParseFloat(row[6], 64)
		if err != nil {
			t.Fatal(err)
		}
		have, ok := got[row[2]+" "+row[4]]
		if !ok || math.Abs(round3(have)-want) > tolerance+1e-12*math.Abs(want) {
			t.Errorf("%s %s (%s, %s): got %g, want %g", row[0], row[1], row[2], row[3], have, want)
		}
	}
	t.Logf("%d reference values compared", len(rows)-1)
}

func repoRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			tb.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

func parse(tb testing.TB, text string) float64 {
	tb.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}
