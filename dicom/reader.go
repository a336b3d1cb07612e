package dicom

import (
	"encoding/binary"
	"errors"

	"github.com/radnode/radnode"
)

const (
	itemTag           Tag = 0xFFFEE000
	itemDelimiter     Tag = 0xFFFEE00D
	sequenceDelimiter Tag = 0xFFFEE0DD

	undefinedLength uint32 = 0xFFFFFFFF
	endUndefined    int64  = -1

	valueChunk   = 4 << 10
	elementChunk = 64
	growStep     = 1 << 20

	readOp = "read data set"
)

// reader reads elements of one encoding; see Limits.
type reader struct {
	*source
	lim      Limits
	implicit bool
	big      bool
	enc      bool // the transfer syntax encapsulates pixel data
	warn     *warnings
	left     budget
	values   []byte // chunk that small values are cut from
	elements []Element
	pixels   *PixelData
	behind   bool // the pixel data were passed
	stopped  bool // pixel data or Limits.Until were met
	open     int  // sequences of undefined length that are not yet closed
}

// budget is what is left of the limits.
type budget struct {
	bytes           int64
	elements, items int
	moves           int // of elements, to make room for those out of order
}

// maxMoves is far beyond what any device's disorder needs, and a moment's
// work.
const maxMoves = 1 << 26

func newReader(s *source, syntax TransferSyntax, lim Limits, w *warnings) *reader {
	return &reader{source: s, lim: lim, implicit: syntax.Implicit, big: syntax.BigEndian, enc: syntax.Encapsulated,
		warn: w, left: budget{lim.HeaderBytes, lim.Elements, lim.Items, maxMoves}}
}

// header is the start of an element.
type header struct {
	tag    Tag
	kind   *vrKind
	length uint32
	size   int // bytes of the header itself
}

