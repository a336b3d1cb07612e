package dicomweb

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">`

// appendXML writes a data set as the Native DICOM Model (PS3.19 A.1), with the
// same choices of what is inline as the JSON model.
func appendXML(b []byte, d *dicom.Dataset, o dicomjson.Options) []byte {
	w := xmlWriter{o: o}
	w.b.Write(b)
	w.b.WriteString(xmlHead)
	w.dataset(d, "", true)
	w.b.WriteString("</NativeDicomModel>")
	return w.b.Bytes()
}

type xmlWriter struct {
	b bytes.Buffer
	o dicomjson.Options
}

func (w *xmlWriter) dataset(d *dicom.Dataset, path string, top bool) {
	pixels := w.o.Pixels
	for _, e := range d.Elements() {
		if top && pixels != 0 && e.Tag >= pixels {
			w.pixels(d)
			if pixels = 0; e.Tag == w.o.Pixels {
				continue
			}
		}
		if e.Tag.Element() == 0 || e.Tag.Group() <= 2 || e.Tag == dicom.SpecificCharacterSet && !top {
			continue
		}
		w.begin(d, e.Tag, e.VR)
		w.element(d, e, path+pathOf(e.Tag))
		w.b.WriteString("</DicomAttribute>")
	}
	if top && pixels != 0 {
		w.pixels(d)
	}
}

func (w *xmlWriter) begin(d *dicom.Dataset, t dicom.Tag, vr dicom.VR) {
	w.b.WriteString(`<DicomAttribute tag="` + pathOf(t) + `" vr="` + string(vr) + `"`)
	if keyword := t.Keyword(); keyword != "" && !t.Private() {
		w.b.WriteString(` keyword="` + keyword + `"`)
	}
	if creator := t&^0xFFFF | t>>8&0xFF; t.Private() && t.Element() >= 0x1000 {
		if name := d.Text(creator); name != "" {
			w.b.WriteString(` privateCreator="`)
			w.escape(name)
			w.b.WriteString(`"`)
		}
	}
	w.b.WriteString(">")
}

func (w *xmlWriter) pixels(d *dicom.Dataset) {
	w.begin(d, w.o.Pixels, w.o.PixelsVR)
	w.reference(pathOf(w.o.Pixels))
	w.b.WriteString("</DicomAttribute>")
}

func (w *xmlWriter) reference(path string) {
	if w.o.Bulk != nil {
		w.b.WriteString(`<BulkData uri="`)
		w.escape(w.o.Bulk(path))
		w.b.WriteString(`"/>`)
	}
}

func (w *xmlWriter) escape(s string) {
	_ = xml.EscapeText(&w.b, []byte(s)) // a buffer takes everything
}

func (w *xmlWriter) element(d *dicom.Dataset, e *dicom.Element, path string) {
	switch {
	case e.VR == dicom.SQ:
		for i, item := range e.Items {
			w.b.WriteString(`<Item number="` + strconv.Itoa(i+1) + `">`)
			w.dataset(item, path+"/"+strconv.Itoa(i+1)+"/", false)
			w.b.WriteString("</Item>")
		}
	case e.Skipped > 0, e.Fragments != nil, w.o.Bulk != nil && len(e.Value) > w.o.Inline && binaryVR[e.VR]:
		w.reference(path)
	case len(e.Value) == 0:
	case binaryVR[e.VR]:
		w.b.WriteString("<InlineBinary>" + base64.StdEncoding.EncodeToString(e.Value) + "</InlineBinary>")
	case e.Tag == dicom.SpecificCharacterSet:
		w.b.WriteString(`<Value number="1">ISO_IR 192</Value>`)
	default:
		for i, v := range d.Texts(e.Tag) {
			if v != "" {
				w.value(e.VR, i+1, v)
			}
		}
	}
}

// binaryVR are the VRs whose values are bytes (PS3.19 Table A.1.5-2).
var binaryVR = map[dicom.VR]bool{
	dicom.OB: true, dicom.OD: true, dicom.OF: true, dicom.OL: true, dicom.OV: true, dicom.OW: true, dicom.UN: true,
}

func (w *xmlWriter) value(vr dicom.VR, number int, v string) {
	switch vr {
	case dicom.PN:
		w.name(number, v)
		return
	case dicom.AT:
		v = strings.NewReplacer("(", "", ")", "", ",", "").Replace(v)
	}
	w.b.WriteString(`<Value number="` + strconv.Itoa(number) + `">`)
	w.escape(v)
	w.b.WriteString("</Value>")
}

// nameParts are the component groups and components of a person name in their
// order.
var (
	nameGroups     = [...]string{"Alphabetic", "Ideographic", "Phonetic"}
	nameComponents = [...]string{"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"}
)

func (w *xmlWriter) name(number int, v string) {
	w.b.WriteString(`<PersonName number="` + strconv.Itoa(number) + `">`)
	for i, group := range strings.SplitN(v, "=", len(nameGroups)) {
		if group == "" {
			continue
		}
		w.b.WriteString("<" + nameGroups[i] + ">")
		for j, component := range strings.SplitN(group, "^", len(nameComponents)) {
			if component != "" {
				w.b.WriteString("<" + nameComponents[j] + ">")
				w.escape(component)
				w.b.WriteString("</" + nameComponents[j] + ">")
			}
		}
		w.b.WriteString("</" + nameGroups[i] + ">")
	}
	w.b.WriteString("</PersonName>")
}

func writeXMLPart(out *parts, d *dicom.Dataset, o dicomjson.Options) error {
	text := appendXML(nil, d, o)
	w, err := out.part(typeXML, "", int64(len(text)))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// writeXML sends data sets, each as a part.
func writeXML(c echo.Context, list []*dicom.Dataset, o dicomjson.Options) error {
	out := newParts(c, typeXML)
	for _, d := range list {
		if err := writeXMLPart(out, d, o); err != nil {
			return cut(c, err)
		}
	}
	return cut(c, out.end())
}
