package dicom

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"

	"github.com/radnode/radnode"
)

const fileOp = "read DICOM file"

// preambleSize is what stands before "DICM" (PS3.10 7.1).
const preambleSize = 128

func readFile(ra io.ReaderAt, size int64, lim Limits) (*File, error) {
	sec := io.NewSectionReader(ra, 0, size)
	src, release := newSource(sec, sec, size)
	defer release()
	w := &warnings{}
	f, err := readMeta(src, lim, w)
	if err != nil {
		return nil, err
	}
	f.DatasetOffset = src.off
	declared, known := LookupTransferSyntax(f.TransferSyntax)
	if known && declared.Deflated {
		return readDeflated(f, src, declared, lim, w)
	}
	if !known && f.TransferSyntax != "" {
		w.add("unknown transfer syntax %s", f.TransferSyntax)
		declared = TransferSyntax{UID: f.TransferSyntax, Encapsulated: true}
	}
	if f.TransferSyntax == "" && f.Meta.Len() > 0 {
		if declared, err = guess(src); err != nil {
			return nil, err
		}
		w.add("the meta information names no transfer syntax; the data set is read as %s", declared.Name)
	}
	found, err := sniff(src, declared, f.TransferSyntax != "" || f.Meta.Len() > 0, w)
	if err != nil {
		return nil, err
	}
	f.TransferSyntax = found.UID
	return readBody(f, newReader(src, found, lim, w))
}

