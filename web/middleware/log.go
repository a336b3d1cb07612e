package middleware

import (
	"log/slog"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode/web/problem"
)

// Observe is told of every finished request: the pattern of its route, never
// the address itself.
type Observe func(method, route string, status int, took time.Duration)

// Log writes one line per request. It names the route's pattern instead of
// the address: addresses and query strings may hold patients' names and
// identifiers (spec/security.md section 6), which no log of ours may hold.
func Log(log *slog.Logger, observe Observe) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			took, status := time.Since(start), c.Response().Status
			route := c.Path()
			if route == "" {
				route = "unknown"
			}
			observe(c.Request().Method, route, status, took)
			level := slog.LevelDebug
			if status >= 500 {
				level = slog.LevelError
			} else if status >= 400 && status != 401 && status != 404 {
				level = slog.LevelWarn
			}
			attrs := []slog.Attr{
				slog.String("method", c.Request().Method), slog.String("route", route),
				slog.Int("status", status), slog.Float64("ms", float64(took.Microseconds())/1000),
				slog.Int64("bytes", c.Response().Size),
				slog.String("request_id", c.Response().Header().Get(echo.HeaderXRequestID)),
				slog.String("user", UserOf(c).Name),
			}
			if err != nil && problem.Status(err) >= 500 {
				attrs = append(attrs, slog.String("error", err.Error()))
			}
			log.LogAttrs(c.Request().Context(), level, "http request", attrs...)
			return nil
		}
	}
}
