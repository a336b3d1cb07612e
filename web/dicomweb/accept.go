package dicomweb

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/problem"
)

// mediaType is one media type of Accept (PS3.18 8.7): of multipart/related the
// type of its parts.
type mediaType struct {
	multipart bool
	kind      string      // "image/jpeg", "image/*", "*/*"
	syntax    radnode.UID // "": none was named; "*": any
	q         float64
}

// maxAccepted bounds the media types of one request.
const maxAccepted = 64

const (
	typeDICOM  = "application/dicom"
	typeJSON   = "application/dicom+json"
	typeXML    = "application/dicom+xml"
	typeOctets = "application/octet-stream"
)

// accepted reads the query parameter accept, which comes first, and the header
// (PS3.18 8.3.3). A request without either is taken as */*: many clients send
// neither.
func accepted(c echo.Context) ([]mediaType, error) {
	texts := c.Request().Header.Values("Accept")
	if q, ok := c.QueryParams()["accept"]; ok {
		texts = q
	}
	var list []mediaType
	for _, text := range texts {
		for _, part := range splitOutsideQuotes(text, ',') {
			if part == "" {
				continue
			}
			if len(list) == maxAccepted {
				return nil, problem.New(http.StatusBadRequest, "Accept names too many media types")
			}
			m, err := parseMediaType(part)
			if err != nil {
				return nil, err
			}
			if m.q > 0 {
				list = append(list, m)
			}
		}
	}
	if len(texts) == 0 {
		list = []mediaType{{kind: "*/*", q: 1}}
	}
	slices.SortStableFunc(list, func(a, b mediaType) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return strings.Count(a.kind, "*") - strings.Count(b.kind, "*") // the specific first
	})
	return list, nil
}

// splitOutsideQuotes splits at a separator that stands in no quoted string.
func splitOutsideQuotes(s string, sep byte) []string {
	var list []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			list = append(list, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return append(list, strings.TrimSpace(s[from:]))
}

func parseMediaType(text string) (mediaType, error) {
	parts := splitOutsideQuotes(text, ';')
	m := mediaType{kind: strings.ToLower(parts[0]), q: 1}
	bad := problem.New(http.StatusBadRequest, "Accept names something that is not a media type")
	if strings.Count(m.kind, "/") != 1 && m.kind != "*" {
		return m, bad
	}
	if m.multipart = m.kind == "multipart/related"; m.multipart {
		m.kind = "*/*"
	}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "type":
			if m.multipart {
				m.kind = strings.ToLower(value)
			}
		case "transfer-syntax":
			if m.syntax = radnode.UID(value); value != "*" && !m.syntax.Valid() {
				return m, problem.New(http.StatusBadRequest, "the parameter transfer-syntax is one UID or *")
			}
		case "q":
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return m, bad
			}
			m.q = q
		}
	}
	return m, nil
}

// offer is a form in which a resource can be given.
type offer struct {
	multipart bool
	kind      string
}

// takes reports whether the media type covers an offer; multipart/related is
// what */* covers too, multipart/* and the like nobody sends.
func (m mediaType) takes(o offer) bool {
	if m.kind == "*" || m.kind == "*/*" {
		return !m.multipart || o.multipart
	}
	if m.multipart != o.multipart {
		return false
	}
	group, isGroup := strings.CutSuffix(m.kind, "*")
	return m.kind == o.kind || isGroup && strings.HasPrefix(o.kind, group)
}

// choose picks the offer that the client prefers; the first is the default of
// the category.
func choose(list []mediaType, offers []offer) (mediaType, offer, bool) {
	for _, m := range list {
		for _, o := range offers {
			if m.takes(o) {
				return m, o, true
			}
		}
	}
	return mediaType{}, offer{}, false
}
