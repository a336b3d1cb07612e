package dicomweb

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
)

const (
	inlineBytes   = 1 << 10  // longer binary values are references
	metadataCache = 64 << 20 // bytes of metadata kept
	headersAtOnce = 64       // headers of one answer in memory
	readersAtOnce = 4

	manyInstances = 8 // of a series whose metadata may be kept
)

// Metadata answers what the instances of a study, series or instance say of
// themselves, without bulk data (PS3.18 10.4.1.1.2).
func (s *Service) Metadata(c echo.Context) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	p, objects, err := s.objects(c)
	if err != nil {
		return err
	}
	_, form, ok := choose(list, []offer{{kind: typeJSON}, {kind: "application/json"}, {multipart: true, kind: typeXML}})
	if !ok {
		return unacceptable(`metadata are answered as application/dicom+json or multipart/related; type="application/dicom+xml"`)
	}
	if unchanged(c, tagOf(objects, form.kind, base(c))) {
		return c.NoContent(http.StatusNotModified)
	}
	if err := s.watched(c, p.study); err != nil {
		return err
	}
	if form.multipart {
		return s.metadataXML(c, objects)
	}
	out := &array{c: c, kind: form.kind}
	for from := 0; from < len(objects); {
		n := 1
		for from+n < len(objects) && objects[from+n].SeriesInstanceUID == objects[from].SeriesInstanceUID {
			n++
		}
		if err := s.describeSeries(c, p.study, objects[from:from+n], out); err != nil {
			return cut(c, err)
		}
		from += n
	}
	return cut(c, out.end())
}

