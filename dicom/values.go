package dicom

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
)

// Texts returns the values of t as UTF-8 without padding; numbers come as
// decimal text, nil for an absent or empty element and for a sequence.
func (d *Dataset) Texts(t Tag) []string {
	e, ok := d.Get(t)
	if !ok || len(e.Value) == 0 {
		return nil
	}
	k := e.VR.kind()
	if k.unit != 0 {
		return numberTexts(e)
	}
	var s string
	if k.charset {
		s, _ = d.charset().decode(e.Value, e.VR)
	} else {
		s = latin1(e.Value)
	}
	if k.single {
		return []string{strings.TrimRight(s, " \x00")}
	}
	if strings.IndexByte(s, '\\') < 0 {
		return []string{trimValue(s)}
	}
	v := strings.Split(s, `\`)
	for i := range v {
		v[i] = trimValue(v[i])
	}
	return v
}

// trimValue removes padding: leading and trailing spaces are not significant
// in the VRs with several values (PS3.5 6.2), NUL pads UI and, wrongly, others.
func trimValue(s string) string {
	s = strings.TrimRight(s, " \x00")
	return strings.TrimLeft(s, " ")
}

func numberTexts(e *Element) []string {
	var out []string
	switch e.VR {
	case FL, FD, OF, OD:
		bits := 64
		if e.VR == FL || e.VR == OF {
			bits = 32
		}
		for _, f := range floats(e) {
			out = append(out, strconv.FormatFloat(f, 'g', -1, bits))
		}
	case AT:
		for i := 0; i+4 <= len(e.Value); i += 4 {
			out = append(out, attributeTag(e.Value[i:]).String())
		}
	case US, SS, UL, SL, SV, UV:
		for _, v := range ints(e) {
			out = append(out, strconv.Itoa(v))
		}
	case UN:
		return []string{trimValue(latin1(e.Value))}
	}
	return out
}

// attributeTag reads one AT value: group, then element (PS3.5 6.2).
func attributeTag(b []byte) Tag {
	return Tag(binary.LittleEndian.Uint16(b))<<16 | Tag(binary.LittleEndian.Uint16(b[2:]))
}

// Int returns the first value of t as an integer; false when it is absent,
// empty or no integer.
func (d *Dataset) Int(t Tag) (int, bool) {
	if v := d.Ints(t); len(v) > 0 {
		return v[0], true
	}
	return 0, false
}

// Ints returns the integers of t, whatever its numeric VR, IS and DS included;
// nil if one of them is no integer. AT values are group<<16 | element.
func (d *Dataset) Ints(t Tag) []int {
	e, ok := d.Get(t)
	if !ok || len(e.Value) == 0 {
		return nil
	}
	if !e.VR.isText() {
		return ints(e)
	}
	texts := d.Texts(t)
	out := make([]int, 0, len(texts))
	for _, s := range texts {
		v, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(s), "+"))
		if err != nil {
			f, ferr := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return nil
			}
			v = int(f)
		}
		out = append(out, v)
	}
	return out
}

func ints(e *Element) []int {
	b, le := e.Value, binary.LittleEndian
	unit := e.VR.kind().unit
	if e.VR == AT {
		unit = 4
	}
	out := make([]int, 0, len(b)/unit)
	for ; len(b) >= unit; b = b[unit:] {
		var v int
		switch e.VR {
		case US, OW:
			v = int(le.Uint16(b))
		case SS:
			v = int(int16(le.Uint16(b)))
		case UL, OL:
			v = int(le.Uint32(b))
		case SL:
			v = int(int32(le.Uint32(b)))
		case AT:
			v = int(attributeTag(b))
		case SV:
			v = int(int64(le.Uint64(b)))
		case UV, OV:
			u := le.Uint64(b)
			if u > math.MaxInt64 {
				return nil
			}
			v = int(u)
		case OB:
			v = int(b[0])
		default:
			return nil
		}
		out = append(out, v)
	}
	return out
}

// Float returns the first value of t as a number; false when it is absent,
// empty or no number.
func (d *Dataset) Float(t Tag) (float64, bool) {
	if v := d.Floats(t); len(v) > 0 {
		return v[0], true
	}
	return 0, false
}

// Floats returns the numbers of t, whatever its numeric VR, IS and DS
// included; nil if one of them is no finite number.
func (d *Dataset) Floats(t Tag) []float64 {
	e, ok := d.Get(t)
	if !ok || len(e.Value) == 0 {
		return nil
	}
	if !e.VR.isText() {
		return floats(e)
	}
	texts := d.Texts(t)
	out := make([]float64, 0, len(texts))
	for _, s := range texts {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
		out = append(out, f)
	}
	return out
}

func floats(e *Element) []float64 {
	b, le := e.Value, binary.LittleEndian
	var out []float64
	switch e.VR {
	case FL, OF:
		for ; len(b) >= 4; b = b[4:] {
			out = append(out, float64(math.Float32frombits(le.Uint32(b))))
		}
	case FD, OD:
		for ; len(b) >= 8; b = b[8:] {
			out = append(out, math.Float64frombits(le.Uint64(b)))
		}
	default:
		for _, v := range ints(e) {
			out = append(out, float64(v))
		}
	}
	return out
}

// SetInts sets the values of a numeric element, IS and DS included.
func (d *Dataset) SetInts(t Tag, v ...int) {
	vr := dictionaryVR(t, d.isSigned())
	if e, ok := Lookup(t); ok && vr == US && len(e.VR) > 2 {
		for _, n := range v {
			if n < 0 {
				vr = SS
			}
		}
	}
	if vr.isText() {
		texts := make([]string, len(v))
		for i, n := range v {
			texts[i] = strconv.Itoa(n)
		}
		d.Set(&Element{Tag: t, VR: vr, Value: padText(strings.Join(texts, `\`), vr)})
		return
	}
	var b []byte
	for _, n := range v {
		b = appendInt(b, vr, n)
	}
	d.Set(&Element{Tag: t, VR: vr, Value: b})
}

func appendInt(b []byte, vr VR, n int) []byte {
	le := binary.LittleEndian
	switch vr {
	case US, SS, OW:
		return le.AppendUint16(b, uint16(n))
	case AT:
		return le.AppendUint16(le.AppendUint16(b, uint16(n>>16)), uint16(n))
	case FL, OF:
		return le.AppendUint32(b, math.Float32bits(float32(n)))
	case FD, OD:
		return le.AppendUint64(b, math.Float64bits(float64(n)))
	case SV, UV, OV:
		return le.AppendUint64(b, uint64(n))
	case OB, UN:
		return append(b, byte(n))
	default:
		return le.AppendUint32(b, uint32(n))
	}
}

// SetFloats sets the values of a numeric element, IS and DS included; DS
// values are rounded to the 16 characters the standard allows.
func (d *Dataset) SetFloats(t Tag, v ...float64) {
	vr := dictionaryVR(t, d.isSigned())
	var b []byte
	texts := make([]string, 0, len(v))
	for _, f := range v {
		switch vr {
		case FL, OF:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
		case FD, OD:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
		case IS:
			texts = append(texts, strconv.FormatFloat(math.Round(f), 'f', 0, 64))
		default:
			if vr.isText() {
				texts = append(texts, FormatDS(f))
				continue
			}
			b = appendInt(b, vr, int(math.Round(f)))
		}
	}
	if vr.isText() {
		b = padText(strings.Join(texts, `\`), vr)
	}
	d.Set(&Element{Tag: t, VR: vr, Value: b})
}

// FormatDS writes f as a decimal string of at most 16 characters with as many
// digits as fit (PS3.5 6.2).
func FormatDS(f float64) string {
	if f == 0 {
		return "0"
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if len(s) <= 16 {
		return s
	}
	for p := 16; p > 0; p-- {
		if s = strconv.FormatFloat(f, 'g', p, 64); len(s) <= 16 {
			break
		}
	}
	return s
}

// UIDs returns all values of t as UIDs.
func (d *Dataset) UIDs(t Tag) []radnode.UID {
	texts := d.Texts(t)
	out := make([]radnode.UID, len(texts))
	for i, s := range texts {
		out[i] = radnode.UID(s)
	}
	return out
}
