package pixel_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
)

// floats makes an object of float pixel data (PS3.3 C.7.6.24).
func floats(values ...float32) *dicom.Dataset {
	d := monochrome(1, len(values), 32, 32, nil)
	for _, t := range []dicom.Tag{dicom.PixelDataTag, dicom.BitsStored, dicom.HighBit, dicom.PixelRepresentation} {
		d.Remove(t)
	}
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	d.SetBytes(dicom.FloatPixelData, dicom.OF, b)
	return d
}

// TestFloatPaddingIsBackground: padding of float pixel data is neither white
// nor part of the automatic window, whatever its value.
func TestFloatPaddingIsBackground(t *testing.T) {
	d := floats(-3, 0, 5, 10, 1e30, 9.9e29, float32(math.NaN()))
	d.SetFloats(dicom.FloatPixelPaddingValue, 9e29)
	d.SetFloats(dicom.FloatPixelPaddingRangeLimit, 2e30)
	im, err := reopen(t, d, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	got := displayFrame(t, im, 0, nil)
	if got[0] != 0 || got[3] != 255 || got[4] != 0 || got[5] != 0 || got[6] != 0 || got[2] <= got[1] {
		t.Errorf("grey values %v", got)
	}
	im, err = reopen(t, floats(0, 10, 1e30), explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	if got := displayFrame(t, im, 0, &pixel.Window{Center: 5, Width: 10, Function: pixel.LinearExact}); got[2] != 255 {
		t.Errorf("without padding: %v", got)
	}
}

// TestAnICCProfileIsSaid for colour, at the top and in an optical path.
func TestAnICCProfileIsSaid(t *testing.T) {
	d := monochrome(2, 2, 8, 8, make([]byte, 12))
	d.SetInts(dicom.SamplesPerPixel, 3)
	d.SetText(dicom.PhotometricInterpretation, pixel.RGB)
	d.SetInts(dicom.PlanarConfiguration, 0)
	for _, want := range []bool{false, true} {
		if want {
			d.SetBytes(dicom.ICCProfile, dicom.OB, make([]byte, 128))
		}
		im, err := reopen(t, d, explicitLE)
		if err != nil {
			t.Fatal(err)
		}
		if got := im.Describe(0).ICCProfile; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
