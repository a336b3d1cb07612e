package dicomweb

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

const (
	thumbnailSize = 128
	mostPictures  = 1000 // in one answer
	mostViewport  = 8192 // pixels along a side
	lookForImage  = 50   // instances looked at for one with an image
	opRender      = "render"
)

// rendering are the rendered parameters of a request (PS3.18 8.3.5).
type rendering struct {
	window   *Window
	viewport *viewport
	quality  int
	format   string // jpeg, png, gif
	state    string // file of a presentation state; "": none

	annotation []string // keywords
	profile    string   // colour space of the profile to be embedded; "": none
	warnings   []string
	warn       func(string)
}

// redraws reports whether the worker's picture is drawn again here.
func (r *rendering) redraws() bool {
	v := r.viewport
	return r.format == "gif" || v != nil && (v.crops || v.flipped) || len(r.annotation) > 0 || r.profile != ""
}

// viewport is the part of an image that is shown, and in how many pixels.
type viewport struct {
	width, height  float64
	x, y           float64
	sw, sh         float64 // 0: to the edge; negative: flipped
	crops, flipped bool
}

// renderedTypes are the media types of pictures, the default first (Table
// 8.7.4-1).
var renderedTypes = []string{"image/jpeg", "image/png", "image/gif"}

// Rendered answers pictures (PS3.18 10.4.1.1.3).
func (s *Service) Rendered(c echo.Context) error { return s.render(c, false) }

// Thumbnail answers one small picture (PS3.18 10.4.1.1.4).
func (s *Service) Thumbnail(c echo.Context) error { return s.render(c, true) }

func (s *Service) render(c echo.Context, thumbnail bool) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	p, objects, err := s.objects(c)
	if err != nil {
		return err
	}
	var offers []offer
	for _, multipart := range []bool{false, true} {
		for _, kind := range renderedTypes {
			if !multipart || !thumbnail {
				offers = append(offers, offer{multipart, kind})
			}
		}
	}
	_, form, ok := choose(list, offers)
	if !ok {
		return unacceptable("pictures are answered as image/jpeg, image/png or image/gif")
	}
	q, err := queryOf(c)
	if err != nil {
		return err
	}
	r, err := parseRendering(q, thumbnail)
	if err == nil {
		err = s.prepare(c, &r, form)
	}
	if err != nil {
		return err
	}
	if unchanged(c, tagOf(objects, form.kind, strconv.FormatBool(form.multipart), c.Param("frames"), c.Request().URL.RawQuery, strconv.FormatBool(thumbnail))) {
		return c.NoContent(http.StatusNotModified)
	}
	if err := s.watched(c, p.study); err != nil {
		return err
	}
	if !form.multipart {
		return s.renderOne(c, form, r, objects)
	}
	return s.renderAll(c, form, r, objects)
}

// renderOne sends the frame named, or one that stands for all.
func (s *Service) renderOne(c echo.Context, form offer, r rendering, objects []Object) error {
	ctx := c.Request().Context()
	if len(objects) == 1 && presentationStates[objects[0].SOPClassUID] {
		return s.renderState(c, form, r, objects[0])
	}
	o, inst, err := s.representative(ctx, objects)
	if err != nil {
		return err
	}
	frame := (inst.Frames + 1) / 2
	if text := c.Param("frames"); text != "" {
		frames, err := frameList(text, inst.Frames)
		if err != nil {
			return err
		}
		if len(frames) > 1 {
			return unacceptable(`several frames are answered as multipart/related; type="` + form.kind + `"`)
		}
		frame = frames[0]
	} else if len(objects) == 1 {
		frame = 1
	}
	return s.sendPicture(c, form, r, o, inst, frame)
}

// sendPicture sends one picture as the whole body.
func (s *Service) sendPicture(c echo.Context, form offer, r rendering, o Object, inst radnode.Instance, frame int) error {
	picture, size, err := s.picture(c.Request().Context(), o, inst, frame, r)
	if err != nil {
		return err
	}
	defer picture.Close() //nolint:errcheck // opened for reading
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, form.kind)
	h.Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
	alive(c, size)
	c.Response().WriteHeader(http.StatusOK)
	_, err = io.Copy(c.Response(), picture)
	return cut(c, err)
}

