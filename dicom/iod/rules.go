package iod

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// samples are how many samples a photometric interpretation has (PS3.3
// C.7.6.3.1.2).
var samples = map[string]int{"MONOCHROME1": 1, "MONOCHROME2": 1, "RGB": 3}

// pixels checks that the description of the pixels is one, and that there are as
// many as it says (PS3.3 C.7.6.3, PS3.5 8.1).
func pixels(c *Checker, d *dicom.Dataset) {
	n, _ := d.Int(dicom.SamplesPerPixel)
	if want, known := samples[d.Text(dicom.PhotometricInterpretation)]; !known || n != want {
		c.Bad("PS3.3 C.7.6.3.1.2", "PhotometricInterpretation", "%q with %d samples", d.Text(dicom.PhotometricInterpretation), n)
	}
	allocated, _ := d.Int(dicom.BitsAllocated)
	stored, _ := d.Int(dicom.BitsStored)
	if high, _ := d.Int(dicom.HighBit); high != stored-1 || stored > allocated || stored < 1 || allocated != 1 && allocated%8 != 0 {
		c.Bad("PS3.5 8.1.1", "BitsStored", "%d bits of %d, the highest %d", stored, allocated, high)
	}
	if kind := d.Text(dicom.SegmentationType); kind == "BINARY" && allocated != 1 || kind == "FRACTIONAL" && allocated != 8 {
		c.Bad("PS3.3 C.8.20.2", "BitsAllocated", "is %d for a %s segmentation", allocated, kind)
	}
	rows, _ := d.Int(dicom.Rows)
	columns, _ := d.Int(dicom.Columns)
	count := max(1, frameCount(d))
	if rows < 1 || columns < 1 || rows > math.MaxUint16 || columns > math.MaxUint16 {
		c.Bad("PS3.3 C.7.6.3", "Rows", "%d rows of %d columns", rows, columns)
		return
	}
	e, ok := d.Get(dicom.PixelDataTag)
	if !ok && !d.HasPixelData() || ok && len(e.Value)+len(e.Fragments) == 0 {
		c.Bad("PS3.3 C.7.6.3", "PixelData", "type 1 attribute is missing")
	}
	if !ok || len(e.Fragments) > 0 {
		return // the pixels of a file that was read stay in the file
	}
	want := (rows*columns*n*count*allocated + 7) / 8
	if got := len(e.Value); got != want && got != want+want%2 {
		c.Bad("PS3.5 8.1.1", "PixelData", "%d bytes, must be %d", got, want)
	}
}

func frameCount(d *dicom.Dataset) int {
	n, _ := d.Int(dicom.NumberOfFrames)
	return n
}

// frames checks that each frame has its groups, its place among the dimensions
// and a source that the object names (PS3.3 C.7.6.16, C.7.6.17, C.12.2).
func frames(c *Checker, d *dicom.Dataset) {
	groups := d.Items(dicom.PerFrameFunctionalGroupsSequence)
	if n := frameCount(d); len(groups) != n {
		c.Bad("PS3.3 C.7.6.16", "PerFrameFunctionalGroupsSequence", "%d items for %d frames", len(groups), n)
	}
	var organisations []radnode.UID
	for _, it := range d.Items(dicom.DimensionOrganizationSequence) {
		organisations = append(organisations, it.UID(dicom.DimensionOrganizationUID))
	}
	index := d.Items(dicom.DimensionIndexSequence)
	for i, it := range index {
		if u := it.UID(dicom.DimensionOrganizationUID); u != "" && !slices.Contains(organisations, u) {
			c.Bad("PS3.3 C.7.6.17", fmt.Sprintf("DimensionIndexSequence[%d]", i+1), "dimension organisation %s is not defined", u)
		}
	}
	known := referenced(d, dicom.ReferencedInstanceSequence)
	for i, g := range groups {
		at := fmt.Sprintf("PerFrameFunctionalGroupsSequence[%d]", i+1)
		if v := g.Item(dicom.FrameContentSequence).Ints(dicom.DimensionIndexValues); len(v) != len(index) {
			c.Bad("PS3.3 C.7.6.17.1", at, "%d index values for %d dimensions", len(v), len(index))
		}
		for k, it := range index {
			pointer, known := it.Int(dicom.DimensionIndexPointer)
			group, grouped := it.Int(dicom.FunctionalGroupPointer)
			if !known || !grouped {
				c.Bad("PS3.3 C.7.6.17", fmt.Sprintf("DimensionIndexSequence[%d]", k+1), "a pointer names no attribute")
			} else if in := g.Item(dicom.Tag(group)); in == nil || !in.Has(dicom.Tag(pointer)) {
				c.Bad("PS3.3 C.7.6.17", at, "%s, by which frames are indexed, is missing", dicom.Tag(pointer).Keyword())
			} else if v := g.Item(dicom.FrameContentSequence).Ints(dicom.DimensionIndexValues); dicom.Tag(pointer) == dicom.InStackPositionNumber && k < len(v) {
				if n, _ := in.Int(dicom.InStackPositionNumber); n != v[k] {
					c.Bad("PS3.3 C.7.6.16.2.2", at, "index value %d for position %d in the stack", v[k], n)
				}
			}
		}
		for _, der := range g.Items(dicom.DerivationImageSequence) {
			for _, s := range der.Items(dicom.SourceImageSequence) {
				c.inReferences(at, s, known)
			}
		}
	}
}

