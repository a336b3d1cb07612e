package pixel

import (
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

const opPresent = "apply presentation state"

// presentation is the grey-scale part of a softcopy presentation state (PS3.3
// C.11.6 to C.11.8). It replaces the object's own stages; a stage it does not
// name is identity (PS3.4 N.2).
type presentation struct {
	set    *dicom.Dataset // modality LUT or rescale
	voi    *dicom.Dataset // window or VOI LUT, empty for identity
	plut   *lut           // Presentation LUT Sequence, nil: a shape
	invert bool
}

// Present returns im as the presentation state pr shows it: modality, VOI and
// presentation stage come from pr, and the photometric interpretation of the
// object is overridden (PS3.4 N.2.1.4). Annotations, shutters and the displayed
// area are not touched. im itself does not change.
func (im *Image) Present(pr *dicom.Dataset) (*Image, error) {
	if im.Samples != 1 || im.Photometric == PaletteColor {
		return nil, radnode.Errorf(radnode.Unsupported, opPresent, "grey-scale presentation states are for monochrome images")
	}
	p := &presentation{set: pr, voi: im.softcopyVOI(pr)}
	if item := pr.Item(dicom.PresentationLUTSequence); item != nil {
		l, err := readLUT(item, false, im.lim.Entries)
		if err != nil {
			return nil, err
		}
		p.plut = l
	} else {
		p.invert = pr.Text(dicom.PresentationLUTShape) == "INVERSE"
	}
	c := &Image{
		Rows: im.Rows, Columns: im.Columns, Frames: im.Frames, Samples: im.Samples,
		BitsAllocated: im.BitsAllocated, BitsStored: im.BitsStored, HighBit: im.HighBit, Signed: im.Signed, Float: im.Float,
		Photometric: im.Photometric, Planar: im.Planar, TransferSyntax: im.TransferSyntax,
		Padding: im.Padding, floatPadding: im.floatPadding, Warnings: im.Warnings,
		set: im.set, data: im.data, src: im.src, lim: im.lim, codec: im.codec, index: im.index, palette: im.palette,
		presentation: p,
	}
	return c, nil
}

// softcopyVOI finds the item of the Softcopy VOI LUT Sequence for im: the one
// that names it, or one that names none and so holds for all (C.11.8).
func (im *Image) softcopyVOI(pr *dicom.Dataset) *dicom.Dataset {
	uid := im.set.UID(dicom.SOPInstanceUID)
	general := dicom.NewDataset()
	for _, item := range pr.Items(dicom.SoftcopyVOILUTSequence) {
		refs := item.Items(dicom.ReferencedImageSequence)
		if len(refs) == 0 {
			general = item
		}
		for _, ref := range refs {
			if ref.UID(dicom.ReferencedSOPInstanceUID) == uid {
				return item
			}
		}
	}
	return general
}

// shape is the Presentation LUT on 0..1 (C.11.4): the input is scaled to the
// entries of the table.
func (p *presentation) shape(y float64) float64 {
	n := len(p.plut.entries)
	i := int(math.Floor(y*float64(n-1) + 0.5))
	return float64(p.plut.entries[min(max(i, 0), n-1)]) / p.plut.top()
}
