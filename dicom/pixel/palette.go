package pixel

import (
	"encoding/binary"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// palette is a Palette Color Lookup Table (PS3.3 C.7.6.3.1.5, C.7.9): index
// first maps to the first entry, indices outside to the ends.
type palette struct {
	first int
	rgb   [][3]uint16 // full 16-bit range
}

func (p *palette) at(index int) [3]uint16 {
	return p.rgb[min(max(index-p.first, 0), len(p.rgb)-1)]
}

// Palette is a palette for display, in 8 bits: a stored value below First has
// the first colour, one beyond the end the last. With Supplemental set, only
// values from First on are coloured, the others are grey (PS3.3 C.7.6.19).
type Palette struct {
	First        int
	RGB          [3][]byte
	Supplemental bool
}

// Palette returns the palette of the object, segments expanded; false where it
// has none.
func (im *Image) Palette() (Palette, bool) {
	if im.palette == nil {
		return Palette{}, false
	}
	out := Palette{First: im.palette.first, Supplemental: im.Photometric != PaletteColor}
	for c := range out.RGB {
		out.RGB[c] = make([]byte, len(im.palette.rgb))
		for i, v := range im.palette.rgb {
			out.RGB[c][i] = byte(v[c] >> 8)
		}
	}
	return out, true
}

var paletteTags = [3]struct{ descriptor, data, segmented dicom.Tag }{
	{dicom.RedPaletteColorLookupTableDescriptor, dicom.RedPaletteColorLookupTableData, dicom.SegmentedRedPaletteColorLookupTableData},
	{dicom.GreenPaletteColorLookupTableDescriptor, dicom.GreenPaletteColorLookupTableData, dicom.SegmentedGreenPaletteColorLookupTableData},
	{dicom.BluePaletteColorLookupTableDescriptor, dicom.BluePaletteColorLookupTableData, dicom.SegmentedBluePaletteColorLookupTableData},
}

// hasSupplementalPalette reports whether a monochrome object maps its upper
// values to colour (PS3.3 C.7.6.16.1.1.1, C.7.6.19).
func (im *Image) hasSupplementalPalette() bool {
	return im.Samples == 1 && im.Photometric == Monochrome2 && !im.Float && im.width() <= 16 &&
		im.set.Text(dicom.PixelPresentation) == "COLOR" &&
		im.set.Has(dicom.RedPaletteColorLookupTableDescriptor)
}

// readPalette reads the three tables; signed is the Pixel Representation.
func readPalette(d *dicom.Dataset, signed bool, limit int) (*palette, error) {
	p := &palette{}
	var channels [3][]uint16
	var eight [3]bool
	low := true
	for c, t := range paletteTags {
		n, first, width, err := descriptor(d, t.descriptor, signed, limit)
		if err != nil {
			return nil, err
		}
		var entries []uint16
		if d.Has(t.segmented) && !d.Has(t.data) {
			entries, err = expandSegments(d, t.segmented, n, width)
		} else {
			entries, err = tableData(d, t.data, n, width)
		}
		if err != nil {
			return nil, err
		}
		if c == 0 {
			p.first, p.rgb = first, make([][3]uint16, n)
		}
		if n != len(p.rgb) || first != p.first {
			return nil, radnode.Errorf(radnode.Invalid, opLUT, "the three palette tables differ in size")
		}
		channels[c], eight[c] = entries, width <= 8
		low = low && slices.Max(entries) <= 255
	}
	for c, entries := range channels {
		for i, v := range entries {
			// Where all three never leave the low byte, they are 8-bit entries,
			// also if declared with 16 bits; one alone is a dark channel.
			if eight[c] || low {
				v = v & 255 * 257
			}
			p.rgb[i][c] = v
		}
	}
	return p, nil
}

// expandSegments expands segmented palette data (PS3.3 C.7.9.2).
func expandSegments(d *dicom.Dataset, t dicom.Tag, n, width int) ([]uint16, error) {
	e, ok := d.Get(t)
	if !ok {
		return nil, radnode.Errorf(radnode.Invalid, opLUT, "%s is missing", t.Keyword())
	}
	s := segments{max: n}
	if width <= 8 {
		s.unit = 1
		for _, b := range e.Value {
			s.words = append(s.words, uint16(b))
		}
	} else {
		s.unit = 2
		for v := e.Value; len(v) >= 2; v = v[2:] {
			s.words = append(s.words, binary.LittleEndian.Uint16(v))
		}
	}
	for at := 0; at < len(s.words) && len(s.out) < n; {
		next, err := s.expand(at, false)
		if err != nil {
			return nil, err
		}
		at = next
	}
	if len(s.out) != n {
		return nil, radnode.Errorf(radnode.Invalid, opLUT, "segmented palette gives %d entries instead of %d", len(s.out), n)
	}
	return s.out, nil
}

type segments struct {
	words []uint16
	out   []uint16
	max   int
	unit  int // bytes of a word: offsets of indirect segments count bytes
}

var errSegments = radnode.Errorf(radnode.Invalid, opLUT, "segmented palette is malformed")

// The opcodes of PS3.3 table C.7-22.
const (
	segmentDiscrete = 0
	segmentLinear   = 1
	segmentIndirect = 2
)

// expand expands the segment at word at and returns where the next one is.
func (s *segments) expand(at int, nested bool) (int, error) {
	if at+2 > len(s.words) {
		if len(s.words)-at == 1 && s.words[at] == 0 { // padding
			return at + 1, nil
		}
		return 0, errSegments
	}
	op, n := s.words[at], int(s.words[at+1])
	at += 2
	switch {
	case op == segmentDiscrete && at+n <= len(s.words) && len(s.out)+n <= s.max:
		s.out = append(s.out, s.words[at:at+n]...)
		return at + n, nil
	case op == segmentLinear && at < len(s.words) && len(s.out) > 0 && len(s.out)+n <= s.max:
		from, to := int(s.out[len(s.out)-1]), int(s.words[at])
		for i := 1; i <= n; i++ {
			s.out = append(s.out, uint16(from+((to-from)*i*2+n)/(2*n)))
		}
		return at + 1, nil
	case op == segmentIndirect && !nested:
		return s.indirect(at, n)
	}
	return 0, errSegments
}

// indirect copies n segments from an earlier byte offset, whose low and high
// words are at at.
func (s *segments) indirect(at, n int) (int, error) {
	words := 4 / s.unit
	if at+words > len(s.words) {
		return 0, errSegments
	}
	offset := 0
	for i := range words {
		offset |= int(s.words[at+i]) << (8 * s.unit * i)
	}
	from := offset / s.unit
	for range n {
		if from < 0 || from >= len(s.words) || len(s.out) >= s.max {
			return 0, errSegments
		}
		next, err := s.expand(from, true)
		if err != nil {
			return 0, err
		}
		from = next
	}
	return at + words, nil
}
