package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/problem"
)

// readJSON decodes the body into v: JSON only, one value, no unknown members.
func readJSON(c echo.Context, v any) error {
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return problem.New(http.StatusUnsupportedMediaType, "send the body as application/json")
	}
	d := json.NewDecoder(c.Request().Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return err
		}
		return radnode.Errorf(radnode.Invalid, "read request", "the body is not the JSON this address takes")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return radnode.Errorf(radnode.Invalid, "read request", "the body must hold one JSON value")
	}
	return nil
}

// uidParam returns a path parameter that must be a UID (PS3.5 9.1).
func uidParam(c echo.Context, name string) (radnode.UID, error) {
	uid := radnode.UID(c.Param(name))
	if !uid.Usable() {
		return "", radnode.Errorf(radnode.Invalid, "read request", "the address must hold a DICOM UID")
	}
	return uid, nil
}

// maxID bounds identifiers of our own in addresses.
const maxID = 128

// idParam returns a path parameter that must be one of our identifiers:
// letters, digits, dot, dash, underscore, so that it can never be a path.
func idParam(c echo.Context, name string) (string, error) {
	id := c.Param(name)
	ok := id != "" && len(id) <= maxID && id != "." && id != ".."
	for _, r := range id {
		ok = ok && (r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	if !ok {
		return "", radnode.Errorf(radnode.Invalid, "read request", "the address holds an identifier that cannot exist")
	}
	return id, nil
}

// intQuery returns a query parameter between low and high, or fallback when
// it is absent.
func intQuery(c echo.Context, name string, fallback, low, high int) (int, error) {
	text := c.QueryParam(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, radnode.Errorf(radnode.Invalid, "read request", "%s must be a whole number from %d to %d", name, low, high)
	}
	return n, nil
}

// intParam returns a path parameter between low and high.
func intParam(c echo.Context, name string, low, high int) (int, error) {
	n, err := strconv.Atoi(c.Param(name))
	if err != nil || n < low || n > high {
		return 0, radnode.Errorf(radnode.Invalid, "read request", "%s must be a whole number from %d to %d", name, low, high)
	}
	return n, nil
}

// sendJSON answers with v and an entity tag made from its bytes, or with 304
// when the client has them already (RFC 9110 13.1.2).
func sendJSON(c echo.Context, v any) error { return sendTagged(c, "", v) }

// sendTagged is sendJSON with a prefix in the entity tag.
func sendTagged(c echo.Context, prefix string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	hash := fnv.New64a()
	_, _ = hash.Write(body) // a hash never fails
	tag := fmt.Sprintf(`"%s%x"`, prefix, hash.Sum64())
	h := c.Response().Header()
	h.Set("ETag", tag)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	if c.Request().Method == http.MethodGet && tagMatches(c.Request().Header.Get("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSONBlob(http.StatusOK, body)
}

// tagMatches is the weak comparison of RFC 9110 8.8.3.2 with a list of tags.
func tagMatches(header, tag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == tag {
			return true
		}
	}
	return false
}

// versionMatch reads the version a client has seen from If-Match. A write
// without it is refused (RFC 6585 3): it could overwrite another reader's act.
func versionMatch(c echo.Context) (int64, error) {
	header := c.Request().Header.Get("If-Match")
	if header == "" {
		return 0, problem.New(http.StatusPreconditionRequired, "send the version you have seen in If-Match")
	}
	text := strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
	text, _, _ = strings.Cut(text, ".")
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || version < 0 {
		return 0, radnode.Errorf(radnode.Invalid, "read request", "If-Match must be an ETag of this address or a version in quotes")
	}
	return version, nil
}
