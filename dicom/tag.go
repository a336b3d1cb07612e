package dicom

import (
	"fmt"
	"sort"
	"sync"
)

// Tag names a data element: group number in the upper and element number in
// the lower 16 bits (PS3.5 7.1).
type Tag uint32

// Group returns the group number; odd groups are private.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element returns the element number within the group.
func (t Tag) Element() uint16 { return uint16(t) }

// Private reports whether t is a private element (PS3.5 7.8).
func (t Tag) Private() bool { return t>>16&1 == 1 }

// String returns t as the standard prints it: (0010,0010).
func (t Tag) String() string { return fmt.Sprintf("(%04X,%04X)", t.Group(), t.Element()) }

// name is the keyword, or the number of a tag without one.
func (t Tag) name() string {
	if k := t.Keyword(); k != "" {
		return k
	}
	return t.String()
}

// Keyword returns the keyword of PS3.6, or "" for a private or unknown tag.
func (t Tag) Keyword() string {
	if e, ok := Lookup(t); ok {
		return e.Keyword
	}
	return ""
}

// DictionaryEntry is one row of the data dictionary.
type DictionaryEntry struct {
	Tag     Tag
	VR      string // "US or SS" where the standard leaves a choice
	VM      string
	Keyword string
	Retired bool
}

// Lookup finds t in the data dictionary. Repeating groups (PS3.5 7.6:
// overlays 60xx, curves 50xx) are found under their first group.
func Lookup(t Tag) (DictionaryEntry, bool) {
	if e, ok := lookupExact(t); ok {
		return e, true
	}
	if g := t.Group(); !t.Private() && (g > 0x6000 && g <= 0x601E || g > 0x5000 && g <= 0x501E) {
		return lookupExact(t &^ 0x00FF0000)
	}
	if t.Element() == 0 {
		return DictionaryEntry{Tag: t, VR: "UL", VM: "1", Keyword: "GenericGroupLength", Retired: true}, true
	}
	// PS3.5 7.8.1: (gggg,0010-00FF) with odd group reserve a block.
	if t.Private() && t.Element() >= 0x10 && t.Element() <= 0xFF {
		return DictionaryEntry{Tag: t, VR: "LO", VM: "1", Keyword: "PrivateCreator"}, true
	}
	return DictionaryEntry{}, false
}

func lookupExact(t Tag) (DictionaryEntry, bool) {
	i := sort.Search(len(dictionary), func(i int) bool { return dictionary[i].Tag >= t })
	if i < len(dictionary) && dictionary[i].Tag == t {
		return dictionary[i], true
	}
	return DictionaryEntry{}, false
}

// LookupKeyword finds the tag of a keyword of PS3.6.
func LookupKeyword(keyword string) (Tag, bool) {
	t, ok := tagsByKeyword()[keyword]
	return t, ok && keyword != ""
}

// tagsByKeyword is the dictionary by keyword; few programs need it.
var tagsByKeyword = sync.OnceValue(func() map[string]Tag {
	byKeyword := make(map[string]Tag, len(dictionary))
	for _, e := range dictionary {
		byKeyword[e.Keyword] = e.Tag
	}
	return byKeyword
})

// VR is a value representation (PS3.5 6.2).
type VR string

// The value representations.
const (
	AE VR = "AE"
	AS VR = "AS"
	AT VR = "AT"
	CS VR = "CS"
	DA VR = "DA"
	DS VR = "DS"
	DT VR = "DT"
	FD VR = "FD"
	FL VR = "FL"
	IS VR = "IS"
	LO VR = "LO"
	LT VR = "LT"
	OB VR = "OB"
	OD VR = "OD"
	OF VR = "OF"
	OL VR = "OL"
	OV VR = "OV"
	OW VR = "OW"
	PN VR = "PN"
	SH VR = "SH"
	SL VR = "SL"
	SQ VR = "SQ"
	SS VR = "SS"
	ST VR = "ST"
	SV VR = "SV"
	TM VR = "TM"
	UC VR = "UC"
	UI VR = "UI"
	UL VR = "UL"
	UN VR = "UN"
	UR VR = "UR"
	US VR = "US"
	UT VR = "UT"
	UV VR = "UV"
)

