package pixel_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// side is the length of the pictures of chainCases.
const side = 64

// ramp12 has every second 12-bit value, in a scrambled order.
func ramp12() []int {
	v := make([]int, side*side)
	for i := range v {
		v[i] = i * 17 % 4096
	}
	return v
}

// packed stores samples with so many bits each, one behind the other, least
// significant bit first.
func packed(v []int, bits int) []byte {
	b := make([]byte, (len(v)*bits+15)/16*2)
	for i, n := range v {
		for k := range bits {
			at := i*bits + k
			b[at/8] |= byte(n >> k & 1 << (at % 8))
		}
	}
	return b
}

func each(v []int, f func(int) int) []int {
	out := make([]int, len(v))
	for i, n := range v {
		out[i] = f(n)
	}
	return out
}

// chainCase is one stage of the display chain, and who else must show it so.
type chainCase struct {
	name  string
	stage string // of the standard
	d     *dicom.Dataset
	ts    radnode.UID // explicitLE unless named
	dcmtk bool        // dcm2pnm shows the same, within 1 (YBR: 2)
	py    bool        // pydicom's own functions give the same, within 1
	why   string      // why a peer is left out
}

// square is a grey image of so many bits with a window over all of its values.
func square(allocated, stored int, samples []int, set ...func(d *dicom.Dataset)) *dicom.Dataset {
	d := monochrome(side, side, allocated, stored, packed(samples, allocated))
	d.SetFloats(dicom.WindowCenter, float64(uint64(1)<<(stored-1)))
	d.SetFloats(dicom.WindowWidth, float64(uint64(1)<<stored))
	for _, f := range set {
		f(d)
	}
	return d
}

func window(c, w float64, function string) func(d *dicom.Dataset) {
	return func(d *dicom.Dataset) {
		d.SetFloats(dicom.WindowCenter, c)
		d.SetFloats(dicom.WindowWidth, w)
		if function != "" {
			d.SetText(dicom.VOILUTFunction, function)
		}
	}
}

func ints(t dicom.Tag, v ...int) func(d *dicom.Dataset) {
	return func(d *dicom.Dataset) { d.SetInts(t, v...) }
}

func text(t dicom.Tag, v string) func(d *dicom.Dataset) {
	return func(d *dicom.Dataset) { d.SetText(t, v) }
}

func rescale(slope, intercept float64) func(d *dicom.Dataset) {
	return func(d *dicom.Dataset) {
		d.SetFloats(dicom.RescaleSlope, slope)
		d.SetFloats(dicom.RescaleIntercept, intercept)
	}
}

func table(sequence dicom.Tag, item *dicom.Dataset) func(d *dicom.Dataset) {
	return func(d *dicom.Dataset) {
		d.SetItems(sequence, item)
		if sequence == dicom.VOILUTSequence {
			d.Remove(dicom.WindowCenter)
			d.Remove(dicom.WindowWidth)
		}
	}
}

// colours has three samples a pixel.
func colours(photometric string, px []byte, set ...func(d *dicom.Dataset)) *dicom.Dataset {
	d := monochrome(side, side, 8, 8, px)
	d.SetInts(dicom.SamplesPerPixel, 3)
	d.SetText(dicom.PhotometricInterpretation, photometric)
	d.SetInts(dicom.PlanarConfiguration, 0)
	for _, f := range set {
		f(d)
	}
	return d
}

// indexed is a palette image whose tables set makes.
func indexed(set func(d *dicom.Dataset, c int)) *dicom.Dataset {
	d := monochrome(side, side, 8, 8, packed(each(ramp12(), func(v int) int { return v & 255 }), 8))
	d.SetText(dicom.PhotometricInterpretation, pixel.PaletteColor)
	for c := range 3 {
		set(d, c)
	}
	return d
}

