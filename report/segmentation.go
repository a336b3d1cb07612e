package report

import (
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// maxSegmentationBytes bounds the pixel data of a segmentation.
const maxSegmentationBytes = 512 << 20

// Segmentation makes a fractional Segmentation (PS3.3 A.51) of the heat maps of
// the positive findings on one image, one segment each, with the tracking
// identifiers of the report. It is nil, without error, where there is none.
func Segmentation(in Input, image radnode.UID, frame int) (*dicom.Dataset, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	source := b.images[image]
	if source == nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "image %s is not among the images of the report", image)
	}
	rows, _ := source.Int(dicom.Rows)
	columns, _ := source.Int(dicom.Columns)
	var findings []radnode.ReportFinding
	for _, f := range b.findings {
		if f.SOPInstanceUID == image && max(f.Frame, 1) == max(frame, 1) && f.Finding.Present && f.Decision != radnode.Rejected && Outline(f.Finding.Heatmap, rows, columns) != nil {
			findings = append(findings, f)
		}
	}
	if len(findings) == 0 {
		return nil, nil
	}
	if rows > math.MaxUint16 || columns > math.MaxUint16 || rows*columns*len(findings) > maxSegmentationBytes {
		return nil, radnode.Errorf(radnode.TooLarge, op, "%d segments of %d x %d pixels are too large", len(findings), columns, rows)
	}
	return b.segmentation(source, b.reference(image, frame), findings, rows, columns), nil
}

func (b *builder) segmentation(source *dicom.Dataset, ref sr.Reference, findings []radnode.ReportFinding, rows, columns int) *dicom.Dataset {
	ds := b.companion(dicom.SegmentationStorage, "SEG", "AI heat maps")
	ds.SetText(dicom.DeviceSerialNumber, string(NodeUID(b.Software, b.Station))) // Enhanced General Equipment
	ds.SetText(dicom.ImageType, "DERIVED", "PRIMARY")
	ds.SetText(dicom.ContentLabel, "AI_HEAT_MAPS")
	ds.SetText(dicom.ContentDescription, b.mark("Class activation maps"))
	ds.SetText(dicom.ContentCreatorName)
	ds.SetText(dicom.SegmentationType, "FRACTIONAL")
	ds.SetText(dicom.SegmentationFractionalType, "PROBABILITY")
	ds.SetInts(dicom.MaximumFractionalValue, 255)
	lossy(ds, source)
	bodyPart(ds, source)
	ds.SetText(dicom.PatientOrientation)
	for tag, v := range map[dicom.Tag]int{dicom.SamplesPerPixel: 1, dicom.Rows: rows, dicom.Columns: columns, dicom.BitsAllocated: 8,
		dicom.BitsStored: 8, dicom.HighBit: 7, dicom.PixelRepresentation: 0, dicom.NumberOfFrames: len(findings)} {
		ds.SetInts(tag, v)
	}
	ds.SetText(dicom.PhotometricInterpretation, "MONOCHROME2")
	b.dimensions(ds)
	var segments, frames []*dicom.Dataset
	pixels := make([]byte, 0, rows*columns*len(findings))
	for i, f := range findings {
		segments = append(segments, b.segment(f, i+1))
		frames = append(frames, frameGroups(i+1, ref))
		pixels = render(pixels, f.Finding.Heatmap, rows, columns)
	}
	ds.SetItems(dicom.SegmentSequence, segments...)
	shared := dicom.NewDataset()
	ds.SetItems(dicom.SharedFunctionalGroupsSequence, shared)
	ds.SetItems(dicom.PerFrameFunctionalGroupsSequence, frames...)
	ds.SetItems(dicom.ReferencedSeriesSequence, referencedSeries(ref))
	ds.SetBytes(dicom.PixelDataTag, dicom.OB, pixels)
	return ds
}

// dimensions is the Multi-frame Dimension module: one index, the segment.
func (b *builder) dimensions(ds *dicom.Dataset) {
	uid := radnode.DeriveUID("dimension organisation", string(b.SOPInstanceUID))
	org := dicom.NewDataset()
	org.SetUID(dicom.DimensionOrganizationUID, uid)
	ds.SetItems(dicom.DimensionOrganizationSequence, org)
	index := dicom.NewDataset()
	index.SetUID(dicom.DimensionOrganizationUID, uid)
	index.SetInts(dicom.DimensionIndexPointer, int(dicom.ReferencedSegmentNumber))
	index.SetInts(dicom.FunctionalGroupPointer, int(dicom.SegmentIdentificationSequence))
	index.SetText(dicom.DimensionDescriptionLabel, "Segment")
	ds.SetItems(dicom.DimensionIndexSequence, index)
}

