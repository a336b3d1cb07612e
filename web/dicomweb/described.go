package dicomweb

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/textproto"
	"os"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
)

// Limits of a store request that describes its instances.
const (
	describedBytes = 64 << 20 // metadata of one request
	instanceBytes  = 16 << 20 // metadata of one instance
	bytesDescribed = 48       // what a byte of metadata may take while it is read
	bulkInMemory   = 64 << 20 // of values that are not pixel data, in one instance
	bulkOnDisk     = 8 << 30  // of bulk data in one request
	mostDescribed  = 10_000   // instances of one request
)

// described is a store request whose instances come as metadata and bulk data
// (PS3.18 10.5.1.2.2): the metadata are kept in memory, the bulk data in files
// until the last part is there, because an instance is taken in one piece.
type described struct {
	w     *storing
	dir   string // "": no bulk data have come
	texts [][]byte
	size  int                   // of the metadata
	left  int64                 // for bulk data
	bulk  map[string][]bulkPart // by Content-Location
}

// bulkPart is one bulk data part; several at the same address are the frames
// of one instance.
type bulkPart struct {
	path   string
	size   int64
	kind   string
	syntax radnode.UID
}

// storeDescribed takes instances in that come as metadata and bulk data.
func (w *storing) storeDescribed(kind string, body *bodyParts) (err error) {
	d := &described{w: w, left: bulkOnDisk, bulk: map[string][]bulkPart{}}
	defer func() {
		if d.dir != "" {
			err = errors.Join(err, os.RemoveAll(d.dir))
		}
	}()
	for n := 0; ; n++ {
		header, err := body.next()
		if errors.Is(err, io.EOF) && n > 0 {
			break
		}
		if err != nil {
			return bodyError(err)
		}
		if n == mostParts {
			return radnode.Errorf(radnode.TooLarge, opStore, "more than %d parts", mostParts)
		}
		if err := d.part(kind, header, body); err != nil {
			return err
		}
	}
	return d.storeAll(kind)
}

// part takes one part: metadata, or bulk data.
func (d *described) part(kind string, header textproto.MIMEHeader, part io.Reader) error {
	own, parameters, err := mime.ParseMediaType(header.Get(echo.HeaderContentType))
	if err != nil {
		own = kind // the root may leave its type to the header of the request
	}
	if own == kind || own == "application/json" && kind == typeJSON {
		return d.metadata(part)
	}
	at := header.Get("Content-Location")
	if at == "" {
		return radnode.Errorf(radnode.Invalid, opStore, "a part with bulk data has no Content-Location (PS3.18 8.6.1.2.2)")
	}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp(d.w.service.TempDir, "stow-"); err != nil {
			return radnode.Errorf(radnode.NoResources, opStore, "no room for bulk data: %w", err)
		}
	}
	f, err := os.CreateTemp(d.dir, "bulk-")
	if err != nil {
		return radnode.Errorf(radnode.NoResources, opStore, "no room for bulk data: %w", err)
	}
	size, err := io.Copy(f, io.LimitReader(part, d.left+1))
	err = errors.Join(err, f.Close())
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk):
		return radnode.Errorf(radnode.NoResources, opStore, "no room for bulk data: %w", err)
	case err != nil:
		return bodyError(err)
	}
	if d.left -= size; d.left < 0 {
		return radnode.Errorf(radnode.TooLarge, opStore, "the bulk data of the request are longer than %d bytes: send DICOM files", int64(bulkOnDisk))
	}
	syntax := radnode.UID(parameters["transfer-syntax"])
	d.bulk[at] = append(d.bulk[at], bulkPart{f.Name(), size, own, syntax})
	return nil
}

func (d *described) metadata(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, int64(describedBytes-d.size)+1))
	if err != nil {
		return bodyError(err)
	}
	if d.size += len(text); d.size > describedBytes {
		return radnode.Errorf(radnode.TooLarge, opStore, "the metadata of the request are longer than %d bytes", describedBytes)
	}
	d.texts = append(d.texts, text)
	return nil
}

// storeAll stores every instance that the metadata describe.
func (d *described) storeAll(kind string) error {
	for _, text := range d.texts {
		if err := d.storeText(kind, text); err != nil {
			return err
		}
	}
	if len(d.w.stored)+len(d.w.failed)+len(d.w.nameless) == 0 {
		return radnode.Errorf(radnode.Invalid, opStore, "the request has no metadata, so that there is no instance to store (PS3.18 8.6.1.2.2)")
	}
	return nil
}

