package pixel

import (
	"encoding/binary"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

const opDisplay = "render frame"

// Rescale is the modality stage as a line (PS3.3 C.11.1.1.2).
type Rescale struct {
	Slope     float64 `json:"slope"`
	Intercept float64 `json:"intercept"`
	Type      string  `json:"type,omitempty"` // HU, OD, US (unspecified) …
}

// modality is the modality stage of one frame: a table or a line.
type modality struct {
	Rescale
	lut *lut
}

func (m *modality) at(stored float64) float64 {
	if m.lut != nil {
		return m.lut.at(stored)
	}
	return stored*m.Slope + m.Intercept
}

// functional returns the first item of a functional group sequence for frame
// n: the frame's own, else the shared one (PS3.3 C.7.6.16).
func (im *Image) functional(n int, t dicom.Tag) *dicom.Dataset {
	if frames := im.set.Items(dicom.PerFrameFunctionalGroupsSequence); n >= 0 && n < len(frames) {
		if g := frames[n].Item(t); g != nil {
			return g
		}
	}
	return im.set.Item(dicom.SharedFunctionalGroupsSequence).Item(t)
}

// modality returns the modality stage of frame n.
func (im *Image) modality(n int) (*modality, error) {
	m := &modality{Rescale: Rescale{Slope: 1}}
	if im.Samples != 1 || im.Photometric == PaletteColor {
		return m, nil
	}
	d := im.functional(n, dicom.PixelValueTransformationSequence)
	if im.presentation != nil {
		d = nil
	}
	if d == nil {
		d = im.set
		if im.presentation != nil {
			d = im.presentation.set
		}
		if item := d.Item(dicom.ModalityLUTSequence); item != nil {
			l, err := readLUT(item, im.Signed, im.lim.Entries)
			if err != nil {
				return nil, err
			}
			m.lut, m.Type = l, item.Text(dicom.ModalityLUTType)
			return m, nil
		}
	}
	if v, ok := d.Float(dicom.RescaleSlope); ok && v != 0 && !math.IsNaN(v) && !math.IsInf(v, 0) {
		m.Slope = v // a slope of 0 would erase the picture: 1 is meant
	}
	if v, ok := d.Float(dicom.RescaleIntercept); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
		m.Intercept = v
	}
	m.Type = d.Text(dicom.RescaleType)
	return m, nil
}

// The SOP classes whose modality LUT leads back to X-ray intensity.
var angiography = map[radnode.UID]bool{
	"1.2.840.10008.5.1.4.1.1.12.1": true, // X-Ray Angiographic Image Storage
	"1.2.840.10008.5.1.4.1.1.12.2": true, // X-Ray Radiofluoroscopic Image Storage
	"1.2.840.10008.5.1.4.1.1.12.3": true, // X-Ray Angiographic Bi-Plane, retired
}

// displayModality returns the modality stage of the display chain. In XA and
// XRF objects whose values are logarithmic or ready for display, the modality
// LUT is not part of it (PS3.3 C.8.7.1.1.2, PS3.4 N.2.1.2).
func (im *Image) displayModality(n int) (*modality, error) {
	if im.presentation == nil && angiography[im.set.UID(dicom.SOPClassUID)] && im.set.Has(dicom.ModalityLUTSequence) {
		switch im.set.Text(dicom.PixelIntensityRelationship) {
		case "LOG", "DISP":
			return &modality{Rescale: Rescale{Slope: 1}}, nil
		}
	}
	return im.modality(n)
}

// storedRange returns the smallest and largest stored value the header allows.
func (im *Image) storedRange() (low, high float64) {
	if im.Signed {
		return -float64(uint64(1) << (im.BitsStored - 1)), float64(uint64(1)<<(im.BitsStored-1) - 1)
	}
	return 0, float64(uint64(1)<<im.BitsStored - 1)
}

