package pixel

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

const opLUT = "read look-up table"

// lut is a look-up table of the modality or VOI stage (PS3.3 C.11.1.1,
// C.11.2.1): input first maps to the first entry, inputs outside to the ends.
type lut struct {
	first   int
	bits    int // significant bits of an entry
	entries []uint16
	name    string
}

// at returns the entry for input v.
func (l *lut) at(v float64) float64 {
	i := int(math.Floor(v+0.5)) - l.first
	return float64(l.entries[min(max(i, 0), len(l.entries)-1)])
}

// top is the largest value an entry can have.
func (l *lut) top() float64 { return float64(uint32(1)<<l.bits - 1) }

// descriptor reads the three values of a LUT descriptor (PS3.3 C.11.1.1.1):
// number of entries, first input, bits. Only the second is ever signed.
func descriptor(d *dicom.Dataset, t dicom.Tag, signed bool, limit int) (n, first, width int, err error) {
	e, ok := d.Get(t)
	if !ok || len(e.Value) < 6 {
		return 0, 0, 0, radnode.Errorf(radnode.Invalid, opLUT, "%s is missing or short", t.Keyword())
	}
	le := binary.LittleEndian
	n, first, width = int(le.Uint16(e.Value)), int(le.Uint16(e.Value[2:])), int(le.Uint16(e.Value[4:]))
	if n == 0 {
		n = 65536
	}
	if n > limit {
		return 0, 0, 0, radnode.Errorf(radnode.TooLarge, opLUT, "%d entries exceed the limit of %d", n, limit)
	}
	if signed {
		first = int(int16(first))
	}
	if width < 1 || width > 16 {
		width = 16
	}
	return n, first, width, nil
}

// tableData returns the n entries of a table. 8-bit entries are packed two a
// word or, by some writers, take a word each; the length tells (PS3.3
// C.11.1.1.1).
func tableData(d *dicom.Dataset, t dicom.Tag, n, width int) ([]uint16, error) {
	e, ok := d.Get(t)
	if !ok {
		return nil, radnode.Errorf(radnode.Invalid, opLUT, "%s is missing", t.Keyword())
	}
	v := e.Value
	out := make([]uint16, n)
	switch {
	case len(v) >= 2*n:
		for i := range out {
			out[i] = binary.LittleEndian.Uint16(v[2*i:])
		}
	case len(v) >= n && width <= 8:
		for i := range out {
			out[i] = uint16(v[i])
		}
	default:
		return nil, radnode.Errorf(radnode.Invalid, opLUT, "%s has %d bytes for %d entries", t.Keyword(), len(v), n)
	}
	return out, nil
}

// readable reports whether readLUT can read an item, without its entries.
func readable(item *dicom.Dataset, limit int) bool {
	n, _, width, err := descriptor(item, dicom.LUTDescriptor, false, limit)
	e, ok := item.Get(dicom.LUTData)
	return err == nil && ok && (len(e.Value) >= 2*n || len(e.Value) >= n && width <= 8)
}

// readLUT reads one item of a Modality or VOI LUT Sequence.
func readLUT(item *dicom.Dataset, signed bool, limit int) (*lut, error) {
	n, first, width, err := descriptor(item, dicom.LUTDescriptor, signed, limit)
	if err != nil {
		return nil, err
	}
	entries, err := tableData(item, dicom.LUTData, n, width)
	if err != nil {
		return nil, err
	}
	top := uint16(0)
	for _, v := range entries {
		top = max(top, v)
	}
	// Some writers declare fewer bits than they use.
	width = max(width, bits.Len16(top))
	return &lut{first: first, bits: width, entries: entries, name: item.Text(dicom.LUTExplanation)}, nil
}
