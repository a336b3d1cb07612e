package middleware

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

// Origins are the sites (RFC 6454) whose pages may use this server from a
// browser, beside its own.
type Origins []string

// ParseOrigins reads a list with commas, such as "https://viewer.example".
func ParseOrigins(text string) (Origins, error) {
	var list Origins
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		u, err := url.Parse(part)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || part != u.Scheme+"://"+u.Host {
			return nil, radnode.Errorf(radnode.Invalid, "origins", "%q is no origin such as https://viewer.example", part)
		}
		list = append(list, part)
	}
	return list, nil
}

// allowed reports whether a page of one of the origins makes the request.
func (o Origins) allowed(r *http.Request) bool {
	origin := r.Header.Get(echo.HeaderOrigin)
	return origin != "" && slices.Contains(o, origin)
}

// Same reports whether the request comes from no page, from one of this server
// or from one that is allowed.
func (o Origins) Same(r *http.Request) bool {
	origin := r.Header.Get(echo.HeaderOrigin)
	if origin == "" || o.allowed(r) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

// What pages of other sites may ask for and see (Fetch standard 3.2). The
// cookie of a session is not for them: they bring a token.
const (
	corsMethods = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
	corsHeaders = "Accept, Authorization, Content-Type, If-None-Match, Range"
	corsExposed = "Content-Location, Content-Range, ETag, Location, Retry-After, Warning, X-Request-Id"
	corsAge     = "600"
)

// CORS lets pages of the origins use the addresses below prefix.
func CORS(prefix string, origins Origins) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, h := c.Request(), c.Response().Header()
			if len(origins) == 0 || r.URL.Path != prefix && !strings.HasPrefix(r.URL.Path, prefix+"/") {
				return next(c)
			}
			h.Add(echo.HeaderVary, echo.HeaderOrigin)
			if !origins.allowed(r) {
				return next(c)
			}
			h.Set(echo.HeaderAccessControlAllowOrigin, r.Header.Get(echo.HeaderOrigin))
			h.Set(echo.HeaderAccessControlExposeHeaders, corsExposed)
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
			if r.Method != http.MethodOptions || r.Header.Get(echo.HeaderAccessControlRequestMethod) == "" {
				return next(c)
			}
			// A preflight carries no proof of identity and gets no content.
			h.Set(echo.HeaderAccessControlAllowMethods, corsMethods)
			h.Set(echo.HeaderAccessControlAllowHeaders, corsHeaders)
			h.Set(echo.HeaderAccessControlMaxAge, corsAge)
			return c.NoContent(http.StatusNoContent)
		}
	}
}
