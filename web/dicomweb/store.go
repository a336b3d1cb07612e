package dicomweb

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
	"github.com/radnode/radnode/web/problem"
)

// Limits of one store request.
const (
	mostParts   = 100_000
	metaBytes   = 1 << 20  // file meta information
	headBytes   = 16 << 20 // of a data set, up to its series
	opStore     = "store"
	maxBoundary = 256 // PS3.18 8.6.1 allows 70; Orthanc sends 73
	// StoreLimit is the longest request to store.
	StoreLimit = 1 << 40
)

// The failure reasons (PS3.18 Table I.2-2; PS3.4 B.2.3).
const (
	processingFailure  = 0x0110
	classUnsupported   = 0x0122
	outOfResources     = 0xA700
	doesNotMatch       = 0xA900
	cannotUnderstand   = 0xC000
	syntaxNotSupported = 0xC122
)

// coerced is the warning reason of an instance that is not stored as it came
// (PS3.18 Table I.2-1).
const coerced = 0xB000

// reasons is the table from error code to failure reason.
var reasons = map[radnode.Code]int{
	radnode.Invalid: doesNotMatch, radnode.TooLarge: outOfResources, radnode.NoResources: outOfResources,
	radnode.Unavailable: outOfResources, radnode.Unsupported: classUnsupported,
}

// storing is one request under way.
type storing struct {
	service  *Service
	c        echo.Context
	from     Sender
	study    radnode.UID // that all instances must belong to; "": any
	stored   []*dicom.Dataset
	failed   []*dicom.Dataset
	nameless []*dicom.Dataset // failures of parts that are no instance
	studies  map[radnode.UID]bool
	warned   bool // something was stored with a warning
	full     bool // room was missing
	conflict bool // an instance was understood and not taken
}

// Store takes instances in (PS3.18 10.5).
func (s *Service) Store(c echo.Context) error {
	p, err := placeOf(c)
	if err != nil {
		return err
	}
	kind, parameters, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil {
		return problem.New(http.StatusUnsupportedMediaType, "the Content-Type is missing or not well formed")
	}
	answer, err := storeAnswer(c)
	if err != nil {
		return err
	}
	w := &storing{service: s, c: c, from: sender(c), study: p.study, studies: map[radnode.UID]bool{}}
	defer s.Receiver.Received(w.from)
	body := &arriving{c: c, r: c.Request().Body}
	err = w.take(kind, parameters, body)
	if err != nil && len(w.stored)+len(w.failed) == 0 {
		return err
	}
	if err != nil { // what came before the body broke is told all the same
		w.nameless = append(w.nameless, failure(processingFailure))
	}
	return w.answer(answer)
}

// storeForms are the forms in which instances come: of multipart/related the
// type of its root (PS3.18 Table 10.5.1-1).
var storeForms = map[string]func(*storing, *bodyParts) error{
	typeDICOM: (*storing).parts,
	typeJSON:  func(w *storing, b *bodyParts) error { return w.storeDescribed(typeJSON, b) },
	typeXML:   func(w *storing, b *bodyParts) error { return w.storeDescribed(typeXML, b) },
}

// take takes the instances of a request in.
func (w *storing) take(kind string, parameters map[string]string, body io.Reader) error {
	switch {
	case kind == typeDICOM:
		return w.instance(body)
	case kind == typeJSON || kind == typeXML:
		return w.storeAlone(kind, body)
	case kind != "multipart/related":
		return problem.New(http.StatusUnsupportedMediaType, `a store request is multipart/related with parts of application/dicom, application/dicom+json or application/dicom+xml, or one of these alone`)
	case parameters["boundary"] == "" || len(parameters["boundary"]) > maxBoundary:
		return radnode.Errorf(radnode.Invalid, opStore, "multipart/related needs a boundary of 1 to %d characters", maxBoundary)
	}
	form := storeForms[cmp.Or(strings.ToLower(parameters["type"]), typeDICOM)]
	if form == nil {
		return problem.New(http.StatusUnsupportedMediaType, "the parts of a store request are application/dicom, application/dicom+json or application/dicom+xml")
	}
	parts := newBodyParts(body, parameters["boundary"])
	defer parts.close()
	return form(w, parts)
}

