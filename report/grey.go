package report

import (
	"encoding/binary"
	"math/bits"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/dicom/sr"
)

// functional is what a functional group says of the frame that ref means: the
// group of the frame, else the shared one (PS3.3 C.7.6.16.1). An object without
// functional groups says it itself.
func functional(source *dicom.Dataset, ref sr.Reference, group dicom.Tag) *dicom.Dataset {
	frames, n := source.Items(dicom.PerFrameFunctionalGroupsSequence), 1
	if len(ref.Frames) > 0 {
		n = ref.Frames[0]
	}
	if n <= len(frames) && frames[n-1].Has(group) {
		return frames[n-1].Item(group)
	}
	if shared := source.Item(dicom.SharedFunctionalGroupsSequence); shared != nil && shared.Has(group) {
		return shared.Item(group)
	}
	return source
}

// setAspect keeps the shape of the pixels (PS3.3 C.10.4): in millimetres where
// they are known, else as a ratio.
func setAspect(area, source *dicom.Dataset, ref sr.Reference) {
	if spacing := functional(source, ref, dicom.PixelMeasuresSequence).Floats(dicom.PixelSpacing); len(spacing) == 2 && spacing[0] > 0 && spacing[1] > 0 {
		area.SetFloats(dicom.PresentationPixelSpacing, spacing...)
		return
	}
	ratio := []int{1, 1}
	if r := source.Ints(dicom.PixelAspectRatio); len(r) == 2 && r[0] > 0 && r[1] > 0 {
		ratio = r
	}
	area.SetInts(dicom.PresentationPixelAspectRatio, ratio...)
}

// rescaleAndWindow keeps the grey values of the source: a presentation state
// replaces the modality and VOI LUT of the image (PS3.4 N.2.1). A table in the
// source is copied too.
func rescaleAndWindow(ds, source *dicom.Dataset, ref sr.Reference) {
	modality := functional(source, ref, dicom.PixelValueTransformationSequence)
	if tables := tablesOf(modality, dicom.ModalityLUTSequence); tables != nil {
		ds.SetItems(dicom.ModalityLUTSequence, tables[0])
	} else if _, ok := modality.Float(dicom.RescaleSlope); ok {
		ds.Copy(modality, dicom.RescaleIntercept, dicom.RescaleSlope)
		kind := modality.Text(dicom.RescaleType)
		if kind == "" {
			kind = "US" // unspecified
		}
		ds.SetText(dicom.RescaleType, kind)
	}
	from, voi := functional(source, ref, dicom.FrameVOILUTSequence), dicom.NewDataset()
	if tables := tablesOf(from, dicom.VOILUTSequence); tables != nil {
		voi.SetItems(dicom.VOILUTSequence, tables...)
	} else if !window(voi, from) {
		return
	}
	ds.SetItems(dicom.SoftcopyVOILUTSequence, voi)
}

// window copies the first window. A width below 1 is not legal for the linear
// function; where values are fractions it is meant exactly (PS3.3 C.11.2.1.3.2).
func window(voi, from *dicom.Dataset) bool {
	centre, width, function := from.Floats(dicom.WindowCenter), from.Floats(dicom.WindowWidth), from.Text(dicom.VOILUTFunction)
	if len(centre) == 0 || len(width) == 0 || width[0] <= 0 {
		return false
	}
	if width[0] < 1 && (function == "" || function == pixel.Linear) {
		function = pixel.LinearExact
	}
	voi.SetFloats(dicom.WindowCenter, centre[0])
	voi.SetFloats(dicom.WindowWidth, width[0])
	if function != "" {
		voi.SetText(dicom.VOILUTFunction, function)
	}
	return true
}

// tablesOf are the tables of a sequence that can be read, with entries of 8 bits,
// two in a word, or of 16: other forms in images are of old or hasty writers
// (PS3.3 C.11.1.1.1).
func tablesOf(d *dicom.Dataset, sequence dicom.Tag) []*dicom.Dataset {
	var out []*dicom.Dataset
	for _, it := range d.Items(sequence) {
		head, ok := it.Get(dicom.LUTDescriptor)
		data, there := it.Get(dicom.LUTData)
		if !ok || !there || len(head.Value) < 6 {
			continue
		}
		n, width := int(binary.LittleEndian.Uint16(head.Value)), int(binary.LittleEndian.Uint16(head.Value[4:]))
		if n == 0 {
			n = 1 << 16
		}
		if entries, width := regular(data.Value, n, width); entries != nil {
			it = it.Clone()
			form := append([]byte{}, head.Value[:6]...)
			binary.LittleEndian.PutUint16(form[4:], uint16(width))
			it.Set(&dicom.Element{Tag: dicom.LUTDescriptor, VR: head.VR, Value: form})
			it.SetBytes(dicom.LUTData, dicom.OW, entries)
			out = append(out, it)
		}
	}
	return out
}

// regular writes n entries of a table in 8 or 16 bits; nil: there are fewer.
func regular(data []byte, n, width int) ([]byte, int) {
	if width <= 8 && len(data) >= n && len(data) < 2*n {
		return data, 8
	}
	if len(data) < 2*n {
		return nil, 0
	}
	top := uint16(0)
	for i := range n {
		top = max(top, binary.LittleEndian.Uint16(data[2*i:]))
	}
	width = max(width, bits.Len16(top)) // some writers declare fewer bits than they use
	out := make([]byte, 0, 2*n)
	for i := range n {
		v := uint32(binary.LittleEndian.Uint16(data[2*i:]))
		if width <= 8 {
			out = append(out, byte(v))
			continue
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(v*0xFFFF/(1<<width-1)))
	}
	if width <= 8 {
		return append(out, make([]byte, n%2)...), 8
	}
	return out, 16
}
