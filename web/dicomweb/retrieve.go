package dicomweb

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
)

// explicitVR is the transfer syntax of every answer that names no other
// (PS3.18 8.7.3).
const explicitVR radnode.UID = "1.2.840.10008.1.2.1"

const opRetrieve = "retrieve"

// Retrieve answers a study, series or instance with its DICOM files.
func (s *Service) Retrieve(c echo.Context) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	p, objects, err := s.objects(c)
	if err != nil {
		return err
	}
	offers := []offer{{multipart: true, kind: typeDICOM}}
	if p.instance != "" {
		offers = append(offers, offer{kind: typeDICOM})
	}
	_, form, ok := choose(list, offers)
	if !ok {
		return unacceptable(`instances are answered as multipart/related; type="application/dicom", one alone also as application/dicom`)
	}
	sendable, how := make([]sending, 0, len(objects)), []string{form.kind, strconv.FormatBool(form.multipart)}
	for _, o := range objects {
		syntax, firm, ok := syntaxFor(o.TransferSyntaxUID, list, form)
		if ok {
			sendable = append(sendable, sending{o, syntax, firm && p.instance != ""})
		}
		how = append(how, string(syntax))
	}
	if len(sendable) == 0 {
		return unacceptable("the instances cannot be given in the transfer syntaxes that Accept names")
	}
	if unchanged(c, tagOf(objects, how...)) {
		return c.NoContent(http.StatusNotModified)
	}
	if err := s.record(c, audit.InstancesFetched, p.study, strconv.Itoa(len(sendable))+" instances by WADO-RS"); err != nil {
		return err
	}
	if !form.multipart {
		return s.sendAlone(c, sendable[0])
	}
	out := newParts(c, typeDICOM)
	if len(sendable) < len(objects) {
		out.status = http.StatusPartialContent
	}
	out.length = out.sizeOf(sendable)
	for _, o := range sendable {
		if err := s.sendPart(c, out, o); err != nil {
			return cut(c, err)
		}
	}
	return cut(c, out.end())
}

// sizeOf is the length of an answer with these instances; 0: one is put into
// another syntax while it is sent, and nobody knows.
func (p *parts) sizeOf(list []sending) int64 {
	total := int64(len(p.tail()))
	for i, o := range list {
		if o.syntax != o.TransferSyntaxUID {
			return 0
		}
		st, err := os.Stat(o.Path)
		if err != nil {
			return 0
		}
		total += int64(len(p.head(dicomType(o.syntax), "", st.Size(), i == 0))) + st.Size()
	}
	return total
}

// sending is an instance and the syntax that it goes out in.
type sending struct {
	Object
	syntax radnode.UID
	firm   bool // nothing but this syntax will do
}

// syntaxFor decides in which syntax an instance is sent. Implicit VR and big
// endian are not sent (PS3.18 8.7.3.2) but become explicit little endian, unless
// a client asks for them by name: it wants the very bytes.
func syntaxFor(stored radnode.UID, list []mediaType, form offer) (syntax radnode.UID, firm, ok bool) {
	ts, known := dicom.LookupTransferSyntax(stored)
	legal := !known || !ts.Implicit && !ts.BigEndian
	recodable := known && !ts.Video
	for _, m := range list {
		if !m.takes(form) {
			continue
		}
		switch {
		case m.syntax == "*" && legal, m.syntax == stored:
			return stored, m.syntax == stored, true
		case (m.syntax == "" || m.syntax == "*" || m.syntax == explicitVR) && (recodable || stored == explicitVR):
			return explicitVR, m.syntax == explicitVR, true
		case m.syntax == "": // it cannot be had without compression
			return stored, false, true
		}
	}
	return "", false, false
}

// openInstance opens an instance as a DICOM file in the syntax wanted; size -1
// is not known before. One that cannot be decoded goes as stored where the
// client left the choice (PS3.18 8.7.3.1).
func (s *Service) openInstance(ctx context.Context, o *sending) (io.ReadCloser, int64, error) {
	if o.syntax != o.TransferSyntaxUID {
		data, err := s.Files.Recode(ctx, o.Path, o.syntax)
		if err == nil {
			return withMeta(data, o), -1, nil
		}
		if o.firm || radnode.CodeOf(err) == radnode.Canceled || ctx.Err() != nil {
			return nil, 0, err
		}
		o.syntax = o.TransferSyntaxUID
	}
	f, size, err := openFile(o.Path)
	return f, size, err
}

func openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, radnode.Errorf(radnode.Internal, opRetrieve, "the file of an instance cannot be opened: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// file is a data set with file meta information before it.
type file struct {
	io.Reader
	io.Closer
}

func withMeta(data io.ReadCloser, o *sending) io.ReadCloser {
	r, w := io.Pipe()
	go func() { // ends with the pipe: everything written is small
		_ = w.CloseWithError(dicom.WriteMeta(w, dicom.Meta{SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID, TransferSyntaxUID: o.syntax}))
	}()
	return file{io.MultiReader(r, data), closers{r, data}}
}

type closers []io.Closer

func (list closers) Close() error {
	var errs []error
	for _, c := range list {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func dicomType(syntax radnode.UID) string { return typeDICOM + "; transfer-syntax=" + string(syntax) }

func (s *Service) sendPart(c echo.Context, out *parts, o sending) error {
	body, size, err := s.openInstance(c.Request().Context(), &o)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // opened for reading
	w, err := out.part(dicomType(o.syntax), "", size)
	if err != nil {
		return err
	}
	return copying(c, w, body)
}

// sendAlone sends one instance as the whole body: as stored with ranges.
func (s *Service) sendAlone(c echo.Context, o sending) error {
	body, _, err := s.openInstance(c.Request().Context(), &o)
	if err != nil {
		if o.firm && radnode.CodeOf(err) == radnode.Unsupported {
			return unacceptable("the instance cannot be given in this transfer syntax")
		}
		return err
	}
	defer body.Close() //nolint:errcheck // opened for reading
	c.Response().Header().Set(echo.HeaderContentType, dicomType(o.syntax))
	if f, ok := body.(*os.File); ok {
		if st, err := f.Stat(); err == nil {
			alive(c, st.Size())
		}
		http.ServeContent(c.Response(), c.Request(), "", time.Time{}, f)
		return nil
	}
	c.Response().WriteHeader(http.StatusOK)
	return cut(c, copying(c, c.Response(), body))
}