// representative finds an instance with an image, from the middle outwards.
func (s *Service) representative(ctx context.Context, objects []Object) (Object, radnode.Instance, error) {
	middle := len(objects) / 2
	for i := range min(2*len(objects), lookForImage) {
		at := middle + (i+1)/2*(1-2*(i%2))
		if at < 0 || at >= len(objects) {
			continue
		}
		_, inst, err := s.Index.InstancePath(ctx, objects[at].SOPInstanceUID)
		if err != nil || inst.Frames > 0 {
			return objects[at], inst, err
		}
	}
	return Object{}, radnode.Instance{}, unacceptable("there is no image that could be rendered")
}

// renderAll sends every frame of the resource, each as a part.
func (s *Service) renderAll(c echo.Context, form offer, r rendering, objects []Object) error {
	ctx := c.Request().Context()
	out := newParts(c, form.kind)
	left := mostPictures
	for _, o := range objects {
		_, inst, err := s.Index.InstancePath(ctx, o.SOPInstanceUID)
		if err != nil {
			return cut(c, err)
		}
		frames := allFrames(inst.Frames)
		if text := c.Param("frames"); text != "" {
			if frames, err = frameList(text, inst.Frames); err != nil {
				return cut(c, err)
			}
		}
		if left -= len(frames); left < 0 {
			return cut(c, radnode.Errorf(radnode.TooLarge, opRender, "more than %d pictures: ask for series or frames by themselves", mostPictures))
		}
		for _, n := range frames {
			if err := s.renderPart(ctx, out, form, o, inst, n, r); err != nil {
				return cut(c, err)
			}
		}
	}
	if !out.begun {
		return unacceptable("there is no image that could be rendered")
	}
	return cut(c, out.end())
}

func (s *Service) renderPart(ctx context.Context, out *parts, form offer, o Object, inst radnode.Instance, n int, r rendering) error {
	picture, size, err := s.picture(ctx, o, inst, n, r)
	if err != nil {
		return err
	}
	defer picture.Close() //nolint:errcheck // opened for reading
	at := place{inst.StudyInstanceUID, inst.SeriesInstanceUID, o.SOPInstanceUID}.path()
	w, err := out.part(form.kind, fmt.Sprintf("%s%s/frames/%d/rendered", base(out.c), at, n), size)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, picture)
	return err
}

// prepare completes what was asked for with the form of the answer.
func (s *Service) prepare(c echo.Context, r *rendering, form offer) error {
	r.format = strings.TrimPrefix(form.kind, "image/")
	if r.format == "gif" && r.profile != "" {
		return badRendering("a GIF holds no colour profile: ask for image/jpeg or image/png, or leave iccprofile out")
	}
	if s.Writer == nil && len(r.annotation) > 0 {
		r.annotation, r.warnings = nil, append(r.warnings, "The annotation parameter is not supported.")
	}
	r.warn = func(text string) {
		if !c.Response().Committed {
			warn(c, text)
		}
	}
	for _, w := range r.warnings {
		warn(c, w)
	}
	return nil
}

