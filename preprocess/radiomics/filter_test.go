package radiomics_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess/radiomics"
)

func TestWaveletEnergiesAgreeWithPyWavelets(t *testing.T) {
	t.Parallel()
	const rows, columns = 96, 128
	pix := scene(rows, columns)
	for _, name := range []string{"haar", "db2"} {
		want := askPython(t, fmt.Sprintf(`
import pywt
c = pywt.wavedec2(data.reshape(%d, %d).astype(float), %q, mode="periodization", level=3)
sys.stdout.buffer.write(np.array([(b**2).mean() for level in c[:0:-1] for b in level]).tobytes())`, rows, columns, name), pix)
		got, err := radiomics.Wavelet(radiomics.Samples{Rows: rows, Columns: columns, Bytes: pix}, name, 3, func(_ string, n int) []float32 { return make([]float32, n) })
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range got {
			if math.Abs(f.Value-want[i]) > 1e-4*want[i] {
				t.Errorf("%s: got %g, PyWavelets %g", f.Name, f.Value, want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d energies, PyWavelets %d", len(got), len(want))
		}
	}
}

func TestHOGAgreesWithScikitImage(t *testing.T) {
	t.Parallel()
	const rows, columns, cells = 96, 128, 4
	pix := scene(rows, columns)
	want := askPython(t, fmt.Sprintf(`
from skimage.feature import hog
h = hog(data.reshape(%d, %d).astype(float), 9, (%d, %d), (1, 1), "L2", feature_vector=True)
sys.stdout.buffer.write(h.tobytes())`, rows, columns, rows/cells, columns/cells), pix)
	got, err := radiomics.HOG(radiomics.Samples{Rows: rows, Columns: columns, Bytes: pix}, cells)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range got {
		if math.Abs(f.Value-want[i]) > 1e-4 {
			t.Errorf("%s: got %g, scikit-image %g", f.Name, f.Value, want[i])
		}
	}
}
