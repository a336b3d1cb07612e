package pixel

import (
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

const (
	opOpen   = "open pixel data"
	opDecode = "decode frame"
)

// The photometric interpretations that the stored values of a Frame can have
// (PS3.3 C.7.6.3.1.2). The YBR kinds occur only after DecodeStored.
const (
	Monochrome1   = "MONOCHROME1"
	Monochrome2   = "MONOCHROME2"
	PaletteColor  = "PALETTE COLOR"
	RGB           = "RGB"
	YBRFull       = "YBR_FULL"
	YBRFull422    = "YBR_FULL_422"
	YBRPartial422 = "YBR_PARTIAL_422"
	YBRPartial420 = "YBR_PARTIAL_420"
	YBRICT        = "YBR_ICT"
	YBRRCT        = "YBR_RCT"
)

// samplesOf is the number of samples a pixel that each photometric
// interpretation has.
var samplesOf = map[string]int{
	Monochrome1: 1, Monochrome2: 1, PaletteColor: 1,
	RGB: 3, YBRFull: 3, YBRFull422: 3, YBRPartial422: 3, YBRPartial420: 3, YBRICT: 3, YBRRCT: 3,
}

// Image is the pixel description of one object (PS3.3 C.7.6.3) with access to
// its frames. It does not change after Open.
type Image struct {
	Rows, Columns, Frames int
	Samples               int // samples a pixel, 1 or 3
	BitsAllocated         int
	BitsStored            int
	HighBit               int
	Signed                bool
	Float                 bool // Float or Double Float Pixel Data (PS3.3 C.7.6.24, C.7.6.25)
	Photometric           string
	Planar                int // Planar Configuration
	TransferSyntax        radnode.UID
	Padding               *Padding
	Warnings              []string // tolerated contradictions of the header

	set          *dicom.Dataset
	data         *dicom.PixelData
	src          io.ReaderAt
	lim          Limits
	codec        *Codec // nil: native
	index        []int  // first fragment of each frame, and one behind the last
	palette      *palette
	floatPadding *[2]float64   // as Padding, of float pixel data
	presentation *presentation // nil: as the object itself says
	curves       curveCache
}

// Padding is the range of stored values that stand for no measurement (PS3.3
// C.7.5.1.1.2), both ends included.
type Padding struct {
	Low  int `json:"low"`
	High int `json:"high"`
}

// Open reads the description of the pixels of f, whose bytes r gives, and
// checks it against the limits. Nothing is decoded or allocated for pixels
// yet. A transfer syntax without codec is refused with code Unsupported.
func Open(f *dicom.File, r io.ReaderAt, lim Limits) (*Image, error) {
	if f.PixelData == nil || f.Dataset == nil {
		return nil, radnode.Errorf(radnode.Unsupported, opOpen, "the object holds no pixel data")
	}
	src, err := f.PixelReader(r, sizeOf(r), dicom.Limits{})
	if err != nil {
		return nil, err
	}
	im := &Image{TransferSyntax: f.TransferSyntax, set: f.Dataset, data: f.PixelData, src: src, lim: lim}
	if err := im.describe(); err != nil {
		return nil, err
	}
	if err := im.checkSizes(); err != nil {
		return nil, err
	}
	if err := im.chooseCodec(); err != nil {
		return nil, err
	}
	arrange := im.indexFrames
	if im.codec == nil {
		arrange = im.checkNative
	}
	if err := arrange(); err != nil {
		return nil, err
	}
	if err := im.readPalettes(); err != nil {
		return nil, err
	}
	im.readPadding()
	return im, nil
}

// OpenHeader reads the description of the pixels of f as Open does, without
// access to the frames: it needs neither the file nor a codec, so that a
// program without the C codecs can describe every image.
func OpenHeader(f *dicom.File, lim Limits) (*Image, error) {
	if f.PixelData == nil || f.Dataset == nil {
		return nil, radnode.Errorf(radnode.Unsupported, opOpen, "the object holds no pixel data")
	}
	im := &Image{TransferSyntax: f.TransferSyntax, set: f.Dataset, data: f.PixelData, lim: lim}
	if err := im.describe(); err != nil {
		return nil, err
	}
	if ts, _ := dicom.LookupTransferSyntax(im.TransferSyntax); ts.Video {
		return nil, notDecoded(ts.Name)
	}
	if err := im.checkSizes(); err != nil {
		return nil, err
	}
	if err := im.readPalettes(); err != nil {
		return nil, err
	}
	im.readPadding()
	return im, nil
}

// notDecoded is the answer for what is kept and handed on as it is.
func notDecoded(syntax string) error {
	return radnode.Errorf(radnode.Unsupported, opOpen, "transfer syntax %s is not decoded here: the object is kept and handed on as it is", syntax)
}

// readPalettes reads the palette of palette colour, or the supplemental one,
// without which a picture is still a picture.
func (im *Image) readPalettes() error {
	if im.Photometric != PaletteColor && !im.hasSupplementalPalette() {
		return nil
	}
	p, err := readPalette(im.set, im.Signed, im.lim.Entries)
	switch {
	case err != nil && im.Photometric == PaletteColor:
		return err
	case err != nil:
		im.warn("supplemental palette ignored: %v", err)
	}
	im.palette = p
	return nil
}

// sizeOf returns the length of the file behind r, or a length beyond any file
// where r does not tell.
func sizeOf(r io.ReaderAt) int64 {
	switch v := r.(type) {
	case interface{ Size() int64 }:
		return v.Size()
	case interface{ Stat() (fs.FileInfo, error) }:
		if st, err := v.Stat(); err == nil {
			return st.Size()
		}
	}
	return math.MaxInt64 >> 1
}

// describe reads the Image Pixel attributes, tolerating what is missing where
// only one reading is possible.
func (im *Image) describe() error {
	d := im.set
	im.Warnings = Doubts(d)
	im.Rows, im.Columns = im.whole(dicom.Rows, 0), im.whole(dicom.Columns, 0)
	if im.Rows <= 0 || im.Columns <= 0 || im.Rows > maxEdge || im.Columns > maxEdge {
		return radnode.Errorf(radnode.Invalid, opOpen, "the image has no usable Rows and Columns")
	}
	im.Photometric = strings.ToUpper(strings.TrimSpace(d.Text(dicom.PhotometricInterpretation)))
	im.Samples = im.whole(dicom.SamplesPerPixel, max(1, samplesOf[im.Photometric]))
	if im.Photometric == "" {
		im.Photometric = Monochrome2
		if im.Samples == 3 {
			im.Photometric = RGB
		}
		im.warn("Photometric Interpretation is missing; %s is assumed", im.Photometric)
	}
	want, known := samplesOf[im.Photometric]
	if !known {
		return radnode.Errorf(radnode.Unsupported, opOpen, "photometric interpretation %.16q is not handled here", im.Photometric)
	}
	if im.Samples != want {
		return radnode.Errorf(radnode.Invalid, opOpen, "%s does not have %d samples per pixel", im.Photometric, im.Samples)
	}
	if im.Samples > 1 {
		im.Planar = im.whole(dicom.PlanarConfiguration, 0)
	}
	im.Frames = im.whole(dicom.NumberOfFrames, 1)
	if im.Frames < 1 {
		im.warn("Number of Frames is %d; 1 is assumed", im.Frames)
		im.Frames = 1
	}
	return im.describeBits()
}

func (im *Image) describeBits() error {
	switch im.data.Tag {
	case dicom.FloatPixelData:
		im.Float, im.BitsAllocated, im.BitsStored, im.HighBit = true, 32, 32, 31
		return nil
	case dicom.DoubleFloatPixelData:
		im.Float, im.BitsAllocated, im.BitsStored, im.HighBit = true, 64, 64, 63
		return nil
	}
	im.BitsAllocated = im.whole(dicom.BitsAllocated, 0)
	im.BitsStored = im.whole(dicom.BitsStored, im.BitsAllocated)
	im.HighBit = im.whole(dicom.HighBit, im.BitsStored-1)
	im.Signed = im.whole(dicom.PixelRepresentation, 0) == 1
	if im.BitsAllocated < 1 || im.BitsAllocated > 32 {
		return radnode.Errorf(radnode.Unsupported, opOpen, "%d bits allocated are not handled here, only 1 to 32", im.BitsAllocated)
	}
	if im.BitsStored < 1 || im.BitsStored > im.BitsAllocated || im.HighBit >= im.BitsAllocated || im.HighBit < im.BitsStored-1 {
		return radnode.Errorf(radnode.Invalid, opOpen, "%d bits stored with high bit %d do not fit in %d bits allocated", im.BitsStored, im.HighBit, im.BitsAllocated)
	}
	return nil
}

// whole returns an integer attribute, or the given value if it is absent.
func (im *Image) whole(t dicom.Tag, absent int) int {
	if v, ok := im.set.Int(t); ok {
		return v
	}
	return absent
}

func (im *Image) warn(format string, args ...any) {
	im.Warnings = append(im.Warnings, radnode.Errorf(radnode.Invalid, "", format, args...).Message)
}

// width returns the bits of a sample in a decoded frame: 8, 16, 32 or 64.
func (im *Image) width() int {
	switch {
	case im.BitsAllocated <= 8:
		return 8
	case im.BitsAllocated <= 16:
		return 16
	case im.BitsAllocated <= 32:
		return 32
	}
	return 64
}

// FrameBytes returns the size of one decoded frame.
func (im *Image) FrameBytes() int64 {
	return int64(im.Rows) * int64(im.Columns) * int64(im.Samples) * int64(im.width()/8)
}

// checkSizes compares all sizes with the limits, in 64 bits, before anything
// is allocated.
func (im *Image) checkSizes() error {
	if im.Frames > im.lim.Frames {
		return tooLarge("Number of Frames", int64(im.Frames), int64(im.lim.Frames), "max_frames")
	}
	n, ok := product(int64(im.Rows), int64(im.Columns), int64(im.Samples), int64(im.width()/8))
	if !ok || n > im.lim.FrameBytes {
		return tooLarge("the size of a decoded frame in bytes", n, im.lim.FrameBytes, "max_frame_mb")
	}
	if _, ok := product(n, int64(im.Frames)); !ok {
		return tooLarge("the size of all frames", int64(im.Frames), int64(im.lim.Frames), "max_frames")
	}
	return nil
}

// chooseCodec finds the codec of an encapsulated transfer syntax.
func (im *Image) chooseCodec() error {
	ts, known := dicom.LookupTransferSyntax(im.TransferSyntax)
	if !im.data.Encapsulated {
		if known && ts.Encapsulated {
			return radnode.Errorf(radnode.Invalid, opOpen, "transfer syntax %s promises encapsulated pixel data, the object holds native ones", ts.Name)
		}
		return nil
	}
	if im.Float {
		return radnode.Errorf(radnode.Invalid, opOpen, "float pixel data cannot be encapsulated")
	}
	if known && !ts.Encapsulated {
		return radnode.Errorf(radnode.Unsupported, opOpen, "the pixel data are compressed, but transfer syntax %s does not say how", ts.Name)
	}
	c, ok := CodecFor(im.TransferSyntax)
	if !ok {
		name := string(im.TransferSyntax)
		if known {
			name = ts.Name
		}
		return notDecoded(name)
	}
	if im.BitsAllocated != 1 && im.BitsAllocated%8 != 0 || im.width() == 32 && im.BitsAllocated != 32 {
		return radnode.Errorf(radnode.Unsupported, opOpen, "%d bits allocated are not handled in compressed pixel data", im.BitsAllocated)
	}
	im.codec = c
	return nil
}

// coded is what a codec is told about a frame.
func (im *Image) coded() Coded {
	return Coded{
		Rows: im.Rows, Columns: im.Columns, Samples: im.Samples,
		BitsAllocated: im.BitsAllocated, Width: im.width(), BitsStored: im.BitsStored,
		Signed: im.Signed, Photometric: im.Photometric, Planar: im.Planar, MaxBytes: im.lim.WorkBytes,
	}
}

// readPadding reads Pixel Padding Value and Range Limit in stored values; a
// wrong VR or foreign high bits are mended by the width of the samples.
func (im *Image) readPadding() {
	if im.Float {
		im.readFloatPadding()
	}
	if im.Samples != 1 || im.Float || im.Photometric == PaletteColor {
		return
	}
	v, ok := im.set.Int(dicom.PixelPaddingValue)
	if !ok {
		return
	}
	limit, ok := im.set.Int(dicom.PixelPaddingRangeLimit)
	if !ok {
		limit = v
	}
	a, b := im.storedValue(v), im.storedValue(limit)
	im.Padding = &Padding{Low: min(a, b), High: max(a, b)}
}

// readFloatPadding reads the padding of float pixel data, which has attributes
// of its own (PS3.3 C.7.6.24, C.7.6.25).
func (im *Image) readFloatPadding() {
	value, limit := dicom.FloatPixelPaddingValue, dicom.FloatPixelPaddingRangeLimit
	if im.data.Tag == dicom.DoubleFloatPixelData {
		value, limit = dicom.DoubleFloatPixelPaddingValue, dicom.DoubleFloatPixelPaddingRangeLimit
	}
	a, ok := im.set.Float(value)
	if !ok {
		return
	}
	b, ok := im.set.Float(limit)
	if !ok {
		b = a
	}
	im.floatPadding = &[2]float64{min(a, b), max(a, b)}
}

// isPadding reports whether a stored value stands for no measurement.
func (im *Image) isPadding(v float64) bool {
	if p := im.floatPadding; p != nil {
		return v >= p[0] && v <= p[1]
	}
	return im.Padding != nil && v >= float64(im.Padding.Low) && v <= float64(im.Padding.High)
}

// storedValue cuts v to the bits and sign of stored values.
func (im *Image) storedValue(v int) int {
	bits := uint(im.BitsStored)
	u := uint64(v) & (1<<bits - 1)
	if im.Signed && u>>(bits-1) == 1 {
		return int(u) - 1<<bits
	}
	return int(u)
}
