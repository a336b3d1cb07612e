package dicom

import (
	"sort"
	"strings"

	"github.com/radnode/radnode"
)

// Element is one data element (PS3.5 7.1).
type Element struct {
	Tag       Tag
	VR        VR
	Value     []byte     // as on the wire, padding included, but always little endian
	Items     []*Dataset // VR SQ
	Fragments [][]byte   // encapsulated pixel data to be written (PS3.5 A.4), without the offset table
	Skipped   int64      // length of a value above Limits.ValueBytes: it was passed over and Value is nil
}

// Dataset is a set of data elements in ascending tag order. It knows its
// character set, which the items of its sequences inherit (PS3.3 C.12.1.1.2).
// Reading a Dataset from several goroutines is safe; changing it is not.
type Dataset struct {
	elems    []*Element
	parent   *Dataset
	cs       *charset // nil: the parent's
	signed   bool     // Pixel Representation was 1 here or above
	warnings *warnings
	pixels   bool
}

// NewDataset makes an empty data set whose text is UTF-8.
func NewDataset() *Dataset {
	return &Dataset{cs: utf8Charset, warnings: &warnings{}}
}

// search returns where t is or would be.
func (d *Dataset) search(t Tag) int {
	n := len(d.elems)
	if n == 0 || d.elems[n-1].Tag < t {
		return n
	}
	return sort.Search(n, func(i int) bool { return d.elems[i].Tag >= t })
}

// Get returns the element t.
func (d *Dataset) Get(t Tag) (*Element, bool) {
	if d == nil {
		return nil, false
	}
	if i := d.search(t); i < len(d.elems) && d.elems[i].Tag == t {
		return d.elems[i], true
	}
	return nil, false
}

// Has reports whether element t is there, even with an empty value.
func (d *Dataset) Has(t Tag) bool {
	_, ok := d.Get(t)
	return ok
}

// Elements returns the elements in ascending tag order. The slice belongs to d.
func (d *Dataset) Elements() []*Element {
	if d == nil {
		return nil
	}
	return d.elems
}

// Len returns the number of elements.
func (d *Dataset) Len() int { return len(d.Elements()) }

// HasPixelData reports whether the reader of d met pixel data at the top level.
func (d *Dataset) HasPixelData() bool { return d != nil && d.pixels }

// Warnings returns the defects that were tolerated when d was read; the root
// data set holds those of its items.
func (d *Dataset) Warnings() []string {
	if d == nil || d.warnings == nil {
		return nil
	}
	return d.warnings.list
}

// TextWarnings returns those Warnings that are about characters: a wrong,
// missing or unknown Specific Character Set, so that names may read wrong.
func (d *Dataset) TextWarnings() []string {
	if d == nil || d.warnings == nil {
		return nil
	}
	return d.warnings.text
}

// Text returns the first value of t as UTF-8 without padding; "" when absent.
func (d *Dataset) Text(t Tag) string {
	if v := d.Texts(t); len(v) > 0 {
		return v[0]
	}
	return ""
}

// UID returns the first value of t as a UID, as it stands; see UID.Valid.
func (d *Dataset) UID(t Tag) radnode.UID { return radnode.UID(d.Text(t)) }

// Items returns the items of sequence t.
func (d *Dataset) Items(t Tag) []*Dataset {
	if e, ok := d.Get(t); ok {
		return e.Items
	}
	return nil
}

// Item returns the first item of sequence t, or nil. Methods that read work on
// a nil *Dataset as on an empty one.
func (d *Dataset) Item(t Tag) *Dataset {
	if items := d.Items(t); len(items) > 0 {
		return items[0]
	}
	return nil
}

// Set puts e in its place and replaces an element with the same tag.
func (d *Dataset) Set(e *Element) {
	i := d.search(e.Tag)
	if i < len(d.elems) && d.elems[i].Tag == e.Tag {
		d.elems[i] = e
		return
	}
	d.elems = append(d.elems, nil)
	copy(d.elems[i+1:], d.elems[i:])
	d.elems[i] = e
}

// Remove takes element t out.
func (d *Dataset) Remove(t Tag) {
	if i := d.search(t); i < len(d.elems) && d.elems[i].Tag == t {
		d.elems = append(d.elems[:i], d.elems[i+1:]...)
	}
}

