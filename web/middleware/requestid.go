package middleware

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/labstack/echo/v4"
)

// RequestID gives every request an identifier of our own making, so that a
// reader can name the failed act and an administrator can find it in the log.
// An identifier from outside is not taken over: it would be written to the log.
func RequestID() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			var b [8]byte
			// crypto/rand.Read never fails: it ends the process rather than return weak bytes.
			_, _ = rand.Read(b[:])
			c.Response().Header().Set(echo.HeaderXRequestID, hex.EncodeToString(b[:]))
			return next(c)
		}
	}
}
