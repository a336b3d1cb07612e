package middleware

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
)

// gzipFloor is the body size under which compression costs more than it saves.
const gzipFloor = 1024

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid constant
	return w
}}

// GzipJSON compresses JSON answers only: frames are noise-like and cost more
// time to compress than to send, pictures are compressed already, event
// streams must not wait in a buffer.
func GzipJSON() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !takesGzip(c.Request().Header) {
				return next(c)
			}
			res := c.Response()
			w := &jsonGzip{ResponseWriter: res.Writer}
			res.Writer = w
			defer func() {
				w.close()
				res.Writer = w.ResponseWriter
			}()
			return next(c)
		}
	}
}

// takesGzip reads Accept-Encoding (RFC 9110 12.5.3): a coding may be named with
// the weight 0, which refuses it.
func takesGzip(h http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values(echo.HeaderAcceptEncoding), ","), ",") {
		name, weight, weighted := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		_, value, _ := strings.Cut(weight, "=")
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return !weighted || err == nil && q > 0
	}
	return false
}

// jsonGzip decides at the first byte whether the body is compressed.
type jsonGzip struct {
	http.ResponseWriter
	gz      *gzip.Writer
	decided bool
	status  int
}

func (w *jsonGzip) WriteHeader(status int) { w.status = status }

func (w *jsonGzip) Write(b []byte) (int, error) {
	if !w.decided {
		w.decide(len(b))
	}
	if w.gz != nil {
		return w.gz.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

func (w *jsonGzip) decide(first int) {
	w.decided = true
	h := w.Header()
	kind, _, _ := strings.Cut(h.Get(echo.HeaderContentType), ";")
	if (strings.HasSuffix(kind, "/json") || strings.HasSuffix(kind, "+json")) && first >= gzipFloor && h.Get(echo.HeaderContentEncoding) == "" {
		h.Set(echo.HeaderContentEncoding, "gzip")
		h.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
		h.Del(echo.HeaderContentLength)
		if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
			h.Set("ETag", "W/"+tag) // RFC 9110 8.8.3.3: a strong tag is of one encoding
		}
		gz, _ := gzipWriters.Get().(*gzip.Writer)
		gz.Reset(w.ResponseWriter)
		w.gz = gz
	}
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
}

func (w *jsonGzip) close() {
	if !w.decided && w.status != 0 {
		w.decided = true
		w.ResponseWriter.WriteHeader(w.status)
	}
	if w.gz == nil {
		return
	}
	_ = w.gz.Close() // the client may have gone
	w.gz.Reset(nil)
	gzipWriters.Put(w.gz)
	w.gz = nil
}

// Flush sends what is there; event streams rely on it.
func (w *jsonGzip) Flush() {
	if !w.decided {
		w.decide(0)
	}
	if w.gz != nil {
		_ = w.gz.Flush()
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController find deadlines.
func (w *jsonGzip) Unwrap() http.ResponseWriter { return w.ResponseWriter }
