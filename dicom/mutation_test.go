package dicom_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

func samples(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, ts := range []radnode.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian} {
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, sample(), ts); err != nil {
			t.Fatal(err)
		}
		out[string(ts)] = b.Bytes()
	}
	for _, name := range []string{"malformed/nested_private_sequence.dcm", "malformed/un_sequence.dcm", "charset/japanese_2022_ir_87.dcm", "nonimage/sr_enhanced_deflated.dcm", "image/sm_tiny_25frames_jpegls.dcm"} {
		if b, err := os.ReadFile("../../shared/dicom/" + name); err == nil {
			out[name] = b
		}
	}
	return out
}

func TestMutatedObjectsNeitherPanicNorGrow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	interesting := []byte{0, 1, 0x7f, 0x80, 0xff, 0xfe, 'S', 'Q', 'U', 'N'}
	for name, good := range samples(t) {
		for range 1500 {
			b := bytes.Clone(good)
			for range 1 + r.IntN(4) {
				b[r.IntN(min(len(b), 4000))] = interesting[r.IntN(len(interesting))]
			}
			f, err := dicom.Read(bytes.NewReader(b), int64(len(b)), fuzzLimits)
			if err == nil {
				flatten(f.Dataset, "", map[string][]string{})
				checkPlaces(t, name, f, int64(len(b)))
			}
		}
	}
}

// checkPlaces: what lies outside the file must not be promised.
func checkPlaces(t *testing.T, name string, f *dicom.File, size int64) {
	t.Helper()
	s, _ := dicom.LookupTransferSyntax(f.TransferSyntax)
	p := f.PixelData
	if p == nil || s.Deflated {
		return
	}
	if p.Offset < 0 || p.Length < 0 || p.Offset+p.Length > size {
		t.Errorf("%s: pixel data at %d, %d bytes, in a file of %d", name, p.Offset, p.Length, size)
	}
	for _, fr := range p.Fragments {
		if fr.Offset < 0 || fr.Length < 0 || fr.Offset+fr.Length > size {
			t.Errorf("%s: fragment %+v in a file of %d", name, fr, size)
		}
	}
}

func TestTruncatedObjectsEndInAnErrorOrAWarning(t *testing.T) {
	for name, good := range samples(t) {
		for n := 0; n < len(good); n += 1 + len(good)/1500 {
			f, err := dicom.Read(bytes.NewReader(good[:n]), int64(n), fuzzLimits)
			if err == nil {
				checkPlaces(t, name, f, int64(n))
			}
			if c := radnode.CodeOf(err); err != nil && c != radnode.Invalid && c != radnode.TooLarge && c != radnode.Unsupported {
				t.Errorf("%s cut at %d: %q %v", name, n, c, err)
			}
		}
	}
}
