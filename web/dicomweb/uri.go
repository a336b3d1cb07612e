package dicomweb

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/problem"
)

const opURI = "WADO-URI"

// RetrieveByURI answers one instance by the parameters of the URI service
// (PS3.18 chapter 9).
func (s *Service) RetrieveByURI(c echo.Context) error {
	q, err := queryOf(c)
	if err != nil {
		return err
	}
	for name, values := range q {
		if len(values) > 1 {
			return radnode.Errorf(radnode.Invalid, opURI, "the parameter %.32q was given twice", name)
		}
	}
	if q.Get("requestType") != "WADO" {
		return radnode.Errorf(radnode.Invalid, opURI, "requestType must be WADO (PS3.18 9.4.1.2.1)")
	}
	p := place{radnode.UID(q.Get("studyUID")), radnode.UID(q.Get("seriesUID")), radnode.UID(q.Get("objectUID"))}
	if !p.study.Usable() || !p.series.Usable() || !p.instance.Usable() {
		return radnode.Errorf(radnode.Invalid, opURI, "studyUID, seriesUID and objectUID each name a UID (PS3.18 9.4.1.2)")
	}
	if v := q.Get("anonymize"); v != "" && v != "no" {
		return problem.New(http.StatusNotImplemented, "instances are not made anonymous here")
	}
	ctx := c.Request().Context()
	objects, err := s.Index.Objects(ctx, p.study, p.series, p.instance)
	if err == nil && len(objects) == 0 {
		err = radnode.Errorf(radnode.NotFound, opURI, "there is no such instance")
	}
	if err != nil {
		return err
	}
	_, inst, err := s.Index.InstancePath(ctx, p.instance)
	if err != nil {
		return err
	}
	kind, err := uriForm(q.Get("contentType"), inst.Frames > 0)
	if err != nil {
		return err
	}
	if kind == typeDICOM {
		return s.sendByURI(c, q, p, objects[0])
	}
	return s.renderByURI(c, q, p, objects[0], inst, kind)
}

// uriForm chooses the media type: contentType lists them in the order of
// preference; without it an image is a JPEG and anything else its file (PS3.18
// 9.1.2.1).
func uriForm(text string, image bool) (string, error) {
	offers := []string{typeDICOM}
	if image {
		offers = append(slices.Clone(renderedTypes), typeDICOM)
	}
	if text == "" {
		return offers[0], nil
	}
	for part := range strings.SplitSeq(text, ",") {
		m, err := parseMediaType(strings.TrimSpace(part))
		if err != nil {
			return "", err
		}
		for _, kind := range offers {
			if m.takes(offer{kind: kind}) {
				return kind, nil
			}
		}
	}
	return "", unacceptable("the instance is answered as " + strings.Join(offers, ", "))
}

// sendByURI sends the file, in Explicit VR Little Endian unless another
// transfer syntax is named.
func (s *Service) sendByURI(c echo.Context, q url.Values, p place, o Object) error {
	want := mediaType{kind: typeDICOM, q: 1}
	if text := q.Get("transferSyntax"); text != "" {
		if want.syntax = radnode.UID(text); !want.syntax.Valid() {
			return radnode.Errorf(radnode.Invalid, opURI, "transferSyntax is one UID")
		}
	}
	syntax, firm, ok := syntaxFor(o.TransferSyntaxUID, []mediaType{want}, offer{kind: typeDICOM})
	if !ok {
		return unacceptable("the instance cannot be given in this transfer syntax")
	}
	if unchanged(c, tagOf([]Object{o}, typeDICOM, string(syntax))) {
		return c.NoContent(http.StatusNotModified)
	}
	if err := s.record(c, audit.InstancesFetched, p.study, "1 instance by WADO-URI"); err != nil {
		return err
	}
	return s.sendAlone(c, sending{o, syntax, firm})
}