// describeSeries sends the metadata of instances of one series: those that are
// kept, else those that their files tell.
func (s *Service) describeSeries(c echo.Context, study radnode.UID, objects []Object, out *array) error {
	ctx := c.Request().Context()
	if len(objects) >= manyInstances && s.Kept != nil {
		text, err := s.Kept.SeriesMetadata(ctx, study, objects)
		if err != nil {
			return err
		}
		if text != nil {
			return out.add(dicomjson.Rebase(text, base(c)))
		}
	}
	for part := range slices.Chunk(objects, headersAtOnce) {
		texts, err := s.describe(ctx, base(c), part)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if err := out.add(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// array sends objects of JSON as one array.
type array struct {
	c     echo.Context
	kind  string
	begun bool
}

func (a *array) add(text []byte) error {
	sep := []byte{','}
	if !a.begun {
		a.begun, sep = true, []byte{'['}
		a.c.Response().Header().Set(echo.HeaderContentType, a.kind)
		a.c.Response().WriteHeader(http.StatusOK)
	}
	alive(a.c, int64(len(text)))
	if _, err := a.c.Response().Write(sep); err != nil {
		return err
	}
	_, err := a.c.Response().Write(text)
	return err
}

func (a *array) end() error {
	_, err := io.WriteString(a.c.Response(), "]")
	return err
}

// describe makes the metadata of some instances, in their order.
func (s *Service) describe(ctx context.Context, base string, objects []Object) ([][]byte, error) {
	texts := make([][]byte, len(objects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readersAtOnce)
	for i, o := range objects {
		key := base + "\n" + o.Path
		if texts[i] = s.headers.get(key); texts[i] != nil {
			continue
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := dicom.ReadFile(o.Path, dicom.Limits{})
			if err != nil {
				return err
			}
			header, options := dicomjson.Metadata(f, base)
			texts[i] = bytes.Clone(dicomjson.Append(nil, header, options))
			s.headers.put(key, texts[i])
			return nil
		})
	}
	return texts, group.Wait()
}

func (s *Service) metadataXML(c echo.Context, objects []Object) error {
	out := newParts(c, typeXML)
	for _, o := range objects {
		f, err := dicom.ReadFile(o.Path, dicom.Limits{})
		if err != nil {
			return cut(c, err)
		}
		d, options := dicomjson.Metadata(f, base(c))
		if err := writeXMLPart(out, d, options); err != nil {
			return cut(c, err)
		}
	}
	return cut(c, out.end())
}

// cache keeps the texts used last, up to a number of bytes.
type cache struct {
	limit   int
	mu      sync.Mutex
	entries map[string][]byte
	size    int
}

func (k *cache) get(key string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.entries[key]
}

func (k *cache) put(key string, text []byte) {
	cost := len(key) + len(text)
	if cost > k.limit/16 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old, ok := k.entries[key]; ok {
		k.size -= len(key) + len(old)
	}
	k.entries[key] = text
	for k.size += cost; k.size > k.limit; {
		for other, old := range k.entries { // any: the map's order is random
			k.size -= len(other) + len(old)
			delete(k.entries, other)
			break
		}
	}
}

// bulkLimits let one long value be read into memory.
var bulkLimits = dicom.Limits{HeaderBytes: 640 << 20, ValueBytes: 512 << 20}

// BulkData answers one value that the metadata refer to (PS3.18 10.4.1.1.5).
func (s *Service) BulkData(c echo.Context) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	p, o, err := s.one(c)
	if err != nil {
		return err
	}
	if err := s.watched(c, p.study); err != nil {
		return err
	}
	path := c.Param("*")
	f, err := dicom.ReadFile(o.Path, dicom.Limits{})
	if err != nil {
		return err
	}
	if f.PixelData != nil && path == pathOf(f.PixelData.Tag) {
		l, err := s.layouts.of(o)
		if err != nil {
			return err
		}
		if l.whole() {
			return sendValue(c, list, o, path, "", io.NewSectionReader(fileAt(o.Path), l.offset, l.length))
		}
		return s.sendFrames(c, list, p, o, l, allFrames(l.frames))
	}
	e, d, err := find(f.Dataset, path)
	if err == nil && e.Skipped > 0 {
		var done func()
		if done, err = s.occupy(c.Request().Context(), e.Skipped); err != nil {
			return err
		}
		defer done()
		if f, err = dicom.ReadFile(o.Path, bulkLimits); err == nil {
			e, d, err = find(f.Dataset, path)
		}
	}
	if err != nil {
		return err
	}
	kind := ""
	if e.Tag == dicom.EncapsulatedDocument {
		kind = documentTypes[strings.ToLower(d.Text(dicom.MIMETypeOfEncapsulatedDocument))]
	}
	value := e.Value
	if e.Fragments != nil { // of an icon (PS3.3 F.7): its codestream
		value = bytes.Join(e.Fragments, nil)
	}
	return sendValue(c, list, o, path, kind, bytes.NewReader(value))
}

// documentTypes are the media types of encapsulated documents (PS3.3 C.24.2)
// that a value is given out as; anything else, script and pages above all, is
// octets whatever the object says of itself.
var documentTypes = map[string]string{
	"application/pdf": "application/pdf", "text/xml": "text/xml", "model/stl": "model/stl", "application/sla": "model/stl",
	"model/obj": "model/obj", "model/mtl": "model/mtl",
}

func pathOf(t dicom.Tag) string { return strings.ToUpper(t.String()[1:5] + t.String()[6:10]) }

// find follows an attribute path: tags and item numbers by turns.
func find(d *dicom.Dataset, path string) (*dicom.Element, *dicom.Dataset, error) {
	steps := strings.Split(path, "/")
	for i := 0; i < len(steps); i += 2 {
		n, err := strconv.ParseUint(steps[i], 16, 32)
		if err != nil || len(steps[i]) != 8 {
			break
		}
		e, ok := d.Get(dicom.Tag(n))
		if !ok {
			break
		}
		if i == len(steps)-1 {
			if e.VR == dicom.SQ {
				break
			}
			return e, d, nil
		}
		item, err := strconv.Atoi(steps[i+1])
		if err != nil || item < 1 || item > len(e.Items) {
			break
		}
		d = e.Items[item-1]
	}
	return nil, nil, radnode.Errorf(radnode.NotFound, "bulk data", "the instance has no such value")
}

// sendValue sends one value: alone with ranges, or as the one part.
func sendValue(c echo.Context, list []mediaType, o Object, path, kind string, value io.ReadSeeker) error {
	if kind == "" {
		kind = typeOctets
	}
	_, form, ok := choose(list, []offer{{true, typeOctets}, {false, typeOctets}, {true, kind}, {false, kind}})
	if !ok {
		return unacceptable("bulk data are answered as application/octet-stream, alone or in multipart/related")
	}
	if unchanged(c, tagOf([]Object{o}, path, form.kind, strconv.FormatBool(form.multipart))) {
		return c.NoContent(http.StatusNotModified)
	}
	size, err := value.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = value.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	if !form.multipart {
		alive(c, size)
		h := c.Response().Header()
		h.Set(echo.HeaderContentType, form.kind)
		// Whoever may send objects must not thereby put pages on this origin.
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		h.Set(echo.HeaderContentDisposition, "attachment")
		http.ServeContent(c.Response(), c.Request(), "", time.Time{}, value)
		return nil
	}
	out := newParts(c, form.kind)
	w, err := out.part(form.kind, base(c)+strings.TrimPrefix(c.Request().URL.Path, Root), size)
	if err == nil {
		err = copying(c, w, value)
	}
	if err == nil {
		err = out.end()
	}
	return cut(c, err)
}
