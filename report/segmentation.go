package report

import (
	"cmp"
	"fmt"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// maxSegmentationBytes bounds the pixel data of a segmentation.
const maxSegmentationBytes = 512 << 20

// Segmentation makes a binary Segmentation (PS3.3 A.51) of the regions of the
// positive findings on one image, one segment each, with the tracking
// identifiers of the report. It is nil, without error, where there is none.
func Segmentation(in Input, image radnode.UID, frame int) (*dicom.Dataset, error) {
	return segmentationOf(in, image, frame, binaryRegions)
}

// FractionalSegmentation makes a fractional Segmentation of the heat maps of
// the positive findings on one image: for readers of heat maps that know no
// parametric maps.
func FractionalSegmentation(in Input, image radnode.UID, frame int) (*dicom.Dataset, error) {
	return segmentationOf(in, image, frame, heatMaps)
}

// segmentationType is how the pixels of the two types are written (PS3.3
// C.8.20.2.3).
type segmentationType struct {
	name, label, content, description string
	meaning                           string // of a pixel
	attributes                        map[dicom.Tag]int
	pixels                            func(dst []byte, b *builder, f radnode.ReportFinding, rows, columns int) []byte
}

var binaryRegions = segmentationType{
	name: "BINARY", label: "AI_REGIONS", content: "Regions of the findings", description: "AI regions",
	meaning:    "Half maximum of the %s: where the model looked, not the extent of a lesion",
	attributes: map[dicom.Tag]int{dicom.BitsAllocated: 1, dicom.BitsStored: 1, dicom.HighBit: 0},
	pixels: func(dst []byte, b *builder, f radnode.ReportFinding, rows, columns int) []byte {
		return fillRegion(dst, b.region(f), rows, columns)
	},
}

var heatMaps = segmentationType{
	name: "FRACTIONAL", label: "AI_HEAT_MAPS", content: "Heat maps", description: "AI heat maps",
	meaning:    "Values of the %s relative to its maximum: not a probability of disease, not the extent of a lesion",
	attributes: map[dicom.Tag]int{dicom.BitsAllocated: 8, dicom.BitsStored: 8, dicom.HighBit: 7, dicom.MaximumFractionalValue: 255},
	pixels: func(dst []byte, _ *builder, f radnode.ReportFinding, rows, columns int) []byte {
		render(f.Finding.Heatmap, rows, columns, func(v float64) { dst = append(dst, byte(math.Round(v*255))) })
		return dst
	},
}

// mapped lists the findings on a frame that have an area, or a heat map behind
// it.
func mapped(in Input, image radnode.UID, frame int, heat bool) (b *builder, source *dicom.Dataset, findings []radnode.ReportFinding, err error) {
	if b, err = newBuilder(in); err != nil {
		return nil, nil, nil, err
	}
	if source = b.images[image]; source == nil {
		return nil, nil, nil, radnode.Errorf(radnode.Invalid, op, "image %s is not among the images of the report", image)
	}
	for _, f := range b.findings {
		if f.SOPInstanceUID == image && max(f.Frame, 1) == max(frame, 1) && shown(f) && encloses(b.region(f)) && (!heat || f.Reading == nil && f.Finding.Heatmap != nil) {
			findings = append(findings, f)
		}
	}
	rows, columns := size(source)
	if rows <= 0 || columns <= 0 {
		return b, source, nil, nil // nobody knows its pixels
	}
	if rows > math.MaxUint16 || columns > math.MaxUint16 || 2*rows*columns*len(findings) > maxSegmentationBytes {
		return nil, nil, nil, radnode.Errorf(radnode.TooLarge, op, "%d maps of %d x %d pixels are too large", len(findings), columns, rows)
	}
	return b, source, findings, nil
}

// size is the size of the frames of an image.
func size(source *dicom.Dataset) (rows, columns int) {
	rows, _ = source.Int(dicom.Rows)
	columns, _ = source.Int(dicom.Columns)
	return rows, columns
}

func segmentationOf(in Input, image radnode.UID, frame int, kind segmentationType) (*dicom.Dataset, error) {
	b, source, findings, err := mapped(in, image, frame, kind.name == heatMaps.name)
	if err != nil || len(findings) == 0 {
		return nil, err
	}
	return b.segmentation(source, b.reference(image, frame), findings, kind), nil
}

func (b *builder) segmentation(source *dicom.Dataset, ref sr.Reference, findings []radnode.ReportFinding, kind segmentationType) *dicom.Dataset {
	rows, columns := size(source)
	ds := b.companion(dicom.SegmentationStorage, "SEG", kind.description)
	ds.SetText(dicom.DeviceSerialNumber, string(NodeUID(b.Software, b.Station))) // Enhanced General Equipment
	ds.SetText(dicom.ImageType, "DERIVED", "PRIMARY")
	ds.SetText(dicom.ContentLabel, kind.label)
	ds.SetText(dicom.ContentDescription, b.mark(kind.content))
	ds.SetText(dicom.ContentCreatorName)
	ds.SetText(dicom.SegmentationType, kind.name)
	if kind.name == heatMaps.name {
		ds.SetText(dicom.SegmentationFractionalType, "PROBABILITY")
	}
	for tag, v := range kind.attributes {
		ds.SetInts(tag, v)
	}
	lossy(ds, source)
	bodyPart(ds, source)
	ds.SetText(dicom.PatientOrientation)
	greyFrames(ds, rows, columns, len(findings))
	b.dimensions(ds, dicom.ReferencedSegmentNumber, dicom.SegmentIdentificationSequence, "Segment")
	var segments, frames []*dicom.Dataset
	var pixels []byte
	for i, f := range findings {
		segments = append(segments, b.segment(f, i+1, kind))
		frames = append(frames, segmentFrame(i+1, ref))
		pixels = kind.pixels(pixels, b, f, rows, columns)
	}
	if kind.name == binaryRegions.name {
		pixels = pack(pixels)
	}
	ds.SetItems(dicom.SegmentSequence, segments...)
	ds.SetItems(dicom.SharedFunctionalGroupsSequence, dicom.NewDataset())
	ds.SetItems(dicom.PerFrameFunctionalGroupsSequence, frames...)
	ds.SetItems(dicom.ReferencedSeriesSequence, referencedSeries(ref))
	ds.SetBytes(dicom.PixelDataTag, dicom.OB, pixels)
	return ds
}

// greyFrames writes what the Image Pixel module says of every grey multi-frame
// object; the bits follow.
func greyFrames(ds *dicom.Dataset, rows, columns, frames int) {
	for tag, v := range map[dicom.Tag]int{dicom.SamplesPerPixel: 1, dicom.Rows: rows, dicom.Columns: columns, dicom.PixelRepresentation: 0, dicom.NumberOfFrames: frames} {
		ds.SetInts(tag, v)
	}
	ds.SetText(dicom.PhotometricInterpretation, "MONOCHROME2")
}

// pack writes one bit a pixel, the first in the lowest bit, without padding
// between frames (PS3.5 8.1.1, PS3.3 C.8.20.2.3).
func pack(pixels []byte) []byte {
	out := make([]byte, (len(pixels)+7)/8)
	for i, v := range pixels {
		if v != 0 {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// dimensions is the Multi-frame Dimension module: one index.
func (b *builder) dimensions(ds *dicom.Dataset, pointer, group dicom.Tag, label string) {
	uid := radnode.DeriveUID("dimension organisation", string(b.SOPInstanceUID))
	org := dicom.NewDataset()
	org.SetUID(dicom.DimensionOrganizationUID, uid)
	ds.SetItems(dicom.DimensionOrganizationSequence, org)
	index := dicom.NewDataset()
	index.SetUID(dicom.DimensionOrganizationUID, uid)
	index.SetInts(dicom.DimensionIndexPointer, int(pointer))
	index.SetInts(dicom.FunctionalGroupPointer, int(group))
	index.SetText(dicom.DimensionDescriptionLabel, label)
	ds.SetItems(dicom.DimensionIndexSequence, index)
}

// attention is what a heat map shows: not the lesion, but where the model
// looked.
var attention = radnode.Concept{Value: "model_attention", Scheme: privateScheme.Designator, Meaning: "Model attention"}

func (b *builder) segment(f radnode.ReportFinding, n int, kind segmentationType) *dicom.Dataset {
	code := b.code(f.Stated())
	s := dicom.NewDataset()
	s.SetInts(dicom.SegmentNumber, n)
	id, uid := tracking(f)
	s.SetText(dicom.TrackingID, id)
	s.SetUID(dicom.TrackingUID, uid)
	if f.Reading != nil {
		s.SetText(dicom.SegmentLabel, shortened(code.Meaning, 64))
		s.SetText(dicom.SegmentDescription, shortened("Drawn by "+f.Reading.By, 1024))
		s.SetText(dicom.SegmentAlgorithmType, "MANUAL")
		sr.SetConcept(s, dicom.SegmentedPropertyCategoryCodeSequence, morphology)
		sr.SetConcept(s, dicom.SegmentedPropertyTypeCodeSequence, code)
		return s
	}
	s.SetText(dicom.SegmentLabel, shortened("AI attention: "+code.Meaning, 64))
	s.SetText(dicom.SegmentDescription, fmt.Sprintf(kind.meaning, mapName(f.Finding.Heatmap)))
	s.SetText(dicom.SegmentAlgorithmType, "AUTOMATIC")
	s.SetText(dicom.SegmentAlgorithmName, shortened(f.Model.ID, 64))
	sr.SetConcept(s, dicom.SegmentedPropertyCategoryCodeSequence, spatialConcept)
	sr.SetConcept(s, dicom.SegmentedPropertyTypeCodeSequence, attention)
	a := dicom.NewDataset()
	sr.SetConcept(a, dicom.AlgorithmFamilyCodeSequence, sr.ArtificialIntelligence)
	a.SetText(dicom.AlgorithmName, shortened(f.Model.ID, 64))
	a.SetText(dicom.AlgorithmVersion, shortened(cmp.Or(f.Model.Version, "unknown"), 64))
	a.SetText(dicom.AlgorithmSource, Manufacturer)
	s.SetItems(dicom.SegmentationAlgorithmIdentificationSequence, a)
	return s
}

// morphology is the category of CID 7150 for what a reader outlined.
var morphology = radnode.Concept{Value: "49755003", Scheme: "SCT", Meaning: "Morphologically Abnormal Structure"}

// segmentFrame are the functional groups of one frame (PS3.3 C.8.20.3, C.7.6.16).
func segmentFrame(n int, ref sr.Reference) *dicom.Dataset {
	id := dicom.NewDataset()
	id.SetInts(dicom.ReferencedSegmentNumber, n)
	g := dicom.NewDataset()
	g.SetItems(dicom.SegmentIdentificationSequence, id)
	indexAndSource(g, n, ref, radnode.Concept{Value: "113076", Scheme: "DCM", Meaning: "Segmentation"})
	return g
}

// indexAndSource are the groups that tell the place of a frame in its object,
// and what it was made from.
func indexAndSource(g *dicom.Dataset, n int, ref sr.Reference, by radnode.Concept) {
	content := dicom.NewDataset()
	content.SetInts(dicom.DimensionIndexValues, n)
	g.SetItems(dicom.FrameContentSequence, content)
	derivation := dicom.NewDataset()
	sr.SetConcept(derivation, dicom.DerivationCodeSequence, by)
	derivation.SetItems(dicom.SourceImageSequence, sourceImage(ref))
	g.SetItems(dicom.DerivationImageSequence, derivation)
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

// render calls put with the heat map at each pixel of the source, 0 to 1 of its
// maximum, interpolated between the centres of its cells; beyond its rectangle
// it is 0.
func render(h *radnode.Heatmap, rows, columns int, put func(float64)) {
	top := byte(1)
	for _, v := range h.Values {
		top = max(top, v)
	}
	for y := range rows {
		gy := (float64(y)+0.5-h.Top)/h.Height*float64(h.Rows) - 0.5
		for x := range columns {
			gx := (float64(x)+0.5-h.Left)/h.Width*float64(h.Columns) - 0.5
			if gx < -0.5 || gy < -0.5 || gx > float64(h.Columns)-0.5 || gy > float64(h.Rows)-0.5 {
				put(0)
				continue
			}
			put(interpolate(h, gx, gy) / float64(top))
		}
	}
}

func interpolate(h *radnode.Heatmap, x, y float64) float64 {
	at := func(c, r int) float64 {
		return float64(h.Values[min(max(r, 0), h.Rows-1)*h.Columns+min(max(c, 0), h.Columns-1)])
	}
	fx, fy := math.Floor(x), math.Floor(y)
	c, r, dx, dy := int(fx), int(fy), x-fx, y-fy
	return (at(c, r)*(1-dx)+at(c+1, r)*dx)*(1-dy) + (at(c, r+1)*(1-dx)+at(c+1, r+1)*dx)*dy
}

// shortened cuts s to n characters.
func shortened(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
