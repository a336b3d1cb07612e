package middleware

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

func TestJSONIsCompressedForThoseWhoTakeIt(t *testing.T) {
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "deflate, gzip;q=0.5": "gzip", "GZIP": "gzip", "gzip;q=0": "", "gzip; q=0.000, identity": "", "xgzip": "", "gzip;q=x": "",
	} {
		e := echo.New()
		e.GET("/", func(c echo.Context) error {
			c.Response().Header().Set("ETag", `"1"`)
			return c.JSONBlob(http.StatusOK, []byte(`"`+strings.Repeat("x", 2*gzipFloor)+`"`))
		}, GzipJSON())
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.Header.Set("Accept-Encoding", accept)
		e.ServeHTTP(w, r)
		tag := `"1"`
		if want != "" {
			tag = `W/"1"` // RFC 9110 8.8.3.3
		}
		if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("ETag") != tag {
			t.Errorf("%q: %q, tag %s", accept, got, w.Header().Get("ETag"))
		}
	}
}
