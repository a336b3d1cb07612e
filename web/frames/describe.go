package frames

import (
	"context"
	"encoding/binary"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/pixel"
	"github.com/radnode/radnode/web/api"
)

// maxTables bounds the VOI LUTs that a viewer is given.
const maxTables = 16

// maxDescribedFrames bounds the frames whose values are listed one by one.
const maxDescribedFrames = 10_000

// Describe says how the stored values of an image are to be shown. It follows
// from the header alone, so that a series of many files is described without
// asking a pixel worker for each.
func (c *Cache) Describe(_ context.Context, f *dicom.File, _ radnode.Instance) (*api.ImageDescription, error) {
	im, err := pixel.OpenHeader(f, pixel.DefaultLimits)
	if err != nil {
		return nil, err
	}
	d, first := f.Dataset, im.Describe(0)
	look := lookOf(d, first, 0)
	to := &api.ImageDescription{
		Rows: first.Rows, Columns: first.Columns, Frames: im.Frames, SamplesPerPixel: first.Samples,
		BitsAllocated: first.BitsAllocated, BitsStored: first.BitsStored, Signed: first.Signed, Float: first.Float,
		Photometric: first.Photometric, Slope: look.slope, Intercept: look.intercept, Units: look.unit,
		ModalityLUT: look.modality, Windows: look.windows, VOIFunction: look.function, VOILUTs: look.tables,
		Inverse: first.Inverted, TransferSyntax: f.TransferSyntax, ICCProfile: first.ICCProfile,
	}
	if p := im.Padding; p != nil {
		to.Padding = &[2]int64{int64(p.Low), int64(p.High)}
	}
	if sp := first.Spacing; sp != nil {
		to.PixelSpacing, to.SpacingSource = &[2]float64{sp.Row, sp.Column}, sp.Source
	} else if first.AspectRatio > 0 && first.AspectRatio != 1 {
		to.PixelAspect = &[2]float64{first.AspectRatio, 1}
	}
	if p, ok := im.Palette(); ok {
		to.Palette = &api.Palette{First: p.First, Red: p.RGB[0], Green: p.RGB[1], Blue: p.RGB[2], Supplemental: p.Supplemental}
	}
	if d.Has(dicom.PerFrameFunctionalGroupsSequence) && im.Frames <= maxDescribedFrames {
		to.PerFrame = make([]api.FrameValues, im.Frames)
		groups := d.Items(dicom.PerFrameFunctionalGroupsSequence)
		for n := range to.PerFrame {
			v := look
			if n < len(groups) && (groups[n].Has(dicom.PixelValueTransformationSequence) || groups[n].Has(dicom.FrameVOILUTSequence)) {
				v = lookOf(d, im.Describe(n), n)
			}
			to.PerFrame[n] = api.FrameValues{Slope: v.slope, Intercept: v.intercept, Windows: v.windows}
		}
	}
	return to, nil
}

// look is the way from stored to display values of one frame.
type look struct {
	slope, intercept float64
	unit, function   string
	modality         *api.LUT
	windows          []api.Window
	tables           []api.LUT
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

// lookOf gives the way from stored to display values of frame n (from 0),
// with the tables that a viewer applies itself.
func lookOf(d *dicom.Dataset, is pixel.Description, n int) look {
	v := look{slope: 1, windows: []api.Window{}, function: "LINEAR"}
	if is.Rescale != nil {
		v.slope, v.intercept, v.unit = is.Rescale.Slope, is.Rescale.Intercept, is.Rescale.Type
	}
	if item := d.Item(dicom.ModalityLUTSequence); is.ModalityLUT && item != nil {
		v.modality, v.unit = readLUT(item, signed(d)), item.Text(dicom.ModalityLUTType)
	}
	for _, w := range is.Windows {
		if w.Function == pixel.TableLUT {
			continue
		}
		if len(v.windows) == 0 && w.Function != "" {
			v.function = w.Function // one attribute for all windows (PS3.3 C.11.2.1.3)
		}
		v.windows = append(v.windows, api.Window{Center: w.Center, Width: w.Width, Explanation: w.Explanation})
	}
	voi := group(d, n, dicom.FrameVOILUTSequence)
	if voi == nil {
		voi = d
	}
	items := voi.Items(dicom.VOILUTSequence)
	if n > 0 {
		items = nil // a viewer is given those of the first frame
	}
	for _, item := range items[:min(len(items), maxTables)] {
		// The output of the modality stage can be negative where it says so
		// (PS3.3 C.11.2.1.1).
		if l := readLUT(item, signed(d) || v.intercept < 0); l != nil {
			v.tables = append(v.tables, *l)
		}
	}
	return v
}

func signed(d *dicom.Dataset) bool {
	v, _ := d.Int(dicom.PixelRepresentation)
	return v == 1
}

// readLUT reads a lookup table (PS3.3 C.11.1.1.1); nil if it is not sound.
func readLUT(item *dicom.Dataset, firstSigned bool) *api.LUT {
	return table(item, dicom.LUTDescriptor, dicom.LUTData, firstSigned)
}

func table(d *dicom.Dataset, descriptor, data dicom.Tag, firstSigned bool) *api.LUT {
	desc := d.Ints(descriptor)
	values, ok := d.Get(data)
	if len(desc) != 3 || !ok {
		return nil
	}
	entries := desc[0] & 0xffff
	if entries == 0 {
		entries = 65536
	}
	l := &api.LUT{First: desc[1] & 0xffff, Bits: desc[2] & 0xffff, Explanation: d.Text(dicom.LUTExplanation)}
	if firstSigned && l.First > 0x7fff {
		l.First -= 0x10000
	}
	raw := values.Value
	wide := len(raw) >= 2*entries
	if len(raw) < entries {
		return nil
	}
	l.Values = make([]int32, entries)
	for i := range l.Values {
		if wide {
			l.Values[i] = int32(binary.LittleEndian.Uint16(raw[2*i:]))
		} else {
			l.Values[i] = int32(raw[i])
		}
	}
	return l
}