// storeAlone takes instances in whose metadata hold all their values.
func (w *storing) storeAlone(kind string, body io.Reader) error {
	d := &described{w: w}
	if err := d.metadata(body); err != nil {
		return err
	}
	return d.storeAll(kind)
}

// storeAnswer chooses the form of the response.
func storeAnswer(c echo.Context) (offer, error) {
	list, err := accepted(c)
	if err != nil {
		return offer{}, err
	}
	_, form, ok := choose(list, []offer{{kind: typeJSON}, {kind: "application/json"}, {kind: typeXML}})
	if !ok {
		return form, unacceptable("a store request is answered as application/dicom+json or application/dicom+xml")
	}
	return form, nil
}

// arriving gives the sender time as long as something arrives.
type arriving struct {
	c    echo.Context
	r    io.Reader
	left int
}

func (a *arriving) Read(p []byte) (int, error) {
	if a.left <= 0 {
		a.left = 1 << 20
		_ = http.NewResponseController(a.c.Response()).SetReadDeadline(time.Now().Add(pieceTime)) // a reader without deadlines (tests) simply has none
		alive(a.c, 0)
	}
	n, err := a.r.Read(p)
	a.left -= n
	return n, err
}

// parts takes the parts one after the other. An error is one of the body, not
// of an instance.
func (w *storing) parts(body *bodyParts) error {
	for n := 0; ; n++ {
		header, err := body.next()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		if n == mostParts {
			return radnode.Errorf(radnode.TooLarge, opStore, "more than %d parts", mostParts)
		}
		kind, _, err := mime.ParseMediaType(header.Get(echo.HeaderContentType))
		if err != nil || kind != typeDICOM {
			w.nameless = append(w.nameless, failure(cannotUnderstand))
		} else if err := w.instance(body); err != nil {
			return err
		}
	}
}

// bodyError is an error of reading the request.
func bodyError(err error) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) || radnode.CodeOf(err) != radnode.Internal {
		return err
	}
	return radnode.Errorf(radnode.Invalid, opStore, "the body is cut off or not multipart/related: %w", err)
}

// instance takes one DICOM file in. What is wrong with it goes into the
// response.
func (w *storing) instance(body io.Reader) error {
	meta, err := readMeta(body)
	if err != nil {
		w.nameless = append(w.nameless, failure(cannotUnderstand))
		return w.gone(err)
	}
	class, instance, ts := meta.UID(dicom.MediaStorageSOPClassUID), meta.UID(dicom.MediaStorageSOPInstanceUID), meta.UID(dicom.TransferSyntaxUID)
	if !class.Usable() || !instance.Usable() || !ts.Usable() {
		w.nameless = append(w.nameless, failure(cannotUnderstand))
		return nil
	}
	if _, known := dicom.LookupTransferSyntax(ts); !known {
		w.fail(class, instance, syntaxNotSupported)
		return nil
	}
	var head bytes.Buffer
	header, err := dicom.ReadHeader(io.TeeReader(body, &limited{&head, headBytes}), ts, dicom.Limits{HeaderBytes: headBytes, Until: dicom.SeriesInstanceUID + 1})
	if err != nil {
		w.fail(class, instance, cannotUnderstand)
		return w.gone(err)
	}
	warning := 0
	if own := header.UID(dicom.SOPInstanceUID); own != instance && own.Usable() {
		// The file meta information is made anew: what the data set says is what counts.
		instance, warning = own, coerced
	}
	p := place{header.UID(dicom.StudyInstanceUID), header.UID(dicom.SeriesInstanceUID), instance}
	return w.receive(p, class, ts, warning, io.MultiReader(&head, body))
}

