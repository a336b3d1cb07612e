package dicomweb

import (
	"bytes"
	"context"
	"io"
	"net/http"
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
	for from := 0; from < len(objects); from += headersAtOnce {
		texts, err := s.describe(c.Request().Context(), base(c), objects[from:min(from+headersAtOnce, len(objects))])
		if err != nil {
			return cut(c, err)
		}
		if from == 0 {
			c.Response().Header().Set(echo.HeaderContentType, form.kind)
			c.Response().WriteHeader(http.StatusOK)
		}
		alive(c, 0)
		for i, text := range texts {
			sep := ","
			if from+i == 0 {
				sep = "["
			}
			if _, err := io.WriteString(c.Response(), sep); err != nil {
				return cut(c, err)
			}
			if _, err := c.Response().Write(text); err != nil {
				return cut(c, err)
			}
		}
	}
	_, err = io.WriteString(c.Response(), "]")
	return cut(c, err)
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
			header, options, err := readHeader(base, o)
			if err != nil {
				return err
			}
			texts[i] = bytes.Clone(dicomjson.Append(nil, header, options))
			s.headers.put(key, texts[i])
			return nil
		})
	}
	return texts, group.Wait()
}

// readHeader reads what the metadata of an instance are made of.
func readHeader(base string, o Object) (*dicom.Dataset, dicomjson.Options, error) {
	f, err := dicom.ReadFile(o.Path, dicom.Limits{})
	if err != nil {
		return nil, dicomjson.Options{}, err
	}
	d := f.Dataset
	// Offsets into the stored form mean nothing to a client.
	d.Remove(dicom.ExtendedOffsetTable)
	d.Remove(dicom.ExtendedOffsetTableLengths)
	d.SetUID(dicom.AvailableTransferSyntaxUID, o.TransferSyntaxUID)
	at := base + place{d.UID(dicom.StudyInstanceUID), d.UID(dicom.SeriesInstanceUID), o.SOPInstanceUID}.path() + "/bulkdata/"
	options := dicomjson.Options{Inline: inlineBytes, Bulk: func(path string) string { return at + path }}
	if f.PixelData != nil {
		options.Pixels, options.PixelsVR = f.PixelData.Tag, f.PixelData.VR
	}
	return d, options, nil
}

func (s *Service) metadataXML(c echo.Context, objects []Object) error {
	out := newParts(c, typeXML)
	for _, o := range objects {
		d, options, err := readHeader(base(c), o)
		if err != nil {
			return cut(c, err)
		}
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
	p, o, inst, err := s.one(c)
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
		return s.sendFrames(c, list, o, inst, l, allFrames(l.frames))
	}
	e, d, err := find(f.Dataset, path)
	if err == nil && e.Skipped > 0 {
		if f, err = dicom.ReadFile(o.Path, bulkLimits); err == nil {
			e, d, err = find(f.Dataset, path)
		}
	}
	if err != nil {
		return err
	}
	kind := ""
	if e.Tag == dicom.EncapsulatedDocument {
		kind = d.Text(dicom.MIMETypeOfEncapsulatedDocument)
	}
	value := e.Value
	if e.Fragments != nil { // of an icon (PS3.3 F.7): its codestream
		value = bytes.Join(e.Fragments, nil)
	}
	return sendValue(c, list, o, path, kind, bytes.NewReader(value))
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
	if kind == "" || strings.ContainsAny(kind, "\r\n;,\"") || strings.Count(kind, "/") != 1 {
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
		c.Response().Header().Set(echo.HeaderContentType, form.kind)
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
