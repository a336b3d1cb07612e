package dicomjson

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/radnode/radnode/dicom"
)

// Options say how data sets become text. The zero value writes every value
// inline.
type Options struct {
	// Bulk names the address of a value that is not written inline; path is
	// its attribute path: tags in eight hexadecimal digits and item numbers
	// (from 1), joined by "/". "" (or a nil function) leaves the value out.
	Bulk func(path string) string
	// Inline is the length in bytes up to which binary values are written
	// inline when Bulk is set.
	Inline int
	// Pixels, if not 0, is where the data set has pixel data that it does not
	// hold: the attribute becomes a reference.
	Pixels   dicom.Tag
	PixelsVR dicom.VR
}

// Append appends one data set as a JSON object. Group lengths and the groups
// 0000 and 0002 are no part of the model (PS3.18 F.2.2).
func Append(b []byte, d *dicom.Dataset, o Options) []byte {
	e := encoder{b: b, o: o}
	e.dataset(d, "", true)
	return e.b
}

type encoder struct {
	b []byte
	o Options
}

func (e *encoder) dataset(d *dicom.Dataset, path string, top bool) {
	e.b = append(e.b, '{')
	first := true
	begin := func(t dicom.Tag) {
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		e.b = append(appendTag(append(e.b, '"'), t), '"', ':')
	}
	pixels := e.o.Pixels
	if !top {
		pixels = 0
	}
	for _, el := range d.Elements() {
		if pixels != 0 && el.Tag >= pixels {
			begin(pixels)
			e.pixels(pixels)
			if el.Tag == pixels {
				pixels = 0
				continue
			}
			pixels = 0
		}
		if el.Tag.Element() == 0 || el.Tag.Group() <= 2 || !top && el.Tag == dicom.SpecificCharacterSet {
			continue
		}
		begin(el.Tag)
		e.element(d, el, path)
	}
	if pixels != 0 {
		begin(pixels)
		e.pixels(pixels)
	}
	e.b = append(e.b, '}')
}

func appendTag(b []byte, t dicom.Tag) []byte {
	const digits = "0123456789ABCDEF"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[t>>shift&15])
	}
	return b
}

func (e *encoder) pixels(t dicom.Tag) {
	e.vr(e.o.PixelsVR)
	e.reference(string(appendTag(nil, t)))
	e.b = append(e.b, '}')
}

func (e *encoder) vr(vr dicom.VR) {
	if len(vr) != 2 {
		vr = dicom.UN
	}
	e.b = append(e.b, `{"vr":"`...)
	e.b = append(append(e.b, vr...), '"')
}

// reference writes the BulkDataURI member, if the value has an address.
func (e *encoder) reference(path string) {
	if e.o.Bulk == nil {
		return
	}
	if uri := e.o.Bulk(path); uri != "" {
		e.b = appendString(append(e.b, `,"BulkDataURI":`...), uri)
	}
}

// element writes the value object of an attribute (PS3.18 F.2.2).
func (e *encoder) element(d *dicom.Dataset, el *dicom.Element, path string) {
	e.vr(el.VR)
	here := func() string { return path + string(appendTag(nil, el.Tag)) }
	switch {
	case el.Tag == dicom.SpecificCharacterSet:
		e.b = append(e.b, `,"Value":["ISO_IR 192"]`...) // F.2: the text is UTF-8
	case el.VR == dicom.SQ:
		e.items(el, here)
	case el.Skipped > 0, el.Fragments != nil, e.o.Bulk != nil && len(el.Value) > e.o.Inline && bulky[el.VR]:
		e.reference(here())
	case len(el.Value) == 0:
	case binaryVR[el.VR] || len(el.VR) != 2:
		e.b = append(e.b, `,"InlineBinary":"`...)
		e.b = append(base64.StdEncoding.AppendEncode(e.b, el.Value), '"')
	case el.VR == dicom.PN:
		e.list(d.Texts(el.Tag), appendName)
	case el.VR == dicom.DS, el.VR == dicom.IS:
		e.list(d.Texts(el.Tag), appendNumber)
	default:
		if n, ok := numbers[el.VR]; ok {
			e.numbers(el.Value, n)
			break
		}
		e.list(d.Texts(el.Tag), appendString)
	}
	e.b = append(e.b, '}')
}

func (e *encoder) items(el *dicom.Element, path func() string) {
	if len(el.Items) == 0 {
		return
	}
	e.b = append(e.b, `,"Value":[`...)
	at := path()
	for i, item := range el.Items {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.dataset(item, at+"/"+strconv.Itoa(i+1)+"/", false)
	}
	e.b = append(e.b, ']')
}

// list writes the values of a text VR; an empty one is null (F.2.5).
func (e *encoder) list(values []string, one func([]byte, string) []byte) {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return
	}
	e.b = append(e.b, `,"Value":[`...)
	for i, v := range values {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if v == "" {
			e.b = append(e.b, "null"...)
			continue
		}
		e.b = one(e.b, v)
	}
	e.b = append(e.b, ']')
}

