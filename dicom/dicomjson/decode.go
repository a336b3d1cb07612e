package dicomjson

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Limits bound what one text may ask for.
type Limits struct {
	Depth    int // sequences in sequences
	Elements int // attributes in all items together
	// Bulk gives the value that a BulkDataURI refers to; nil refuses them.
	Bulk func(uri string) ([]byte, error)
	// Pixels is told of a reference in place of the pixel data, which are then
	// left out of the data set: they may be longer than memory. nil: Bulk gives
	// them as any other value.
	Pixels func(t dicom.Tag, vr dicom.VR, uri string)
}

// DefaultLimits are those of the reader of data sets.
var DefaultLimits = Limits{Depth: dicom.DefaultLimits.Depth, Elements: dicom.DefaultLimits.Elements}

const opDecode = "read DICOM JSON"

// Decode reads an array of data sets, or one alone.
func Decode(text []byte, lim Limits) ([]*dicom.Dataset, error) {
	r := &decoder{lim: lim, elements: lim.Elements}
	var objects []json.RawMessage
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		objects = []json.RawMessage{trimmed}
	} else if err := json.Unmarshal(text, &objects); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, opDecode, "the text is no array of data sets (PS3.18 F.2.1): %w", err)
	}
	list := make([]*dicom.Dataset, 0, len(objects))
	for _, o := range objects {
		d, err := r.dataset(o, 0)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

type decoder struct {
	lim      Limits
	elements int
}

// attribute is the value object of an attribute.
type attribute struct {
	VR           string            `json:"vr"`
	Value        []json.RawMessage `json:"Value"`
	BulkDataURI  *string           `json:"BulkDataURI"`
	InlineBinary *string           `json:"InlineBinary"`
}

func (r *decoder) dataset(text json.RawMessage, depth int) (*dicom.Dataset, error) {
	if depth > r.lim.Depth {
		return nil, radnode.Errorf(radnode.TooLarge, opDecode, "sequences are nested deeper than %d", r.lim.Depth)
	}
	var members map[string]attribute
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, opDecode, "a data set is no object of attributes: %w", err)
	}
	if r.elements -= len(members); r.elements < 0 {
		return nil, radnode.Errorf(radnode.TooLarge, opDecode, "more than %d attributes", r.lim.Elements)
	}
	d := dicom.NewDataset()
	for key, a := range members {
		n, err := strconv.ParseUint(key, 16, 32)
		if err != nil || len(key) != 8 {
			return nil, radnode.Errorf(radnode.Invalid, opDecode, "%.20q is no tag of eight hexadecimal digits", key)
		}
		t := dicom.Tag(n)
		if t.Element() == 0 || t.Group() <= 2 || t.Group() == 0xFFFE {
			return nil, radnode.Errorf(radnode.Invalid, opDecode, "attribute %s has no place in the model", t)
		}
		if t == dicom.SpecificCharacterSet {
			if depth == 0 {
				d.SetText(t, "ISO_IR 192")
			}
			continue
		}
		if err := r.attribute(d, t, &a, depth); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// known are the VRs there are.
var known = func() map[dicom.VR]bool {
	m := map[dicom.VR]bool{dicom.SQ: true, dicom.AT: true}
	for _, vr := range []dicom.VR{
		dicom.AE, dicom.AS, dicom.CS, dicom.DA, dicom.DS, dicom.DT, dicom.IS, dicom.LO, dicom.LT, dicom.PN, dicom.SH, dicom.ST, dicom.TM,
		dicom.UC, dicom.UI, dicom.UR, dicom.UT,
	} {
		m[vr] = true
	}
	for vr := range binaryVR {
		m[vr] = true
	}
	for vr := range numbers {
		m[vr] = true
	}
	return m
}()

// pixelData are the attributes that hold pixels (PS3.5 A.4, PS3.3 C.7.6.24).
var pixelData = map[dicom.Tag]bool{dicom.PixelDataTag: true, dicom.FloatPixelData: true, dicom.DoubleFloatPixelData: true}

func invalid(t dicom.Tag, what string) error {
	return radnode.Errorf(radnode.Invalid, opDecode, "attribute %s: %s", t, what)
}

func (r *decoder) attribute(d *dicom.Dataset, t dicom.Tag, a *attribute, depth int) error {
	vr := dicom.VR(a.VR)
	if !known[vr] {
		return invalid(t, "its vr is none")
	}
	switch {
	case vr == dicom.SQ:
		return r.items(d, t, a, depth)
	case a.InlineBinary != nil:
		b, err := base64.StdEncoding.DecodeString(*a.InlineBinary)
		if err != nil || !binaryVR[vr] {
			return invalid(t, "its InlineBinary is not base64 or its vr takes none")
		}
		d.SetBytes(t, vr, b)
	case a.BulkDataURI != nil && depth == 0 && pixelData[t] && r.lim.Pixels != nil:
		r.lim.Pixels(t, vr, *a.BulkDataURI)
	case a.BulkDataURI != nil:
		if r.lim.Bulk == nil {
			return invalid(t, "it refers to bulk data, and there are none")
		}
		b, err := r.lim.Bulk(*a.BulkDataURI)
		if err != nil {
			return err
		}
		d.SetBytes(t, vr, b)
	case len(a.Value) == 0:
		d.SetBytes(t, vr, nil)
	case binaryVR[vr]:
		return invalid(t, "its vr takes InlineBinary or BulkDataURI, not Value")
	default:
		return r.values(d, t, vr, a.Value)
	}
	return nil
}

func (r *decoder) items(d *dicom.Dataset, t dicom.Tag, a *attribute, depth int) error {
	if r.elements -= len(a.Value); r.elements < 0 { // an empty item costs memory too
		return radnode.Errorf(radnode.TooLarge, opDecode, "more than %d attributes and items", r.lim.Elements)
	}
	if a.InlineBinary != nil || a.BulkDataURI != nil {
		return invalid(t, "a sequence has items and nothing else")
	}
	items := make([]*dicom.Dataset, 0, len(a.Value))
	for _, v := range a.Value {
		item := dicom.NewDataset()
		if string(v) != "null" {
			var err error
			if item, err = r.dataset(v, depth+1); err != nil {
				return err
			}
		}
		items = append(items, item)
	}
	d.SetItems(t, items...)
	return nil
}

// single are the VRs in which the backslash is a character like others (PS3.5
// 6.2).
var single = map[dicom.VR]bool{dicom.LT: true, dicom.ST: true, dicom.UT: true, dicom.UR: true}

// values sets the values of an attribute with a text or number VR.
func (r *decoder) values(d *dicom.Dataset, t dicom.Tag, vr dicom.VR, values []json.RawMessage) error {
	if _, isNumber := numbers[vr]; isNumber {
		var b []byte
		for _, v := range values {
			var err error
			if b, err = appendBinary(b, t, vr, v); err != nil {
				return err
			}
		}
		d.SetBytes(t, vr, b)
		return nil
	}
	texts := make([]string, len(values))
	for i, v := range values {
		s, err := text(t, vr, v)
		if err != nil {
			return err
		}
		if strings.ContainsRune(s, '\\') && !single[vr] {
			return invalid(t, "a value holds a backslash, which separates values (PS3.5 6.2)")
		}
		texts[i] = s
	}
	if single[vr] && len(texts) > 1 {
		return invalid(t, "its vr takes one value")
	}
	joined := []byte(strings.Join(texts, `\`))
	if len(joined)%2 == 1 {
		pad := byte(' ')
		if vr == dicom.UI {
			pad = 0
		}
		joined = append(joined, pad)
	}
	d.SetBytes(t, vr, joined)
	return nil
}

// text is one value of a text VR: a string, a number of DS and IS, a name.
func text(t dicom.Tag, vr dicom.VR, v json.RawMessage) (string, error) {
	if string(v) == "null" {
		return "", nil
	}
	switch {
	case vr == dicom.PN && v[0] == '{':
		var groups struct{ Alphabetic, Ideographic, Phonetic string }
		if err := json.Unmarshal(v, &groups); err != nil {
			return "", invalid(t, "a person name is not of three texts")
		}
		return strings.TrimRight(groups.Alphabetic+"="+groups.Ideographic+"="+groups.Phonetic, "="), nil
	case (vr == dicom.DS || vr == dicom.IS) && v[0] != '"':
		if !isNumber(string(v)) {
			return "", invalid(t, "a value is no number")
		}
		if vr == dicom.DS && len(v) > maxDS {
			f, _ := strconv.ParseFloat(string(v), 64) // isNumber has parsed it
			return dicom.FormatDS(f), nil
		}
		return string(v), nil
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return "", invalid(t, "a value is no text")
	}
	return s, nil
}

// maxDS is the length of a decimal string (PS3.5 6.2).
const maxDS = 16

// appendBinary appends one value of a number VR, little endian.
func appendBinary(b []byte, t dicom.Tag, vr dicom.VR, v json.RawMessage) ([]byte, error) {
	s := strings.Trim(string(v), `"`)
	le := binary.LittleEndian
	var err error
	var n int64
	var u uint64
	var f float64
	switch size := numbers[vr].size; vr {
	case dicom.AT:
		if u, err = strconv.ParseUint(s, 16, 32); err == nil && len(s) == 8 {
			return le.AppendUint16(le.AppendUint16(b, uint16(u>>16)), uint16(u)), nil
		}
	case dicom.FL, dicom.FD:
		if f, err = strconv.ParseFloat(s, 8*size); err == nil && size == 4 {
			return le.AppendUint32(b, math.Float32bits(float32(f))), nil
		} else if err == nil {
			return le.AppendUint64(b, math.Float64bits(f)), nil
		}
	case dicom.SS, dicom.SL, dicom.SV:
		if n, err = strconv.ParseInt(s, 10, 8*size); err == nil {
			return appendSized(b, uint64(n), size), nil
		}
	default:
		if u, err = strconv.ParseUint(s, 10, 8*size); err == nil {
			return appendSized(b, u, size), nil
		}
	}
	return nil, invalid(t, "a value is no number of its vr")
}

func appendSized(b []byte, v uint64, size int) []byte {
	var value [8]byte
	binary.LittleEndian.PutUint64(value[:], v)
	return append(b, value[:size]...)
}
