package api

import (
	"math"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Bounds of a segmentation that is shown.
const (
	maxSegments      = 256
	maxSegmentFrames = 20_000
)

// Segmentation answers GET /instances/{uid}/segments: which frame of the
// object lies on which image (PS3.3 C.8.20).
type Segmentation struct {
	Type     string         `json:"type"`    // BINARY, FRACTIONAL, LABELMAP
	Maximum  int            `json:"maximum"` // stored value of a whole pixel; of a label map 0: the value is the segment
	Rows     int            `json:"rows"`
	Columns  int            `json:"columns"`
	Segments []Segment      `json:"segments"`
	Frames   []SegmentFrame `json:"frames"`

	Spacing    *[2]float64 `json:"spacing,omitempty"`    // mm between rows, between columns
	Directions *[6]float64 `json:"directions,omitempty"` // of rows and columns in the patient
}

// Segment is one thing that is outlined.
type Segment struct {
	Number int      `json:"number"`
	Label  string   `json:"label"`
	Colour [3]uint8 `json:"colour"` // sRGB
}

// SegmentFrame is one frame of the object.
type SegmentFrame struct {
	Frame          int         `json:"frame"`   // 1-based
	Segment        int         `json:"segment"` // 0 in a label map
	SOPInstanceUID radnode.UID `json:"instance"`
	ImageFrame     int         `json:"image_frame"` // 1-based frame of the image
	Position       *[3]float64 `json:"position,omitempty"`
}

// segmentColours are the colours of segments that recommend none: they differ for
// colour-blind readers too (Okabe and Ito).
var segmentColours = [][3]uint8{{230, 159, 0}, {86, 180, 233}, {0, 158, 115}, {240, 228, 66}, {0, 114, 178}, {213, 94, 0}, {204, 121, 167}}

// GetSegments says how the frames of a segmentation lie on images.
func (a *API) GetSegments(c echo.Context) error {
	file, err := a.object(c, dicom.DefaultLimits)
	if err != nil {
		return err
	}
	d := file.Dataset
	if d.Text(dicom.Modality) != "SEG" {
		return radnode.Errorf(radnode.Invalid, "show segments", "the object is no segmentation")
	}
	out := Segmentation{Type: d.Text(dicom.SegmentationType), Maximum: 1, Segments: []Segment{}, Frames: []SegmentFrame{}}
	out.Rows, _ = d.Int(dicom.Rows)
	out.Columns, _ = d.Int(dicom.Columns)
	switch out.Type {
	case "FRACTIONAL":
		out.Maximum, _ = d.Int(dicom.MaximumFractionalValue)
	case "LABELMAP":
		out.Maximum = 0
	}
	items, frames := d.Items(dicom.SegmentSequence), d.Items(dicom.PerFrameFunctionalGroupsSequence)
	if len(items) > maxSegments || len(frames) > maxSegmentFrames {
		return radnode.Errorf(radnode.TooLarge, "show segments", "%d segments in %d frames are more than %d in %d", len(items), len(frames), maxSegments, maxSegmentFrames)
	}
	for i, item := range items {
		s := Segment{Label: item.Text(dicom.SegmentLabel), Colour: segmentColours[i%len(segmentColours)]}
		s.Number, _ = item.Int(dicom.SegmentNumber)
		if lab := item.Ints(dicom.RecommendedDisplayCIELabValue); len(lab) == 3 {
			s.Colour = sRGB(lab)
		}
		out.Segments = append(out.Segments, s)
	}
	shared := d.Item(dicom.SharedFunctionalGroupsSequence)
	if v := shared.Item(dicom.PixelMeasuresSequence).Floats(dicom.PixelSpacing); len(v) == 2 {
		out.Spacing = (*[2]float64)(v)
	}
	if v := shared.Item(dicom.PlaneOrientationSequence).Floats(dicom.ImageOrientationPatient); len(v) == 6 {
		out.Directions = (*[6]float64)(v)
	}
	for i, frame := range frames {
		f := SegmentFrame{Frame: i + 1, ImageFrame: 1}
		identified := frame.Item(dicom.SegmentIdentificationSequence)
		if identified == nil {
			identified = shared.Item(dicom.SegmentIdentificationSequence)
		}
		f.Segment, _ = identified.Int(dicom.ReferencedSegmentNumber)
		source := frame.Item(dicom.DerivationImageSequence).Item(dicom.SourceImageSequence)
		if f.SOPInstanceUID = source.UID(dicom.ReferencedSOPInstanceUID); f.SOPInstanceUID == "" {
			continue // no image is named: it cannot be laid over one
		}
		if n, ok := source.Int(dicom.ReferencedFrameNumber); ok && n > 0 {
			f.ImageFrame = n
		}
		if v := frame.Item(dicom.PlanePositionSequence).Floats(dicom.ImagePositionPatient); len(v) == 3 {
			f.Position = (*[3]float64)(v)
		}
		out.Frames = append(out.Frames, f)
	}
	return sendJSON(c, out)
}

// sRGB turns PCS values (PS3.3 C.10.7.1.1: L* 0..100, a* and b* -128..127,
// each scaled to 0..65535, D50) into a colour of a screen.
func sRGB(lab []int) [3]uint8 {
	l, a, b := float64(lab[0])/655.35, float64(lab[1])/257-128, float64(lab[2])/257-128
	fy := (l + 16) / 116
	inverse := func(t float64) float64 {
		if t > 6.0/29 {
			return t * t * t
		}
		return 3 * (6.0 / 29) * (6.0 / 29) * (t - 4.0/29)
	}
	x, y, z := 0.9642*inverse(fy+a/500), inverse(fy), 0.8249*inverse(fy-b/200)
	linear := [3]float64{3.1339*x - 1.6169*y - 0.4906*z, -0.9788*x + 1.9161*y + 0.0335*z, 0.0719*x - 0.2290*y + 1.4052*z} // D50 to sRGB (Bradford)
	var out [3]uint8
	for i, v := range linear {
		v = math.Max(0, math.Min(1, v))
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		out[i] = uint8(math.Round(v * 255))
	}
	return out
}
