package acceptance

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFramesAreThoseOfPydicomInEveryCoding asks for each frame of real images
// native and put into each lossless coding, and lets pydicom decode them.
func TestFramesAreThoseOfPydicomInEveryCoding(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import pydicom, numpy, gdcm").Run() != nil {
		t.Skip("pydicom is not installed: run `scripts/packages test`")
	}
	n := startNode(t)
	args := []string{filepath.Join(root(), "internal", "acceptance", "testdata", "frames.py"), n.web + "/dicom-web", serviceToken}
	for _, name := range []string{"ct1_explicit_le", "ct1_j2k_lossless", "ct1_jpegls", "ct_chest_jpeg_lossless_57", "sc_rgb_explicit_le", "us_stress_echo_8frames_j2k",
		"sm_tiny_25frames_rgb", "sm_tiny_25frames_jpegls", "us_8bit_jpeg_lossless_sv1", "op_8bit_jpeg_lossless", "xa_cath_12frames_jpeg_lossless", "enhct_bot_jpegls_80"} {
		args = append(args, filepath.Join(shared(t, "dicom"), "image", name+".dcm"))
	}
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if got := strings.Count(string(out), " equal "); got < 30 {
		t.Errorf("%d comparisons only:\n%s", got, out)
	}
	t.Logf("%s", out)
}