// readBody reads the data set, with the elements behind the pixel data. Those
// are padding and signatures; that they cannot be read is no reason to lose
// the image.
func readBody(f *File, r *reader) (*File, error) {
	d := &Dataset{warnings: r.warn}
	f.Dataset = d
	err := r.in(r.dataset(d, endUndefined, 0), 0)
	f.PixelData = r.pixels
	if r.behind && radnode.CodeOf(err) == radnode.Invalid {
		r.warn.add("what follows the pixel data cannot be read: %s", radnode.MessageOf(err))
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// readMeta reads preamble and group 0002, both of which real files may lack.
func readMeta(src *source, lim Limits, w *warnings) (*File, error) {
	f := &File{Meta: &Dataset{warnings: w}}
	b, err := src.peek(preambleSize + 4)
	if err != nil {
		return nil, err
	}
	switch {
	case len(b) == preambleSize+4 && string(b[preambleSize:]) == "DICM":
		src.take(preambleSize + 4)
	case len(b) >= 8 && string(b[:4]) == "DICM":
		src.take(4)
		w.add("the file has no preamble")
	case len(b) >= 8 && binary.LittleEndian.Uint16(b) == 2:
		w.add("the file has no preamble and no DICM prefix")
	default:
		w.add("the file has no preamble and no meta information")
		return f, nil
	}
	r := newReader(src, TransferSyntax{}, lim, w)
	r.lim.Until = 0x00030000 // the group length is often wrong, the group number is not
	for {
		b, err := src.peek(8)
		if err != nil {
			return nil, err
		}
		if len(b) < 8 || binary.LittleEndian.Uint16(b) != 2 {
			break
		}
		if err := r.metaElement(f.Meta); err != nil {
			return nil, err
		}
	}
	f.TransferSyntax = f.Meta.UID(TransferSyntaxUID)
	r.checkGroupLength(f.Meta)
	return f, nil
}

func (r *reader) metaElement(d *Dataset) error {
	b, err := r.peek(12)
	if err != nil {
		return err
	}
	tag := r.tagOf(b)
	h, err := r.header(d, tag, b)
	if err != nil {
		return err
	}
	if h.length == undefinedLength {
		return radnode.Errorf(radnode.Invalid, fileOp, "meta element %s has undefined length", tag)
	}
	return r.in(r.element(d, h, endUndefined, 1), tag)
}

// checkGroupLength compares (0002,0000) with what was read.
func (r *reader) checkGroupLength(meta *Dataset) {
	want, ok := meta.Int(FileMetaInformationGroupLength)
	if !ok {
		r.warn.add("the meta information has no group length")
		return
	}
	n := 0
	for _, e := range meta.elems {
		if e.Tag == FileMetaInformationGroupLength {
			continue
		}
		n += 8 + len(e.Value)
		if e.VR.kind().long {
			n += 4
		}
	}
	if n != want {
		r.warn.add("the meta information is %d bytes long, its group length says %d", n, want)
	}
}

func readHeader(rd io.Reader, ts radnode.UID, lim Limits) (*Dataset, error) {
	declared, known := LookupTransferSyntax(ts)
	w := &warnings{}
	if !known {
		w.add("unknown transfer syntax %s", ts)
	}
	src, release := newSource(rd, nil, -1)
	defer release()
	if declared.Deflated {
		inflated, err := newInflater(src.br, lim)
		if err != nil {
			return nil, err
		}
		inner, done := newSource(inflated, nil, -1)
		defer done()
		src = inner
	}
	found, err := sniff(src, declared, true, w)
	if err != nil {
		return nil, err
	}
	r := newReader(src, found, lim, w)
	d := &Dataset{warnings: w}
	if err := r.dataset(d, endUndefined, 0); err != nil {
		return nil, r.in(err, 0)
	}
	return d, nil
}

// sniff looks at the first element of a data set and returns the encoding it
// is in: labels that contradict the bytes are common enough. Without a label
// the bytes must make sense on their own.
func sniff(src *source, declared TransferSyntax, labelled bool, w *warnings) (TransferSyntax, error) {
	b, err := src.peek(12)
	if err != nil {
		return declared, err
	}
	if len(b) < 8 {
		if labelled && len(b) == 0 {
			return declared, nil
		}
		return declared, radnode.Errorf(radnode.Invalid, fileOp, "this is not a DICOM file: it ends after %d bytes", len(b))
	}
	_, explicit := kindOf(b[4], b[5])
	le, be := binary.LittleEndian.Uint16(b), binary.BigEndian.Uint16(b)
	// The group of a first element is small, so one of its bytes is zero.
	big := le > 0xFF && be <= 0xFF && be != 0
	if labelled && (le == 0 || le > 0xFF) && !big {
		return declared, nil // an unusual start: believe the label
	}
	if !labelled && !plausibleStart(b, le, be, explicit, src.left()) {
		return declared, radnode.Errorf(radnode.Invalid, fileOp, "this is not a DICOM file: it has neither the DICM prefix nor a data element at its start")
	}
	if big && !explicit {
		return declared, radnode.Errorf(radnode.Unsupported, fileOp, "implicit VR big endian is no DICOM transfer syntax")
	}
	if labelled && explicit == !declared.Implicit && big == declared.BigEndian {
		return declared, nil
	}
	found := ExplicitVRLittleEndian
	switch {
	case big:
		found = ExplicitVRBigEndian
	case !explicit:
		found = ImplicitVRLittleEndian
	}
	t, _ := LookupTransferSyntax(found)
	w.add("the data set is in %s", t.Name)
	if labelled && declared.Encapsulated {
		// The pixels may still be what the label says.
		declared.Implicit, declared.BigEndian = t.Implicit, t.BigEndian
		return declared, nil
	}
	return t, nil
}

// guess tells the encoding from the VR of the first element, or its absence.
func guess(src *source) (TransferSyntax, error) {
	b, err := src.peek(8)
	if err != nil {
		return TransferSyntax{}, err
	}
	uid := ImplicitVRLittleEndian
	if len(b) == 8 {
		if _, ok := kindOf(b[4], b[5]); ok {
			uid = ExplicitVRLittleEndian
		}
	}
	t, _ := LookupTransferSyntax(uid)
	return t, nil
}

// plausibleStart reports whether b can be the first element of a data set
// without any label: text and other files must not pass.
func plausibleStart(b []byte, le, be uint16, explicit bool, left int64) bool {
	group, order := le, byteOrder(binary.LittleEndian)
	if le > 0xFF {
		group, order = be, binary.BigEndian
	}
	if group != 4 && group != 8 {
		return false
	}
	if explicit {
		return true
	}
	t := Tag(group)<<16 | Tag(order.Uint16(b[2:]))
	_, known := Lookup(t)
	n := order.Uint32(b[4:])
	return known && (n == undefinedLength || left < 0 || int64(n) <= left)
}

// PixelStream returns the value of f.PixelData as it stands in the data set,
// from its start; a deflated data set is inflated on the way and not kept.
func (f *File) PixelStream(ra io.ReaderAt, size int64, lim Limits) (io.Reader, error) {
	p := f.PixelData
	if t, ok := LookupTransferSyntax(f.TransferSyntax); !ok || !t.Deflated {
		return io.NewSectionReader(ra, p.Offset, p.Length), nil
	}
	z, err := newInflater(bufio.NewReader(io.NewSectionReader(ra, f.DatasetOffset, size-f.DatasetOffset)), lim.withDefaults())
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, z, p.Offset); err != nil {
		return nil, wrapRead(err)
	}
	return io.LimitReader(z, p.Length), nil
}

// PixelReader returns the reader in which the offsets of f.PixelData count: ra
// itself, or the inflated data set in memory for a deflated transfer syntax.
func (f *File) PixelReader(ra io.ReaderAt, size int64, lim Limits) (io.ReaderAt, error) {
	if t, ok := LookupTransferSyntax(f.TransferSyntax); !ok || !t.Deflated {
		return ra, nil
	}
	b, err := inflateAll(io.NewSectionReader(ra, f.DatasetOffset, size-f.DatasetOffset), lim.withDefaults())
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(b), nil
}
