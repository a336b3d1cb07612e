package preprocess_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// The Gabor bank beside the kernels of scikit-image, freed from their mean and
// brought to length 1, at the wavelength that needs no shrinking.
func TestGaborEnergiesAgreeWithScikitImage(t *testing.T) {
	t.Parallel()
	const rows, columns = 90, 120
	img := blobs(rows, columns)
	want := floatsOf(runPython(t, fmt.Sprintf(`
from skimage.filters import gabor_kernel
g = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(%d, %d).astype(np.float64)
y, x = np.mgrid[-4:5, -4:5]
w = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
out = []
for k in range(4):
    full = np.real(gabor_kernel(0.25, theta=k * np.pi / 4, sigma_x=1.5, sigma_y=1.5, n_stds=4))
    r = full.shape[0] // 2, full.shape[1] // 2
    kernel = full[r[0]-4:r[0]+5, r[1]-4:r[1]+5] * (2 * np.pi * 1.5**2)
    kernel = kernel - kernel.sum() / w.sum() * w
    kernel /= np.sqrt((kernel**2).sum())
    out.append((cv2.filter2D(g, cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT_101)**2).mean())
sys.stdout.buffer.write(np.array(out).tobytes())
`, rows, columns), img.Pix8))
	res := mustRun(t, mustCompile(t, steps{{"step": "features", "families": []any{"gabor"}, "gabor_wavelengths": []float64{4}}}), img, nil, preprocess.RunOptions{})
	for k, w := range want {
		name := fmt.Sprintf("gabor.wavelength_4_angle_%d", 45*k)
		if got := res.Features[name]; math.Abs(got-w) > 1e-4*w || w == 0 {
			t.Errorf("%s is %g, scikit-image has %g", name, got, w)
		}
	}
}

// Moments and histograms of colour beside cv2.cvtColor and NumPy.
func TestColourFeaturesAgreeWithPythonOpenCV(t *testing.T) {
	t.Parallel()
	img := stained(60, 70)
	want := floatsOf(runPython(t, `
rgb = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(60, 70, 3)
out = []
for code in (None, cv2.COLOR_RGB2HSV, cv2.COLOR_RGB2LAB):
    c = rgb if code is None else cv2.cvtColor(rgb, code)
    for k in range(3):
        v = c[..., k].astype(np.float64).ravel()
        if code == cv2.COLOR_RGB2HSV and k == 0:
            z = np.exp(2j * np.pi * v / 180).mean()
            out.append(np.angle(z) % (2 * np.pi) * 90 / np.pi)
        else:
            out.append(v.mean())
        out += list(np.bincount(np.minimum(7, v.astype(int) * 8 // (180 if code == cv2.COLOR_RGB2HSV and k == 0 else 256)), minlength=8) / v.size)
sys.stdout.buffer.write(np.array(out).tobytes())
`, img.Pix8))
	res := mustRun(t, mustCompile(t, steps{{"step": "features", "families": []any{"colour"}}}), img, nil, preprocess.RunOptions{})
	at := 0
	for _, channel := range []string{"rgb_red", "rgb_green", "rgb_blue", "hsv_hue", "hsv_saturation", "hsv_value", "lab_lightness", "lab_a", "lab_b"} {
		for _, f := range []string{"mean", "bin_0", "bin_1", "bin_2", "bin_3", "bin_4", "bin_5", "bin_6", "bin_7"} {
			name := "colour." + channel + "_" + f
			if got, ok := res.Features[name]; !ok || math.Abs(got-want[at]) > 1e-9*math.Max(1, want[at]) {
				t.Errorf("%s is %g, Python has %g", name, got, want[at])
			}
			at++
		}
	}
}

// Each bundled pipeline gives the same tensor and features whatever the number
// of threads.
func TestBundledPipelinesGiveTheSameWithAnyNumberOfThreads(t *testing.T) {
	all, err := preprocess.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]string{}
	grey := noise(410, 530, 1)
	grey.Values = make([]float32, len(grey.Pix8))
	for i, v := range grey.Pix8 {
		grey.Values[i] = float32(v)*8 - 1000
	}
	section := stained(300, 300)
	eachSetting(t, func(setting string) {
		for name, d := range all {
			img := grey
			if name == "pathology" {
				img = section
			}
			got := resultOf(t, mustCompile(t, d.Steps), img)
			if first[name] == "" {
				first[name] = got
			}
			if got != first[name] {
				t.Errorf("%s: another result with %s", name, setting)
			}
		}
	})
}