// renderByURI sends a picture of one frame.
func (s *Service) renderByURI(c echo.Context, q url.Values, p place, o Object, inst radnode.Instance, kind string) error {
	if q.Get("transferSyntax") != "" {
		return radnode.Errorf(radnode.Invalid, opURI, "a picture has no transfer syntax (PS3.18 9.4.1.2.3)")
	}
	r := rendering{quality: 90}
	frame, err := whole1(q.Get("frameNumber"), 1, math.MaxInt32)
	if err == nil {
		r.quality, err = whole1(q.Get("imageQuality"), r.quality, 100)
	}
	if err == nil {
		r.window, err = uriWindow(q)
	}
	if err == nil {
		r.viewport, err = uriViewport(q, inst)
	}
	if err == nil {
		err = s.uriState(c, q, &r)
	}
	if err == nil {
		if text, ok := q["imageAnnotation"]; ok && !q.Has("annotation") {
			q["annotation"] = text
		}
		err = r.parseLook(q, false)
	}
	if err == nil {
		err = s.prepare(c, &r, offer{kind: kind})
	}
	if err != nil {
		return err
	}
	if frame > inst.Frames {
		return radnode.Errorf(radnode.NotFound, opURI, "the instance has %d frames", inst.Frames)
	}
	if unchanged(c, tagOf([]Object{o}, kind, c.Request().URL.RawQuery)) {
		return c.NoContent(http.StatusNotModified)
	}
	if err := s.watched(c, p.study); err != nil {
		return err
	}
	return s.sendPicture(c, offer{kind: kind}, r, o, inst, frame)
}

// whole1 reads a whole number from 1; "" is the default.
func whole1(text string, otherwise, most int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, radnode.Errorf(radnode.Invalid, opURI, "frameNumber, rows, columns and imageQuality are whole numbers from 1")
	}
	return n, nil
}

// uriWindow reads windowCenter and windowWidth, which stand together (PS3.18
// 9.4.1.2.4.7).
func uriWindow(q url.Values) (*Window, error) {
	center, width := q.Get("windowCenter"), q.Get("windowWidth")
	if center == "" && width == "" {
		return nil, nil
	}
	return parseWindow(center + "," + width + ",linear")
}

// uriViewport reads rows, columns and region (PS3.18 9.4.1.2.4.5, 9.4.1.2.4.6).
func uriViewport(q url.Values, inst radnode.Instance) (*viewport, error) {
	rows, err := whole1(q.Get("rows"), 0, mostViewport)
	if err != nil {
		return nil, err
	}
	columns, err := whole1(q.Get("columns"), 0, mostViewport)
	if err != nil {
		return nil, err
	}
	region := q.Get("region")
	if rows == 0 && columns == 0 && region == "" {
		return nil, nil
	}
	v := &viewport{width: float64(columns), height: float64(rows)}
	w, h := float64(inst.Columns), float64(inst.Rows)
	if region != "" {
		parts := strings.Split(region, ",")
		var at [4]float64
		for i := range at {
			if len(parts) != len(at) {
				return nil, badRegion()
			}
			if at[i], err = finite(parts[i]); err != nil || at[i] < 0 || at[i] > 1 {
				return nil, badRegion()
			}
		}
		if at[0] >= at[2] || at[1] >= at[3] {
			return nil, badRegion()
		}
		v.crops, v.x, v.y = true, at[0]*w, at[1]*h
		w, h = (at[2]-at[0])*w, (at[3]-at[1])*h
		v.sw, v.sh = max(w, 1), max(h, 1)
	}
	switch { // the side that is not named follows the other
	case rows == 0 && columns == 0:
		v.width, v.height = min(max(w, 1), mostViewport), min(max(h, 1), mostViewport)
	case rows == 0:
		v.height = mostViewport
	case columns == 0:
		v.width = mostViewport
	}
	return v, nil
}

func badRegion() error {
	return radnode.Errorf(radnode.Invalid, opURI, "region is x1,y1,x2,y2 from 0 to 1, with x1 < x2 and y1 < y2")
}

// uriState finds the presentation state that a request names (PS3.18
// 9.4.1.2.4.9).
func (s *Service) uriState(c echo.Context, q url.Values, r *rendering) error {
	series, instance := radnode.UID(q.Get("presentationSeriesUID")), radnode.UID(q.Get("presentationUID"))
	if series == "" && instance == "" {
		return nil
	}
	if !series.Usable() || !instance.Usable() || r.window != nil {
		return radnode.Errorf(radnode.Invalid, opURI, "presentationSeriesUID and presentationUID stand together, and without a window")
	}
	list, err := s.Index.Objects(c.Request().Context(), radnode.UID(q.Get("studyUID")), series, instance)
	if err != nil {
		return err
	}
	if len(list) == 0 || !presentationStates[list[0].SOPClassUID] {
		return radnode.Errorf(radnode.NotFound, opURI, "there is no such presentation state for grey-scale images")
	}
	r.state = list[0].Path
	return nil
}