// receive hands one instance to the node and notes what became of it, with a
// warning reason if it is not 0.
func (w *storing) receive(p place, class, ts radnode.UID, warning int, data io.Reader) error {
	if w.study != "" && p.study != w.study {
		w.fail(class, p.instance, doesNotMatch)
		return nil
	}
	err := w.service.Receiver.Receive(w.c.Request().Context(), w.from, ts, class, p.instance, data)
	if err != nil {
		reason, ok := reasons[radnode.CodeOf(err)]
		if !ok {
			reason = processingFailure
		}
		w.full = w.full || reason == outOfResources
		w.fail(class, p.instance, reason)
		return w.gone(err)
	}
	r := reference(class, p.instance)
	r.SetText(dicom.RetrieveURL, base(w.c)+p.path())
	if warning != 0 {
		r.SetInts(dicom.WarningReason, warning)
		w.warned = true
	}
	w.stored = append(w.stored, r)
	w.studies[p.study] = true
	return nil
}

// gone returns an error that ends the request: the client or the body is gone.
func (w *storing) gone(err error) error {
	var tooLong *http.MaxBytesError
	if w.c.Request().Context().Err() != nil || errors.As(err, &tooLong) {
		return err
	}
	return nil
}

// limited bounds what a buffer takes.
type limited struct {
	b    *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, radnode.Errorf(radnode.TooLarge, opStore, "what stands before the series of an instance is longer than %d bytes", headBytes)
	}
	return l.b.Write(p)
}

// readMeta reads preamble and file meta information, whose length its first
// element tells (PS3.10 7.1), and nothing behind them.
func readMeta(r io.Reader) (*dicom.Dataset, error) {
	head := make([]byte, 144)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, bodyError(err)
	}
	n := binary.LittleEndian.Uint32(head[140:])
	if string(head[128:140]) != "DICM\x02\x00\x00\x00UL\x04\x00" || n > metaBytes {
		return nil, radnode.Errorf(radnode.Invalid, opStore, "a part does not begin with file meta information (PS3.10 7.1)")
	}
	var rest bytes.Buffer
	if _, err := io.CopyN(&rest, r, int64(n)); err != nil {
		return nil, bodyError(err)
	}
	// By itself: the data set behind it may be deflated, and does not end here.
	return dicom.ReadHeader(&rest, explicitVR, dicom.Limits{HeaderBytes: metaBytes})
}

func reference(class, instance radnode.UID) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetUID(dicom.ReferencedSOPClassUID, class)
	d.SetUID(dicom.ReferencedSOPInstanceUID, instance)
	return d
}

func failure(reason int) *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetInts(dicom.FailureReason, reason)
	return d
}

func (w *storing) fail(class, instance radnode.UID, reason int) {
	d := reference(class, instance)
	d.SetInts(dicom.FailureReason, reason)
	w.failed = append(w.failed, d)
	w.conflict = w.conflict || reason != cannotUnderstand
}

// status is Table 10.5.3-1, and what chapter 8.5 says of a full store.
func (w *storing) status() int {
	failures := len(w.failed) + len(w.nameless)
	switch {
	case failures == 0 && !w.warned:
		return http.StatusOK
	case len(w.stored) > 0:
		return http.StatusAccepted
	case w.full:
		return http.StatusServiceUnavailable
	case w.conflict:
		return http.StatusConflict
	}
	return http.StatusBadRequest
}

// answer sends the response (PS3.18 Table I.1-1).
func (w *storing) answer(form offer) error {
	d := dicom.NewDataset()
	at := ""
	if study := w.study; study != "" || len(w.studies) == 1 {
		for only := range w.studies {
			study = only
		}
		at = base(w.c) + place{study: study}.path()
	}
	d.SetText(dicom.RetrieveURL, at)
	for tag, list := range map[dicom.Tag][]*dicom.Dataset{
		dicom.FailedSOPSequence: w.failed, dicom.ReferencedSOPSequence: w.stored, dicom.OtherFailuresSequence: w.nameless,
	} {
		if len(list) > 0 {
			d.SetItems(tag, list...)
		}
	}
	for study := range w.studies {
		if err := w.service.record(w.c, audit.InstancesStored, study, "by STOW-RS"); err != nil {
			return err
		}
	}
	if form.kind == typeXML {
		return w.c.Blob(w.status(), typeXML, appendXML(nil, d, dicomjson.Options{}))
	}
	return w.c.Blob(w.status(), form.kind, dicomjson.Append(nil, d, dicomjson.Options{}))
}
