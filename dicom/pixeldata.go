package dicom

import (
	"encoding/binary"

	"github.com/radnode/radnode"
)

// pixelData notes where the pixel data lie. A stream (ReadHeader) stops here;
// a file goes on behind them.
func (r *reader) pixelData(d *Dataset, h header) error {
	d.pixels = true
	if r.seek == nil && r.size < 0 {
		r.stopped = true
		return nil
	}
	if r.pixels != nil {
		return radnode.Errorf(radnode.Invalid, readOp, "the object has pixel data twice")
	}
	p := &PixelData{Tag: h.tag, VR: h.kind.vr, Offset: r.off, BigEndian: r.big}
	r.pixels = p
	if err := p.extendedOffsets(d); err != nil {
		return err
	}
	if h.length == undefinedLength {
		p.Encapsulated, p.BigEndian = true, false
		if !r.enc {
			r.warn.add("pixel data are encapsulated although the transfer syntax says they are not")
		}
		err := r.fragments(p)
		p.Length = r.off - p.Offset
		r.behind = err == nil
		return err
	}
	if r.enc {
		r.warn.add("pixel data are not encapsulated although the transfer syntax says so")
	}
	p.Length = int64(h.length)
	if l := r.source.left(); p.Length > l {
		r.warn.add("pixel data are truncated: %d of %d bytes", l, p.Length)
		p.Length, p.Truncated = l, true
	}
	err := r.skip(p.Length)
	r.behind = err == nil
	return err
}

// extendedOffsets reads the Extended Offset Table (PS3.5 A.4, PS3.3 C.7.6.3.1.8).
func (p *PixelData) extendedOffsets(d *Dataset) error {
	for _, f := range []struct {
		tag Tag
		dst *[]uint64
	}{{ExtendedOffsetTable, &p.ExtendedOffsets}, {ExtendedOffsetTableLengths, &p.ExtendedLengths}} {
		e, ok := d.Get(f.tag)
		if !ok {
			continue
		}
		if len(e.Value)%8 != 0 || e.Skipped > 0 {
			return radnode.Errorf(radnode.Invalid, readOp, "the extended offset table %s is no list of 64-bit offsets", f.tag)
		}
		for b := e.Value; len(b) >= 8; b = b[8:] {
			*f.dst = append(*f.dst, binary.LittleEndian.Uint64(b))
		}
	}
	return nil
}

// fragments lists the items of encapsulated pixel data (PS3.5 A.4).
func (r *reader) fragments(p *PixelData) error {
	for first := true; ; first = false {
		b, err := r.peek(8)
		if err != nil {
			return err
		}
		if len(b) < 8 {
			return r.noDelimiter(p, len(b))
		}
		tag, length := r.tagOf(b), r.order().Uint32(b[4:])
		if tag != itemTag && tag != sequenceDelimiter {
			r.warn.add("%s stands where a fragment of the pixel data should begin", tag)
			p.Truncated = true
			return r.skip(r.source.left()) // nothing behind it can be trusted
		}
		r.take(8)
		if tag == sequenceDelimiter {
			return nil
		}
		if length == undefinedLength {
			return radnode.Errorf(radnode.Invalid, readOp, "a fragment of the pixel data has undefined length")
		}
		if first {
			if err := r.basicOffsets(p, length); err != nil {
				return err
			}
			continue
		}
		if err := r.fragment(p, int64(length)); err != nil {
			return err
		}
		if p.Truncated {
			return nil
		}
	}
}

func (r *reader) noDelimiter(p *PixelData, rest int) error {
	r.warn.add("the pixel data end without their delimiter")
	p.Truncated = len(p.Fragments) == 0 || rest > 0
	r.take(rest)
	return nil
}

func (r *reader) fragment(p *PixelData, length int64) error {
	if len(p.Fragments) >= r.lim.Fragments {
		return radnode.Errorf(radnode.TooLarge, readOp, "more than %d fragments of pixel data (option max_fragments)", r.lim.Fragments)
	}
	if l := r.source.left(); length > l {
		r.warn.add("pixel data are truncated: fragment %d has %d of %d bytes", len(p.Fragments)+1, l, length)
		length, p.Truncated = l, true
	}
	p.Fragments = append(p.Fragments, Fragment{Offset: r.off, Length: length})
	return r.skip(length)
}

func (r *reader) basicOffsets(p *PixelData, length uint32) error {
	if length%4 != 0 {
		return radnode.Errorf(radnode.Invalid, readOp, "the basic offset table has %d bytes", length)
	}
	if int64(length) > 4*int64(r.lim.Fragments) {
		return radnode.Errorf(radnode.TooLarge, readOp, "the basic offset table names more than %d frames (option max_fragments)", r.lim.Fragments)
	}
	b, err := r.value(int(length))
	if err != nil {
		return err
	}
	for ; len(b) >= 4; b = b[4:] {
		p.BasicOffsets = append(p.BasicOffsets, binary.LittleEndian.Uint32(b))
	}
	return nil
}