// picture renders one frame. What the workers cannot do by themselves, crops,
// flips, enlargement, text, colour spaces and GIF, is made from their picture
// without loss.
func (s *Service) picture(ctx context.Context, o Object, inst radnode.Instance, frame int, r rendering) (io.ReadCloser, int64, error) {
	p := Picture{Window: r.window, State: r.state, Format: r.format, Quality: r.quality}
	v, redraw := r.viewport, r.redraws()
	if v != nil && !v.crops && inst.Rows > 0 && inst.Columns > 0 {
		scale := min(v.width/float64(inst.Columns), v.height/float64(inst.Rows))
		p.Size = max(1, int(math.Round(scale*float64(max(inst.Rows, inst.Columns)))))
		redraw = redraw || scale > 1
	}
	if redraw {
		if p.Format = "png"; v == nil || v.crops || v.flipped || p.Size > max(inst.Rows, inst.Columns) {
			p.Size = 0
		}
		size := drawing(inst, v, p.Size)
		if size > mostMemory {
			return nil, 0, radnode.Errorf(radnode.TooLarge, opRender, "the image is too large to be cut, turned or annotated here: ask for it as it is")
		}
		done, err := s.occupy(ctx, size)
		if err != nil {
			return nil, 0, err
		}
		defer done()
	}
	body, err := s.Pixels.Picture(ctx, o.Path, inst, frame, p)
	if err != nil {
		if code := radnode.CodeOf(err); code == radnode.Unsupported {
			err = unacceptable("the image cannot be rendered: " + radnode.MessageOf(err))
		}
		return nil, 0, err
	}
	if redraw {
		defer body.Close() //nolint:errcheck // opened for reading
		b, err := s.draw(body, o, inst, frame, r)
		return memory(b), int64(len(b)), err
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	return body, size, err
}

// bytesDrawn is what a pixel takes while it is drawn: decoded, in colour, and
// encoded again.
const bytesDrawn = 12

// drawing is about how much memory it takes to draw a picture again.
func drawing(inst radnode.Instance, v *viewport, longest int) int64 {
	n := int64(inst.Rows) * int64(inst.Columns)
	if longest > 0 {
		n = min(n, int64(longest)*int64(longest))
	}
	if v != nil {
		n += int64(v.width * v.height)
	}
	return n * bytesDrawn
}

func parseRendering(q url.Values, thumbnail bool) (rendering, error) {
	r := rendering{quality: 90}
	for _, name := range []string{"window", "viewport", "quality", "annotation", "iccprofile"} {
		if len(q[name]) > 1 {
			return r, badRendering("a parameter was given twice")
		}
	}
	if err := r.parseLook(q, thumbnail); err != nil {
		return r, err
	}
	if text := q.Get("quality"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return r, badRendering("quality is a whole number from 1 to 100")
		}
		r.quality = n
	}
	var err error
	if text, ok := q["window"]; ok {
		if r.window, err = parseWindow(text[0]); err != nil {
			return r, err
		}
	}
	if text, ok := q["viewport"]; ok {
		if r.viewport, err = parseViewport(text[0]); err == nil && thumbnail && r.viewport.crops {
			err = badRendering("the viewport of a thumbnail is vw,vh")
		}
	} else if thumbnail {
		r.viewport = &viewport{width: thumbnailSize, height: thumbnailSize}
	}
	return r, err
}

// parseLook reads what is added to the pixels. A thumbnail identifies nobody
// (PS3.18 10.4.1.1.5).
func (r *rendering) parseLook(q url.Values, thumbnail bool) error {
	if text, ok := q["annotation"]; ok {
		if err := r.parseAnnotation(text[0]); err != nil {
			return err
		}
		if thumbnail && len(r.annotation) > 0 {
			r.annotation, r.warnings = nil, append(r.warnings, "The annotation parameter is not supported for thumbnails.")
		}
	}
	if text, ok := q["iccprofile"]; ok {
		return r.parseProfile(text[0])
	}
	return nil
}

func badRendering(what string) error { return radnode.Errorf(radnode.Invalid, opRender, "%s", what) }

// windowFunctions are the functions by their names in a query (PS3.18
// 8.3.5.1.4) and in data sets (PS3.3 C.11.2.1.3).
var windowFunctions = map[string]string{"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}

func parseWindow(text string) (*Window, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return nil, badRendering("window is center,width,function")
	}
	center, err1 := finite(parts[0])
	width, err2 := finite(parts[1])
	function, known := windowFunctions[strings.ToLower(parts[2])]
	if err1 != nil || err2 != nil || !known || width <= 0 || function == "LINEAR" && width < 1 {
		return nil, badRendering("window is center,width,function: two numbers, and linear, linear-exact or sigmoid")
	}
	return &Window{Center: center, Width: width, Function: function}, nil
}

func finite(text string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err == nil && (math.IsNaN(f) || math.Abs(f) > 1e12) {
		err = strconv.ErrRange
	}
	return f, err
}

// parseViewport reads vw,vh[,sx,sy,sw,sh] (PS3.18 8.3.5.1.3); values of the
// crop may be left out.
func parseViewport(text string) (*viewport, error) {
	parts := strings.Split(text, ",")
	bad := badRendering("viewport is vw,vh or vw,vh,sx,sy,sw,sh")
	if len(parts) != 2 && len(parts) != 6 {
		return nil, bad
	}
	v := &viewport{crops: len(parts) == 6}
	for i, into := range []*float64{&v.width, &v.height, &v.x, &v.y, &v.sw, &v.sh}[:len(parts)] {
		if parts[i] == "" && i > 1 {
			continue
		}
		f, err := finite(parts[i])
		if err != nil || math.Abs(f) > 1<<16 {
			return nil, bad
		}
		*into = f
	}
	if v.width < 1 || v.height < 1 || v.width > mostViewport || v.height > mostViewport || v.x < 0 || v.y < 0 {
		return nil, bad
	}
	v.flipped = v.sw < 0 || v.sh < 0
	return v, nil
}