// SetText sets the values of a text element; no value or "" makes it empty
// (type 2). Where d was read in another character set, text beyond ASCII turns
// the whole of d to UTF-8. The VR comes from the dictionary; a tag that is not
// text there gets the number the text spells, or LO when it is unknown.
func (d *Dataset) SetText(t Tag, v ...string) {
	vr := dictionaryVR(t, d.isSigned())
	if !vr.isText() {
		if e, ok := d.Get(t); ok && e.VR.isText() {
			vr = e.VR
		} else {
			vr = LO
		}
	}
	joined := strings.Join(v, `\`)
	if !isASCII(joined) && d.charset() != utf8Charset && vr.kind().charset {
		d.root().ToUTF8()
	}
	if t == SpecificCharacterSet {
		d.cs = parseCharset(v, nil)
	}
	d.Set(&Element{Tag: t, VR: vr, Value: padText(joined, vr)})
}

// SetUID sets a UID element.
func (d *Dataset) SetUID(t Tag, uid radnode.UID) {
	d.Set(&Element{Tag: t, VR: UI, Value: padText(string(uid), UI)})
}

// SetItems sets the items of sequence t. Items that belong to another data set
// are copied, with their text in UTF-8.
func (d *Dataset) SetItems(t Tag, items ...*Dataset) {
	e := &Element{Tag: t, VR: SQ, Items: make([]*Dataset, 0, len(items))}
	for _, it := range items {
		if it == nil {
			continue
		}
		if it.parent != nil && it.parent != d {
			it = it.Clone()
		}
		it.parent = d
		e.Items = append(e.Items, it)
	}
	d.Set(e)
}

// SetBytes sets an element to a value as on the wire (little endian); it is
// padded to even length when written. vr "" takes the dictionary's.
func (d *Dataset) SetBytes(t Tag, vr VR, b []byte) {
	if vr == "" {
		vr = dictionaryVR(t, d.isSigned())
	}
	d.Set(&Element{Tag: t, VR: vr, Value: b})
}

// SetFragments sets encapsulated pixel data, one slice per fragment; the basic
// offset table is written empty.
func (d *Dataset) SetFragments(t Tag, fragments ...[]byte) {
	d.Set(&Element{Tag: t, VR: OB, Fragments: fragments})
}

// Copy takes the elements tags from src as they are there, absent ones left
// out; text becomes UTF-8, padded as the standard says.
func (d *Dataset) Copy(src *Dataset, tags ...Tag) {
	for _, t := range tags {
		if e, ok := src.Get(t); ok {
			c := src.cloneElement(e, d)
			if e.VR.isText() {
				c.Value = padText(strings.Join(src.Texts(t), `\`), e.VR)
			}
			d.Set(c)
		}
	}
}

// Clone returns a deep copy of d that belongs to nobody, with its text in UTF-8.
func (d *Dataset) Clone() *Dataset {
	c := NewDataset()
	c.pixels, c.signed = d.pixels, d.isSigned()
	for _, e := range d.elems {
		if e.Tag == SpecificCharacterSet {
			continue
		}
		c.elems = append(c.elems, d.cloneElement(e, c))
	}
	if d.Has(SpecificCharacterSet) {
		c.SetText(SpecificCharacterSet, "ISO_IR 192")
	}
	return c
}

func (d *Dataset) cloneElement(e *Element, owner *Dataset) *Element {
	c := *e
	c.Value = append([]byte(nil), d.utf8Value(e)...)
	c.Items = nil
	for _, it := range e.Items {
		n := it.Clone()
		n.parent = owner
		c.Items = append(c.Items, n)
	}
	return &c
}

// ToUTF8 turns the text of d and its items to UTF-8 and declares it.
func (d *Dataset) ToUTF8() {
	for _, e := range d.elems {
		for _, it := range e.Items {
			it.ToUTF8()
		}
		if v := d.utf8Value(e); v != nil {
			e.Value = v
		}
	}
	// The items keep no declaration of their own: they inherit this one.
	d.Remove(SpecificCharacterSet)
	d.cs = utf8Charset
	if d.parent == nil {
		d.Set(&Element{Tag: SpecificCharacterSet, VR: CS, Value: []byte("ISO_IR 192")})
	}
}

// utf8Value returns the value of e in UTF-8, without change where it is none.
func (d *Dataset) utf8Value(e *Element) []byte {
	cs := d.charset()
	if cs == utf8Charset || !e.VR.kind().charset || isASCII(string(e.Value)) {
		return e.Value
	}
	text, _ := cs.decode(e.Value, e.VR)
	return padText(text, e.VR)
}

func (d *Dataset) root() *Dataset {
	for d.parent != nil {
		d = d.parent
	}
	return d
}

func (d *Dataset) charset() *charset {
	for ; d != nil; d = d.parent {
		if d.cs != nil {
			return d.cs
		}
	}
	return defaultCharset
}

// isSigned reports whether "US or SS" elements of d are SS (PS3.5 A.1).
func (d *Dataset) isSigned() bool {
	for ; d != nil; d = d.parent {
		if d.signed {
			return true
		}
		if v, ok := d.Int(PixelRepresentation); ok {
			return v == 1
		}
	}
	return false
}

// padText makes the length of s even (PS3.5 6.2).
func padText(s string, vr VR) []byte {
	b := make([]byte, len(s), len(s)+1)
	copy(b, s)
	if len(b)%2 == 1 {
		b = append(b, vr.kind().pad)
	}
	return b
}

// warnings collects tolerated defects, at most maxWarnings of them.
type warnings struct {
	list []string
	text []string // those of list that are about characters
}

const maxWarnings = 100
