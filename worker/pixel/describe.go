package pixel

import (
	"context"
	"encoding/binary"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/worker"
)

// maxDescribedFrames bounds the frames whose values are listed one by one.
const maxDescribedFrames = 10_000

// describe says how the stored values of an image are to be shown.
func (s *server) describe(_ context.Context, path string) (worker.Description, error) {
	src, err := open(path)
	if err != nil {
		return worker.Description{}, err
	}
	defer src.close()
	if src.picture != nil {
		return worker.Description{}, radnode.Errorf(radnode.Unsupported, "describe image", "a picture without DICOM header has no description")
	}
	if src.refused != nil {
		return worker.Description{}, src.refused
	}
	d, im := src.object.Dataset, src.image
	first := im.Describe(0)
	out := worker.Description{
		SOPInstanceUID: d.UID(dicom.SOPInstanceUID), SOPClassUID: d.UID(dicom.SOPClassUID),
		TransferSyntax: src.object.TransferSyntax, Frames: im.Frames, Frame: frameInfo(first, im.FrameBytes()),
		Lossy: first.Lossy != nil, Values: frameValues(d, first, 0),
		Inverse: first.Inverted, AspectRatio: first.AspectRatio, FrameMillis: first.FrameMillis,
		PatientOrientation: first.Orientation.Patient, Warnings: first.Warnings,
	}
	if p := im.Padding; p != nil {
		out.Padding = &worker.Range{Low: int64(p.Low), High: int64(p.High)}
	}
	if sp := first.Spacing; sp != nil {
		out.Spacing, out.SpacingSource = &[2]float64{sp.Row, sp.Column}, sp.Source
	}
	if im.Photometric == pixel.PaletteColor {
		out.Palette = palette(d)
	}
	if d.Has(dicom.PerFrameFunctionalGroupsSequence) && im.Frames <= maxDescribedFrames {
		out.PerFrame = make([]worker.FrameValues, im.Frames)
		for n := range out.PerFrame {
			out.PerFrame[n] = frameValues(d, im.Describe(n), n)
		}
	}
	return out, nil
}

// frameInfo describes the file that the frame operation writes.
func frameInfo(d pixel.Description, size int64) worker.FrameInfo {
	return worker.FrameInfo{
		Rows: d.Rows, Columns: d.Columns, Samples: d.Samples, BitsAllocated: d.BitsAllocated, BitsStored: d.BitsStored,
		Signed: d.Signed, Float: d.Float, Photometric: d.Photometric, Size: size,
	}
}

// group returns the item of a functional group for frame n (from 0): the
// frame's own, else the shared one (PS3.3 C.7.6.16).
func group(d *dicom.Dataset, n int, t dicom.Tag) *dicom.Dataset {
	if frames := d.Items(dicom.PerFrameFunctionalGroupsSequence); n < len(frames) {
		if item := frames[n].Item(t); item != nil {
			return item
		}
	}
	return d.Item(dicom.SharedFunctionalGroupsSequence).Item(t)
}

// frameValues gives the way from stored to display values of frame n (from
// 0), with the tables that a viewer applies itself.
func frameValues(d *dicom.Dataset, is pixel.Description, n int) worker.FrameValues {
	v := worker.FrameValues{Slope: 1, Windows: []worker.Window{}}
	if is.Rescale != nil {
		v.Slope, v.Intercept, v.Unit = is.Rescale.Slope, is.Rescale.Intercept, is.Rescale.Type
	}
	if item := d.Item(dicom.ModalityLUTSequence); is.ModalityLUT && item != nil {
		v.ModalityLUT, v.Unit = readLUT(item, signed(d)), item.Text(dicom.ModalityLUTType)
	}
	for _, w := range is.Windows {
		if w.Function != pixel.TableLUT {
			v.Windows = append(v.Windows, worker.Window{Center: w.Center, Width: w.Width, Function: w.Function, Explanation: w.Explanation})
		}
	}
	voi := group(d, n, dicom.FrameVOILUTSequence)
	if voi == nil {
		voi = d
	}
	for _, item := range voi.Items(dicom.VOILUTSequence) {
		// The output of the modality stage can be negative where it says so
		// (PS3.3 C.11.2.1.1).
		if l := readLUT(item, signed(d) || v.Intercept < 0); l != nil {
			v.VOILUTs = append(v.VOILUTs, *l)
		}
	}
	return v
}

func signed(d *dicom.Dataset) bool {
	v, _ := d.Int(dicom.PixelRepresentation)
	return v == 1
}

// readLUT reads a lookup table (PS3.3 C.11.1.1.1); nil if it is not sound.
func readLUT(item *dicom.Dataset, firstSigned bool) *worker.LUT {
	return table(item, dicom.LUTDescriptor, dicom.LUTData, firstSigned)
}

func table(d *dicom.Dataset, descriptor, data dicom.Tag, firstSigned bool) *worker.LUT {
	desc := d.Ints(descriptor)
	values, ok := d.Get(data)
	if len(desc) != 3 || !ok {
		return nil
	}
	entries := desc[0] & 0xffff
	if entries == 0 {
		entries = 65536
	}
	l := &worker.LUT{First: desc[1] & 0xffff, Bits: desc[2] & 0xffff, Explanation: d.Text(dicom.LUTExplanation)}
	if firstSigned && l.First > 0x7fff {
		l.First -= 0x10000
	}
	raw := values.Value
	wide := len(raw) >= 2*entries
	if len(raw) < entries {
		return nil
	}
	l.Data = make([]int32, entries)
	for i := range l.Data {
		if wide {
			l.Data[i] = int32(binary.LittleEndian.Uint16(raw[2*i:]))
		} else {
			l.Data[i] = int32(raw[i])
		}
	}
	return l
}

// palette reads the three tables of a palette colour image (PS3.3 C.7.9).
func palette(d *dicom.Dataset) []worker.LUT {
	var out []worker.LUT
	for _, t := range [3][2]dicom.Tag{
		{dicom.RedPaletteColorLookupTableDescriptor, dicom.RedPaletteColorLookupTableData},
		{dicom.GreenPaletteColorLookupTableDescriptor, dicom.GreenPaletteColorLookupTableData},
		{dicom.BluePaletteColorLookupTableDescriptor, dicom.BluePaletteColorLookupTableData},
	} {
		l := table(d, t[0], t[1], signed(d))
		if l == nil {
			return nil
		}
		out = append(out, *l)
	}
	return out
}
