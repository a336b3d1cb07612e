package dicomweb

import (
	"bytes"
	"context"
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
	p, o, inst, err := s.one(c)
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
	return s.sendFrames(c, list, o, inst, l, wanted)
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

func (s *Service) sendFrames(c echo.Context, list []mediaType, o Object, inst radnode.Instance, l *layout, wanted []int) error {
	form, ok := frameFormFor(list, l, len(wanted) == 1)
	if !ok {
		return unacceptable(`frames are answered as multipart/related; type="application/octet-stream", or as they are stored (transfer-syntax=*)`)
	}
	if unchanged(c, tagOf([]Object{o}, form.kind, strconv.FormatBool(form.multipart), strconv.FormatBool(form.coded), string(form.syntax), c.Param("frames"))) {
		return c.NoContent(http.StatusNotModified)
	}
	syntax := explicitVR
	if form.coded {
		syntax = l.syntax
	} else if form.syntax != "" {
		syntax = form.syntax
	}
	kind := form.kind + "; transfer-syntax=" + string(syntax)
	out := newParts(c, form.kind)
	for _, n := range wanted {
		if err := s.sendFrame(c, out, form, kind, o, inst, l, n); err != nil {
			return cut(c, err)
		}
	}
	if !form.multipart {
		return nil
	}
	return cut(c, out.end())
}

func (s *Service) sendFrame(c echo.Context, out *parts, form frameForm, kind string, o Object, inst radnode.Instance, l *layout, n int) error {
	body, size, err := s.frame(c.Request().Context(), form, o, inst, l, n)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // opened for reading
	if !form.multipart {
		h := c.Response().Header()
		h.Set(echo.HeaderContentType, kind)
		h.Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
		alive(c, size)
		c.Response().WriteHeader(http.StatusOK)
		_, err = io.Copy(c.Response(), body)
		return err
	}
	w, err := out.part(kind, base(c)+place{inst.StudyInstanceUID, inst.SeriesInstanceUID, o.SOPInstanceUID}.path()+"/frames/"+strconv.Itoa(n), size)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, body)
	return err
}

// frame opens one frame and tells its size.
func (s *Service) frame(ctx context.Context, form frameForm, o Object, inst radnode.Instance, l *layout, n int) (io.ReadCloser, int64, error) {
	var body io.ReadSeekCloser
	var err error
	switch {
	case form.coded:
		return l.coded(o.Path, n)
	case form.syntax != "":
		body, err = s.Pixels.Transcode(ctx, o.Path, inst, n, form.syntax)
	case l.direct:
		return l.native(o.Path, n)
	default:
		body, err = s.Pixels.Frame(ctx, o.Path, inst, n)
	}
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

// memory is a body that is held in memory.
func memory(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }
