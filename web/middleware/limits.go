package middleware

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// BodyLimit cuts the request's body at limit bytes: reading on is an error
// that becomes 413.
func BodyLimit(limit int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().ContentLength > limit {
				return &http.MaxBytesError{Limit: limit}
			}
			c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, limit)
			return next(c)
		}
	}
}

// Deadlines bounds how long one request may take to arrive and to be
// answered. Streams set their own deadlines as they go. A request without a
// body has arrived already: net/http goes on reading to notice that the
// client has gone, and a read deadline would end the handler.
func Deadlines(read, write time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			rc, now := http.NewResponseController(c.Response()), time.Now()
			// A writer without deadlines (tests) simply has none.
			arrived := now.Add(read)
			if isSafe(c.Request().Method) {
				arrived = time.Time{}
			}
			_ = rc.SetReadDeadline(arrived)
			_ = rc.SetWriteDeadline(now.Add(write))
			return next(c)
		}
	}
}