func (b *builder) segment(f radnode.ReportFinding, n int) *dicom.Dataset {
	code := b.code(f.Finding)
	s := dicom.NewDataset()
	s.SetInts(dicom.SegmentNumber, n)
	s.SetText(dicom.SegmentLabel, code.Meaning)
	s.SetText(dicom.SegmentDescription, "Class activation map relative to its maximum, not the extent of a lesion")
	s.SetText(dicom.SegmentAlgorithmType, "AUTOMATIC")
	s.SetText(dicom.SegmentAlgorithmName, f.Model.ID)
	sr.SetConcept(s, dicom.SegmentedPropertyCategoryCodeSequence, radnode.Concept{Value: "49755003", Scheme: "SCT", Meaning: "Morphologically Abnormal Structure"})
	sr.SetConcept(s, dicom.SegmentedPropertyTypeCodeSequence, code)
	s.SetText(dicom.TrackingID, f.Model.ID+" "+f.Finding.Label)
	s.SetUID(dicom.TrackingUID, TrackingUID(f.SOPInstanceUID, f.Frame, f.Model, f.Finding.Label))
	a := dicom.NewDataset()
	sr.SetConcept(a, dicom.AlgorithmFamilyCodeSequence, sr.ArtificialIntelligence)
	a.SetText(dicom.AlgorithmName, f.Model.ID)
	a.SetText(dicom.AlgorithmVersion, f.Model.Version)
	a.SetText(dicom.AlgorithmSource, Manufacturer)
	s.SetItems(dicom.SegmentationAlgorithmIdentificationSequence, a)
	return s
}

// frameGroups are the functional groups of one frame (PS3.3 C.8.20.3, C.7.6.16).
func frameGroups(n int, ref sr.Reference) *dicom.Dataset {
	id := dicom.NewDataset()
	id.SetInts(dicom.ReferencedSegmentNumber, n)
	content := dicom.NewDataset()
	content.SetInts(dicom.DimensionIndexValues, n)
	derivation := dicom.NewDataset()
	sr.SetConcept(derivation, dicom.DerivationCodeSequence, radnode.Concept{Value: "113076", Scheme: "DCM", Meaning: "Segmentation"})
	derivation.SetItems(dicom.SourceImageSequence, sourceImage(ref))
	g := dicom.NewDataset()
	g.SetItems(dicom.SegmentIdentificationSequence, id)
	g.SetItems(dicom.FrameContentSequence, content)
	g.SetItems(dicom.DerivationImageSequence, derivation)
	return g
}

// referencedSeries is an item of the Common Instance Reference module (PS3.3
// C.12.2).
func referencedSeries(ref sr.Reference) *dicom.Dataset {
	in := dicom.NewDataset()
	in.SetUID(dicom.ReferencedSOPClassUID, ref.SOPClassUID)
	in.SetUID(dicom.ReferencedSOPInstanceUID, ref.SOPInstanceUID)
	se := dicom.NewDataset()
	se.SetUID(dicom.SeriesInstanceUID, ref.SeriesInstanceUID)
	se.SetItems(dicom.ReferencedInstanceSequence, in)
	return se
}

// render appends the heat map at the size of the source, interpolated between
// the centres of its cells; beyond its rectangle it is 0.
func render(dst []byte, h *radnode.Heatmap, rows, columns int) []byte {
	top := byte(1)
	for _, v := range h.Values {
		top = max(top, v)
	}
	for y := range rows {
		gy := (float64(y)+0.5-h.Top)/h.Height*float64(h.Rows) - 0.5
		for x := range columns {
			gx := (float64(x)+0.5-h.Left)/h.Width*float64(h.Columns) - 0.5
			if gx < -0.5 || gy < -0.5 || gx > float64(h.Columns)-0.5 || gy > float64(h.Rows)-0.5 {
				dst = append(dst, 0)
				continue
			}
			dst = append(dst, byte(math.Round(interpolate(h, gx, gy)*255/float64(top))))
		}
	}
	return dst
}

func interpolate(h *radnode.Heatmap, x, y float64) float64 {
	at := func(c, r int) float64 {
		return float64(h.Values[min(max(r, 0), h.Rows-1)*h.Columns+min(max(c, 0), h.Columns-1)])
	}
	fx, fy := math.Floor(x), math.Floor(y)
	c, r, dx, dy := int(fx), int(fy), x-fx, y-fy
	return (at(c, r)*(1-dx)+at(c+1, r)*dx)*(1-dy) + (at(c, r+1)*(1-dx)+at(c+1, r+1)*dx)*dy
}
