package dicom

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/radnode/radnode"
)

// ImplementationClass and ImplementationVersion name this software in
// files and associations (PS3.7 D.3.3.2).
const (
	ImplementationClass   radnode.UID = "2.25.135072948672402395127845610563098412377"
	ImplementationVersion string      = "RADNODE_1"
)

// Meta is the file meta information of an instance (PS3.10 7.1).
type Meta struct {
	SOPClassUID       radnode.UID
	SOPInstanceUID    radnode.UID
	TransferSyntaxUID radnode.UID
	SendingAE         string // optional: (0002,0017), and (0002,0016) as the source
	ReceivingAE       string // optional: (0002,0018)
}

// WriteMeta writes preamble and file meta information. The bytes of the data
// set, as sent, follow.
func WriteMeta(w io.Writer, m Meta) error {
	const op = "write file meta information"
	for _, u := range []radnode.UID{m.SOPClassUID, m.SOPInstanceUID, m.TransferSyntaxUID} {
		if !u.Usable() {
			return radnode.Errorf(radnode.Invalid, op, "%q is not a valid UID", string(u))
		}
	}
	d := NewDataset()
	d.SetBytes(FileMetaInformationVersion, OB, []byte{0, 1})
	d.SetUID(MediaStorageSOPClassUID, m.SOPClassUID)
	d.SetUID(MediaStorageSOPInstanceUID, m.SOPInstanceUID)
	d.SetUID(TransferSyntaxUID, m.TransferSyntaxUID)
	d.SetUID(ImplementationClassUID, ImplementationClass)
	d.SetText(ImplementationVersionName, ImplementationVersion)
	if m.SendingAE != "" {
		d.SetText(SourceApplicationEntityTitle, m.SendingAE)
		d.SetText(SendingApplicationEntityTitle, m.SendingAE)
	}
	if m.ReceivingAE != "" {
		d.SetText(ReceivingApplicationEntityTitle, m.ReceivingAE)
	}
	var body encoder
	if err := body.dataset(d); err != nil {
		return err
	}
	head := make([]byte, 128, 144)
	head = append(head, "DICM"...)
	head = append(head, 2, 0, 0, 0, 'U', 'L', 4, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body.b)))
	if _, err := w.Write(append(head, body.b...)); err != nil {
		return radnode.Errorf(radnode.NoResources, op, "write: %w", err)
	}
	return nil
}

// WriteFile writes d as a Part 10 file in ts, with text in UTF-8. SOP class
// and instance UID are taken from d.
func WriteFile(w io.Writer, d *Dataset, ts radnode.UID) error {
	m := Meta{SOPClassUID: d.UID(SOPClassUID), SOPInstanceUID: d.UID(SOPInstanceUID), TransferSyntaxUID: ts}
	if err := WriteMeta(w, m); err != nil {
		return err
	}
	return Write(w, d, ts)
}

// Write writes d without file meta information in ts: explicit or implicit VR,
// either byte order, deflated; encapsulated syntaxes need SetFragments. Text
// becomes UTF-8, declared where any goes beyond ASCII. Group lengths are left
// out, but for the command group (PS3.7 6.3.1), whose length is computed.
func Write(w io.Writer, d *Dataset, ts radnode.UID) error { return write(w, d, ts, false) }

// WriteAsIs writes d as Write does, but text stays in the character set that d
// declares: the same data set in another encoding.
func WriteAsIs(w io.Writer, d *Dataset, ts radnode.UID) error { return write(w, d, ts, true) }

func write(w io.Writer, d *Dataset, ts radnode.UID, asIs bool) error {
	const op = "write data set"
	syntax, ok := LookupTransferSyntax(ts)
	if !ok {
		return radnode.Errorf(radnode.Unsupported, op, "unknown transfer syntax %s", ts)
	}
	e := encoder{implicit: syntax.Implicit, big: syntax.BigEndian, encapsulated: syntax.Encapsulated, root: d, asIs: asIs}
	if memory, ok := w.(*bytes.Buffer); ok {
		e.b = memory.AvailableBuffer() // spares growing another one
	}
	if err := e.dataset(d); err != nil {
		return err
	}
	var err error
	if syntax.Deflated {
		err = deflate(w, e.b)
	} else {
		_, err = w.Write(e.b)
	}
	if err != nil {
		return radnode.Errorf(radnode.NoResources, op, "write: %w", err)
	}
	return nil
}