// referenced lists the instances of the Referenced Series Sequence and their
// classes.
func referenced(d *dicom.Dataset, instances dicom.Tag) map[radnode.UID]radnode.UID {
	out := map[radnode.UID]radnode.UID{}
	for _, se := range d.Items(dicom.ReferencedSeriesSequence) {
		for _, it := range se.Items(instances) {
			out[it.UID(dicom.ReferencedSOPInstanceUID)] = it.UID(dicom.ReferencedSOPClassUID)
		}
	}
	return out
}

func (c *Checker) inReferences(at string, ref *dicom.Dataset, known map[radnode.UID]radnode.UID) {
	uid := ref.UID(dicom.ReferencedSOPInstanceUID)
	switch class, ok := known[uid]; {
	case !ok:
		c.Bad("PS3.3 C.12.2", at, "%s is not in the Referenced Series Sequence", uid)
	case class != ref.UID(dicom.ReferencedSOPClassUID):
		c.Bad("PS3.3 C.12.2", at, "%s has another class in the Referenced Series Sequence", uid)
	}
	for _, n := range ref.Ints(dicom.ReferencedFrameNumber) {
		if n < 1 {
			c.Bad("PS3.3 10.3", at, "frames count from 1")
		}
	}
}

// segments checks that segments are numbered from 1, that each frame is of one
// of them and each of them has a frame, and that algorithms agree with the
// contributing equipment (PS3.3 C.8.20.2, IHE AIR Table 6.5.3.1-1).
func segments(c *Checker, d *dicom.Dataset) {
	list := d.Items(dicom.SegmentSequence)
	drawn := map[int]bool{}
	for i, g := range d.Items(dicom.PerFrameFunctionalGroupsSequence) {
		n, _ := g.Item(dicom.SegmentIdentificationSequence).Int(dicom.ReferencedSegmentNumber)
		drawn[n] = true
		if n < 1 || n > len(list) {
			c.Bad("PS3.3 C.8.20.3.1", fmt.Sprintf("PerFrameFunctionalGroupsSequence[%d]", i+1), "there is no segment %d", n)
		}
	}
	uids := map[string]bool{}
	for i, s := range list {
		at := fmt.Sprintf("SegmentSequence[%d]", i+1)
		if n, _ := s.Int(dicom.SegmentNumber); n != i+1 {
			c.Bad("PS3.3 C.8.20.4", at, "segment number %d; segments count from 1", n)
		}
		if !drawn[i+1] {
			c.Bad("PS3.3 C.8.20.2", at, "the segment has no frame")
		}
		if u := s.Text(dicom.TrackingUID); u != "" && uids[u] {
			c.Bad("PS3.3 C.8.20.4", at, "two segments share a tracking UID")
		} else {
			uids[u] = true
		}
		for _, a := range s.Items(dicom.SegmentationAlgorithmIdentificationSequence) {
			c.algorithm(at, a)
		}
	}
	if top, _ := d.Int(dicom.MaximumFractionalValue); d.Text(dicom.SegmentationType) == "FRACTIONAL" {
		if e, ok := d.Get(dicom.PixelDataTag); top < 1 || top > 255 || ok && len(e.Value) > 0 && int(slices.Max(e.Value)) > top {
			c.Bad("PS3.3 C.8.20.2", "MaximumFractionalValue", "%d, but pixels are larger or it is out of range", top)
		}
	}
}

func (c *Checker) algorithm(at string, a *dicom.Dataset) {
	for _, e := range c.Dataset.Items(dicom.ContributingEquipmentSequence) {
		if e.Text(dicom.ManufacturerModelName) == a.Text(dicom.AlgorithmName) && slices.Contains(e.Texts(dicom.SoftwareVersions), a.Text(dicom.AlgorithmVersion)) {
			return
		}
	}
	c.Bad("IHE AIR 6.5.3.1", at, "algorithm %s %s is not among the contributing equipment", a.Text(dicom.AlgorithmName), a.Text(dicom.AlgorithmVersion))
}

// realWorldValues checks that the map of values covers what is stored (PS3.3
// C.7.6.16.2.11).
func realWorldValues(c *Checker, d *dicom.Dataset) {
	for i, g := range d.Items(dicom.PerFrameFunctionalGroupsSequence) {
		for _, m := range g.Items(dicom.RealWorldValueMappingSequence) {
			first, _ := m.Int(dicom.RealWorldValueFirstValueMapped)
			last, _ := m.Int(dicom.RealWorldValueLastValueMapped)
			slope, ok := m.Float(dicom.RealWorldValueSlope)
			if last <= first || !ok || slope == 0 || math.IsNaN(slope) || math.IsInf(slope, 0) {
				c.Bad("PS3.3 C.7.6.16.2.11", fmt.Sprintf("PerFrameFunctionalGroupsSequence[%d]", i+1), "values %d to %d with slope %g", first, last, slope)
			}
		}
	}
}

