package dicomweb

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// nativeModel is the Native DICOM Model as it is read (PS3.19 A.1).
type nativeModel struct {
	Attributes []nativeAttribute `xml:"DicomAttribute"`
}

type nativeAttribute struct {
	Tag    string        `xml:"tag,attr"`
	VR     string        `xml:"vr,attr"`
	Values []numbered    `xml:"Value"`
	Names  []nativeName  `xml:"PersonName"`
	Items  []nativeItem  `xml:"Item"`
	Bulk   *nativeBulk   `xml:"BulkData"`
	Inline *nativeInline `xml:"InlineBinary"`
}

type numbered struct {
	Number int    `xml:"number,attr"`
	Text   string `xml:",chardata"`
}

type nativeItem struct {
	Number     int               `xml:"number,attr"`
	Attributes []nativeAttribute `xml:"DicomAttribute"`
}

type nativeBulk struct {
	URI string `xml:"uri,attr"`
}

type nativeInline struct {
	Text string `xml:",chardata"`
}

type nativeName struct {
	Number      int         `xml:"number,attr"`
	Alphabetic  nativeGroup `xml:"Alphabetic"`
	Ideographic nativeGroup `xml:"Ideographic"`
	Phonetic    nativeGroup `xml:"Phonetic"`
}

type nativeGroup struct {
	Family string `xml:"FamilyName"`
	Given  string `xml:"GivenName"`
	Middle string `xml:"MiddleName"`
	Prefix string `xml:"NamePrefix"`
	Suffix string `xml:"NameSuffix"`
}

func (g nativeGroup) String() string {
	return strings.TrimRight(strings.Join([]string{g.Family, g.Given, g.Middle, g.Prefix, g.Suffix}, "^"), "^")
}

// attributeJSON is an attribute of the JSON model.
type attributeJSON struct {
	VR           string `json:"vr"`
	Value        []any  `json:"Value,omitempty"`
	BulkDataURI  string `json:"BulkDataURI,omitempty"`
	InlineBinary string `json:"InlineBinary,omitempty"`
}

const mostNumber = 1 << 20 // of values of an attribute

// jsonOfXML turns a data set of the XML model into the JSON model, whose reader
// then checks it: the two say the same (PS3.18 F.1.1).
func jsonOfXML(text []byte) (json.RawMessage, error) {
	var m nativeModel
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = true
	if err := d.Decode(&m); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, opStore, "the metadata are no Native DICOM Model (PS3.19 A.1): %w", err)
	}
	set, err := jsonOfAttributes(m.Attributes, 0)
	if err != nil {
		return nil, err
	}
	return json.Marshal(set)
}

func jsonOfAttributes(list []nativeAttribute, depth int) (map[string]attributeJSON, error) {
	if depth > dicom.DefaultLimits.Depth {
		return nil, radnode.Errorf(radnode.TooLarge, opStore, "sequences are nested deeper than %d", dicom.DefaultLimits.Depth)
	}
	set := make(map[string]attributeJSON, len(list))
	for i := range list {
		a := &list[i]
		out := attributeJSON{VR: a.VR}
		var err error
		if out.Value, err = a.values(depth); err != nil {
			return nil, err
		}
		if a.Bulk != nil {
			out.BulkDataURI = a.Bulk.URI
		}
		if a.Inline != nil {
			out.InlineBinary = strings.Join(strings.Fields(a.Inline.Text), "")
		}
		if _, twice := set[a.Tag]; twice {
			return nil, radnode.Errorf(radnode.Invalid, opStore, "an attribute stands twice in a data set")
		}
		set[a.Tag] = out
	}
	return set, nil
}

// values puts the values of an attribute at the places that their numbers say;
// places without one are empty values.
func (a *nativeAttribute) values(depth int) ([]any, error) {
	var list []any
	put := func(number int, v any) error {
		if number < 1 || number > mostNumber || number > len(list)+1024 {
			return radnode.Errorf(radnode.Invalid, opStore, "a value has no number from 1")
		}
		for len(list) < number {
			list = append(list, nil)
		}
		list[number-1] = v
		return nil
	}
	for _, v := range a.Values {
		var value any = v.Text
		if v.Text == "" {
			value = nil
		}
		if err := put(v.Number, value); err != nil {
			return nil, err
		}
	}
	for _, n := range a.Names {
		name := map[string]string{"Alphabetic": n.Alphabetic.String(), "Ideographic": n.Ideographic.String(), "Phonetic": n.Phonetic.String()}
		if err := put(n.Number, name); err != nil {
			return nil, err
		}
	}
	for _, item := range a.Items {
		set, err := jsonOfAttributes(item.Attributes, depth+1)
		if err != nil {
			return nil, err
		}
		if err := put(item.Number, set); err != nil {
			return nil, err
		}
	}
	return list, nil
}