func chainCases() []chainCase {
	v := ramp12()
	low := each(v, func(n int) int { return n & 255 })
	falling := make([]int, 256)
	for i := range falling {
		falling[i] = 255 - i
	}
	octets := make([]byte, 256)
	for i, n := range falling {
		octets[i] = byte(n)
	}
	smooth := make([]byte, 3*side*side)
	for i := range smooth {
		smooth[i] = byte(40 + i/3%side*2 + i/3/side + 30*(i%3))
	}
	half := make([]byte, 0, 2*side*side) // Y1 Y2 Cb Cr
	for i := 0; i < len(smooth); i += 6 {
		half = append(half, smooth[i], smooth[i+3], smooth[i+1], smooth[i+2])
	}
	planes := make([]byte, len(smooth))
	for i, n := range smooth {
		planes[i%3*side*side+i/3] = n
	}
	ramp16 := func(d *dicom.Dataset, c int) {
		d.SetBytes(paletteDescriptors[c], dicom.US, words(256, 0, 16))
		d.SetBytes(paletteData[c], dicom.OW, words(each(falling, func(n int) int { return n * 257 * (c + 1) / 3 })...))
	}
	return []chainCase{
		{name: "8 bits", stage: "C.7.6.3", d: square(8, 8, low), dcmtk: true, py: true},
		{name: "12 of 16 bits", stage: "C.7.6.3", d: square(16, 12, v), dcmtk: true, py: true},
		{name: "12 bits allocated", stage: "PS3.5 8.1.1", d: square(12, 12, v), dcmtk: true, why: "pydicom reads whole bytes only"},
		{name: "20 of 32 bits", stage: "C.7.6.3", d: square(32, 20, each(v, func(n int) int { return n << 8 })), dcmtk: true, py: true},
		{name: "32 bits", stage: "C.7.6.3", d: square(32, 32, each(v, func(n int) int { return n << 20 })), dcmtk: true, py: true},
		{name: "32 bits signed", stage: "C.7.6.3", d: square(32, 32, each(v, func(n int) int { return (n - 2048) << 20 }), ints(dicom.PixelRepresentation, 1), window(0, 1<<32, "")), dcmtk: true, py: true},
		{name: "12 bits signed", stage: "PS3.5 8.1.1", d: square(16, 12, each(v, func(n int) int { return (n - 2048) & 4095 }), ints(dicom.PixelRepresentation, 1), window(0, 4096, "")), dcmtk: true, why: "pydicom does not extend the sign"},
		{name: "high bit 15 of 12 stored", stage: "C.7.6.3.1.1", d: square(16, 12, each(v, func(n int) int { return n<<4 | 5 }), ints(dicom.HighBit, 15)), dcmtk: true, why: "pydicom does not shift"},
		{name: "overlay in the upper bits", stage: "C.9.2", d: square(16, 12, each(v, func(n int) int { return n | n%7<<13 })), dcmtk: true, why: "pydicom does not mask"},
		{name: "big endian, 16 bits", stage: "PS3.5 7.3", d: square(16, 12, v), ts: "1.2.840.10008.1.2.2", dcmtk: true, py: true},
		{name: "big endian, 8 bits in words", stage: "PS3.5 8.1.1", d: square(8, 8, low, func(d *dicom.Dataset) { d.SetBytes(dicom.PixelDataTag, dicom.OW, packed(low, 8)) }), ts: "1.2.840.10008.1.2.2", dcmtk: true, why: "pydicom 2.3 does not swap"},
		{name: "rescale, then LINEAR", stage: "C.11.1", d: square(16, 12, v, rescale(2, -1024), window(1000, 3000, "")), dcmtk: true, py: true},
		{name: "falling rescale", stage: "C.11.1", d: square(16, 12, v, rescale(-1, 0), window(-2048, 4096, "")), dcmtk: true, py: true},
		{name: "modality LUT", stage: "C.11.1.1", d: square(8, 8, low, table(dicom.ModalityLUTSequence, lutItem(10, 16, each(falling[:200], func(n int) int { return n * 257 })...)), window(32768, 65536, "")), dcmtk: true, py: true},
		{name: "VOI LUT, 12-bit entries", stage: "C.11.2", d: square(8, 8, low, table(dicom.VOILUTSequence, lutItem(0, 12, each(falling, func(n int) int { return n * 16 })...))), dcmtk: true, py: true},
		{name: "VOI LUT, 8-bit entries in pairs", stage: "C.11.2.1.1", d: square(8, 8, low, table(dicom.VOILUTSequence, packedItem(0, octets...))), dcmtk: true, why: "pydicom 2.3 cannot read them"},
		{name: "VOI LUT, odd number of 8-bit entries", stage: "C.11.2.1.1", d: square(8, 8, low, table(dicom.VOILUTSequence, packedItem(0, octets[:255]...))), dcmtk: true, why: "pydicom 2.3 cannot read them"},
		{name: "LINEAR", stage: "C.11.2.1.2.1", d: square(16, 12, v, window(1000.5, 777, pixel.Linear)), dcmtk: true, py: true},
		{name: "LINEAR of width 1", stage: "C.11.2.1.2.1", d: square(16, 12, v, window(2048, 1, pixel.Linear)), dcmtk: true, py: true},
		{name: "LINEAR_EXACT", stage: "C.11.2.1.3.2", d: square(16, 12, v, window(1000, 33.3, pixel.LinearExact)), py: true, why: "dcm2pnm 3.6.7 knows LINEAR and SIGMOID"},
		{name: "SIGMOID", stage: "C.11.2.1.3.1", d: square(16, 12, v, window(2048, 900, pixel.Sigmoid)), dcmtk: true, py: true},
		{name: "several windows", stage: "C.11.2.1.2", d: square(16, 12, v, func(d *dicom.Dataset) {
			d.SetFloats(dicom.WindowCenter, 500, 3000)
			d.SetFloats(dicom.WindowWidth, 300, 900)
		}), dcmtk: true, py: true},
		{name: "MONOCHROME1", stage: "C.7.6.3.1.2", d: square(16, 12, v, text(dicom.PhotometricInterpretation, pixel.Monochrome1)), dcmtk: true, py: true},
		{name: "MONOCHROME1 and INVERSE", stage: "C.8.11.3", d: square(16, 12, v, text(dicom.PhotometricInterpretation, pixel.Monochrome1), text(dicom.PresentationLUTShape, "INVERSE")), dcmtk: true, py: true},
		{name: "MONOCHROME2 and INVERSE", stage: "C.11.6", d: square(16, 12, v, text(dicom.PresentationLUTShape, "INVERSE")), dcmtk: true, why: "pydicom ignores the shape"},
		{name: "RGB", stage: "C.7.6.3.1.2", d: colours(pixel.RGB, smooth), dcmtk: true, py: true},
		{name: "RGB by plane", stage: "C.7.6.3.1.3", d: colours(pixel.RGB, planes, ints(dicom.PlanarConfiguration, 1)), dcmtk: true, py: true},
		{name: "YBR_FULL", stage: "C.7.6.3.1.2", d: colours(pixel.YBRFull, smooth), dcmtk: true, py: true},
		{name: "YBR_FULL by plane", stage: "C.7.6.3.1.2", d: colours(pixel.YBRFull, planes, ints(dicom.PlanarConfiguration, 1)), dcmtk: true, py: true},
		{name: "YBR_FULL_422", stage: "C.7.6.3.1.2", d: colours(pixel.YBRFull422, half), dcmtk: true, py: true},
		{name: "YBR_PARTIAL_422", stage: "C.7.6.3.1.2", d: colours(pixel.YBRPartial422, half), dcmtk: true, why: "pydicom converts YBR_FULL only"},
		{name: "palette", stage: "C.7.6.3.1.5", d: indexed(ramp16), dcmtk: true, py: true},
		{name: "palette of 8-bit entries", stage: "C.7.6.3.1.5", d: indexed(func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(256, 0, 8))
			d.SetBytes(paletteData[c], dicom.OW, octets)
		}), dcmtk: true, py: true},
		{name: "palette with one dark channel", stage: "C.7.6.3.1.5", d: indexed(func(d *dicom.Dataset, c int) {
			ramp16(d, c)
			if c == 2 {
				d.SetBytes(paletteData[c], dicom.OW, words(each(falling, func(n int) int { return n / 2 })...))
			}
		}), dcmtk: true, py: true},
		{name: "palette from 100 on", stage: "C.7.6.3.1.5", d: indexed(func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(100, 100, 16))
			d.SetBytes(paletteData[c], dicom.OW, words(each(falling[:100], func(n int) int { return n * 257 * (c + 1) / 3 })...))
		}), dcmtk: true, py: true},
		{name: "segmented palette", stage: "C.7.9.2", d: indexed(func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(256, 0, 16))
			d.SetBytes(paletteSegments[c], dicom.OW, words(0, 1, 0, 1, 255, 65535/(c+1)))
		}), py: true, why: "dcm2pnm 3.6.7 does not read them"},
	}
}

