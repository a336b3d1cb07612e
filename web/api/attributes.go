package api

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
)

// Bounds of what is shown of one object: what is beyond them is no reading.
const (
	maxAttributes    = 5000 // with those of items
	maxShownItems    = 100  // of one sequence
	maxShownValues   = 64   // of one attribute
	maxShownText     = 4096 // bytes of one value
	maxShownDepth    = 16
	maxShownBytes    = 64 << 10 // a longer value is told by its length
	maxDocument      = 64 << 20 // an encapsulated document
	opDocument       = "show document"
	pdf              = "application/pdf"
	unnamedAttribute = "Unknown"
)

// AttributeTable answers GET /instances/{uid}/attributes: the header of any
// object, readable where nothing better is known about its class.
type AttributeTable struct {
	SOPInstanceUID radnode.UID `json:"sop_instance_uid"`
	SOPClassUID    radnode.UID `json:"sop_class_uid"`
	SOPClass       string      `json:"sop_class"`
	TransferSyntax radnode.UID `json:"transfer_syntax"`
	Attributes     []Attribute `json:"attributes"`
	Truncated      bool        `json:"truncated"` // there is more than what is shown
	Warnings       []string    `json:"warnings"`  // what was tolerated when it was read
}

// Attribute is one data element (PS3.5 7.1).
type Attribute struct {
	Tag     string        `json:"tag"`
	Keyword string        `json:"keyword"`
	VR      string        `json:"vr"`
	Values  []string      `json:"values,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"` // of a value that is not shown: binary or too long
	Items   [][]Attribute `json:"items,omitempty"`
}

// GetAttributes answers the attributes of an object, whatever its class.
func (a *API) GetAttributes(c echo.Context) error {
	file, err := a.object(c, dicom.Limits{ValueBytes: maxShownBytes})
	if err != nil {
		return err
	}
	ds := file.Dataset
	out := AttributeTable{
		SOPInstanceUID: ds.UID(dicom.SOPInstanceUID), SOPClassUID: ds.UID(dicom.SOPClassUID),
		TransferSyntax: file.TransferSyntax, Warnings: append([]string{}, ds.Warnings()...),
	}
	if class, ok := dicom.LookupSOPClass(out.SOPClassUID); ok {
		out.SOPClass = class.Name
	}
	t := table{left: maxAttributes}
	out.Attributes = t.list(ds, 0)
	out.Truncated = t.cut
	return sendJSON(c, out)
}

// object reads the header of the object in the address.
func (a *API) object(c echo.Context, lim dicom.Limits) (*dicom.File, error) {
	uid, err := uidParam(c, "uid")
	if err != nil {
		return nil, err
	}
	path, _, err := a.Files.InstancePath(c.Request().Context(), uid)
	if err != nil {
		return nil, err
	}
	file, err := dicom.ReadFile(path, lim)
	if err != nil {
		return nil, err
	}
	seen := audit.Event{Action: audit.StudyViewed, StudyUID: file.Dataset.UID(dicom.StudyInstanceUID), ObjectID: string(uid)}
	return file, a.record(c, seen)
}

// table lists attributes within its bounds.
type table struct {
	left int
	cut  bool
}

func (t *table) list(ds *dicom.Dataset, depth int) []Attribute {
	out := []Attribute{}
	for _, e := range ds.Elements() {
		if t.left == 0 || depth > maxShownDepth {
			t.cut = true
			return out
		}
		t.left--
		one := Attribute{Tag: e.Tag.String(), Keyword: e.Tag.Keyword(), VR: string(e.VR)}
		if one.Keyword == "" {
			one.Keyword = unnamedAttribute
		}
		for i, item := range e.Items {
			if i == maxShownItems {
				t.cut = true
				break
			}
			one.Items = append(one.Items, t.list(item, depth+1))
		}
		if e.Items == nil {
			t.value(ds, e, &one)
		}
		out = append(out, one)
	}
	return out
}

