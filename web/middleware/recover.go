package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

// Recover turns a panic of a handler into an internal error: the stack goes
// to the log, never to the client.
func Recover(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if cause, ok := p.(error); ok && errors.Is(cause, http.ErrAbortHandler) {
					panic(p) // net/http's own way to cut a connection
				}
				log.Error("panic in http handler", slog.String("route", c.Path()),
					slog.String("request_id", c.Response().Header().Get(echo.HeaderXRequestID)),
					slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
				err = radnode.Errorf(radnode.Internal, "http", "panic in handler")
			}()
			return next(c)
		}
	}
}
