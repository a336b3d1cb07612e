package dicomweb

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

const mostFrames = 100_000 // named in one request

// codedTypes are the media types of compressed frames (Table 8.7.3-5), the old
// names last.
var codedTypes = map[radnode.UID][]string{
	"1.2.840.10008.1.2.4.50": {"image/jpeg"}, "1.2.840.10008.1.2.4.51": {"image/jpeg"},
	"1.2.840.10008.1.2.4.57": {"image/jpeg"}, "1.2.840.10008.1.2.4.70": {"image/jpeg"},
	"1.2.840.10008.1.2.4.80": {"image/jls", "image/x-jls"}, "1.2.840.10008.1.2.4.81": {"image/jls", "image/x-jls"},
	"1.2.840.10008.1.2.4.90": {"image/jp2"}, "1.2.840.10008.1.2.4.91": {"image/jp2"},
	"1.2.840.10008.1.2.4.92": {"image/jpx"}, "1.2.840.10008.1.2.4.93": {"image/jpx"},
	"1.2.840.10008.1.2.4.110": {"image/jxl"}, "1.2.840.10008.1.2.4.111": {"image/jxl"}, "1.2.840.10008.1.2.4.112": {"image/jxl"},
	"1.2.840.10008.1.2.4.201": {"image/jphc"}, "1.2.840.10008.1.2.4.202": {"image/jphc"}, "1.2.840.10008.1.2.4.203": {"image/jphc"},
	"1.2.840.10008.1.2.4.100": {"video/mpeg"}, "1.2.840.10008.1.2.4.101": {"video/mpeg"},
	"1.2.840.10008.1.2.4.102": {"video/mp4"}, "1.2.840.10008.1.2.4.103": {"video/mp4"}, "1.2.840.10008.1.2.4.104": {"video/mp4"},
	"1.2.840.10008.1.2.4.105": {"video/mp4"}, "1.2.840.10008.1.2.4.106": {"video/mp4"},
	"1.2.840.10008.1.2.4.107": {"video/h265"}, "1.2.840.10008.1.2.4.108": {"video/h265"},
	"1.2.840.10008.1.2.5": {"image/dicom-rle", "image/x-dicom-rle"},
}

// transcodable are the transfer syntaxes that frames can be put into, by media
// type: the first is what the type alone means (Table 8.7.3-5). JPEG Baseline
// loses something and must be named.
var transcodable = []struct {
	kind     string
	syntaxes []radnode.UID
}{
	{"image/jpeg", []radnode.UID{"1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50"}},
	{"image/jls", []radnode.UID{"1.2.840.10008.1.2.4.80"}},
	{"image/jp2", []radnode.UID{"1.2.840.10008.1.2.4.90"}},
	{"image/dicom-rle", []radnode.UID{"1.2.840.10008.1.2.5"}},
}

// FrameType is a media type of frames, for the conformance statement.
type FrameType struct {
	Kind       string
	Transcoded []radnode.UID // what frames are put into where they are not stored so
}

// FrameTypes lists the media types of frames.
func FrameTypes() []FrameType {
	list := []FrameType{{typeOctets, []radnode.UID{explicitVR}}}
	for _, t := range transcodable {
		list = append(list, FrameType{t.kind, t.syntaxes})
	}
	kinds := map[string]bool{}
	for _, t := range codedTypes {
		for _, kind := range t {
			kinds[kind] = true
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if !slices.ContainsFunc(list, func(t FrameType) bool { return t.Kind == kind }) {
			list = append(list, FrameType{Kind: kind})
		}
	}
	return list
}

// frameForm is how frames are sent.
type frameForm struct {
	offer
	coded  bool        // as stored
	syntax radnode.UID // that they are transcoded into; "": none
}

// Frames answers frames of an instance (PS3.18 10.4.1.1.6).
func (s *Service) Frames(c echo.Context) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	p, o, err := s.one(c)
	if err != nil {
		return err
	}
	l, err := s.layouts.of(o)
	if err != nil {
		return err
	}
	wanted, err := frameList(c.Param("frames"), l.frames)
	if err != nil {
		return err
	}
	if err := s.watched(c, p.study); err != nil {
		return err
	}
	return s.sendFrames(c, list, p, o, l, wanted)
}

// frameList reads a list of frame numbers.
func frameList(text string, frames int) ([]int, error) {
	names := strings.Split(text, ",")
	if len(names) > mostFrames {
		return nil, radnode.Errorf(radnode.TooLarge, "frames", "more than %d frames were asked for at once", mostFrames)
	}
	list := make([]int, len(names))
	for i, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 {
			return nil, radnode.Errorf(radnode.Invalid, "frames", "frames are named by numbers from 1, with commas")
		}
		if n > frames {
			return nil, radnode.Errorf(radnode.NotFound, "frames", "the instance has %d frames", frames)
		}
		list[i] = n
	}
	return list, nil
}