// pydicomColour prints the picture of each file on stdin by pydicom's own
// functions, grey over the range that its VOI stage gives.
const pydicomColour = `
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, pydicom
from pydicom.pixel_data_handlers.util import apply_modality_lut, apply_voi_lut, apply_color_lut, convert_color_space
for line in sys.stdin:
    ds = pydicom.dcmread(line.rstrip("\n"))
    a, photometric = ds.pixel_array, ds.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        y = apply_color_lut(a, ds)
        if y.dtype == np.uint16: y = y >> 8
    elif ds.SamplesPerPixel == 3:
        y = a if photometric == "RGB" else convert_color_space(a, photometric, "RGB")
    else:
        x = apply_voi_lut(apply_modality_lut(a, ds), ds).astype(float)
        bits = ds.BitsStored
        low, top = (0.0, 2.0 ** bits - 1) if ds.PixelRepresentation == 0 else (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
        if "VOILUTSequence" in ds: low, top = 0.0, 2.0 ** ds.VOILUTSequence[0].LUTDescriptor[2] - 1
        elif "ModalityLUTSequence" in ds: low, top = 0.0, 2.0 ** ds.ModalityLUTSequence[0].LUTDescriptor[2] - 1
        elif "RescaleSlope" in ds: low, top = (v * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for v in (low, top))
        y = np.floor((x - low) / (top - low) * 255 + 0.5)
        if photometric == "MONOCHROME1": y = 255 - y
    sys.stdout.buffer.write(np.clip(y, 0, 255).astype(np.uint8).tobytes())
`

