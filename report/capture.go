package report

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Picture is a rendered frame of a source image (windowed, upright as stored,
// without overlay), at any scale.
type Picture struct {
	Image          image.Image
	SOPInstanceUID radnode.UID
	Frame          int
}

// maxPicture bounds the sides of a picture; the object is not compressed.
const maxPicture = 8192

var (
	warningColour = color.RGBA{255, 200, 0, 255}
	textColour    = color.RGBA{255, 255, 255, 255}
	black         = color.RGBA{0, 0, 0, 255}
)

// SecondaryCapture makes a colour Secondary Capture image (PS3.3 A.8.1) of one
// picture: outlines of the positive findings on it and a legend below it, for
// archives and viewers that show nothing but images. Nothing of the anatomy is
// covered by text.
func SecondaryCapture(in Input, p Picture) (*dicom.Dataset, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	if err := b.checkPicture(p); err != nil {
		return nil, err
	}
	source := b.images[p.SOPInstanceUID]
	img, err := b.drawing(p)
	if err != nil {
		return nil, err
	}
	ds := b.companion(dicom.SecondaryCaptureImageStorage, "OT", "AI overlay")
	ds.SetText(dicom.ImageType, "DERIVED", "SECONDARY")
	ds.SetText(dicom.ConversionType, "WSD") // PS3.3 C.8.6.1: workstation
	ds.SetText(dicom.BurnedInAnnotation, "YES")
	ds.SetText(dicom.PatientOrientation)
	bodySide(ds, source)
	ds.SetText(dicom.DerivationDescription, "Outlines and legend of "+b.mark("AI findings"))
	ds.SetItems(dicom.SourceImageSequence, sourceImage(b.reference(p.SOPInstanceUID, p.Frame)))
	lossy(ds, source)
	setRGB(ds, img)
	return ds, nil
}

func (b *builder) checkPicture(p Picture) error {
	if b.images[p.SOPInstanceUID] == nil || p.Image == nil {
		return radnode.Errorf(radnode.Invalid, op, "the picture is of no image of the report")
	}
	size := p.Image.Bounds().Size()
	if size.X < 1 || size.Y < 1 || size.X > maxPicture || size.Y > maxPicture {
		return radnode.Errorf(radnode.TooLarge, op, "a picture of %d x %d pixels; its sides must be 1 to %d", size.X, size.Y, maxPicture)
	}
	return nil
}

// setRGB writes the Image Pixel module for 8-bit colour (PS3.3 C.7.6.3).
func setRGB(ds *dicom.Dataset, img *image.RGBA) {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	ds.SetInts(dicom.SamplesPerPixel, 3)
	ds.SetText(dicom.PhotometricInterpretation, "RGB")
	ds.SetInts(dicom.PlanarConfiguration, 0)
	ds.SetInts(dicom.Rows, h)
	ds.SetInts(dicom.Columns, w)
	ds.SetInts(dicom.BitsAllocated, 8)
	ds.SetInts(dicom.BitsStored, 8)
	ds.SetInts(dicom.HighBit, 7)
	ds.SetInts(dicom.PixelRepresentation, 0)
	rgb := make([]byte, 0, 3*w*h)
	for y := range h {
		for x := range w {
			i := img.PixOffset(x, y)
			rgb = append(rgb, img.Pix[i], img.Pix[i+1], img.Pix[i+2])
		}
	}
	ds.SetBytes(dicom.PixelDataTag, dicom.OB, rgb)
}

// drawing is the picture with outlines and, below it, the legend.
func (b *builder) drawing(p Picture) (*image.RGBA, error) {
	text, err := newPen()
	if err != nil {
		return nil, err
	}
	size := p.Image.Bounds().Size()
	letters := float64(max(9, size.X/42))
	type row struct {
		text   string
		colour color.RGBA
	}
	var rows []row
	for i, l := range b.legend(p) {
		c := textColour
		if i == 0 {
			c = warningColour
		}
		for _, part := range text.wrap(l, false, float64(size.X)/letters-1) {
			rows = append(rows, row{part, c})
		}
	}
	img := image.NewRGBA(image.Rect(0, 0, size.X, size.Y+int((1.35*float64(len(rows))+1)*letters)))
	fill(img, img.Bounds(), black)
	draw.Draw(img, image.Rect(0, 0, size.X, size.Y), p.Image, p.Image.Bounds().Min, draw.Src)
	b.outlines(img.SubImage(image.Rect(0, 0, size.X, size.Y)).(*image.RGBA), p, max(1, size.X/350))
	for i, r := range rows {
		text.draw(img, letters/2, float64(size.Y)+(1.35*float64(i)+1.4)*letters, letters, r.colour, r.text)
	}
	return img, nil
}

// on reports whether a finding is on the picture.
func (p Picture) on(f radnode.ReportFinding) bool {
	return f.SOPInstanceUID == p.SOPInstanceUID && max(f.Frame, 1) == max(p.Frame, 1)
}

func (b *builder) legend(p Picture) []string {
	first := "AI, NOT VERIFIED - not for diagnosis without review 人工智能结果，未经医生确认"
	if b.Observer != nil {
		first = "findings of AI and reader, report signed on " + b.Now.Format("2006-01-02 15:04 -0700")
	}
	lines := []string{first}
	for _, f := range b.findings {
		if !p.on(f) || f.Stated().Code == nil || f.Decision == radnode.Rejected {
			continue
		}
		lines = append(lines, b.sentence(f))
	}
	if len(lines) == 1 {
		lines = append(lines, "no finding reported on this image")
	}
	return append(lines, fmt.Sprintf("outline of a model: half maximum of its heat map. radnode %s", b.Software))
}

func (b *builder) outlines(img *image.RGBA, p Picture, width int) {
	rows, columns := size(b.images[p.SOPInstanceUID])
	if columns <= 0 || rows <= 0 {
		return
	}
	sx, sy := float64(img.Bounds().Dx())/float64(columns), float64(img.Bounds().Dy())/float64(rows)
	for _, f := range b.findings {
		if !p.on(f) || !shown(f) {
			continue
		}
		o := b.region(f)
		for i := 0; i+3 < len(o); i += 2 {
			drawLine(img, math.Floor(o[i]*sx), math.Floor(o[i+1]*sy), math.Floor(o[i+2]*sx), math.Floor(o[i+3]*sy), max(1, width), warningColour)
		}
	}
}
