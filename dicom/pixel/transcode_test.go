package pixel_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode/dicom/pixel"
)

// transcoding is one way in which DCMTK encodes and decodes again.
type transcoding struct {
	encoder, decoder string
	options          []string
	files            []string
}

// TestCodestreamsOfDCMTKDecodeAsItDoes has DCMTK encode real pictures in every
// JPEG process, predictor, point transform, sampling and RLE and JPEG-LS form,
// and compares our samples with those of its own decoder.
func TestCodestreamsOfDCMTKDecodeAsItDoes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dcmcjpeg"); err != nil {
		t.Skip("dcmcjpeg (package dcmtk) is not installed")
	}
	dir := shared(t)
	deep := []string{"image/ct_small_explicit_le.dcm", "image/mr_small_explicit_le.dcm", "image/mr_decimal_rescale.dcm"}
	shallow := []string{"image/us_stress_echo_8frames_explicit_le.dcm", "chest/dx_dog_thorax_mono1_8bit.dcm"}
	colour := []string{"image/sc_rgb_explicit_le.dcm", "image/sm_tiny_25frames_rgb.dcm", "image/sc_rgb_3x3_odd.dcm", "image/tp_rgb_uncompressed.dcm"}
	few := []string{deep[0], shallow[1], colour[0], colour[2]}
	grey := append(append([]string{}, deep...), shallow...)
	var list []transcoding
	for sv := 1; sv <= 7; sv++ {
		list = append(list, transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+el", "+sv", fmt.Sprint(sv)}, few})
	}
	list = append(list,
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+e1", "+fs", "1"}, grey},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+e1", "+pl", "+pt", "2"}, shallow},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+ee", "+bt"}, deep},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+ee", "+bt", "+q", "30"}, deep[:1]},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+es", "+bt"}, deep[:2]},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+ep", "+bt"}, deep[:2]},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+ep", "+be"}, shallow},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+eb", "-ho", "+q", "20"}, shallow},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+eb", "+q", "100"}, shallow},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+eb", "+cr"}, colour[:3]},
		transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+ep", "+s4"}, colour[:2]},
		transcoding{"dcmcrle", "dcmdrle", nil, append(few, colour[1], deep[1])},
		transcoding{"dcmcjpls", "dcmdjpls", []string{"+el"}, append(few, colour[1])},
		transcoding{"dcmcjpls", "dcmdjpls", []string{"+en", "+md", "3"}, grey},
	)
	for _, sampling := range []string{"+s2", "+s4", "+n2", "+n1", "+np"} {
		list = append(list, transcoding{"dcmcjpeg", "dcmdjpeg", []string{"+eb", sampling, "+q", "70"}, colour[:3]})
	}
	pairs := 0
	for _, tc := range list {
		for _, file := range tc.files {
			if transcode(t, tc, filepath.Join(dir, file)) {
				pairs++
			}
		}
	}
	t.Logf("%d pairs of files compared", pairs)
}

// transcode compares the first and last frame of one pair; it reports whether
// DCMTK could make it.
func transcode(t *testing.T, tc transcoding, file string) bool {
	t.Helper()
	name := strings.Join(append(append([]string{tc.encoder}, tc.options...), filepath.Base(file)), " ")
	tmp := t.TempDir()
	coded, plain := filepath.Join(tmp, "coded.dcm"), filepath.Join(tmp, "plain.dcm")
	if out, err := exec.Command(tc.encoder, append(tc.options, file, coded)...).CombinedOutput(); err != nil {
		t.Logf("%s: DCMTK does not encode: %s", name, firstLine(out))
		return false
	}
	if out, err := exec.Command(tc.decoder, coded, plain).CombinedOutput(); err != nil {
		t.Logf("%s: DCMTK does not decode its own: %s", name, firstLine(out))
		return false
	}
	ours, theirs := mustOpen(t, coded), mustOpen(t, plain)
	var a, b pixel.Frame
	for _, n := range []int{0, ours.Frames - 1} {
		if err := ours.Decode(context.Background(), n, &a); err != nil {
			t.Errorf("%s: %v", name, err)
			return true
		}
		if err := theirs.Decode(context.Background(), n, &b); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Pix, b.Pix) {
			x, y := samples(&a), samples(&b)
			largest, count := int64(0), 0
			for i := range min(len(x), len(y)) {
				if d := max(x[i]-y[i], y[i]-x[i]); d > 0 {
					count++
					largest = max(largest, d)
				}
			}
			t.Errorf("%s: frame %d differs in %d of %d samples by up to %d (%s %s, %s %s)", name, n, count, len(x), largest, ours.TransferSyntax, a.Photometric, theirs.Photometric, b.Photometric)
			return true
		}
	}
	return true
}

func firstLine(b []byte) string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return s
}