// deflate writes b compressed and padded to even length (PS3.5 A.5).
func deflate(w io.Writer, b []byte) error {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(b); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if out.Len()%2 == 1 {
		out.WriteByte(0)
	}
	bw := bufio.NewWriter(w)
	if _, err := out.WriteTo(bw); err != nil {
		return err
	}
	return bw.Flush()
}

// encoder appends encoded elements to b.
type encoder struct {
	b                           []byte
	implicit, big, encapsulated bool
	asIs                        bool // text keeps its character set
	root                        *Dataset
	depth                       int
}

func (e *encoder) dataset(d *Dataset) error {
	if e.depth++; e.depth > DefaultLimits.Depth {
		return radnode.Errorf(radnode.TooLarge, "write data set", "sequences are nested deeper than %d", DefaultLimits.Depth)
	}
	defer func() { e.depth-- }()
	declare := d == e.root && !e.asIs && needsUTF8(d)
	for _, el := range d.elems {
		if declare && el.Tag >= SpecificCharacterSet {
			declare = false
			if err := e.element(d, utf8Declaration); err != nil {
				return err
			}
		}
		switch {
		case el.Tag.Element() == 0 && el.Tag != CommandGroupLength:
			continue // PS3.5 7.2: group lengths are retired
		case el.Tag == CommandGroupLength:
			el = &Element{Tag: el.Tag, VR: UL, Value: commandLength(d)}
		case el.Tag == SpecificCharacterSet && !e.asIs:
			continue
		}
		if err := e.element(d, el); err != nil {
			return err
		}
	}
	return nil
}

var utf8Declaration = &Element{Tag: SpecificCharacterSet, VR: CS, Value: []byte("ISO_IR 192")}

// needsUTF8 reports whether any text of d or its items goes beyond ASCII, or a
// character set was declared.
func needsUTF8(d *Dataset) bool {
	for _, el := range d.elems {
		if el.Tag == SpecificCharacterSet || el.VR.kind().charset && !isASCII(el.Value) {
			return true
		}
		for _, it := range el.Items {
			if needsUTF8(it) {
				return true
			}
		}
	}
	return false
}

// commandLength is the number of bytes of the command group behind its length.
func commandLength(d *Dataset) []byte {
	n := 0
	for _, el := range d.elems {
		if el.Tag.Group() == 0 && el.Tag != CommandGroupLength {
			n += 8 + len(el.Value) + len(el.Value)%2
		}
	}
	return binary.LittleEndian.AppendUint32(nil, uint32(n))
}

func (e *encoder) element(d *Dataset, el *Element) error {
	if el.Skipped > 0 {
		return radnode.Errorf(radnode.Unsupported, "write data set", "the value of %s was not read and cannot be written", el.Tag)
	}
	if el.Fragments != nil {
		return e.fragments(el)
	}
	if el.Tag == PixelDataTag && e.encapsulated && d == e.root {
		return radnode.Errorf(radnode.Invalid, "write data set", "an encapsulated transfer syntax needs fragments of pixel data")
	}
	head := len(e.b)
	long := e.header(el.Tag, el.VR)
	start := len(e.b)
	if el.VR == SQ {
		for _, it := range el.Items {
			if err := e.item(it); err != nil {
				return err
			}
		}
	} else {
		e.value(d, el)
	}
	return e.setLength(el, head, start, long)
}

