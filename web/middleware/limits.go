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
// answered. Streams set their own deadlines as they go.
func Deadlines(read, write time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			rc, now := http.NewResponseController(c.Response()), time.Now()
			// A writer without deadlines (tests) simply has none.
			_ = rc.SetReadDeadline(now.Add(read))
			_ = rc.SetWriteDeadline(now.Add(write))
			return next(c)
		}
	}
}
