package pixel_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// rendering is one picture to be rendered by us and by a peer.
type rendering struct {
	file   string
	window *pixel.Window // nil: the first that the header offers
}

// renderings returns the chest films and objects with every kind of VOI stage;
// the film of the module suyashkumar/dicom is always there.
func renderings(t *testing.T) []rendering {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	list := []rendering{{file: filepath.Join(strings.TrimSpace(string(out)), "testdata", "4.dcm")}}
	dir, ok := sharedIfThere()
	if !ok {
		return list
	}
	for _, name := range []string{
		"chest/cr_strip_10rows_explicit_le.dcm", "chest/cr_strip_10rows_jpeg_lossless_sv1.dcm", "chest/cr_strip_10rows_jpegls.dcm",
		"chest/cr_strip_10rows_j2k.dcm", "chest/cr_wg04_rg1_jpegls_near.dcm", "chest/cr_wg04_rg1_j2k_lossy.dcm", "chest/dx_dog_thorax_mono1_8bit.dcm",
		"image/ct_brain_overlay.dcm", "image/mg_ge_mlo_voilut_jpeg_lossless.dcm",
		"image/mr_decimal_rescale.dcm", "image/mr_siemens_overlay_300x484.dcm", "image/signed16_test.dcm", "image/voi_lut_04.dcm",
		"image/xa_cath_75frames_jpeg_modality_lut.dcm",
	} {
		list = append(list, rendering{file: filepath.Join(dir, name)})
	}
	wide := &pixel.Window{Center: 128, Width: 256, Function: pixel.Linear}
	narrow := &pixel.Window{Center: 120.5, Width: 97, Function: pixel.Linear}
	for _, name := range []string{
		"chest/cr_rsna_normal_a_jpeg.dcm", "chest/cr_rsna_pa_mono1_header_only.dcm", "chest/cr_rsna_pa_mono2_jpeg.dcm",
		"chest/cr_rsna_viral_a_jpeg.dcm", "chest/ct_mislabelled_nih_00000002.dcm", "chest/dx_nih_00000002_bodypart_ribcage.dcm",
		"chest/dx_nih_00000002_pa.dcm", "chest/dx_dog_thorax_mono1_8bit.dcm",
	} {
		list = append(list, rendering{filepath.Join(dir, name), wide}, rendering{filepath.Join(dir, name), narrow})
	}
	return append(list,
		rendering{filepath.Join(dir, "image/modality_lut_18.dcm"), &pixel.Window{Center: 2048, Width: 4096, Function: pixel.Linear}},
		rendering{filepath.Join(dir, "image/ct1_explicit_le.dcm"), &pixel.Window{Center: 40, Width: 400, Function: pixel.Linear}},
		rendering{filepath.Join(dir, "image/mg_ge_mlo_voilut_jpeg_lossless.dcm"), &pixel.Window{Center: 2653, Width: 900, Function: pixel.Sigmoid}},
	)
}

// render decodes and renders the first frame.
func render(t *testing.T, r rendering) (*pixel.Image, []byte, pixel.Window, bool) {
	t.Helper()
	im, err := open(t, r.file)
	if radnode.CodeOf(err) == radnode.Unsupported {
		t.Logf("%s: %v", filepath.Base(r.file), err)
		return nil, nil, pixel.Window{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	var fr pixel.Frame
	if err := im.Decode(context.Background(), 0, &fr); err != nil {
		t.Fatal(err)
	}
	w := im.DefaultWindow(&fr, 0)
	if r.window != nil {
		w = *r.window
	}
	dst := make([]byte, im.Rows*im.Columns*im.DisplaySamples())
	if err := im.Display8(&fr, 0, &w, dst); err != nil {
		t.Fatal(err)
	}
	return im, dst, w, true
}

// difference returns the largest difference of two pictures and how many
// pixels differ.
func difference(a, b []byte) (largest, count int) {
	for i := range a {
		d := int(a[i]) - int(b[i])
		if d < 0 {
			d = -d
		}
		if d > 0 {
			count++
		}
		largest = max(largest, d)
	}
	return largest, count
}

// TestRenderingAgreesWithDCMTK compares with dcm2pnm and dcmj2pnm.
func TestRenderingAgreesWithDCMTK(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"dcmj2pnm", "dcmdjpls"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s (package dcmtk) is not installed", tool)
		}
	}
	for _, r := range renderings(t) {
		im, got, w, ok := render(t, r)
		if !ok {
			continue
		}
		path := r.file
		switch im.TransferSyntax {
		case pixel.JPEG2000, pixel.JPEG2000Lossless:
			continue // DCMTK has no decoder
		case pixel.JPEGLSLossless, pixel.JPEGLSNearLossless:
			path = filepath.Join(t.TempDir(), "raw.dcm")
			if out, err := exec.Command("dcmdjpls", r.file, path).CombinedOutput(); err != nil {
				t.Errorf("dcmdjpls: %v %s", err, out)
				continue
			}
		}
		args := []string{"-O", "+op", "+Ww", fmt.Sprint(w.Center), fmt.Sprint(w.Width), "+Wfl"}
		switch w.Function {
		case pixel.TableLUT:
			args = []string{"-O", "+op", "+Wl", strconv.Itoa(w.Table + 1)}
		case pixel.Sigmoid:
			args[5] = "+Wfs"
		}
		var stderr bytes.Buffer
		cmd := exec.Command("dcmj2pnm", append(args, path)...)
		cmd.Stderr = &stderr
		pnm, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: dcmj2pnm: %v %s", filepath.Base(r.file), err, stderr.Bytes())
			continue
		}
		want := pnm[len(pnm)-len(got):]
		largest, count := difference(got, want)
		t.Logf("%-45s %-6s %g/%g: largest difference %d, %.2f %% of pixels", filepath.Base(r.file), w.Function, w.Center, w.Width, largest, 100*float64(count)/float64(len(got)))
		if largest > 1 {
			t.Errorf("%s differs from DCMTK by %d", filepath.Base(r.file), largest)
		}
	}
}

// pydicomChain prints the 8-bit picture of each file by pydicom's own modality
// and VOI stages: lines of file, centre, width, function, table on stdin.
const pydicomChain = `
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, pydicom
from pydicom.pixel_data_handlers.util import apply_modality_lut, apply_voi_lut
for line in sys.stdin:
    path, c, w, function, table = line.rstrip("\n").split("\t")
    ds = pydicom.dcmread(path, force=True)
    arr = ds.pixel_array
    if arr.ndim == 3: arr = arr[0]
    if ds.PixelRepresentation == 1 and ds.BitsStored < 16:
        # pydicom leaves the bits above Bits Stored as they are
        shift = 16 - ds.BitsStored
        arr = (arr.astype(np.int16) << shift) >> shift
    top = None
    if function == "LUT":
        item = ds.VOILUTSequence[int(table)]
        top = 2.0 ** item.LUTDescriptor[2] - 1
        low = 0.0
    else:
        for k in ("VOILUTSequence",):
            if k in ds: del ds[k]
        ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = c, w, function
    real = apply_modality_lut(arr, ds)
    out = apply_voi_lut(real, ds, index=int(table)).astype(float)
    if top is None:
        bits = ds.BitsStored
        if "ModalityLUTSequence" in ds: bits = ds.ModalityLUTSequence[0].LUTDescriptor[2]; low, top = 0.0, 2.0 ** bits - 1
        elif ds.PixelRepresentation == 0: low, top = 0.0, 2.0 ** bits - 1
        else: low, top = -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
        if ds.get("RescaleSlope") is not None and "ModalityLUTSequence" not in ds:
            low, top = [v * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for v in (low, top)]
    y = np.floor((out - low) / (top - low) * 255 + 0.5)
    if ds.PhotometricInterpretation == "MONOCHROME1": y = 255 - y
    sys.stdout.buffer.write(y.astype(np.uint8).tobytes())
`

// python finds an interpreter with pydicom.
func python(t *testing.T) string {
	t.Helper()
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(p, "-c", "import pydicom, numpy, gdcm").Run() == nil {
			return p
		}
	}
	t.Skip("python3 with pydicom, numpy and gdcm is not installed")
	return ""
}

// TestRenderingAgreesWithPydicom compares with apply_modality_lut and
// apply_voi_lut.
func TestRenderingAgreesWithPydicom(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	var input strings.Builder
	var pictures [][]byte
	var names []string
	for _, r := range renderings(t) {
		if strings.Contains(r.file, "xa_cath_75") {
			continue // pydicom applies the modality LUT of XA objects, which is not for display
		}
		_, got, w, ok := render(t, r)
		if !ok {
			continue
		}
		function := w.Function
		fmt.Fprintf(&input, "%s\t%g\t%g\t%s\t%d\n", r.file, w.Center, w.Width, function, w.Table)
		pictures = append(pictures, got)
		names = append(names, fmt.Sprintf("%s %s %g/%g", filepath.Base(r.file), function, w.Center, w.Width))
	}
	cmd := exec.Command(interpreter, "-c", pydicomChain)
	cmd.Stdin = strings.NewReader(input.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pydicom: %v", err)
	}
	for i, got := range pictures {
		if len(out) < len(got) {
			t.Fatalf("pydicom stopped at %s", names[i])
		}
		largest, count := difference(got, out[:len(got)])
		out = out[len(got):]
		t.Logf("%-70s largest difference %d, %.2f %% of pixels", names[i], largest, 100*float64(count)/float64(len(got)))
		if largest > 1 {
			t.Errorf("%s differs from pydicom by %d", names[i], largest)
		}
	}
}

// TestPresentationStateAgreesWithDCMTK renders through a presentation state
// with a modality, a VOI and a presentation LUT, all scrambled, and compares
// with dcmp2pgm.
func TestPresentationStateAgreesWithDCMTK(t *testing.T) {
	if _, err := exec.LookPath("dcmp2pgm"); err != nil {
		t.Skip("dcmp2pgm (package dcmtk) is not installed")
	}
	dir := shared(t)
	picture, state := filepath.Join(dir, "image/lut_image_for_pr.dcm"), filepath.Join(dir, "nonimage/pr_combined_luts.dcm")
	pr, err := dicom.ReadFile(state, dicom.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	plain := mustOpen(t, picture)
	im, err := plain.Present(pr.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	got := displayFrame(t, im, 0, nil)
	out := filepath.Join(t.TempDir(), "out.pgm")
	if msg, err := exec.Command("dcmp2pgm", "-p", state, picture, out).CombinedOutput(); err != nil {
		t.Fatalf("dcmp2pgm: %v %s", err, msg)
	}
	pgm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	largest, count := difference(got, pgm[len(pgm)-len(got):])
	t.Logf("largest difference %d, %d pixels", largest, count)
	if largest > 1 {
		t.Errorf("differs from DCMTK by %d in %d pixels", largest, count)
	}
	if same, _ := difference(got, displayFrame(t, plain, 0, nil)); same == 0 {
		t.Error("the presentation state changes nothing")
	}
}
