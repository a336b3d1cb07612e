package middleware

import (
	"crypto/subtle"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

// CSRFHeader carries the session's token on every write of a browser.
const CSRFHeader = "X-CSRF-Token"

// CSRF refuses writes that a foreign page made with the browser's cookie: the
// header must repeat the token that only our page can read. Bearer tokens are
// not sent by themselves and need no such proof.
func CSRF() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			id := IdentityOf(c)
			if isSafe(c.Request().Method) || id.Session == "" {
				return next(c)
			}
			got := c.Request().Header.Get(CSRFHeader)
			if id.CSRF == "" || subtle.ConstantTimeCompare([]byte(got), []byte(id.CSRF)) != 1 {
				return radnode.Errorf(radnode.Forbidden, "forgery check", "the header %s is missing or stale; load the page again", CSRFHeader)
			}
			return next(c)
		}
	}
}

// SameSite refuses writes that a browser says come from another site, unless it
// is one of the origins. It guards the login, which has no session yet (login
// forgery).
func SameSite(origins Origins) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			site := c.Request().Header.Get("Sec-Fetch-Site")
			if isSafe(c.Request().Method) || origins.allowed(c.Request()) || site == "" || site == "same-origin" || site == "none" {
				return next(c)
			}
			return radnode.Errorf(radnode.Forbidden, "forgery check", "requests from other sites are refused")
		}
	}
}
