package middleware

import "github.com/labstack/echo/v4"

// contentSecurityPolicy lets the page load what this node serves and nothing
// else: no inline script, no eval, no other host, no framing. blob: is for
// pictures that the page itself made (the 2D fallback's export).
const contentSecurityPolicy = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// SecurityHeaders sets the headers that every answer carries. DICOM files may
// open with executable content (PS3.10 7.5), hence nosniff.
func SecurityHeaders() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set("Content-Security-Policy", contentSecurityPolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("X-Frame-Options", "DENY")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
			h.Set("Cache-Control", "no-store") // handlers loosen it where it is safe
			return next(c)
		}
	}
}
