package preprocess_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// realFile decodes the first frame of a file with pydicom, colour as RGB.
func realFile(t *testing.T, name string) preprocess.Image {
	t.Helper()
	out := runPython(t, `
import pydicom
from pydicom.pixel_data_handlers.util import apply_color_lut, convert_color_space
ds = pydicom.dcmread(sys.argv[1]); a = ds.pixel_array
if ds.get("NumberOfFrames", 1) > 1: a = a[0]
if ds.PhotometricInterpretation == "PALETTE COLOR": a = (apply_color_lut(a, ds) >> 8).astype(np.uint8)
elif ds.PhotometricInterpretation.startswith("YBR_FULL"): a = convert_color_space(a, ds.PhotometricInterpretation, "RGB")
sys.stdout.buffer.write(np.array(a.shape + (1,), np.uint32)[:3].tobytes() + np.ascontiguousarray(a).tobytes())
`, nil, shared(t, "dicom", "image", name+".dcm"))
	size := func(k int) int { return int(binary.LittleEndian.Uint32(out[4*k:])) }
	return preprocess.Image{Rows: size(0), Columns: size(1), Channels: size(2), Pix8: out[12:]}
}

// The insonated field of real frames as it was seen in their pictures: left,
// top, width and height as shares of the frame. Lettering, scales, body marks
// and the banner of the maker lie outside.
func TestTheUltrasoundPipelineKeepsTheInsonatedFieldOfRealFrames(t *testing.T) {
	t.Parallel()
	bundled, err := preprocess.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	p := mustCompile(t, bundled["ultrasound"].Steps)
	for name, want := range map[string][4]float64{
		"us_palette_explicit_le":             {0.41, 0.12, 0.32, 0.15},
		"us_pediatric_echo_17frames_jpeg422": {0.22, 0, 0.70, 0.84},
		"us_stress_echo_8frames_explicit_le": {0, 0, 1, 1},
		"us_epicard_rgb_planar1_big_endian":  {0.14, 0.12, 0.72, 0.74},
		"us_ybr_full_rle_planar1":            {0.13, 0.09, 0.63, 0.78},
		"us_8bit_jpeg_lossless_sv1":          {0.15, 0.21, 0.73, 0.64},
	} {
		img := realFile(t, name)
		dst := make([]float32, 224*224)
		res := mustRun(t, p, img, dst, preprocess.RunOptions{})
		var got [4]float64
		for _, s := range res.Stages {
			if s.Step == "crop" {
				w, h := float64(img.Columns), float64(img.Rows)
				got = [4]float64{s.Values["left"] / w, s.Values["top"] / h, s.Values["columns"] / w, s.Values["rows"] / h}
			}
		}
		for i := range got {
			if math.Abs(got[i]-want[i]) > 0.03 {
				t.Errorf("%s: field at %.2f, want %.2f", name, got, want)
				break
			}
		}
		if res.Features["field.count"] != 1 || res.Features["firstorder.mean"] < 5 || res.Features["glcm.contrast"] <= 0 {
			t.Errorf("%s: %g fields of mean %g", name, res.Features["field.count"], res.Features["firstorder.mean"])
		}
	}
}

// A section made of two stains with a known number of nuclei on tissue and
// glass.
func section() (preprocess.Image, int, int) {
	const rows, columns = 260, 300
	grain := noise(rows, columns, 1)
	img := preprocess.Image{Rows: rows, Columns: columns, Channels: 3, Pix8: make([]byte, rows*columns*3)}
	nuclei, tissue := 0, 0
	for i := range rows * columns {
		y, x := i/columns, i%columns
		h, e := 0.02, 0.02
		if x >= 60 {
			tissue++
			h, e = 0.25, 0.7+float64(grain.Pix8[i])/600
			if cy, cx := y%40-20, (x-60)%40-20; x < 300 && cy*cy+cx*cx < 49 && y < 240 {
				h = 1.6
				if cy == 0 && cx == 0 {
					nuclei++
				}
			}
		}
		for k, stain := range [3][2]float64{{0.65, 0.10}, {0.70, 0.95}, {0.29, 0.28}} {
			img.Pix8[3*i+k] = byte(240 * math.Exp(-(stain[0]*h + stain[1]*e)))
		}
	}
	return img, nuclei, tissue
}

func TestThePathologyPipelineCountsNucleiWithinTissue(t *testing.T) {
	t.Parallel()
	bundled, err := preprocess.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	p := mustCompile(t, bundled["pathology"].Steps)
	img, nuclei, tissue := section()
	f := mustRun(t, p, img, nil, preprocess.RunOptions{}).Features
	if f["nuclei.count"] != float64(nuclei) || math.Abs(f["tissue.area_total"]/float64(tissue)-1) > 0.03 {
		t.Errorf("%g nuclei of %d, tissue %g of %d", f["nuclei.count"], nuclei, f["tissue.area_total"], tissue)
	}
	// Beside scikit-image: Otsu of the green channel of the same real tile.
	tile := realFile(t, "sm_lung_tiles_15frames_jpeg422")
	want := floatsOf(runPython(t, `
from skimage.filters import threshold_otsu, gaussian
g = gaussian(np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(256, 256, 3)[..., 1], 1.1, preserve_range=True)
sys.stdout.buffer.write(np.array([(g <= threshold_otsu(g)).sum()], float).tobytes())`, tile.Pix8))[0]
	f = mustRun(t, p, tile, nil, preprocess.RunOptions{}).Features
	if math.Abs(f["tissue.area_total"]/want-1) > 0.1 {
		t.Errorf("tissue of the real tile: %g pixels, Otsu's threshold has %g", f["tissue.area_total"], want)
	}
	// A tile of the margin is black, one of glass is white: neither is tissue.
	for _, name := range []string{"sm_tile_1024_jpeg_with_bot", "sm_tiny_25frames_rgb"} {
		f := mustRun(t, p, realFile(t, name), nil, preprocess.RunOptions{}).Features
		if f["tissue.area_total"] != 0 || f["nuclei.count"] != 0 {
			t.Errorf("%s: tissue %g, nuclei %g", name, f["tissue.area_total"], f["nuclei.count"])
		}
	}
}
