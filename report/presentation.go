package report

import (
	"fmt"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// maxTextLength is what a text object of a presentation state can hold (ST).
const maxTextLength = 1024

// Presentation makes a Grayscale Softcopy Presentation State (PS3.3 A.33.1)
// for one image: the outlines of its positive findings as graphics, with the
// name of each, in a layer of their own that a viewer can switch off. It is
// nil, without error, where there is none.
func Presentation(in Input, image radnode.UID, frame int) (*dicom.Dataset, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	source := b.images[image]
	if source == nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "image %s is not among the images of the report", image)
	}
	if n, ok := source.Int(dicom.SamplesPerPixel); ok && n != 1 {
		return nil, radnode.Errorf(radnode.Unsupported, op, "a grayscale presentation state cannot be for a colour image; send a secondary capture")
	}
	rows, columns := size(source)
	if rows <= 0 || columns <= 0 {
		return nil, nil // nobody knows its pixels
	}
	ref := b.reference(image, frame)
	var annotations []*dicom.Dataset
	for _, f := range b.findings {
		if f.SOPInstanceUID != image || max(f.Frame, 1) != max(frame, 1) || !shown(f) {
			continue
		}
		if o := b.region(f); o != nil {
			annotations = append(annotations, b.annotation(f, ref, o))
		}
	}
	if annotations == nil {
		return nil, nil
	}
	ds := b.companion(dicom.GrayscaleSoftcopyPresentationStateStorage, "PR", "AI outlines")
	b.presentation(ds, source, ref, rows, columns)
	ds.SetItems(dicom.GraphicAnnotationSequence, annotations...)
	return ds, nil
}

const layer = "AI"

func (b *builder) annotation(f radnode.ReportFinding, ref sr.Reference, outline []float64) *dicom.Dataset {
	g := dicom.NewDataset()
	g.SetText(dicom.GraphicAnnotationUnits, "PIXEL")
	g.SetInts(dicom.GraphicDimensions, 2)
	g.SetInts(dicom.NumberOfGraphicPoints, len(outline)/2)
	g.SetFloats(dicom.GraphicData, outline...)
	g.SetText(dicom.GraphicType, "POLYLINE")
	if len(outline) == 2 {
		g.SetText(dicom.GraphicType, "POINT")
	}
	if encloses(outline) {
		g.SetText(dicom.GraphicFilled, "N")
	}
	text := dicom.NewDataset()
	text.SetText(dicom.UnformattedTextValue, shortened(b.mark(b.caption(f)), maxTextLength))
	text.SetText(dicom.AnchorPointAnnotationUnits, "PIXEL")
	text.SetFloats(dicom.AnchorPoint, outline[0], outline[1])
	text.SetText(dicom.AnchorPointVisibility, "N")
	a := dicom.NewDataset()
	a.SetText(dicom.GraphicLayer, layer)
	a.SetItems(dicom.ReferencedImageSequence, imageReference(ref))
	a.SetItems(dicom.GraphicObjectSequence, g)
	a.SetItems(dicom.TextObjectSequence, text)
	return a
}

// caption is what stands beside an outline.
func (b *builder) caption(f radnode.ReportFinding) string {
	name := b.code(f.Stated()).Meaning
	if f.Reading == nil && f.Finding.IsNumber() {
		return name + " " + Amount(*f.Finding.Measurement)
	}
	if f.Reading == nil {
		return fmt.Sprintf("%s %d %%", name, Percent(f.Finding.Probability))
	}
	if m := f.Reading.Measurement; m != nil {
		name += " " + Amount(*m)
	}
	return name
}

func imageReference(ref sr.Reference) *dicom.Dataset {
	r := dicom.NewDataset()
	r.SetUID(dicom.ReferencedSOPClassUID, ref.SOPClassUID)
	r.SetUID(dicom.ReferencedSOPInstanceUID, ref.SOPInstanceUID)
	if len(ref.Frames) > 0 {
		r.SetInts(dicom.ReferencedFrameNumber, ref.Frames...)
	}
	return r
}

// presentation writes the modules that every state has: relationship,
// displayed area, layers, LUT shape (PS3.3 C.11.10, C.10.4, C.10.7, C.11.6).
func (b *builder) presentation(ds, source *dicom.Dataset, ref sr.Reference, rows, columns int) {
	ds.SetText(dicom.PresentationCreationDate, b.Now.Format("20060102"))
	ds.SetText(dicom.PresentationCreationTime, b.Now.Format("150405.000000"))
	ds.SetText(dicom.ContentLabel, "AI_OUTLINES")
	ds.SetText(dicom.ContentDescription, b.mark("AI findings"))
	ds.SetText(dicom.ContentCreatorName)
	se := dicom.NewDataset()
	se.SetUID(dicom.SeriesInstanceUID, ref.SeriesInstanceUID)
	se.SetItems(dicom.ReferencedImageSequence, imageReference(ref))
	ds.SetItems(dicom.ReferencedSeriesSequence, se)
	area := dicom.NewDataset()
	area.SetInts(dicom.DisplayedAreaTopLeftHandCorner, 1, 1)
	area.SetInts(dicom.DisplayedAreaBottomRightHandCorner, columns, rows)
	area.SetText(dicom.PresentationSizeMode, "SCALE TO FIT")
	setAspect(area, source, ref)
	ds.SetItems(dicom.DisplayedAreaSelectionSequence, area)
	l := dicom.NewDataset()
	l.SetText(dicom.GraphicLayer, layer)
	l.SetInts(dicom.GraphicLayerOrder, 1)
	l.SetText(dicom.GraphicLayerDescription, b.mark("AI findings"))
	ds.SetItems(dicom.GraphicLayerSequence, l)
	bodySide(ds, source)
	shape := "IDENTITY"
	if source.Text(dicom.PhotometricInterpretation) == "MONOCHROME1" {
		shape = "INVERSE" // PS3.3 C.11.6: the state overrides the image
	}
	ds.SetText(dicom.PresentationLUTShape, shape)
	rescaleAndWindow(ds, source, ref)
}
