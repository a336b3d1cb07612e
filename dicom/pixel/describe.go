package pixel

import (
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Description is what a viewer or a report needs to know about one frame, with
// the functional groups of enhanced objects resolved.
type Description struct {
	Rows           int         `json:"rows"`
	Columns        int         `json:"columns"`
	Frames         int         `json:"frames"`
	Samples        int         `json:"samples"`
	BitsAllocated  int         `json:"bits_allocated"` // of a decoded sample
	BitsStored     int         `json:"bits_stored"`
	Signed         bool        `json:"signed"`
	Float          bool        `json:"float,omitempty"`
	Photometric    string      `json:"photometric"` // of the decoded samples
	DisplaySamples int         `json:"display_samples"`
	TransferSyntax radnode.UID `json:"transfer_syntax"`
	Codec          string      `json:"codec"`
	Lossy          *Lossy      `json:"lossy,omitempty"`
	Rescale        *Rescale    `json:"rescale,omitempty"`      // nil for colour and where ModalityLUT is true
	ModalityLUT    bool        `json:"modality_lut,omitempty"` // the modality stage is a table
	Windows        []Window    `json:"windows"`
	Inverted       bool        `json:"inverted"` // small values are shown white
	Padding        *Padding    `json:"padding,omitempty"`
	Spacing        *Spacing    `json:"spacing,omitempty"`
	AspectRatio    float64     `json:"aspect_ratio"` // height of a pixel by its width
	Orientation    Orientation `json:"orientation"`
	Overlays       []Overlay   `json:"overlays,omitempty"`
	FrameMillis    float64     `json:"frame_ms,omitempty"`    // time between frames
	ICCProfile     bool        `json:"icc_profile,omitempty"` // colours are shown without it: as sRGB
	Warnings       []string    `json:"warnings,omitempty"`
}

// Spacing is the distance between pixel centres in millimetres, and where it
// is known from: lengths measured on the detector of a projection are larger
// than in the body.
type Spacing struct {
	Row    float64 `json:"row"`    // between rows (vertical)
	Column float64 `json:"column"` // between columns
	Source string  `json:"source"`
	Note   string  `json:"note,omitempty"`
}

// The sources of a Spacing.
const (
	SpacingPatient    = "pixel spacing"             // in the body, or as the object declares it
	SpacingCalibrated = "calibrated pixel spacing"  // PS3.3 10.7: corrected by fiducial or geometry
	SpacingDetector   = "imager pixel spacing"      // at the detector plane, magnified
	SpacingScanned    = "nominal scanned spacing"   // of a digitised film
	SpacingRegion     = "ultrasound region spacing" // of the only calibrated region
)

// Orientation says which way the rows and columns run.
type Orientation struct {
	Patient []string  `json:"patient,omitempty"` // Patient Orientation: towards where rows and columns run
	Cosines []float64 `json:"cosines,omitempty"` // Image Orientation (Patient)
	Origin  []float64 `json:"position,omitempty"`
}

// Lossy is the history of lossy compression (PS3.3 C.7.6.1.1.5).
type Lossy struct {
	Ratios  []float64 `json:"ratios,omitempty"`
	Methods []string  `json:"methods,omitempty"`
}

// Describe describes frame n.
func (im *Image) Describe(n int) Description {
	d := Description{
		Rows: im.Rows, Columns: im.Columns, Frames: im.Frames, Samples: im.Samples,
		BitsAllocated: im.width(), BitsStored: im.BitsStored, Signed: im.Signed, Float: im.Float,
		Photometric: im.Photometric, DisplaySamples: im.DisplaySamples(),
		TransferSyntax: im.TransferSyntax, Codec: im.CodecName(), Lossy: im.lossy(),
		Windows: im.Windows(n), Padding: im.Padding, Spacing: im.Spacing(n), AspectRatio: im.AspectRatio(n),
		Orientation: im.orientation(n), Overlays: im.Overlays(), Warnings: im.Warnings,
	}
	if im.Samples == 3 {
		d.Photometric = RGB
	}
	if im.Samples == 1 && im.Photometric != PaletteColor {
		d.Inverted = im.inverts()
		m, err := im.modality(n)
		switch {
		case err != nil:
			d.Warnings = append(d.Warnings[:len(d.Warnings):len(d.Warnings)], radnode.MessageOf(err))
		case m.lut != nil:
			d.ModalityLUT = true
		default:
			d.Rescale = &m.Rescale
		}
	}
	if ms, ok := im.set.Float(dicom.FrameTime); ok && ms > 0 {
		d.FrameMillis = ms
	}
	paths := im.set.Items(dicom.OpticalPathSequence)
	d.ICCProfile = im.DisplaySamples() == 3 && (im.set.Has(dicom.ICCProfile) || len(paths) > 0 && paths[0].Has(dicom.ICCProfile))
	return d
}

func (im *Image) lossy() *Lossy {
	// JPEG 2000 and other codings may be either: there the attribute decides.
	declared := im.set.Text(dicom.LossyImageCompression) == "01"
	sequential := im.TransferSyntax == JPEGBaseline8Bit || im.TransferSyntax == JPEGExtended12Bit
	if !declared && !sequential && im.TransferSyntax != JPEGLSNearLossless {
		return nil
	}
	return &Lossy{Ratios: im.set.Floats(dicom.LossyImageCompressionRatio), Methods: im.set.Texts(dicom.LossyImageCompressionMethod)}
}

// pair returns two positive millimetre values, row spacing first.
func pair(d *dicom.Dataset, t dicom.Tag) (row, column float64, ok bool) {
	v := d.Floats(t)
	if len(v) == 1 { // seen in practice: one value for both
		v = append(v, v[0])
	}
	if len(v) < 2 || !(v[0] > 0) || !(v[1] > 0) || math.IsInf(v[0], 0) || math.IsInf(v[1], 0) {
		return 0, 0, false
	}
	return v[0], v[1], true
}

// Spacing returns the pixel spacing of frame n with its source, nil where the
// object has none (PS3.3 10.7.1).
func (im *Image) Spacing(n int) *Spacing {
	if r, c, ok := pair(im.functional(n, dicom.PixelMeasuresSequence), dicom.PixelSpacing); ok {
		return &Spacing{Row: r, Column: c, Source: SpacingPatient}
	}
	ir, ic, detector := pair(im.set, dicom.ImagerPixelSpacing)
	if r, c, ok := pair(im.set, dicom.PixelSpacing); ok {
		kind := im.set.Text(dicom.PixelSpacingCalibrationType)
		switch {
		case kind != "":
			return &Spacing{Row: r, Column: c, Source: SpacingCalibrated, Note: kind}
		case detector && r == ir && c == ic: // 10.7.1.3: not corrected
			return &Spacing{Row: r, Column: c, Source: SpacingDetector}
		case detector:
			return &Spacing{Row: r, Column: c, Source: SpacingCalibrated}
		}
		return &Spacing{Row: r, Column: c, Source: SpacingPatient}
	}
	if detector {
		return &Spacing{Row: ir, Column: ic, Source: SpacingDetector}
	}
	if r, c, ok := pair(im.set, dicom.NominalScannedPixelSpacing); ok {
		return &Spacing{Row: r, Column: c, Source: SpacingScanned}
	}
	return im.regionSpacing()
}

// centimetre is the unit code of Physical Units X and Y Direction (PS3.3
// C.8.5.5.1.15).
const centimetre = 3

// regionSpacing returns the spacing of an ultrasound image with one region.
func (im *Image) regionSpacing() *Spacing {
	regions := im.set.Items(dicom.SequenceOfUltrasoundRegions)
	if len(regions) != 1 {
		return nil
	}
	x, okX := regions[0].Float(dicom.PhysicalDeltaX)
	y, okY := regions[0].Float(dicom.PhysicalDeltaY)
	ux, _ := regions[0].Int(dicom.PhysicalUnitsXDirection)
	uy, _ := regions[0].Int(dicom.PhysicalUnitsYDirection)
	if !okX || !okY || ux != centimetre || uy != centimetre || x == 0 || y == 0 {
		return nil
	}
	return &Spacing{Row: math.Abs(y) * 10, Column: math.Abs(x) * 10, Source: SpacingRegion}
}

// AspectRatio returns the height of a pixel divided by its width: Pixel Aspect
// Ratio, else from the spacing, else 1.
func (im *Image) AspectRatio(n int) float64 {
	if v := im.set.Ints(dicom.PixelAspectRatio); len(v) >= 2 && v[0] > 0 && v[1] > 0 {
		return float64(v[0]) / float64(v[1])
	}
	if s := im.Spacing(n); s != nil {
		return s.Row / s.Column
	}
	return 1
}

func (im *Image) orientation(n int) Orientation {
	o := Orientation{Patient: im.set.Texts(dicom.PatientOrientation)}
	plane := im.functional(n, dicom.PlaneOrientationSequence)
	if plane == nil {
		plane = im.set
	}
	if v := plane.Floats(dicom.ImageOrientationPatient); len(v) == 6 {
		o.Cosines = v
	}
	place := im.functional(n, dicom.PlanePositionSequence)
	if place == nil {
		place = im.set
	}
	if v := place.Floats(dicom.ImagePositionPatient); len(v) == 3 {
		o.Origin = v
	}
	return o
}
