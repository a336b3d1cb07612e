package radiomics_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/radnode/radnode/internal/pythontest"
	"github.com/radnode/radnode/preprocess/radiomics"
)

// askPython runs a script that reads stdin as bytes and prints numbers.
func askPython(tb testing.TB, script string, stdin []byte) []float64 {
	tb.Helper()
	out := pythontest.Run(tb, "data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)\n"+script, stdin)
	values := make([]float64, len(out)/8)
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(out[8*i:]))
	}
	return values
}

// scene has noise, steps, flat regions of several greys and saturation.
func scene(rows, columns int) []byte {
	rng := rand.New(rand.NewPCG(7, 7))
	pix := make([]byte, rows*columns)
	for i := range pix {
		y, x := i/columns, i%columns
		switch {
		case y < rows/4:
			pix[i] = byte(rng.IntN(256))
		case y < rows/2:
			pix[i] = byte(255 * (x * 7 / columns) / 6) // flat bands, 0 and 255 among them
		case y < rows*3/4:
			pix[i] = byte(100 + rng.IntN(3))
		default:
			pix[i] = byte(128 + 90*math.Sin(float64(x)/9) + 30*math.Cos(float64(y)/5))
		}
	}
	return pix
}

func TestLBPCodesEqualScikitImage(t *testing.T) {
	t.Parallel()
	const rows, columns = 120, 133
	pix := scene(rows, columns)
	type circle struct {
		points int
		radius float64
	}
	circles := []circle{{8, 1}, {8, 2}, {16, 2}, {4, 1}, {12, 1.5}, {8, 3}}
	methods := []radiomics.LBPMethod{radiomics.LBPDefault, radiomics.LBPRor, radiomics.LBPUniform, radiomics.LBPNRIUniform}
	script := "from skimage.feature import local_binary_pattern as l\n"
	for _, c := range circles {
		for _, method := range methods {
			script += fmt.Sprintf("sys.stdout.buffer.write(l(data.reshape(%d, %d), %d, %g, %q).tobytes())\n", rows, columns, c.points, c.radius, method)
		}
	}
	all := askPython(t, script, pix)
	for i, c := range circles {
		for j, method := range methods {
			want := all[(i*len(methods)+j)*len(pix):][:len(pix)]
			t.Run(fmt.Sprintf("%d points at %g, %s", c.points, c.radius, method), func(t *testing.T) {
				l, err := radiomics.NewLBP(c.points, c.radius, method)
				if err != nil {
					t.Fatal(err)
				}
				got := make([]uint32, len(pix))
				if err := l.Codes(pix, rows, columns, got); err != nil {
					t.Fatal(err)
				}
				counts, err := l.Histogram(pix, rows, columns, nil)
				if err != nil {
					t.Fatal(err)
				}
				wrong := 0
				for i := range got {
					counts[got[i]]--
					if math.Abs(float64(got[i])-want[i]) > 1e-9 {
						wrong++
					}
				}
				if wrong > 0 || slices.ContainsFunc(counts, func(n int) bool { return n != 0 }) {
					t.Errorf("%d of %d codes differ, or the histogram does", wrong, len(got))
				}
			})
		}
	}
}

func TestTheFastRingEqualsTheReferenceArithmetic(t *testing.T) {
	t.Parallel()
	const rows, columns = 300, 700
	pix := scene(rows, columns)
	want := askPython(t, fmt.Sprintf("from skimage.feature import local_binary_pattern as l\nsys.stdout.buffer.write(l(data.reshape(%d, %d), 8, 1, 'default').tobytes())", rows, columns), pix)
	l, err := radiomics.NewLBP(8, 1, radiomics.LBPDefault)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]uint32, len(pix))
	if err := l.Codes(pix, rows, columns, got); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if float64(got[i]) != want[i] {
			t.Fatalf("pixel %d, %d: code %d, want %g", i/columns, i%columns, got[i], want[i])
		}
	}
}

func TestGLCMEqualsScikitImage(t *testing.T) {
	t.Parallel()
	const rows, columns, bins = 120, 133, 32
	pix := scene(rows, columns)
	want := askPython(t, fmt.Sprintf(`
from skimage.feature import graycomatrix, graycoprops
m = graycomatrix(data.reshape(%d, %d) >> 3, [1], [0, np.pi/4, np.pi/2, 3*np.pi/4], levels=%d, symmetric=True, normed=True)
sys.stdout.buffer.write(np.array([graycoprops(m, p).mean() for p in ("contrast", "homogeneity", "ASM", "correlation", "dissimilarity")]).tobytes())`, rows, columns, bins), pix)
	l, err := radiomics.NewLevels(columns, rows, 1, bins)
	if err != nil {
		t.Fatal(err)
	}
	for y := range rows {
		for x, row := 0, l.Row(y, 0); x < columns; x++ {
			row[x] = uint16(pix[y*columns+x]>>3) + 1
		}
	}
	got := map[string]float64{}
	for _, f := range radiomics.GLCM(l, radiomics.Averaged2D) {
		got[f.Name] = f.Value
	}
	for i, name := range []string{"glcm.contrast", "glcm.inverse_difference_moment", "glcm.angular_second_moment", "glcm.correlation", "glcm.dissimilarity"} {
		if math.Abs(got[name]-want[i]) > 1e-9*max(1, math.Abs(want[i])) {
			t.Errorf("%s: got %.12g, scikit-image %.12g", name, got[name], want[i])
		}
	}
}

func BenchmarkLBP(b *testing.B) {
	const rows, columns = 2500, 2048
	pix := scene(rows, columns)
	l, err := radiomics.NewLBP(8, 1, radiomics.LBPUniform)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := l.Histogram(pix, rows, columns, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTextureOf5Megapixels(b *testing.B) {
	const rows, columns = 2500, 2048
	pix := scene(rows, columns)
	l, err := radiomics.NewLevels(columns, rows, 1, 32)
	if err != nil {
		b.Fatal(err)
	}
	for y := range rows {
		for x, row := 0, l.Row(y, 0); x < columns; x++ {
			row[x] = uint16(pix[y*columns+x]>>3) + 1
		}
	}
	for name, f := range map[string]func(){
		"GLCM":  func() { radiomics.GLCM(l, radiomics.Averaged2D) },
		"GLRLM": func() { radiomics.GLRLM(l, radiomics.Averaged2D) },
		"GLSZM": func() { radiomics.GLSZM(l, radiomics.Zones2D) },
		"NGTDM": func() { radiomics.NGTDM(l, radiomics.Zones2D) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