// binaryVR are written as InlineBinary (Table F.2.3-1).
var binaryVR = map[dicom.VR]bool{
	dicom.OB: true, dicom.OD: true, dicom.OF: true, dicom.OL: true, dicom.OV: true, dicom.OW: true, dicom.UN: true,
}

// bulky are the VRs that may be references (PS3.18 F.2.2) and are worth it.
var bulky = map[dicom.VR]bool{
	dicom.OB: true, dicom.OD: true, dicom.OF: true, dicom.OL: true, dicom.OV: true, dicom.OW: true, dicom.UN: true,
	dicom.FD: true, dicom.FL: true, dicom.SL: true, dicom.SS: true, dicom.SV: true, dicom.UL: true, dicom.US: true, dicom.UV: true,
	dicom.UT: true, dicom.UC: true,
}

// number is a binary VR whose values are JSON numbers.
type number struct {
	size   int
	append func(b, value []byte) []byte
}

var numbers = map[dicom.VR]number{
	dicom.US: {2, func(b, v []byte) []byte { return strconv.AppendUint(b, uint64(binary.LittleEndian.Uint16(v)), 10) }},
	dicom.SS: {2, func(b, v []byte) []byte { return strconv.AppendInt(b, int64(int16(binary.LittleEndian.Uint16(v))), 10) }},
	dicom.UL: {4, func(b, v []byte) []byte { return strconv.AppendUint(b, uint64(binary.LittleEndian.Uint32(v)), 10) }},
	dicom.SL: {4, func(b, v []byte) []byte { return strconv.AppendInt(b, int64(int32(binary.LittleEndian.Uint32(v))), 10) }},
	dicom.UV: {8, func(b, v []byte) []byte { return appendLong(b, strconv.FormatUint(binary.LittleEndian.Uint64(v), 10)) }},
	dicom.SV: {8, func(b, v []byte) []byte {
		return appendLong(b, strconv.FormatInt(int64(binary.LittleEndian.Uint64(v)), 10))
	}},
	dicom.FL: {4, func(b, v []byte) []byte {
		return appendFloat(b, float64(math.Float32frombits(binary.LittleEndian.Uint32(v))), 32)
	}},
	dicom.FD: {8, func(b, v []byte) []byte {
		return appendFloat(b, math.Float64frombits(binary.LittleEndian.Uint64(v)), 64)
	}},
	dicom.AT: {4, func(b, v []byte) []byte {
		t := dicom.Tag(binary.LittleEndian.Uint16(v))<<16 | dicom.Tag(binary.LittleEndian.Uint16(v[2:]))
		return append(appendTag(append(b, '"'), t), '"')
	}},
}

func (e *encoder) numbers(v []byte, n number) {
	if len(v) < n.size {
		return
	}
	e.b = append(e.b, `,"Value":[`...)
	for i := 0; i+n.size <= len(v); i += n.size {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.b = n.append(e.b, v[i:])
	}
	e.b = append(e.b, ']')
}

// appendLong writes integers that a double cannot hold as strings (F.2.3-1
// allows either).
func appendLong(b []byte, digits string) []byte {
	if len(digits) > 15 {
		return appendString(b, digits)
	}
	return append(b, digits...)
}

// appendFloat writes what JSON has no number for as a string.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

// appendNumber writes a decimal or integer string as a number with the digits
// it has; what is no number stays a string.
func appendNumber(b []byte, s string) []byte {
	text := strings.TrimPrefix(strings.TrimSpace(s), "+")
	if isNumber(text) {
		return append(b, text...)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && !strings.ContainsAny(text, "xXpP_") {
		return strconv.AppendFloat(b, f, 'g', -1, 64) // ".5", "007"
	}
	return appendString(b, s)
}

// isNumber reports whether s follows the grammar of JSON numbers (RFC 8259 6)
// and a double can hold it.
func isNumber(s string) bool {
	rest := strings.TrimPrefix(s, "-")
	digits := func() bool {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		rest = rest[n:]
		return n > 0
	}
	if strings.HasPrefix(rest, "0") {
		rest = rest[1:]
	} else if !digits() {
		return false
	}
	if r, ok := strings.CutPrefix(rest, "."); ok {
		if rest = r; !digits() {
			return false
		}
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		if !digits() {
			return false
		}
	}
	if rest != "" {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// nameGroups are the members of a person name in the order of its component
// groups (F.2.2).
var nameGroups = [...]string{"Alphabetic", "Ideographic", "Phonetic"}

func appendName(b []byte, s string) []byte {
	b = append(b, '{')
	first := true
	for i, group := range strings.SplitN(s, "=", len(nameGroups)) {
		if group == "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), nameGroups[i]...), '"', ':')
		b = appendString(b, group)
	}
	return append(b, '}')
}

// appendString writes a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}
