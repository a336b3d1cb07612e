package dicomweb

import (
	"cmp"
	"net/http"
	"net/url"
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

// accepted reads the query parameter accept, whose media types come before those
// of the header (PS3.18 8.7.8.1). A request without either is taken as */*: many
// clients send neither.
func accepted(c echo.Context) ([]mediaType, error) {
	q, err := queryOf(c)
	if err != nil {
		return nil, err
	}
	asked, err := mediaTypes(q["accept"])
	if err != nil {
		return nil, err
	}
	for _, m := range asked {
		if strings.Contains(m.kind, "*") && !m.multipart {
			return nil, problem.New(http.StatusBadRequest, "the parameter accept names media types without wild cards (PS3.18 8.3.3.1)")
		}
	}
	header := c.Request().Header.Values("Accept")
	if len(header) == 0 && len(asked) == 0 {
		return []mediaType{{kind: "*/*", q: 1}}, nil
	}
	list, err := mediaTypes(header)
	return append(asked, list...), err
}

// queryOf reads the query of a request. A semicolon is a part of media types,
// not a separator (PS3.18 8.3.1.1).
func queryOf(c echo.Context) (url.Values, error) {
	q, err := url.ParseQuery(strings.ReplaceAll(c.Request().URL.RawQuery, ";", "%3B"))
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, "the query is not well formed")
	}
	return q, nil
}

// mediaTypes reads a list of media types, those preferred first.
func mediaTypes(texts []string) ([]mediaType, error) {
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
	slices.SortStableFunc(list, func(a, b mediaType) int {
		return cmp.Or(cmp.Compare(b.q, a.q), strings.Count(a.kind, "*")-strings.Count(b.kind, "*")) // the specific first
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
