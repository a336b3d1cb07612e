package pixel_test

import (
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// words makes the bytes of 16-bit samples.
func words(v ...int) []byte {
	b := make([]byte, 2*len(v))
	for i, n := range v {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(n))
	}
	return b
}

// signed16 is a one-row object of signed 16-bit samples.
func signed16(v ...int) *dicom.Dataset {
	d := monochrome(1, len(v), 16, 16, words(v...))
	d.SetInts(dicom.PixelRepresentation, 1)
	return d
}

// display opens d and renders its first frame with window w.
func display(t *testing.T, d *dicom.Dataset, w *pixel.Window) []byte {
	t.Helper()
	im, err := reopen(t, d, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	return displayFrame(t, im, 0, w)
}

func displayFrame(t *testing.T, im *pixel.Image, n int, w *pixel.Window) []byte {
	t.Helper()
	var fr pixel.Frame
	if err := im.Decode(context.Background(), n, &fr); err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, im.Rows*im.Columns*im.DisplaySamples())
	if err := im.Display8(&fr, n, w, dst); err != nil {
		t.Fatal(err)
	}
	floats := make([]float32, len(dst))
	if err := im.DisplayFloat(&fr, n, w, floats); err != nil {
		t.Fatal(err)
	}
	tolerance := 0.501
	if im.DisplaySamples() == 3 {
		tolerance = 1.01 // palettes give the high byte of 16 bits
	}
	for i, v := range floats {
		if math.Abs(float64(v)*255-float64(dst[i])) > tolerance {
			t.Errorf("pixel %d: float %g against %d", i, v, dst[i])
		}
	}
	return dst
}