// imageType checks how many values Image Type has (PS3.3 C.8.20.2, C.8.32.2).
func imageType(n int) func(*Checker, *dicom.Dataset) {
	return func(c *Checker, d *dicom.Dataset) {
		if t := d.Texts(dicom.ImageType); len(t) != n {
			c.Bad("PS3.3 C.7.6.1.1.2", "ImageType", "%d values, must be %d", len(t), n)
		}
	}
}

// derived checks that an image made of another says so (PS3.3 C.7.6.1.1.2).
func derived(c *Checker, d *dicom.Dataset) {
	if t := d.Texts(dicom.ImageType); len(t) < 2 || t[0] != "DERIVED" {
		c.Bad("PS3.3 C.7.6.1.1.2", "ImageType", "%v is not DERIVED", t)
	}
	if d.Text(dicom.DerivationDescription) == "" {
		c.Bad("PS3.3 C.7.6.1.1.3", "DerivationDescription", "a derived image must tell how it was made")
	}
}

// pdf checks that the document is one and as long as the object says (PS3.3
// C.24.2).
func pdf(c *Checker, d *dicom.Dataset) {
	e, ok := d.Get(dicom.EncapsulatedDocument)
	if !ok {
		return
	}
	n, told := d.Int(dicom.EncapsulatedDocumentLength)
	if told && (n > len(e.Value) || n < len(e.Value)-1) {
		c.Bad("PS3.3 C.24.2", "EncapsulatedDocumentLength", "%d, the document has %d bytes", n, len(e.Value))
	}
	if !bytes.HasPrefix(e.Value, []byte("%PDF-")) || !bytes.Contains(e.Value[max(0, len(e.Value)-1024):], []byte("%%EOF")) {
		c.Bad("PS3.3 C.24.2", "EncapsulatedDocument", "is no whole PDF document")
	}
}

// pointCounts are how many points a graphic has: at least and at most, 0 for no
// limit (PS3.3 C.10.5.1.2).
var pointCounts = map[string][2]int{"POINT": {1, 1}, "POLYLINE": {2, 0}, "INTERPOLATED": {2, 0}, "CIRCLE": {2, 2}, "ELLIPSE": {4, 4}}

// annotations checks that graphics have as many points as they say, lie on a
// layer that is defined, and are of an image that the state is for.
func annotations(c *Checker, d *dicom.Dataset) {
	var layers []string
	for _, l := range d.Items(dicom.GraphicLayerSequence) {
		layers = append(layers, l.Text(dicom.GraphicLayer))
	}
	known := referenced(d, dicom.ReferencedImageSequence)
	for i, a := range d.Items(dicom.GraphicAnnotationSequence) {
		at := fmt.Sprintf("GraphicAnnotationSequence[%d]", i+1)
		if l := a.Text(dicom.GraphicLayer); !slices.Contains(layers, l) {
			c.Bad("PS3.3 C.10.7", at, "layer %q is not defined", l)
		}
		for _, r := range a.Items(dicom.ReferencedImageSequence) {
			c.inReferences(at, r, known)
		}
		for k, g := range a.Items(dicom.GraphicObjectSequence) {
			c.graphic(fmt.Sprintf("%s.GraphicObjectSequence[%d]", at, k+1), g)
		}
	}
}

func (c *Checker) graphic(at string, g *dicom.Dataset) {
	n, _ := g.Int(dicom.NumberOfGraphicPoints)
	data := g.Floats(dicom.GraphicData)
	limits := pointCounts[g.Text(dicom.GraphicType)]
	if len(data) != 2*n || n < limits[0] || limits[1] > 0 && n > limits[1] {
		c.Bad("PS3.3 C.10.5.1.2", at, "%s with %d points and %d coordinates", g.Text(dicom.GraphicType), n, len(data))
	}
	if slices.ContainsFunc(data, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		c.Bad("PS3.3 C.10.5.1.2", at, "a coordinate is no number")
	}
	closed := len(data) >= 6 && data[0] == data[len(data)-2] && data[1] == data[len(data)-1]
	if g.Has(dicom.GraphicFilled) && !closed && g.Text(dicom.GraphicType) == "POLYLINE" {
		c.Bad("PS3.3 C.10.5", at, "Graphic Filled is for closed graphics")
	}
}

// displayedAreas checks that areas have their corners in order (PS3.3 C.10.4).
func displayedAreas(c *Checker, d *dicom.Dataset) {
	for i, a := range d.Items(dicom.DisplayedAreaSelectionSequence) {
		top, bottom := a.Ints(dicom.DisplayedAreaTopLeftHandCorner), a.Ints(dicom.DisplayedAreaBottomRightHandCorner)
		if len(top) != 2 || len(bottom) != 2 || bottom[0] < top[0] || bottom[1] < top[1] {
			c.Bad("PS3.3 C.10.4", fmt.Sprintf("DisplayedAreaSelectionSequence[%d]", i+1), "corners %v and %v", top, bottom)
		}
	}
}