// storeText stores the instances of one part.
func (d *described) storeText(kind string, text []byte) error {
	done, err := d.w.service.occupy(d.w.c.Request().Context(), min(int64(len(text)), instanceBytes)*bytesDescribed)
	if err != nil {
		return err
	}
	defer done()
	objects, err := objectsOf(kind, text)
	if err != nil {
		d.w.nameless = append(d.w.nameless, failure(cannotUnderstand))
		return nil
	}
	for _, object := range objects {
		if err := d.store(object); err != nil {
			return err
		}
	}
	return nil
}

// objectsOf takes metadata apart into data sets of the JSON model.
func objectsOf(kind string, text []byte) ([]json.RawMessage, error) {
	tooLong := radnode.Errorf(radnode.TooLarge, opStore, "the metadata of an instance are longer than %d bytes", instanceBytes)
	if kind == typeXML {
		if len(text) > instanceBytes {
			return nil, tooLong
		}
		object, err := jsonOfXML(text)
		return []json.RawMessage{object}, err
	}
	r := json.NewDecoder(bytes.NewReader(text))
	if first, err := r.Token(); err != nil {
		return nil, err
	} else if first != json.Delim('[') {
		if len(text) > instanceBytes {
			return nil, tooLong
		}
		return []json.RawMessage{bytes.TrimSpace(text)}, nil
	}
	var list []json.RawMessage
	for r.More() {
		var object json.RawMessage
		if err := r.Decode(&object); err != nil {
			return nil, err
		}
		if len(object) > instanceBytes {
			return nil, tooLong
		}
		if list = append(list, object); len(list) > mostDescribed {
			return nil, radnode.Errorf(radnode.TooLarge, opStore, "more than %d instances", mostDescribed)
		}
	}
	_, err := r.Token()
	return list, err
}

// pixelReference is where the pixel data of a described instance are.
type pixelReference struct {
	tag   dicom.Tag
	vr    dicom.VR
	parts []bulkPart
}

// store takes one described instance in. What is wrong with it goes into the
// response.
func (d *described) store(object json.RawMessage) error {
	set, pixels, err := d.read(object)
	if err != nil {
		d.w.nameless = append(d.w.nameless, failure(cannotUnderstand))
		return d.w.gone(err)
	}
	class, instance := set.UID(dicom.SOPClassUID), set.UID(dicom.SOPInstanceUID)
	if !class.Usable() || !instance.Usable() {
		d.w.nameless = append(d.w.nameless, failure(cannotUnderstand))
		return nil
	}
	set.Remove(dicom.AvailableTransferSyntaxUID) // of where it comes from (Table 10.6.3-5)
	ts, data, err := encode(set, pixels)
	if err != nil {
		reason, ok := reasons[radnode.CodeOf(err)]
		if !ok || reason == classUnsupported {
			reason = cannotUnderstand
		}
		d.w.fail(class, instance, reason)
		return nil
	}
	defer data.Close() //nolint:errcheck // opened for reading
	p := place{set.UID(dicom.StudyInstanceUID), set.UID(dicom.SeriesInstanceUID), instance}
	return d.w.receive(p, class, ts, 0, data)
}

// read makes the data set of the metadata, with all values but the pixel data.
func (d *described) read(object json.RawMessage) (*dicom.Dataset, *pixelReference, error) {
	var pixels *pixelReference
	var missing error
	left := int64(bulkInMemory)
	lim := dicomjson.DefaultLimits
	lim.Bulk = func(uri string) ([]byte, error) {
		parts := d.bulk[uri]
		if len(parts) != 1 {
			return nil, radnode.Errorf(radnode.Invalid, opStore, "%d parts belong to a BulkDataURI", len(parts))
		}
		if left -= parts[0].size; left < 0 {
			return nil, radnode.Errorf(radnode.TooLarge, opStore, "the values of an instance are longer than %d bytes", bulkInMemory)
		}
		return os.ReadFile(parts[0].path)
	}
	lim.Pixels = func(t dicom.Tag, vr dicom.VR, uri string) {
		if pixels = (&pixelReference{t, vr, d.bulk[uri]}); len(pixels.parts) == 0 {
			missing = radnode.Errorf(radnode.Invalid, opStore, "no part belongs to the BulkDataURI of the pixel data")
		}
	}
	list, err := dicomjson.Decode(object, lim)
	if err == nil {
		err = missing
	}
	if err == nil && len(list) != 1 {
		err = radnode.Errorf(radnode.Invalid, opStore, "the metadata hold no data set")
	}
	if err != nil {
		return nil, nil, err
	}
	return list[0], pixels, nil
}
