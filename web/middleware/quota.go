package middleware

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode/web/problem"
)

// Spending counts the requests of tokens.
type Spending interface {
	// Spend counts one request; wait is how long the holder of the token must
	// wait before it is allowed, 0: go on.
	Spend(ctx context.Context, token string) (wait time.Duration, err error)
}

// Quota holds programs to the limits of their tokens (RFC 6585 4). People are
// not counted.
func Quota(s Spending) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			id := IdentityOf(c)
			if id.Session != "" {
				return next(c)
			}
			wait, err := s.Spend(c.Request().Context(), id.User.Name)
			if err != nil {
				return err
			}
			if wait > 0 {
				c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
				return problem.New(http.StatusTooManyRequests, "the token has used up what it may ask for: wait as long as Retry-After says")
			}
			return next(c)
		}
	}
}