// value puts the value of e into one, as text where it has any.
func (t *table) value(ds *dicom.Dataset, e *dicom.Element, one *Attribute) {
	switch {
	case e.Skipped > 0:
		one.Bytes = e.Skipped
		return
	case e.VR == dicom.OB || e.VR == dicom.OW || e.VR == dicom.UN:
		one.Bytes = int64(len(e.Value))
		return
	}
	one.Values = ds.Texts(e.Tag)
	if len(one.Values) > maxShownValues {
		one.Values, t.cut = one.Values[:maxShownValues], true
	}
	for i, v := range one.Values {
		if len(v) > maxShownText {
			v, t.cut = v[:maxShownText], true
		}
		one.Values[i] = strings.ToValidUTF8(v, "\uFFFD")
	}
}

// StructuredReport answers GET /instances/{uid}/sr.
type StructuredReport struct {
	SOPInstanceUID radnode.UID      `json:"sop_instance_uid"`
	SOPClassUID    radnode.UID      `json:"sop_class_uid"`
	Title          radnode.Concept  `json:"title"`
	Written        time.Time        `json:"written"` // content date and time; zero where unknown
	Complete       bool             `json:"complete"`
	Final          bool             `json:"final"`
	Verified       []ReportVerified `json:"verified"`
	Content        *sr.Item         `json:"content"`
}

// ReportVerified says who verified a structured report.
type ReportVerified struct {
	Name         string    `json:"name"`
	Organization string    `json:"organization"`
	At           time.Time `json:"at"`
}

// GetStructuredReport answers the content tree of a structured report or a
// key object selection (PS3.3 C.17.3).
func (a *API) GetStructuredReport(c echo.Context) error {
	file, err := a.object(c, dicom.Limits{})
	if err != nil {
		return err
	}
	doc, err := sr.Parse(file.Dataset)
	if err != nil {
		return err
	}
	out := StructuredReport{
		SOPInstanceUID: doc.SOPInstanceUID, SOPClassUID: doc.SOPClassUID, Title: doc.Root.Name, Written: doc.Now,
		Complete: doc.Complete, Final: doc.Final, Verified: []ReportVerified{}, Content: doc.Root,
	}
	for _, v := range doc.Verifications {
		out.Verified = append(out.Verified, ReportVerified{v.Name, v.Organization, v.At})
	}
	return sendJSON(c, out)
}

// GetDocument sends an encapsulated document (PS3.3 C.24.2). Only a PDF is
// opened by the browser; anything else, whatever it says it is, is a download.
func (a *API) GetDocument(c echo.Context) error {
	file, err := a.object(c, dicom.Limits{HeaderBytes: maxDocument + 1<<20, ValueBytes: maxDocument})
	if err != nil {
		return err
	}
	ds := file.Dataset
	e, ok := ds.Get(dicom.EncapsulatedDocument)
	switch {
	case !ok:
		return radnode.Errorf(radnode.NotFound, opDocument, "the object holds no document")
	case e.Skipped > 0:
		return radnode.Errorf(radnode.TooLarge, opDocument, "the document has %d bytes, the limit is %d", e.Skipped, maxDocument)
	}
	body := e.Value
	if n, ok := ds.Int(dicom.EncapsulatedDocumentLength); ok && n >= 0 && n < len(body) {
		body = body[:n] // without the padding to even length
	}
	kind, name := echo.MIMEOctetStream, "attachment"
	if strings.EqualFold(ds.Text(dicom.MIMETypeOfEncapsulatedDocument), pdf) && bytes.HasPrefix(body, []byte("%PDF-")) {
		kind, name = pdf, "inline"
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentDisposition, name+`; filename="`+string(ds.UID(dicom.SOPInstanceUID))+extension(kind)+`"`)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	return c.Blob(http.StatusOK, kind, body)
}

func extension(kind string) string {
	if kind == pdf {
		return ".pdf"
	}
	return ".bin"
}