// TestEachStageIsShownAsByOtherPrograms writes an object for each stage of the
// display chain and compares its picture with those of dcm2pnm and pydicom.
func TestEachStageIsShownAsByOtherPrograms(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dcm2pnm"); err != nil {
		t.Skip("dcm2pnm (package dcmtk) is not installed")
	}
	interpreter := python(t)
	dir := t.TempDir()
	var asked []chainCase
	var pictures [][]byte
	var input strings.Builder
	for i, c := range chainCases() {
		if c.ts == "" {
			c.ts = explicitLE
		}
		im, err := reopen(t, c.d, c.ts)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := displayFrame(t, im, 0, nil)
		path := filepath.Join(dir, fmt.Sprintf("%02d.dcm", i))
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, c.d, c.ts); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.dcmtk {
			within := 1
			if strings.HasPrefix(c.d.Text(dicom.PhotometricInterpretation), "YBR") {
				within = 2 // it cuts the fractions of its tables
			}
			sameAs(t, c, "dcm2pnm", got, dcm2pnm(t, c.d, path), within)
		}
		if c.py {
			fmt.Fprintln(&input, path)
			asked, pictures = append(asked, c), append(pictures, got)
		}
		if (!c.dcmtk || !c.py) && c.why == "" {
			t.Errorf("%s: nobody says why a peer is left out", c.name)
		}
	}
	cmd := exec.Command(interpreter, "-c", pydicomColour)
	cmd.Stdin, cmd.Stderr = strings.NewReader(input.String()), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pydicom: %v", err)
	}
	for i, got := range pictures {
		sameAs(t, asked[i], "pydicom", got, out[:min(len(got), len(out))], 1)
		out = out[min(len(got), len(out)):]
	}
}

