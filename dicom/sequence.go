package dicom

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/radnode/radnode"
)

// sequence reads items up to end or, where it is endUndefined, the delimiter
// (PS3.5 7.5).
func (r *reader) sequence(d *Dataset, end int64, depth int) ([]*Dataset, error) {
	if depth > r.lim.Depth {
		return nil, radnode.Errorf(radnode.TooLarge, readOp, "sequences are nested deeper than %d (option max_depth)", r.lim.Depth)
	}
	if end == endUndefined {
		if r.open++; r.open > r.lim.Undefined {
			return nil, radnode.Errorf(radnode.TooLarge, readOp, "sequences of undefined length are nested deeper than %d (option max_undefined_depth)", r.lim.Undefined)
		}
		defer func() { r.open-- }()
	}
	var items []*Dataset
	for end == endUndefined || r.off < end {
		b, err := r.peek(8)
		if err != nil {
			return items, err
		}
		if len(b) < 8 {
			if end == endUndefined && len(b) == 0 {
				r.warn.add("the data end without the delimiter of a sequence")
				return items, nil
			}
			return items, errTruncated
		}
		tag, length := r.tagOf(b), r.order().Uint32(b[4:])
		switch tag {
		case itemTag:
			r.take(8)
		case sequenceDelimiter:
			r.take(8)
			if end == endUndefined {
				return items, nil
			}
			r.warn.add("a sequence of defined length has a delimiter")
			continue
		case itemDelimiter:
			r.warn.add("delimiter %s out of place at offset %d", tag, r.off)
			r.take(8)
			continue
		default:
			return items, radnode.Errorf(radnode.Invalid, readOp, "%s stands where an item of a sequence should begin, at offset %d", tag, r.off)
		}
		it, err := r.item(d, length, end, depth)
		if err != nil {
			return items, err
		}
		items = append(items, it)
	}
	return items, nil
}

func (r *reader) item(parent *Dataset, length uint32, seqEnd int64, depth int) (*Dataset, error) {
	if r.left.items--; r.left.items < 0 {
		return nil, radnode.Errorf(radnode.TooLarge, readOp, "more than %d sequence items (option max_items)", r.lim.Items)
	}
	it := &Dataset{parent: parent, warnings: r.warn}
	end := endUndefined
	if length != undefinedLength {
		end = r.off + int64(length)
		if seqEnd != endUndefined && end > seqEnd {
			return nil, radnode.Errorf(radnode.Invalid, readOp, "an item at offset %d is longer than its sequence", r.off)
		}
	}
	return it, r.dataset(it, end, depth)
}

// undefined reads a value of undefined length: a sequence, in whatever VR it
// is told, or fragments below the top level.
func (r *reader) undefined(d *Dataset, h header, depth int) error {
	switch h.kind.vr {
	case OB, OW:
		return r.nestedFragments(d, h)
	case SQ:
		items, err := r.sequence(d, endUndefined, depth+1)
		if err != nil {
			return err
		}
		return r.add(d, Element{Tag: h.tag, VR: SQ, Items: items})
	case UN:
		// PS3.5 6.2.2: UN of undefined length is a sequence in implicit VR little endian.
		implicit, big := r.implicit, r.big
		if r.unIsImplicit() {
			r.implicit, r.big = true, false
		}
		items, err := r.sequence(d, endUndefined, depth+1)
		r.implicit, r.big = implicit, big
		if err != nil {
			return err
		}
		return r.add(d, Element{Tag: h.tag, VR: SQ, Items: items})
	}
	return radnode.Errorf(radnode.Invalid, readOp, "%s with VR %s has undefined length", h.tag, h.kind.vr)
}

// unIsImplicit looks at the first element of the first item: some writers put
// the sequence in explicit VR all the same.
func (r *reader) unIsImplicit() bool {
	b, err := r.peek(16)
	if err != nil || len(b) < 16 || binary.LittleEndian.Uint16(b) != 0xFFFE || binary.LittleEndian.Uint16(b[2:]) != 0xE000 {
		return !r.big
	}
	_, known := kindOf(b[12], b[13])
	return !known
}

// nestedFragments reads encapsulated pixel data of an item (an icon image).
func (r *reader) nestedFragments(d *Dataset, h header) error {
	e := Element{Tag: h.tag, VR: OB, Fragments: [][]byte{}}
	for n := 0; ; n++ {
		b, err := r.peek(8)
		if err != nil {
			return err
		}
		if len(b) < 8 {
			return errTruncated
		}
		tag, length := r.tagOf(b), r.order().Uint32(b[4:])
		r.take(8)
		switch {
		case tag == sequenceDelimiter:
			return r.add(d, e)
		case tag != itemTag || length == undefinedLength:
			return radnode.Errorf(radnode.Invalid, readOp, "%s stands where a fragment of %s should begin", tag, h.tag)
		case int64(length) > r.lim.ValueBytes:
			return radnode.Errorf(radnode.TooLarge, readOp, "a fragment of %s within a sequence is %d bytes long, the limit is %d (option max_value_mb)", h.tag, length, r.lim.ValueBytes)
		case n >= r.lim.Fragments:
			return radnode.Errorf(radnode.TooLarge, readOp, "more than %d fragments (option max_fragments)", r.lim.Fragments)
		}
		v, err := r.value(int(length))
		if err != nil {
			return err
		}
		if n > 0 { // the first item is the basic offset table (PS3.5 A.4)
			e.Fragments = append(e.Fragments, v)
		}
	}
}

// unknown looks for what a value with VR UN of defined length is: the VR of
// the dictionary, or a sequence in implicit VR; else the bytes stay. Failure to
// read it as a sequence is no error of the data set, unless it meets a limit.
func (r *reader) unknown(d *Dataset, t Tag, v []byte, depth int) ([]*Dataset, VR, error) {
	vr := dictionaryVR(t, d.isSignedRead())
	looksLike := len(v) >= 8 && binary.LittleEndian.Uint32(v) == 0xE000FFFE
	if vr != SQ && !looksLike {
		return nil, vr, nil
	}
	if len(v) == 0 {
		return nil, SQ, nil
	}
	if !looksLike {
		return nil, UN, nil
	}
	src, release := newSource(bytes.NewReader(v), nil, int64(len(v)))
	defer release()
	sub := &reader{source: src, lim: r.lim, implicit: true, warn: &warnings{}, left: r.left, open: r.open}
	sub.implicit = sub.unIsImplicit()
	items, err := sub.sequence(d, int64(len(v)), depth+1)
	r.left = sub.left
	if radnode.CodeOf(err) == radnode.TooLarge && !errors.Is(err, errTruncated) {
		return nil, UN, err
	}
	if err != nil {
		if vr == SQ {
			r.warn.add("%s should be a sequence, but is none", t)
		}
		return nil, UN, nil
	}
	return items, SQ, nil
}
