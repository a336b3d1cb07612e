package api

import "github.com/radnode/radnode"

// ImageDescription is what a viewer must know to turn the stored values of a
// frame into a picture (PS3.3 C.7.6.3, C.11.1, C.11.2, C.11.6), resolved from
// the header: nothing else of the header is needed.
type ImageDescription struct {
	Rows            int    `json:"rows"`
	Columns         int    `json:"columns"`
	Frames          int    `json:"frames"`
	SamplesPerPixel int    `json:"samples"`        // of the decoded frame: 1 or 3
	BitsAllocated   int    `json:"bits_allocated"` // of the decoded frame: 8, 16 or 32
	BitsStored      int    `json:"bits_stored"`
	Signed          bool   `json:"signed"`
	Photometric     string `json:"photometric"` // MONOCHROME1, MONOCHROME2, PALETTE COLOR or RGB (YBR is converted)

	Slope       float64 `json:"slope"` // Modality LUT as a line; 1 and 0 without one
	Intercept   float64 `json:"intercept"`
	ModalityLUT *LUT    `json:"modality_lut,omitempty"`
	Units       string  `json:"units,omitempty"` // HU, SUVbw …

	Windows     []Window `json:"windows"`
	VOIFunction string   `json:"voi_function"` // LINEAR, LINEAR_EXACT or SIGMOID
	VOILUTs     []LUT    `json:"voi_luts,omitempty"`
	Inverse     bool     `json:"inverse"` // Presentation LUT Shape INVERSE
	Palette     *Palette `json:"palette,omitempty"`
	ICCProfile  bool     `json:"icc_profile,omitempty"` // the object carries one; its colours are shown as sRGB
	Float       bool     `json:"float,omitempty"`       // 32-bit floating point samples

	PerFrame []FrameValues `json:"per_frame,omitempty"` // one per frame, where frames differ in scale or window
	Padding  *[2]int64     `json:"padding,omitempty"`   // stored values from, to that are not part of the image

	PixelSpacing  *[2]float64 `json:"pixel_spacing,omitempty"`  // mm between rows, between columns
	SpacingSource string      `json:"spacing_source,omitempty"` // patient, imager, calibrated
	PixelAspect   *[2]float64 `json:"pixel_aspect,omitempty"`   // vertical, horizontal, where spacing is unknown

	Orientation     *[2]string  `json:"orientation,omitempty"` // letters at the right and the bottom edge, e.g. "L","F"
	Laterality      string      `json:"laterality,omitempty"`
	ViewPosition    string      `json:"view_position,omitempty"`
	ImageType       []string    `json:"image_type,omitempty"`
	LossyRatio      float64     `json:"lossy_ratio,omitempty"` // 0: never compressed lossily
	BurnedIn        string      `json:"burned_in,omitempty"`   // YES, NO or unknown
	FrameTime       float64     `json:"frame_time_ms,omitempty"`
	Position        *[3]float64 `json:"position,omitempty"`         // Image Position (Patient)
	Directions      *[6]float64 `json:"directions,omitempty"`       // Image Orientation (Patient)
	FrameOfRef      radnode.UID `json:"frame_of_ref,omitempty"`     //
	TransferSyntax  radnode.UID `json:"transfer_syntax,omitempty"`  // as stored
	AcquisitionTime string      `json:"acquisition_time,omitempty"` //
	Unviewable      string      `json:"unviewable,omitempty"`       // why the frames cannot be shown
}

// LUT is a lookup table (PS3.3 C.11.1.1, C.11.2.1.1).
type LUT struct {
	First       int     `json:"first"` // first stored value mapped
	Bits        int     `json:"bits"`
	Explanation string  `json:"explanation,omitempty"`
	Values      []int32 `json:"values"`
}

// FrameValues is what may differ from frame to frame (PS3.3 C.7.6.16.2.9,
// C.7.6.16.2.10).
type FrameValues struct {
	Slope     float64  `json:"slope"`
	Intercept float64  `json:"intercept"`
	Windows   []Window `json:"windows"`
}

// Window is one window of the header (PS3.3 C.11.2.1.2).
type Window struct {
	Center      float64 `json:"center"`
	Width       float64 `json:"width"`
	Explanation string  `json:"explanation,omitempty"`
}

// Palette holds the palette colour tables, scaled to 8 bits (PS3.3 C.7.6.3.1.5).
type Palette struct {
	First int    `json:"first"`
	Red   []byte `json:"red"` // base64 in JSON
	Green []byte `json:"green"`
	Blue  []byte `json:"blue"`
	// Supplemental: values below First are grey (PS3.3 C.7.6.19).
	Supplemental bool `json:"supplemental,omitempty"`
}

// Manifest describes a whole series for a viewer: what is the same for many
// images once, what differs as columns.
type Manifest struct {
	SeriesInstanceUID radnode.UID        `json:"series_uid"`
	StudyInstanceUID  radnode.UID        `json:"study_uid"`
	Modality          string             `json:"modality"`
	Description       string             `json:"description"`
	Images            []ImageDescription `json:"images"`    // distinct descriptions, without position and windows
	Instances         Columns            `json:"instances"` // one entry per image instance, in reading order
	Other             []OtherInstance    `json:"other"`     // instances without pixels
}

// Columns holds one array per attribute; all have the same length.
type Columns struct {
	UIDs      []radnode.UID `json:"uids"`
	Numbers   []int         `json:"numbers"`
	Image     []int         `json:"image"`   // index into Manifest.Images
	Windows   [][]Window    `json:"windows"` // per instance: windows differ from slice to slice
	Positions [][3]float64  `json:"positions,omitempty"`
	Bytes     []int64       `json:"bytes"` // size of one decoded frame
}

// OtherInstance is an instance of the series that has no pixels.
type OtherInstance struct {
	SOPInstanceUID radnode.UID `json:"sop_instance_uid"`
	SOPClassUID    radnode.UID `json:"sop_class_uid"`
}