// TestWindowsFollowTheStandard walks the examples of PS3.3 C.11.2.1.2.1 and
// the three functions.
func TestWindowsFollowTheStandard(t *testing.T) {
	tests := []struct {
		name     string
		function string
		c, w     float64
		in       []int
		want     []byte
	}{
		{"full 12 bits", pixel.Linear, 2048, 4096, []int{-1, 0, 1, 2048, 4094, 4095, 4096}, []byte{0, 0, 0, 128, 255, 255, 255}},
		{"width 1 is a threshold", pixel.Linear, 2048, 1, []int{2047, 2048}, []byte{0, 255}},
		{"centre 0", pixel.Linear, 0, 100, []int{-50, -49, 0, 48, 49, 50}, []byte{0, 3, 129, 252, 255, 255}},
		{"centre 0 width 1", pixel.Linear, 0, 1, []int{-1, 0}, []byte{0, 255}},
		{"no function means LINEAR", "", 2048, 1, []int{2047, 2048}, []byte{0, 255}},
		{"linear exact", pixel.LinearExact, 0, 100, []int{-50, -25, 0, 25, 50, 51}, []byte{0, 64, 128, 191, 255, 255}},
		{"linear exact, width below 1", pixel.LinearExact, 10.5, 0.5, []int{10, 11}, []byte{0, 255}},
		{"sigmoid", pixel.Sigmoid, 100, 100, []int{-1000, 0, 100, 200, 1200}, []byte{0, 5, 128, 250, 255}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &pixel.Window{Center: tt.c, Width: tt.w, Function: tt.function}
			if diff := cmp.Diff(tt.want, display(t, signed16(tt.in...), w)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// lutItem is an item of a modality or VOI LUT sequence.
func lutItem(first, bits int, entries ...int) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetBytes(dicom.LUTDescriptor, dicom.US, words(len(entries), first, bits))
	d.SetBytes(dicom.LUTData, dicom.OW, words(entries...))
	return d
}

// packedItem has two 8-bit entries a word.
func packedItem(first int, entries ...byte) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetBytes(dicom.LUTDescriptor, dicom.US, words(len(entries), first, 8))
	d.SetBytes(dicom.LUTData, dicom.OW, entries)
	return d
}

// TestTheDisplayChain covers each stage with the smallest object that shows it.
func TestTheDisplayChain(t *testing.T) {
	identity := &pixel.Window{Center: 128, Width: 256, Function: pixel.Linear}
	tests := []struct {
		name   string
		d      *dicom.Dataset
		edit   func(d *dicom.Dataset)
		window *pixel.Window
		want   []byte
	}{
		{"rescale comes before the window", signed16(1000, 1050, 1100), func(d *dicom.Dataset) {
			d.SetFloats(dicom.RescaleSlope, 2)
			d.SetFloats(dicom.RescaleIntercept, -2000)
		}, &pixel.Window{Center: 100, Width: 200, Function: pixel.LinearExact}, []byte{0, 128, 255}},
		{"the first window of the header is the default", signed16(0, 50, 100), func(d *dicom.Dataset) {
			d.SetFloats(dicom.WindowCenter, 50, 500)
			d.SetFloats(dicom.WindowWidth, 100, 1000)
			d.SetText(dicom.VOILUTFunction, pixel.LinearExact)
		}, nil, []byte{0, 128, 255}},
		{"a modality LUT clamps at both ends", signed16(-9, 1, 2, 99), func(d *dicom.Dataset) {
			d.SetItems(dicom.ModalityLUTSequence, lutItem(0, 8, 10, 20, 30))
		}, identity, []byte{10, 20, 30, 30}},
		{"a modality LUT begins at a negative value", signed16(-3, -2, -1, 0), func(d *dicom.Dataset) {
			d.SetItems(dicom.ModalityLUTSequence, lutItem(-2, 8, 10, 20, 30))
		}, identity, []byte{10, 10, 20, 30}},
		{"packed 8-bit entries", signed16(0, 1, 2, 3), func(d *dicom.Dataset) {
			d.SetItems(dicom.ModalityLUTSequence, packedItem(0, 11, 22, 33, 44))
		}, identity, []byte{11, 22, 33, 44}},
		{"a VOI LUT goes before a window", signed16(0, 1, 2), func(d *dicom.Dataset) {
			d.SetItems(dicom.VOILUTSequence, lutItem(0, 10, 0, 512, 1023))
			d.SetFloats(dicom.WindowCenter, 1)
			d.SetFloats(dicom.WindowWidth, 1)
		}, nil, []byte{0, 128, 255}},
		{"a VOI LUT over negative real values", signed16(0, 1, 2), func(d *dicom.Dataset) {
			d.SetFloats(dicom.RescaleSlope, 1)
			d.SetFloats(dicom.RescaleIntercept, -1024)
			d.SetItems(dicom.VOILUTSequence, lutItem(-1024, 8, 0, 100, 200))
		}, nil, []byte{0, 100, 200}},
		{"MONOCHROME1 is inverted after the window", signed16(0, 64, 255), func(d *dicom.Dataset) {
			d.SetText(dicom.PhotometricInterpretation, pixel.Monochrome1)
		}, identity, []byte{255, 191, 0}},
		{"MONOCHROME1 with INVERSE is inverted once", signed16(0, 64, 255), func(d *dicom.Dataset) {
			d.SetText(dicom.PhotometricInterpretation, pixel.Monochrome1)
			d.SetText(dicom.PresentationLUTShape, "INVERSE")
		}, identity, []byte{255, 191, 0}},
		{"MONOCHROME2 with IDENTITY is not inverted", signed16(0, 64, 255), func(d *dicom.Dataset) {
			d.SetText(dicom.PresentationLUTShape, "IDENTITY")
		}, identity, []byte{0, 64, 255}},
		{"padding is background, and outside the percentiles", signed16(-2000, 0, 100, 200), func(d *dicom.Dataset) {
			d.SetInts(dicom.PixelPaddingValue, -2000)
		}, nil, []byte{0, 0, 128, 255}},
		{"a padding range of MONOCHROME1 is background too", signed16(4000, 4095, 0, 100), func(d *dicom.Dataset) {
			d.SetText(dicom.PhotometricInterpretation, pixel.Monochrome1)
			d.SetInts(dicom.PixelPaddingValue, 4095)
			d.SetInts(dicom.PixelPaddingRangeLimit, 4000)
		}, nil, []byte{0, 0, 255, 0}},
		{"a blank frame without window keeps its place in the whole range", signed16(7, 7, 7), nil, nil, []byte{128, 128, 128}},
		{"the modality LUT of angiography is not for display", signed16(0, 128, 255), func(d *dicom.Dataset) {
			d.SetUID(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.12.1")
			d.SetText(dicom.PixelIntensityRelationship, "LOG")
			d.SetItems(dicom.ModalityLUTSequence, lutItem(0, 12, 4000, 4001))
		}, identity, []byte{0, 128, 255}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.edit != nil {
				tt.edit(tt.d)
			}
			if diff := cmp.Diff(tt.want, display(t, tt.d, tt.window)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// paletteObject has 8-bit indices and three tables.
func paletteObject(bits int, set func(d *dicom.Dataset, c int), index ...byte) *dicom.Dataset {
	d := monochrome(1, len(index), 8, 8, index)
	d.SetText(dicom.PhotometricInterpretation, pixel.PaletteColor)
	for c := range 3 {
		set(d, c)
	}
	return d
}

var (
	paletteDescriptors = []dicom.Tag{dicom.RedPaletteColorLookupTableDescriptor, dicom.GreenPaletteColorLookupTableDescriptor, dicom.BluePaletteColorLookupTableDescriptor}
	paletteData        = []dicom.Tag{dicom.RedPaletteColorLookupTableData, dicom.GreenPaletteColorLookupTableData, dicom.BluePaletteColorLookupTableData}
	paletteSegments    = []dicom.Tag{dicom.SegmentedRedPaletteColorLookupTableData, dicom.SegmentedGreenPaletteColorLookupTableData, dicom.SegmentedBluePaletteColorLookupTableData}
)

// TestPalettesBecomeRGB covers 8 and 16-bit, offset and segmented tables.
func TestPalettesBecomeRGB(t *testing.T) {
	tests := []struct {
		name  string
		set   func(d *dicom.Dataset, c int)
		index []byte
		want  []byte
	}{
		{"16-bit entries, high byte", func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(3, 0, 16))
			d.SetBytes(paletteData[c], dicom.OW, words(0x0000, 0x1000*(c+1), 0xff00))
		}, []byte{0, 1, 2, 9}, []byte{0, 0, 0, 0x10, 0x20, 0x30, 255, 255, 255, 255, 255, 255}},
		{"8-bit entries packed, first index 5", func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(4, 5, 8))
			d.SetBytes(paletteData[c], dicom.OW, []byte{1, 2, 3, byte(4 + c)})
		}, []byte{0, 5, 6, 200}, []byte{1, 1, 1, 1, 1, 1, 2, 2, 2, 4, 5, 6}},
		{"8-bit entries declared with 16 bits", func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(2, 0, 16))
			d.SetBytes(paletteData[c], dicom.OW, words(7, 250))
		}, []byte{0, 1}, []byte{7, 7, 7, 250, 250, 250}},
		{"segments: discrete, linear, indirect", func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(9, 0, 16))
			// two entries, a ramp of four to 0x6000, the first segment again, one entry
			d.SetBytes(paletteSegments[c], dicom.OW, words(0, 2, 0x1000, 0x2000, 1, 4, 0x6000, 2, 1, 0, 0, 0, 1, 0xff00))
		}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, grey(0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x10, 0x20, 0xff)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, display(t, paletteObject(8, tt.set, tt.index...), nil)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func grey(v ...byte) []byte {
	var out []byte
	for _, b := range v {
		out = append(out, b, b, b)
	}
	return out
}

// TestHostilePalettesAreRefused gives segmented tables that loop or run over.
func TestHostilePalettesAreRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"indirect to itself": words(2, 1, 0, 0),
		"ramp from nothing":  words(1, 4, 9),
		"too long":           words(0, 1, 5, 1, 65535, 9),
		"short":              words(0, 9, 1),
		"empty":              {},
	} {
		d := paletteObject(16, func(d *dicom.Dataset, c int) {
			d.SetBytes(paletteDescriptors[c], dicom.US, words(4, 0, 16))
			d.SetBytes(paletteSegments[c], dicom.OW, data)
		}, 0, 1)
		if _, err := reopen(t, d, explicitLE); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSupplementalPaletteColoursTheUpperValues covers PS3.3 C.7.6.19.
func TestSupplementalPaletteColoursTheUpperValues(t *testing.T) {
	d := monochrome(1, 3, 16, 16, words(0, 255, 1001))
	d.SetText(dicom.PixelPresentation, "COLOR")
	for c := range 3 {
		d.SetBytes(paletteDescriptors[c], dicom.US, words(2, 1000, 16))
		d.SetBytes(paletteData[c], dicom.OW, words(0, 0x4000*(c+1)))
	}
	got := display(t, d, &pixel.Window{Center: 128, Width: 256, Function: pixel.Linear})
	if diff := cmp.Diff([]byte{0, 0, 0, 255, 255, 255, 0x40, 0x80, 0xc0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFloatPixelsAreRendered covers float and double float pixel data.
func TestFloatPixelsAreRendered(t *testing.T) {
	values := []float64{0, 0.25, 0.5, math.NaN()}
	var f32, f64 []byte
	for _, v := range values {
		f32 = binary.LittleEndian.AppendUint32(f32, math.Float32bits(float32(v)))
		f64 = binary.LittleEndian.AppendUint64(f64, math.Float64bits(v))
	}
	for _, tt := range []struct {
		tag  dicom.Tag
		vr   dicom.VR
		data []byte
		bits int
	}{{dicom.FloatPixelData, dicom.OF, f32, 32}, {dicom.DoubleFloatPixelData, dicom.OD, f64, 64}} {
		d := monochrome(1, len(values), tt.bits, tt.bits, nil)
		d.SetBytes(tt.tag, tt.vr, tt.data)
		got := display(t, d, &pixel.Window{Center: 0.25, Width: 0.5, Function: pixel.LinearExact})
		if diff := cmp.Diff([]byte{0, 128, 255, 0}, got); diff != "" {
			t.Errorf("%d bits (-want +got):\n%s", tt.bits, diff)
		}
	}
}

// group makes a functional group item with one sequence.
func group(t dicom.Tag, fill func(d *dicom.Dataset)) *dicom.Dataset {
	inner, outer := dicom.NewDataset(), dicom.NewDataset()
	fill(inner)
	outer.SetItems(t, inner)
	return outer
}

// TestFunctionalGroupsAreResolvedPerFrame covers PS3.3 C.7.6.16: shared values
// and a frame's own.
func TestFunctionalGroupsAreResolvedPerFrame(t *testing.T) {
	d := monochrome(1, 2, 16, 16, words(0, 100, 0, 100))
	d.SetInts(dicom.NumberOfFrames, 2)
	shared := group(dicom.FrameVOILUTSequence, func(d *dicom.Dataset) {
		d.SetFloats(dicom.WindowCenter, 100)
		d.SetFloats(dicom.WindowWidth, 200)
		d.SetText(dicom.VOILUTFunction, pixel.LinearExact)
	})
	d.SetItems(dicom.SharedFunctionalGroupsSequence, shared)
	rescale := func(slope float64) *dicom.Dataset {
		return group(dicom.PixelValueTransformationSequence, func(d *dicom.Dataset) {
			d.SetFloats(dicom.RescaleSlope, slope)
			d.SetFloats(dicom.RescaleIntercept, 0)
			d.SetText(dicom.RescaleType, "HU")
		})
	}
	second := rescale(2)
	measures := dicom.NewDataset()
	measures.SetFloats(dicom.PixelSpacing, 0.5, 0.25)
	second.SetItems(dicom.PixelMeasuresSequence, measures)
	d.SetItems(dicom.PerFrameFunctionalGroupsSequence, rescale(1), second)
	im, err := reopen(t, d, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{0, 128}, displayFrame(t, im, 0, nil)); diff != "" {
		t.Errorf("frame 0 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]byte{0, 255}, displayFrame(t, im, 1, nil)); diff != "" {
		t.Errorf("frame 1 (-want +got):\n%s", diff)
	}
	got := im.Describe(1)
	if got.Rescale == nil || got.Rescale.Slope != 2 || got.Rescale.Type != "HU" {
		t.Errorf("rescale of frame 1: %+v", got.Rescale)
	}
	if diff := cmp.Diff(&pixel.Spacing{Row: 0.5, Column: 0.25, Source: pixel.SpacingPatient}, got.Spacing); diff != "" {
		t.Errorf("spacing (-want +got):\n%s", diff)
	}
	if got.AspectRatio != 2 || im.Describe(0).Spacing != nil {
		t.Errorf("aspect ratio %g, spacing of frame 0 %v", got.AspectRatio, im.Describe(0).Spacing)
	}
}

// TestSpacingNamesItsSource covers PS3.3 10.7.
func TestSpacingNamesItsSource(t *testing.T) {
	tests := []struct {
		name string
		set  func(d *dicom.Dataset)
		want *pixel.Spacing
	}{
		{"none", func(*dicom.Dataset) {}, nil},
		{"detector only", func(d *dicom.Dataset) { d.SetFloats(dicom.ImagerPixelSpacing, 0.2, 0.1) }, &pixel.Spacing{Row: 0.2, Column: 0.1, Source: pixel.SpacingDetector}},
		{"detector repeated", func(d *dicom.Dataset) {
			d.SetFloats(dicom.ImagerPixelSpacing, 0.2, 0.1)
			d.SetFloats(dicom.PixelSpacing, 0.2, 0.1)
		}, &pixel.Spacing{Row: 0.2, Column: 0.1, Source: pixel.SpacingDetector}},
		{"calibrated", func(d *dicom.Dataset) {
			d.SetFloats(dicom.ImagerPixelSpacing, 0.2, 0.2)
			d.SetFloats(dicom.PixelSpacing, 0.15, 0.15)
			d.SetText(dicom.PixelSpacingCalibrationType, "GEOMETRY")
		}, &pixel.Spacing{Row: 0.15, Column: 0.15, Source: pixel.SpacingCalibrated, Note: "GEOMETRY"}},
		{"scanned film", func(d *dicom.Dataset) { d.SetFloats(dicom.NominalScannedPixelSpacing, 0.3, 0.3) }, &pixel.Spacing{Row: 0.3, Column: 0.3, Source: pixel.SpacingScanned}},
		{"nonsense", func(d *dicom.Dataset) { d.SetFloats(dicom.PixelSpacing, 0, -1) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := signed16(1, 2)
			tt.set(d)
			im, err := reopen(t, d, explicitLE)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, im.Spacing(0)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOverlaysAreRead covers planes of their own, of several frames, and in
// the unused bits of the pixels.
func TestOverlaysAreRead(t *testing.T) {
	d := monochrome(2, 3, 16, 12, words(0x8001, 0x0002, 0x8003, 0, 0x8000, 5))
	d.SetInts(0x60000010, 2)
	d.SetInts(0x60000011, 3)
	d.SetText(0x60000040, "G")
	d.SetInts(0x60000050, 1, 1)
	d.SetInts(0x60000100, 1)
	d.SetInts(0x60000102, 0)
	d.SetBytes(0x60003000, dicom.OW, []byte{0b101101, 0})
	d.SetInts(0x60020010, 2)
	d.SetInts(0x60020011, 3)
	d.SetText(0x60020040, "R")
	d.SetInts(0x60020100, 16)
	d.SetInts(0x60020102, 15)
	im, err := reopen(t, d, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	list := im.Overlays()
	if len(list) != 2 || list[0].Embedded || !list[1].Embedded || list[1].Type != "R" {
		t.Fatalf("overlays: %+v", list)
	}
	want := [][]byte{{1, 0, 1, 1, 0, 1}, {1, 0, 1, 0, 1, 0}}
	for i, o := range list {
		got := make([]byte, 6)
		ok, err := im.OverlayPlane(context.Background(), o, 0, got)
		if err != nil || !ok {
			t.Fatalf("plane %d: %v %v", i, ok, err)
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("plane %d (-want +got):\n%s", i, diff)
		}
	}
	var fr pixel.Frame
	if err := im.Decode(context.Background(), 0, &fr); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 0, 0, 5}, samples(&fr)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}