func allFrames(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// frameFormFor decides how frames are sent: octets without compression unless
// the client names something else (PS3.18 8.7.3).
func frameFormFor(list []mediaType, l *layout, alone bool) (frameForm, bool) {
	ts, known := dicom.LookupTransferSyntax(l.syntax)
	decodable := !l.encapsulated || known && !ts.Video
	for _, m := range list {
		for _, multipart := range []bool{true, false} {
			if !multipart && !alone {
				continue
			}
			octets := offer{multipart, typeOctets}
			if m.takes(octets) {
				switch {
				case l.index != nil && (m.syntax == "*" || m.syntax == l.syntax || m.syntax == "" && !decodable):
					return frameForm{offer: octets, coded: true}, true
				case decodable && (m.syntax == "" || m.syntax == "*" || m.syntax == explicitVR || !l.encapsulated && m.syntax == l.syntax):
					return frameForm{offer: octets}, true
				}
			}
			if l.index != nil && (m.syntax == "" || m.syntax == "*" || m.syntax == l.syntax) {
				for _, kind := range codedTypes[l.syntax] {
					if o := (offer{multipart, kind}); m.takes(o) {
						return frameForm{offer: o, coded: true}, true
					}
				}
			}
			if form, ok := transcoding(m, multipart); ok && decodable {
				return form, true
			}
		}
	}
	return frameForm{}, false
}

// transcoding is the form that a media type asks for by name, in which frames
// are not stored.
func transcoding(m mediaType, multipart bool) (frameForm, bool) {
	for _, t := range transcodable {
		o := offer{multipart, t.kind}
		named := m.multipart == multipart && m.kind == t.kind
		if octets := (offer{multipart, typeOctets}); !named && m.takes(octets) && slices.Contains(t.syntaxes, m.syntax) {
			return frameForm{offer: octets, syntax: m.syntax}, true
		}
		if !named {
			continue
		}
		if m.syntax == "" || m.syntax == "*" {
			return frameForm{offer: o, syntax: t.syntaxes[0]}, true
		}
		if slices.Contains(t.syntaxes, m.syntax) {
			return frameForm{offer: o, syntax: m.syntax}, true
		}
	}
	return frameForm{}, false
}

func (s *Service) sendFrames(c echo.Context, list []mediaType, p place, o Object, l *layout, wanted []int) error {
	form, ok := frameFormFor(list, l, len(wanted) == 1)
	if !ok {
		return unacceptable(`frames are answered as multipart/related; type="application/octet-stream", or as they are stored (transfer-syntax=*)`)
	}
	if unchanged(c, tagOf([]Object{o}, form.kind, strconv.FormatBool(form.multipart), strconv.FormatBool(form.coded), string(form.syntax), c.Param("frames"))) {
		return c.NoContent(http.StatusNotModified)
	}
	f := framing{frameForm: form, s: s, c: c, o: o, l: l, at: base(c) + p.path() + "/frames/", out: newParts(c, form.kind)}
	f.media = form.kind + "; transfer-syntax=" + string(cmp.Or(form.syntax, explicitVR))
	if form.coded {
		f.media = form.kind + "; transfer-syntax=" + string(l.syntax)
	}
	f.out.length = f.length(wanted)
	for _, n := range wanted {
		if err := f.send(n); err != nil {
			return cut(c, err)
		}
	}
	if !form.multipart {
		return nil
	}
	return cut(c, f.out.end())
}

// framing is an answer with frames of one instance.
type framing struct {
	frameForm
	s     *Service
	c     echo.Context
	o     Object
	l     *layout
	media string // of each frame
	at    string // the address of a frame, up to its number
	out   *parts
}

// native reports whether frames are sent as they lie in the file.
func (f *framing) native() bool { return !f.coded && f.syntax == "" && f.l.direct }

// length is that of a whole multipart answer; 0: nobody knows before.
func (f *framing) length(wanted []int) int64 {
	if !f.native() {
		return 0
	}
	total := int64(len(f.out.tail()))
	for i, n := range wanted {
		total += int64(len(f.out.head(f.media, f.at+strconv.Itoa(n), f.l.frameSize(), i == 0))) + f.l.frameSize()
	}
	return total
}

// send sends one frame.
func (f *framing) send(n int) error {
	body, size, err := f.open(n)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // opened for reading
	if f.multipart {
		w, err := f.out.part(f.media, f.at+strconv.Itoa(n), size)
		if err != nil {
			return err
		}
		return copying(f.c, w, body)
	}
	h := f.c.Response().Header()
	h.Set(echo.HeaderContentType, f.media)
	h.Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
	alive(f.c, size)
	f.c.Response().WriteHeader(http.StatusOK)
	return copying(f.c, f.c.Response(), body)
}

// open opens one frame and tells its size.
func (f *framing) open(n int) (io.ReadCloser, int64, error) {
	switch {
	case f.coded:
		return f.l.coded(f.o.Path, n)
	case f.native():
		return f.l.native(f.o.Path, n)
	}
	body, err := f.decoded(n)
	if radnode.CodeOf(err) == radnode.Unsupported {
		return nil, 0, unacceptable("the frame cannot be given in this form: " + radnode.MessageOf(err))
	}
	if err != nil {
		return nil, 0, err
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	return body, size, err
}

// decoded has a frame decoded, or put into another syntax.
func (f *framing) decoded(n int) (io.ReadSeekCloser, error) {
	ctx := f.c.Request().Context()
	_, inst, err := f.s.Index.InstancePath(ctx, f.o.SOPInstanceUID)
	if err != nil {
		return nil, err
	}
	if f.syntax != "" {
		return f.s.Pixels.Transcode(ctx, f.o.Path, inst, n, f.syntax)
	}
	return f.s.Pixels.Frame(ctx, f.o.Path, inst, n)
}

// memory is a body that is held in memory.
func memory(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }
