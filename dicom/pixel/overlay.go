package pixel

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

const opOverlay = "read overlay"

// Overlay describes one overlay plane (PS3.3 C.9.2).
type Overlay struct {
	Group       uint16 `json:"group"` // 0x6000, 0x6002 … 0x601E
	Rows        int    `json:"rows"`
	Columns     int    `json:"columns"`
	Type        string `json:"type"` // G graphics, R region of interest
	Row         int    `json:"row"`  // origin in the image, 1 is its first row
	Column      int    `json:"column"`
	Frames      int    `json:"frames"`
	FirstFrame  int    `json:"first_frame"` // image frame of the first overlay frame, from 1
	Label       string `json:"label,omitempty"`
	Description string `json:"description,omitempty"`
	Embedded    bool   `json:"embedded,omitempty"` // in unused bits of the pixel data (retired)
	Bit         int    `json:"-"`
}

// element returns the tag of attribute base (of group 6000) in o's group.
func (o Overlay) element(base dicom.Tag) dicom.Tag {
	return dicom.Tag(uint32(o.Group)<<16 | uint32(base.Element()))
}

// Overlays returns the overlay planes of the object that can be read.
func (im *Image) Overlays() []Overlay {
	var list []Overlay
	for g := uint16(0x6000); g <= 0x601e; g += 2 {
		o := Overlay{Group: g, Frames: 1, FirstFrame: 1, Row: 1, Column: 1}
		if im.readOverlay(&o) {
			list = append(list, o)
		}
	}
	return list
}

func (im *Image) readOverlay(o *Overlay) bool {
	number := func(base dicom.Tag, v *int) {
		if n, ok := im.set.Int(o.element(base)); ok {
			*v = n
		}
	}
	number(dicom.OverlayRows, &o.Rows)
	number(dicom.OverlayColumns, &o.Columns)
	number(dicom.OverlayBitPosition, &o.Bit)
	number(dicom.NumberOfFramesInOverlay, &o.Frames)
	number(dicom.ImageFrameOrigin, &o.FirstFrame)
	if origin := im.set.Ints(o.element(dicom.OverlayOrigin)); len(origin) >= 2 {
		o.Row, o.Column = origin[0], origin[1]
	}
	o.Type = im.set.Text(o.element(dicom.OverlayType))
	o.Label = im.set.Text(o.element(dicom.OverlayLabel))
	o.Description = im.set.Text(o.element(dicom.OverlayDescription))
	if o.Rows < 1 || o.Columns < 1 || o.Rows > maxEdge || o.Columns > maxEdge || o.Frames < 1 || o.Frames > im.lim.Frames {
		return false
	}
	bits, ok := product(int64(o.Rows), int64(o.Columns), int64(o.Frames))
	if !ok || int64(o.Rows)*int64(o.Columns) > im.lim.Overlays {
		return false
	}
	if e, ok := im.set.Get(o.element(dicom.OverlayData)); ok {
		return int64(len(e.Value))*8 >= bits
	}
	// Retired: a bit of the pixel data that carries no sample.
	o.Embedded = true
	return im.codec == nil && im.Samples == 1 && !im.Float && o.Rows == im.Rows && o.Columns == im.Columns &&
		o.Bit < im.BitsAllocated && (o.Bit > im.HighBit || o.Bit <= im.HighBit-im.BitsStored)
}

// OverlayPlane writes one byte (0 or 1) for each of the Rows × Columns pixels
// of overlay o on image frame n to dst. It reports false where the overlay
// does not cover that frame.
func (im *Image) OverlayPlane(ctx context.Context, o Overlay, n int, dst []byte) (bool, error) {
	if len(dst) != o.Rows*o.Columns {
		return false, radnode.Errorf(radnode.Invalid, opOverlay, "destination has %d bytes for %d pixels", len(dst), o.Rows*o.Columns)
	}
	if o.Embedded {
		return true, im.embedded(ctx, o, n, dst)
	}
	k := n + 1 - o.FirstFrame // PS3.3 C.9.2.1.4
	if o.Frames == 1 && o.FirstFrame == 1 {
		k = 0 // a single plane lies on every frame
	}
	if k < 0 || k >= o.Frames {
		return false, nil
	}
	e, ok := im.set.Get(o.element(dicom.OverlayData))
	if !ok || int64(len(e.Value))*8 < int64(len(dst))*int64(k+1) {
		return false, radnode.Errorf(radnode.NotFound, opOverlay, "the object has no overlay %04X", o.Group)
	}
	unpackBits(dst, e.Value, len(dst)*k)
	return true, nil
}

// embedded extracts an overlay from a bit of the native samples.
func (im *Image) embedded(ctx context.Context, o Overlay, n int, dst []byte) error {
	if n < 0 || n >= im.Frames || im.codec != nil {
		return radnode.Errorf(radnode.NotFound, opOverlay, "there is no frame %d", n+1)
	}
	if err := ctx.Err(); err != nil {
		return radnode.Errorf(radnode.Canceled, opOverlay, "stopped by the caller: %w", err)
	}
	var fr Frame
	if err := im.readNative(n, &fr, true); err != nil {
		return err
	}
	bytes := fr.BitsAllocated / 8
	for i := range dst {
		dst[i] = fr.Pix[i*bytes+o.Bit/8] >> (o.Bit % 8) & 1
	}
	return nil
}