func sameAs(t *testing.T, c chainCase, peer string, got, want []byte, within int) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s (%s): %s gives %d values instead of %d", c.name, c.stage, peer, len(want), len(got))
		return
	}
	if largest, count := difference(got, want); largest > within {
		t.Errorf("%s (%s) differs from %s by %d in %d pixels", c.name, c.stage, peer, largest, count)
	}
}

// dcm2pnm renders with the first window or table of the header.
func dcm2pnm(t *testing.T, d *dicom.Dataset, path string) []byte {
	t.Helper()
	args := []string{"-O", "+op", path}
	switch {
	case d.Has(dicom.VOILUTSequence):
		args = append([]string{"+Wl", "1"}, args...)
	case d.Has(dicom.WindowWidth):
		args = append([]string{"+Wi", "1"}, args...)
	}
	if d.Text(dicom.VOILUTFunction) == pixel.Sigmoid {
		args = append([]string{"+Wfs"}, args...)
	}
	out, err := exec.Command("dcm2pnm", args...).Output()
	if err != nil {
		t.Errorf("dcm2pnm: %v", err)
	}
	samples, _ := d.Int(dicom.SamplesPerPixel)
	if d.Text(dicom.PhotometricInterpretation) == pixel.PaletteColor {
		samples = 3
	}
	return out[max(0, len(out)-side*side*samples):]
}

// TestDoubtsAboutTheDisplayAreTold: what cannot be meant is shown in one way
// and said.
func TestDoubtsAboutTheDisplayAreTold(t *testing.T) {
	v := ramp12()
	for want, d := range map[string]*dicom.Dataset{
		"":                             square(16, 12, v),
		"contradicts MONOCHROME1":      square(16, 12, v, text(dicom.PhotometricInterpretation, pixel.Monochrome1), text(dicom.PresentationLUTShape, "IDENTITY")),
		"contradicts MONOCHROME2":      square(16, 12, v, text(dicom.PresentationLUTShape, "INVERSE")),
		"Rescale Slope is 0":           square(16, 12, v, rescale(0, 5)),
		"Modality LUT and Rescale":     square(8, 8, each(v, func(n int) int { return n & 255 }), rescale(1, 0), table(dicom.ModalityLUTSequence, lutItem(0, 16, 1, 2, 3))),
		"Window Width is -100":         square(16, 12, v, window(2048, -100, "")),
		"Window Width is 0.5":          square(16, 12, v, window(2048, 0.5, "")),
		`VOI LUT Function "LOGARITHM"`: square(16, 12, v, window(2048, 100, "LOGARITHM")),
		"pixel data hold 2 frames":     square(16, 12, v, func(d *dicom.Dataset) { d.SetInts(dicom.Rows, side/2) }),
	} {
		im, err := reopen(t, d, explicitLE)
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		displayFrame(t, im, 0, nil)
		if got := strings.Join(im.Warnings, "; "); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

// TestALengthThatTheOffsetTableGetsWrongIsNotUsed: only padding may be left
// out (PS3.3 C.7.6.3.1.8).
func TestALengthThatTheOffsetTableGetsWrongIsNotUsed(t *testing.T) {
	for _, off := range []uint64{0, 1, 5} {
		fragment := []byte{1, 2, 3, 4, 5, 0}
		d := monochrome(1, 5, 8, 8, nil)
		d.SetFragments(dicom.PixelDataTag, fragment)
		d.SetBytes(dicom.ExtendedOffsetTable, dicom.OV, make([]byte, 8))
		d.SetBytes(dicom.ExtendedOffsetTableLengths, dicom.OV, binary.LittleEndian.AppendUint64(nil, uint64(len(fragment))-off))
		im, err := reopen(t, d, pixel.EncapsulatedUncompressed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := im.Coded(0, nil)
		want := fragment
		if off == 1 {
			want = fragment[:5]
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes less: %v, %v", off, got, err)
		}
	}
}