// vrKind is what reader and writer need to know about a VR.
type vrKind struct {
	vr      VR
	long    bool // PS3.5 7.1.2: 32-bit length behind two reserved bytes
	unit    int  // bytes of one binary value; 0: text; also the unit of byte swapping (PS3.5 7.3)
	charset bool // PS3.5 6.1.2.3: affected by Specific Character Set
	single  bool // the backslash is no separator
	pad     byte // PS3.5 6.2: what makes the length even
}

var vrKinds = [...]vrKind{
	{vr: AE, pad: ' '}, {vr: AS, pad: ' '}, {vr: AT, unit: 2}, {vr: CS, pad: ' '}, {vr: DA, pad: ' '},
	{vr: DS, pad: ' '}, {vr: DT, pad: ' '}, {vr: FD, unit: 8}, {vr: FL, unit: 4}, {vr: IS, pad: ' '},
	{vr: LO, pad: ' ', charset: true}, {vr: LT, pad: ' ', charset: true, single: true},
	{vr: OB, long: true, unit: 1}, {vr: OD, long: true, unit: 8}, {vr: OF, long: true, unit: 4},
	{vr: OL, long: true, unit: 4}, {vr: OV, long: true, unit: 8}, {vr: OW, long: true, unit: 2},
	{vr: PN, pad: ' ', charset: true}, {vr: SH, pad: ' ', charset: true}, {vr: SL, unit: 4},
	{vr: SQ, long: true, unit: 1}, {vr: SS, unit: 2}, {vr: ST, pad: ' ', charset: true, single: true},
	{vr: SV, long: true, unit: 8}, {vr: TM, pad: ' '}, {vr: UC, long: true, pad: ' ', charset: true},
	{vr: UI, pad: 0}, {vr: UL, unit: 4}, {vr: UN, long: true, unit: 1}, {vr: UR, long: true, pad: ' ', single: true},
	{vr: US, unit: 2}, {vr: UT, long: true, pad: ' ', charset: true, single: true}, {vr: UV, long: true, unit: 8},
}

// vrIndex finds a kind by the two letters of its name; 0 is none.
var vrIndex = func() (t [26 * 26]uint8) {
	for i, k := range vrKinds {
		t[int(k.vr[0]-'A')*26+int(k.vr[1]-'A')] = uint8(i + 1)
	}
	return t
}()

func kindOf(a, b byte) (*vrKind, bool) {
	if a < 'A' || a > 'Z' || b < 'A' || b > 'Z' {
		return nil, false
	}
	i := vrIndex[int(a-'A')*26+int(b-'A')]
	if i == 0 {
		return nil, false
	}
	return &vrKinds[i-1], true
}

func (v VR) kind() *vrKind {
	if len(v) == 2 {
		if k, ok := kindOf(v[0], v[1]); ok {
			return k
		}
	}
	return &unKind
}

var unKind = vrKind{vr: UN, long: true, unit: 1}

// isText reports whether values of v are characters.
func (v VR) isText() bool { return v.kind().unit == 0 }

// dictionaryVR returns the VR of t where nothing else tells it: the
// dictionary's, with the choices of PS3.5 A.1 made for implicit VR.
func dictionaryVR(t Tag, signed bool) VR {
	e, ok := Lookup(t)
	if !ok {
		return UN
	}
	switch e.VR {
	case "US or SS", "US or SS or OW", "SS or US":
		if signed {
			return SS
		}
		return US
	case "US or OW", "OB or OW", "OW or OB":
		return OW
	}
	if len(e.VR) < 2 {
		return UN
	}
	return VR(e.VR[:2]).kind().vr
}