// header writes tag, VR and room for the length; it reports whether the length
// has 32 bits.
func (e *encoder) header(t Tag, vr VR) bool {
	e.u16(t.Group())
	e.u16(t.Element())
	if e.implicit {
		e.b = append(e.b, 0, 0, 0, 0)
		return true
	}
	k := vr.kind()
	e.b = append(e.b, k.vr[0], k.vr[1], 0, 0)
	if k.long {
		e.b = append(e.b, 0, 0, 0, 0)
	}
	return k.long
}

func (e *encoder) setLength(el *Element, head, start int, long bool) error {
	n := len(e.b) - start
	switch {
	case n >= math.MaxUint32:
		return radnode.Errorf(radnode.TooLarge, "write data set", "the value of %s is longer than an element can be", el.Tag)
	case long:
		e.order().PutUint32(e.b[start-4:], uint32(n))
	case n > math.MaxUint16:
		return radnode.Errorf(radnode.TooLarge, "write data set", "the value of %s is %d bytes long; VR %s holds 65534", el.Tag, n, el.VR)
	default:
		e.order().PutUint16(e.b[head+6:], uint16(n))
	}
	return nil
}

func (e *encoder) item(it *Dataset) error {
	start := e.itemHeader(0xFFFEE000)
	if err := e.dataset(it); err != nil {
		return err
	}
	if n := len(e.b) - start; n < math.MaxUint32 {
		e.order().PutUint32(e.b[start-4:], uint32(n))
		return nil
	}
	return radnode.Errorf(radnode.TooLarge, "write data set", "an item is longer than 4 GiB")
}

func (e *encoder) itemHeader(t Tag) (start int) {
	e.u16(t.Group())
	e.u16(t.Element())
	e.b = append(e.b, 0, 0, 0, 0)
	return len(e.b)
}

func (e *encoder) value(d *Dataset, el *Element) {
	start := len(e.b)
	v := el.Value
	if !e.asIs {
		v = d.utf8Value(el)
	}
	e.b = append(e.b, v...)
	k := el.VR.kind()
	if len(v)%2 == 1 {
		e.b = append(e.b, k.pad)
	}
	if e.big {
		swap(e.b[start:], k.unit)
	}
}

// fragments writes encapsulated pixel data (PS3.5 A.4).
func (e *encoder) fragments(el *Element) error {
	if !e.encapsulated {
		return radnode.Errorf(radnode.Invalid, "write data set", "fragments of %s need an encapsulated transfer syntax", el.Tag)
	}
	e.header(el.Tag, OB)
	copy(e.b[len(e.b)-4:], "\xff\xff\xff\xff")
	e.itemHeader(0xFFFEE000)
	for i, f := range el.Fragments {
		n := len(f) + len(f)%2
		if n >= math.MaxUint32 {
			return radnode.Errorf(radnode.TooLarge, "write data set", "fragment %d is longer than 4 GiB", i+1)
		}
		start := e.itemHeader(0xFFFEE000)
		e.order().PutUint32(e.b[start-4:], uint32(n))
		e.b = append(e.b, f...)
		if len(f)%2 == 1 {
			e.b = append(e.b, 0)
		}
	}
	e.itemHeader(0xFFFEE0DD)
	return nil
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func (e *encoder) order() byteOrder {
	if e.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (e *encoder) u16(v uint16) { e.b = e.order().AppendUint16(e.b, v) }

// swap turns the byte order of each unit of b (PS3.5 7.3).
func swap(b []byte, unit int) {
	if unit < 2 {
		return
	}
	for ; len(b) >= unit; b = b[unit:] {
		for i, j := 0, unit-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}

// addText records a tolerated defect of characters.
func (w *warnings) addText(format string, args ...any) {
	w.add(format, args...)
	if w != nil && len(w.text) < maxWarnings {
		w.text = append(w.text, fmt.Sprintf(format, args...))
	}
}

// add records a tolerated defect.
func (w *warnings) add(format string, args ...any) {
	if w == nil || len(w.list) > maxWarnings {
		return
	}
	if len(w.list) == maxWarnings {
		w.list = append(w.list, "further defects are not listed")
		return
	}
	w.list = append(w.list, fmt.Sprintf(format, args...))
}