func (r *reader) order() byteOrder {
	if r.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (r *reader) tagOf(b []byte) Tag {
	o := r.order()
	return Tag(o.Uint16(b))<<16 | Tag(o.Uint16(b[2:]))
}

// dataset reads elements into d up to end (an offset), a delimiter where end
// is endUndefined, or the end of the data at the top level.
func (r *reader) dataset(d *Dataset, end int64, depth int) error {
	for end == endUndefined || r.off < end {
		b, err := r.peek(12)
		if err != nil {
			return err
		}
		if len(b) < 8 {
			return r.tail(b, end, depth)
		}
		tag := r.tagOf(b)
		if tag.Group() == 0xFFFE {
			if done := r.delimiter(tag, end, depth); done {
				return nil
			}
			continue
		}
		if depth == 0 && r.atStop(tag, b) {
			return nil
		}
		h, err := r.header(d, tag, b)
		if err != nil {
			return err
		}
		if err := r.element(d, h, end, depth); err != nil {
			return r.in(err, tag)
		}
		if r.stopped {
			return nil
		}
	}
	if end != endUndefined && r.off > end {
		r.warn.add("an element reaches %d bytes beyond its item", r.off-end)
	}
	return nil
}

// in names the element in which the data end.
func (r *reader) in(err error, tag Tag) error {
	if errors.Is(err, errTruncated) {
		return radnode.Errorf(radnode.Invalid, readOp, "the data end within element %s at offset %d; the object is truncated", tag, r.off)
	}
	return err
}

// tail handles fewer than 8 bytes at the end.
func (r *reader) tail(b []byte, end int64, depth int) error {
	if depth > 0 {
		if end == endUndefined && len(b) == 0 {
			r.warn.add("the data end without the delimiter of an item")
			return nil
		}
		return errTruncated
	}
	if len(b) > 0 {
		r.warn.add("%d bytes follow the last element", len(b))
		r.take(len(b))
	}
	return nil
}

// delimiter handles FFFE elements between elements; true ends the item.
func (r *reader) delimiter(tag Tag, end int64, depth int) bool {
	switch {
	case tag == itemDelimiter && depth > 0 && end == endUndefined:
		r.take(8)
		return true
	case tag == sequenceDelimiter && depth > 0 && end == endUndefined,
		tag == itemTag && depth > 0 && end == endUndefined:
		r.warn.add("an item ends without its delimiter")
		return true // the sequence reads on here
	}
	r.warn.add("delimiter %s out of place at offset %d", tag, r.off)
	r.take(8)
	return false
}

// atStop reports whether reading ends before the top-level element tag.
func (r *reader) atStop(tag Tag, b []byte) bool {
	if r.lim.Until != 0 && tag >= r.lim.Until {
		r.stopped = true
		return true
	}
	if tag == 0 && r.off > 132 && binary.BigEndian.Uint64(b) == 0 {
		r.warn.add("zero bytes follow the last element")
		r.stopped = true
		return true
	}
	return false
}

// isPixelData reports whether tag holds the pixels of an image (PS3.3 C.7.6.3, C.7.6.24, C.7.6.25).
func isPixelData(t Tag) bool {
	return t == PixelDataTag || t == FloatPixelData || t == DoubleFloatPixelData
}

// header reads tag, VR and length (PS3.5 7.1); b holds at least 8 bytes.
func (r *reader) header(d *Dataset, tag Tag, b []byte) (header, error) {
	o := r.order()
	h := header{tag: tag, size: 8}
	k, known := kindOf(b[4], b[5])
	switch {
	case r.implicit:
		h.kind, h.length = dictionaryVR(tag, d.isSignedRead()).kind(), o.Uint32(b[4:])
	case known && !k.long:
		h.kind, h.length = k, uint32(o.Uint16(b[6:]))
	case known || isLetters(b[4], b[5]):
		if !known {
			// PS3.5 6.2: VRs to come have the long form.
			r.warn.add("unknown VR %q of %s, read as UN", string(b[4:6]), tag)
			k = &unKind
		}
		if len(b) < 12 {
			return h, radnode.Errorf(radnode.Invalid, readOp, "the data end within the header of %s", tag)
		}
		h.kind, h.length, h.size = k, o.Uint32(b[8:]), 12
	default:
		r.warn.add("%s has no VR, read as implicit VR", tag)
		h.kind, h.length = dictionaryVR(tag, d.isSignedRead()).kind(), o.Uint32(b[4:])
	}
	if r.left.elements--; r.left.elements < 0 {
		return h, radnode.Errorf(radnode.TooLarge, readOp, "more than %d elements (option max_elements)", r.lim.Elements)
	}
	r.take(h.size)
	return h, nil
}

func isLetters(a, b byte) bool { return a >= 'A' && a <= 'Z' && b >= 'A' && b <= 'Z' }

// isSignedRead is isSigned for a data set that is being read: Pixel
// Representation comes before the elements it decides.
func (d *Dataset) isSignedRead() bool {
	for ; d != nil; d = d.parent {
		if d.signed {
			return true
		}
	}
	return false
}

// element reads the value of h into d.
func (r *reader) element(d *Dataset, h header, end int64, depth int) error {
	if depth == 0 && isPixelData(h.tag) {
		return r.pixelData(d, h)
	}
	if h.length == undefinedLength {
		return r.undefined(d, h, depth)
	}
	if end != endUndefined && r.off+int64(h.length) > end {
		return radnode.Errorf(radnode.Invalid, readOp, "%s at offset %d is longer than the item it is in", h.tag, r.off)
	}
	if l := r.source.left(); l >= 0 && int64(h.length) > l {
		return errTruncated
	}
	if h.kind.vr == SQ {
		items, err := r.sequence(d, r.off+int64(h.length), depth+1)
		if err != nil {
			return err
		}
		return r.add(d, Element{Tag: h.tag, VR: SQ, Items: items})
	}
	if int64(h.length) > r.lim.ValueBytes || r.lim.PassOver && int64(h.length) > r.left.bytes {
		if err := r.add(d, Element{Tag: h.tag, VR: h.kind.vr, Skipped: int64(h.length)}); err != nil {
			return err
		}
		return r.skip(int64(h.length))
	}
	v, err := r.value(int(h.length))
	if err != nil {
		return err
	}
	return r.finish(d, h, v, depth)
}

// finish stores a value that was read.
func (r *reader) finish(d *Dataset, h header, v []byte, depth int) error {
	k := h.kind
	if k.vr == UN {
		items, vr, err := r.unknown(d, h.tag, v, depth)
		if err != nil {
			return err
		}
		return r.add(d, Element{Tag: h.tag, VR: vr, Value: v, Items: items})
	}
	if r.big {
		swap(v, k.unit)
	}
	if k.unit > 1 && len(v)%max(k.unit, atUnit(k)) != 0 {
		r.warn.add("%s has %d bytes, no multiple of its VR %s", h.tag, len(v), k.vr)
	}
	if err := r.add(d, Element{Tag: h.tag, VR: k.vr, Value: v}); err != nil {
		return err
	}
	switch {
	case h.tag == SpecificCharacterSet:
		d.cs = parseCharset(d.Texts(h.tag), r.warn.addText)
	case h.tag == PixelRepresentation && len(v) >= 2:
		d.signed = v[0] == 1
	case k.charset && !isASCII(v):
		if _, note := d.charset().decode(v[:min(len(v), lookedAt)], k.vr); note != "" {
			r.warn.addText("%s: %s", h.tag.name(), note)
		}
	}
	return nil
}

// lookedAt is how much of a text is looked at for what is wrong with it; a
// character that is cut at its end is ASCII's loss, not the text's.
const lookedAt = 1 << 20

func atUnit(k *vrKind) int {
	if k.vr == AT {
		return 4
	}
	return k.unit
}

// value reads n bytes, which is within Limits.ValueBytes. Memory grows with
// the bytes that come, not with the length that was claimed.
func (r *reader) value(n int) ([]byte, error) {
	if r.left.bytes -= int64(n); r.left.bytes < 0 {
		return nil, radnode.Errorf(radnode.TooLarge, readOp, "the values of the header have more than %d bytes (option max_header_mb)", r.lim.HeaderBytes)
	}
	if n == 0 {
		return nil, nil
	}
	if n <= valueChunk/4 {
		if len(r.values) < n {
			r.values = make([]byte, valueChunk)
		}
		v := r.values[:n:n]
		r.values = r.values[n:]
		return v, r.read(v)
	}
	if n <= growStep || r.source.left() >= int64(n) {
		v := make([]byte, n)
		return v, r.read(v)
	}
	var v []byte
	for len(v) < n {
		step := min(n-len(v), max(growStep, len(v)))
		v = append(v, make([]byte, step)...)
		if err := r.read(v[len(v)-step:]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// add files e in d; of two with the same tag the first counts.
func (r *reader) add(d *Dataset, e Element) error {
	if len(r.elements) == 0 {
		r.elements = make([]Element, elementChunk)
	}
	p := &r.elements[0]
	r.elements = r.elements[1:]
	*p = e
	i := d.search(e.Tag)
	if i == len(d.elems) {
		if d.elems == nil {
			d.elems = make([]*Element, 0, 8)
		}
		d.elems = append(d.elems, p)
		return nil
	}
	if d.elems[i].Tag == e.Tag {
		r.warn.add("%s occurs twice; the first one counts", e.Tag)
		return nil
	}
	r.warn.add("%s is out of order", e.Tag)
	if r.left.moves -= len(d.elems) - i; r.left.moves < 0 {
		return radnode.Errorf(radnode.Invalid, readOp, "the elements are in no order: too many of them stand before one with a smaller tag")
	}
	d.Set(p)
	return nil
}