// realRange returns the bounds of the input of the VOI stage.
func (im *Image) realRange(n int) (low, high float64) {
	m, err := im.displayModality(n)
	if err != nil || im.Float {
		return im.storedRange()
	}
	if m.lut != nil {
		return 0, m.lut.top()
	}
	a, b := im.storedRange()
	a, b = m.at(a), m.at(b)
	return min(a, b), max(a, b)
}

// Modality writes the real values of f, frame n, to dst: Hounsfield units,
// optical density or what the Rescale Type names. Monochrome only.
func (im *Image) Modality(f *Frame, n int, dst []float32) error {
	if f.Samples != 1 {
		return radnode.Errorf(radnode.Invalid, opDisplay, "colour has no modality stage")
	}
	if len(dst) != f.Rows*f.Columns {
		return radnode.Errorf(radnode.Invalid, opDisplay, "destination has %d values, the frame %d pixels", len(dst), f.Rows*f.Columns)
	}
	m, err := im.modality(n)
	if err != nil {
		return err
	}
	if t := f.entries(); t > 0 && len(dst) > t/4 {
		table := make([]float32, t)
		for i := range table {
			table[i] = float32(m.at(f.value(i)))
		}
		lookUp(f, table, dst)
		return nil
	}
	f.each(func(i int, v float64) { dst[i] = float32(m.at(v)) })
	return nil
}

// entries is the number of different samples a frame can hold, 0 if they are
// too many for a table.
func (f *Frame) entries() int {
	if f.BitsAllocated > 16 {
		return 0
	}
	return 1 << f.BitsAllocated
}

// value gives the stored value of a sample's bit pattern.
func (f *Frame) value(pattern int) float64 {
	switch {
	case !f.Signed:
		return float64(pattern)
	case f.BitsAllocated == 8:
		return float64(int8(pattern))
	}
	return float64(int16(pattern))
}

// lookUp writes the table's value of each sample; the table covers every bit
// pattern of a sample.
func lookUp[T any](f *Frame, table []T, dst []T) {
	if f.BitsAllocated == 8 {
		t := (*[256]T)(table)
		for i, v := range f.Pix[:len(dst)] {
			dst[i] = t[v]
		}
		return
	}
	t := (*[65536]T)(table)
	p := f.Pix[:2*len(dst)]
	for len(dst) >= 4 {
		w := binary.LittleEndian.Uint64(p)
		d := dst[:4:4]
		d[0], d[1], d[2], d[3] = t[uint16(w)], t[uint16(w>>16)], t[uint16(w>>32)], t[uint16(w>>48)]
		p, dst = p[8:], dst[4:]
	}
	for i := range dst {
		dst[i] = t[binary.LittleEndian.Uint16(p[2*i:])]
	}
}

// each calls fn for every sample with its stored value.
func (f *Frame) each(fn func(i int, v float64)) {
	le := binary.LittleEndian
	p := f.Pix
	switch {
	case f.BitsAllocated <= 16:
		bytes := f.BitsAllocated / 8
		for i := 0; len(p) >= bytes; i, p = i+1, p[bytes:] {
			pattern := int(p[0])
			if bytes == 2 {
				pattern |= int(p[1]) << 8
			}
			fn(i, f.value(pattern))
		}
	case f.BitsAllocated == 64:
		for i := 0; len(p) >= 8; i, p = i+1, p[8:] {
			fn(i, math.Float64frombits(le.Uint64(p)))
		}
	case f.Float:
		for i := 0; len(p) >= 4; i, p = i+1, p[4:] {
			fn(i, float64(math.Float32frombits(le.Uint32(p))))
		}
	case f.Signed:
		for i := 0; len(p) >= 4; i, p = i+1, p[4:] {
			fn(i, float64(int32(le.Uint32(p))))
		}
	default:
		for i := 0; len(p) >= 4; i, p = i+1, p[4:] {
			fn(i, float64(le.Uint32(p)))
		}
	}
}
